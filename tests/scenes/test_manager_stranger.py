"""What a stranger asks of the manager changes nothing of a workspace that is not theirs, and reveals nothing of it."""
import json
import random

import pytest

from kit.people import ROOT_ARGS, root
from kit.raw import RpcError

pytestmark = pytest.mark.differs("the original lets strangers change and learn things")

N_CALLS = 400


class Stranger:
    """Makes up calls: every function, with arguments that name the victim's things or are just odd."""

    def __init__(self, dice, workspace):
        self.dice, self.workspace = dice, workspace

    def name(self):
        w = self.workspace
        return self.dice.choice([
            w, f"{w}/alice", f"{w}/alice:closed", f"{w}/*:closed", f"{w}/closed", f"{w}/alice:hidden", f"{w}/h*",
            "*", f"{w}/~", "", "a/b/c", "x@y", f"{w}/alice:closed@*", "a" * 300, "\0", "../x", f"{w[:-1]}*/closed"])

    def value(self, depth=0):
        kind = self.dice.randrange(9 if depth < 3 else 6)
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.dice.randrange(4))]
        if kind >= 7:
            keys = ["id", "name", "workspace", "service_id", "visibility", "config", "owners", "permission",
                    "bookmark_type", "mode", "extra_scopes", "client_id", "definition", "environs", "type"]
            return {self.dice.choice(keys): self.value(depth + 1) for _ in range(self.dice.randrange(6))}
        return [self.name(), None, True, -1, 2.5, self.dice.choice(["service", "workspace", "admin", "select:min:f"])][kind]

    def call(self, manager):
        name = self.dice.choice([k for k, v in manager.items()
                                 if isinstance(v, dict) and v.get("_rtype") == "method"])
        parameters = list(manager[name]["_rschema"]["parameters"]["properties"])
        n = self.dice.randrange(len(parameters) + 1)
        args = [self.name() if self.dice.random() < 0.5 else self.value() for _ in range(n)]
        kwargs = {p: self.value() for p in parameters[n:] if self.dice.random() < 0.5}
        return name, args, kwargs


async def picture(owner):
    """All there is to see of a workspace from inside."""
    services = await owner.manage("list_services", None, True)
    return json.dumps([await owner.manage("get_workspace_info"), await owner.manage("get_env"),
                       sorted(services, key=lambda s: s["id"]), await owner.manage("list_clients")], sort_keys=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.req("S-12", "S-26", "S-28", "D-12", "D-16", "D-18", "D-46", "D-47")
async def test_a_stranger_changes_and_learns_nothing(hub, server, seed):
    owner = await hub.raw("alice")
    await owner.register("closed", {"f": lambda: 1}, secret="mark-of-the-closed")
    await owner.register("hidden", {"f": lambda: 1}, visibility="unlisted", secret="mark-of-the-hidden")
    await owner.manage("set_env", "KEY", "mark-of-the-env")
    stranger = await hub.raw("stranger")
    manager = await stranger.call("services.built-in.get_service", "default")
    before = await picture(owner)
    makes_up = Stranger(random.Random(seed), owner.workspace)
    for _ in range(N_CALLS):
        name, args, kwargs = makes_up.call(manager)
        try:
            answer = await stranger.manage(name, *args, **kwargs)
        except RpcError as refused:
            answer = str(refused)
        if name == "echo":
            continue
        told = json.dumps(answer, default=str)
        assert "mark-of-the-closed" not in told, (name, args, kwargs)
        assert "mark-of-the-env" not in told, (name, args, kwargs)
        # An unlisted service is given to who knows its id, and to nobody who only guesses.
        if "mark-of-the-hidden" in told:
            assert "hidden" in json.dumps([args, kwargs]), (name, args, kwargs)
    assert await picture(owner) == before
    assert stranger.is_open and owner.is_open
    shown = [s for s in await stranger.manage("list_services", "*") if s["id"].startswith(owner.address)]
    assert [s["id"] for s in shown] == [f"{owner.address}:built-in"]
    assert set(shown[0]["config"]["created_by"]) == {"id"}
    assert not owner.seen(lambda m, e: m.get("type") == "method"), "something reached the owner's client"


WAITS = {"check", "pop"}    # they wait for somebody, which is what they are for


async def server_services(boss, stranger):
    """(address, path, schema) of every function the server offers beside the manager."""
    found = []
    for place, names, asks in (("public", ("hypha-login", "queue"), stranger),
                               ("ws-user-root", ("admin-utils",), boss)):
        for name in names:
            service = await asks.manage("get_service", f"{place}/{name}")
            address = service["id"].rpartition(":")[0]
            found += [(address, f"services.{name}.{key}", member["_rschema"])
                      for key, member in service.items()
                      if isinstance(member, dict) and member.get("_rtype") == "method" and key not in WAITS]
    return found


@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.req("S-12", "D-27")
async def test_the_other_services_tell_a_stranger_nothing(hub, start_server, seed):
    hub.server = start_server(*ROOT_ARGS)
    boss, owner, stranger = await root(hub), await hub.raw("alice"), await hub.raw("stranger")
    await owner.register("closed", {"f": lambda: 1}, secret="mark-of-the-closed")
    await owner.manage("set_env", "KEY", "mark-of-the-env")
    functions = await server_services(boss, stranger)
    assert len(functions) > 15
    queue = next(address for address, path, _ in functions if path == "services.queue.push")
    await owner.call("services.queue.push", "jobs", {"what": "mark-of-the-task"}, to=queue)
    before = await picture(owner)
    dice = random.Random(seed)
    makes_up = Stranger(dice, owner.workspace)
    for _ in range(N_CALLS):
        address, path, schema = dice.choice(functions)
        args = [dice.choice(["jobs", makes_up.name(), makes_up.value()])
                for _ in schema["parameters"]["properties"]]
        try:
            told = json.dumps(await stranger.call(path, *args, to=address), default=str)
        except RpcError as refused:
            told = str(refused)
        assert address.startswith("public/") or "Permission denied" in told, (path, args, told)
        for mark in ("mark-of-the-closed", "mark-of-the-env", "mark-of-the-task"):
            assert mark not in told, (path, args)
    assert await picture(owner) == before
    assert await owner.call("services.queue.get_length", "jobs", to=queue) == 1
    assert stranger.is_open and owner.is_open and boss.is_open
