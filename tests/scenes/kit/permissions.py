"""The permission model: who may do what, computed from the rules and nothing else.

It knows the people of test_permission_model.py and no server: the rules of the original, with the corrections that hyphad makes (D-03, D-04, D-19, D-46).
"""
from dataclasses import dataclass, field

RANK = {None: 0, "r": 1, "rw": 2, "a": 3}
SYSTEM = ("public", "ws-user-root", "ws-anonymous")


@dataclass
class Person:
    """One connection: whose it is, what its token grants, and where it acts."""
    kind: str
    id: str
    context: str
    grants: dict = field(default_factory=dict)
    email: str | None = None
    parent: str | None = None
    roles: tuple = ()
    is_anonymous: bool = False
    bound_to: str | None = None     # the `wid` of the token

    def held(self, workspace):
        """The stronger of the specific and the wildcard grant (2.6)."""
        return max(RANK[self.grants.get(workspace)], RANK[self.grants.get("*")])

    def may(self, level, workspace):
        return self.held(workspace) >= RANK[level]

    def owns(self, place):
        """4.4: primary identities, by id or e-mail, and their personal workspace."""
        if self.parent is not None:
            return False
        return place.id == f"ws-user-{self.id}" or self.id in place.owners or \
            (self.email is not None and self.email in place.owners)

    def joined(self, place):
        """4.3: the same person after joining that workspace."""
        grants = dict(self.grants)
        if self.held(place.id) == 0 and self.owns(place):
            grants[place.id] = "a"
        if "admin" in self.roles:
            grants["*"] = "a"
        return Person(**{**self.__dict__, "grants": grants, "context": place.id})


@dataclass
class Place:
    id: str
    owners: tuple = ()


@dataclass
class Service:
    name: str
    place: Place
    visibility: str
    authorized: tuple = ()


# ---- decisions -----------------------------------------------------------------------------------
def join(person, place):
    if person.bound_to is not None and person.bound_to != place.id:
        return False
    return person.joined(place).may("r", place.id)


def target(person, place, level):
    return person.may(level, place.id)


def owned(person, place, level):
    return person.may(level, place.id) or person.owns(place)


def workspace_info(person, place):
    return person.may("r", person.context) and owned(person, place, "r")


def overwrite(person, place):
    return person.id == "root" or owned(person, place, "a")


def create(person):
    """What is made belongs to the person, so a child needs to write in that person's own workspace."""
    return not person.is_anonymous and (person.parent is None or person.id == "root" or
                                        person.may("rw", f"ws-user-{person.parent}"))


def delete(person, place):
    return owned(person, place, "a") and place.id not in SYSTEM


def cleanup(person, place):
    return person.may("a", person.context) and person.may("a", place.id)


def mint(person, place, level):
    """3.5, and the limit for children of an owner (D-04)."""
    if person.may("a", place.id) or person.owns(place):
        return True
    is_behind = person.parent is not None and \
        (person.parent in place.owners or place.id == f"ws-user-{person.parent}")
    return is_behind and person.may(level, place.id)


def use(person, service):
    """get_service by id (6.3)."""
    return person.may("r", service.place.id) or service.visibility != "protected" or \
        person.context in service.authorized


def listed(person, service, with_unlisted=False):
    if service.visibility == "unlisted":
        return with_unlisted and person.context == service.place.id and person.may("r", service.place.id)
    return use(person, service)


def call(person, service):
    """The provider serves its own workspace and those it authorized (6.3, last paragraph)."""
    return use(person, service) and (service.visibility != "protected" or
                                     person.context in (service.place.id, *service.authorized))


def unregister(person, place, is_own):
    if not person.may("rw", person.context) or place.id != person.context:
        return False
    return is_own or person.may("a", place.id)


def http_context(person, place):
    """Where an HTTP request with this person's token acts (4.2)."""
    if person.is_anonymous:
        return Person(**{**person.__dict__, "grants": {"ws-anonymous": "r"}, "context": "ws-anonymous"})
    if person.bound_to is not None and "admin" not in person.roles:
        return person if person.context == person.bound_to else person.joined(Place(person.bound_to))
    there = person.joined(place)
    return there if there.may("r", place.id) else \
        Person(**{**person.__dict__, "context": f"ws-user-{person.id}"})
