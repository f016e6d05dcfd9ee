"""`explain`: which rule, grant, record or limit, in words; never a secret."""
import json

import pytest

from kit.golden import ROOT_TOKEN
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.raw import RpcError

pytestmark = pytest.mark.differs("the original has no explain")


class Asker:
    """The administrator, who asks about others."""

    def __init__(self, boss):
        self.boss = boss
        self.address = "ws-user-root/" + boss.info["manager_id"].removeprefix("manager-")

    async def explain(self, who, workspace, service=None, operation=None):
        return await self.boss.call("services.admin-utils.explain", who, workspace, service, operation,
                                    to=self.address)

    async def admin(self, name, *args):
        return await self.boss.call(f"services.admin-utils.{name}", *args, to=self.address)


async def asker(hub, start_server, *args):
    hub.server = start_server(*ROOT_ARGS, *args)
    return Asker(await root(hub))


async def test_only_the_administrator_is_answered(hub, start_server):
    admin = await asker(hub, start_server)
    ada = await user(hub, "ada")
    with pytest.raises(RpcError, match="Permission denied|protected"):
        await ada.call("services.admin-utils.explain", "bob", "public", to=admin.address)
    token = await admin.boss.manage("generate_token", {"permission": "read_write"})
    writer = await hub.raw("writer", token=token)
    with pytest.raises(RpcError, match="Permission denied"):
        await writer.call("services.admin-utils.explain", "bob", "public", to=admin.address)


@pytest.mark.req("S-04", "D-51")
async def test_an_answer_names_the_record_and_tells_no_secret(hub, start_server):
    admin = await asker(hub, start_server)
    ada, bob, cat = await user(hub, "ada"), await user(hub, "bob"), await user(hub, "cat")
    await ada.register("shared", {"f": lambda: 1}, authorized_workspaces=["ws-user-cat"])
    token = login("bob")
    told = await admin.explain(token, "ws-user-ada", "shared")
    assert told["allowed"] is False and told["rule"] == "protected-service"
    assert told["user"] == {"id": "bob", "parent": None, "roles": []} and told["acts_in"] == "ws-user-bob"
    assert told["record"] == {"service": f"{ada.address}:shared", "visibility": "protected",
                              "authorized_workspaces": ["ws-user-cat"]}
    assert "ws-user-bob" in told["because"] and told["told"] == "no-grant"
    assert token not in json.dumps(told) and token.split(".")[1] not in json.dumps(told)
    told = await admin.explain(cat.info["user"], "ws-user-ada", "shared")
    assert told["allowed"] is True and told["rule"] == "authorized-workspace"
    # Whoever is refused learns the word and nothing of the list; whoever is let in by the list does not see it.
    refusal = await refusal_of(bob.manage("get_service", "ws-user-ada/shared"))
    assert refusal.endswith("Permission denied for non-public service in workspace ws-user-ada [rule: no-grant]")
    info = await cat.manage("get_service_info", "ws-user-ada/shared")
    service = await cat.manage("get_service", "ws-user-ada/shared")
    assert "authorized_workspaces" not in info["config"]
    assert "authorized_workspaces" not in service["config"]
    assert (await ada.manage("get_service_info", "shared"))["config"]["authorized_workspaces"] == ["ws-user-cat"]


async def test_tokens_are_judged_as_a_login_would(hub, start_server):
    admin = await asker(hub, start_server)
    ada = await user(hub, "ada")
    expired = await admin.explain(login("ada", ttl=-5), "ws-user-ada")
    assert expired["rule"] == "token-invalid" and "expired" in expired["because"] and expired["user"] is None
    token = await ada.manage("generate_token", {"client_id": "c1"})
    assert (await admin.explain(token, "ws-user-ada"))["rule"] == "grant"
    assert (await admin.explain(token, "public", None, "join"))["rule"] == "bound-workspace"
    await ada.manage("revoke_token", token)
    assert (await admin.explain({"token": token}, "ws-user-ada"))["rule"] == "token-revoked"
    special = await ada.manage("generate_token", {"extra_scopes": ["get_file:a:b"]})
    assert (await admin.explain(special, "ws-user-ada"))["rule"] == "specialized-token"
    told = await admin.explain(ROOT_TOKEN, "ws-user-ada", None, "admin")
    assert ROOT_TOKEN not in json.dumps(told) and told["user"]["id"] == "root"
    assert told["rule"] == "bound-workspace" and told["allowed"] is False
    told = await admin.explain("root", "ws-user-ada", None, "admin")
    assert told["allowed"] is True and told["rule"] == "role-admin"


@pytest.mark.req("D-11")
async def test_blocks_and_limits_are_named(hub, start_server):
    admin = await asker(hub, start_server, "--max-clients-per-workspace", "2",
                        "--max-connections-per-user", "3", "--max-workspaces-per-user", "2")
    ada = await user(hub, "ada")
    await member(hub, ada)
    told = await admin.explain(login("ada"), "ws-user-ada")
    assert told["rule"] == "max-clients-per-workspace" and told["limit"] == {"used": 2, "max": 2}
    assert "2" in told["because"]
    assert "workspace ws-user-ada has 2/2 clients" in \
        (await hub.refused({"client_id": "third", "token": login("ada")})).message
    await ada.manage("create_workspace", {"id": "ada-lab"})
    told = await admin.explain("ada", "ada-more", None, "create_workspace")
    assert told["rule"] == "max-workspaces-per-user" and told["limit"] == {"used": 2, "max": 2}
    assert "quota exceeded" in await refusal_of(ada.manage("create_workspace", {"id": "ada-more"}))
    child = await ada.manage("generate_token")
    await hub.raw("elsewhere", token=login("ada"), workspace="ada-lab")
    told = await admin.explain(login("ada"), "ada-lab")
    assert told["rule"] == "max-connections-per-user" and told["limit"] == {"used": 3, "max": 3}
    before = hub.server.metric("hyphad_workspaces")
    assert (await admin.explain("stranger", "ws-user-stranger"))["allowed"] is True
    assert hub.server.metric("hyphad_workspaces") == before, "a question has made a workspace"
    await admin.admin("block_user", "ada", 60, "spam")
    for token in (login("ada"), child):
        assert (await admin.explain(token, "ws-user-ada"))["rule"] == "blocked"


async def test_questions_that_make_no_sense(hub, start_server):
    admin = await asker(hub, start_server)
    for args, text in ((("ada", "ws-user-ada", None, "fly"), "Unknown operation: fly"),
                       (("ada", "ws-user-ada", None, "echo:admin"), "Unknown operation"),
                       (("ada", "ws-user-ada", None, "generate_token:all"), "Unknown permission: all"),
                       (("ada", ""), "A workspace must be named"),
                       (({}, "ws-user-ada"), "A user map has an id"),
                       (("a\0b", "ws-user-ada"), "neither a user id nor a token"),
                       (("ada", "ws-user-ada", "a/b/c"), "at most one '/'"),
                       (("ada", "ws-user-ada", "ws-user-bob/x"), "names another workspace")):
        assert text in await refusal_of(admin.explain(*args)), args
    told = await admin.explain("ada", "no-such", None, "list_clients")
    assert told["rule"] == "no-workspace" and told["allowed"] is False
    assert (await admin.explain("ada", "ws-user-ada", "none"))["rule"] == "no-service"
    assert (await admin.explain("ada", "ws-user-ada", "~"))["allowed"] is True


@pytest.mark.req("S-127")
@pytest.mark.parametrize("roles", ((), ("anonymous",), ("user",)))
async def test_what_it_says_of_a_token_is_what_the_server_does(hub, start_server, roles):
    """Of a token without a role too, as `hyphad generate-token` makes them when it is told none."""
    admin = await asker(hub, start_server)
    ada = await user(hub, "ada")
    token = login("bob", "ws:ws-user-bob#rw wid:ws-user-bob", roles=roles)
    bob = await hub.raw("bob", token=token)
    for owner in (ada, bob):
        await owner.register("mine", {"f": lambda: 1})

    async def is_done(name, *args):
        try:
            await bob.manage(name, *args)
            return True
        except RpcError as error:
            assert "ermission" in str(error) or "registered user" in str(error), error
            return False
    for workspace in (bob.workspace, ada.workspace):
        for operation, call in (("get_service", ("get_service", f"{workspace}/mine")),
                                ("list_services", ("list_services", {"workspace": workspace})),
                                ("generate_token", ("generate_token", {"workspace": workspace}))):
            service = "mine" if operation == "get_service" else None
            told = await admin.explain(token, workspace, service, operation)
            assert told["allowed"] == await is_done(*call), (workspace, operation, told)
            assert told["acts_in"] == bob.workspace
    told = await admin.explain(token, "bob-made", None, "create_workspace")
    assert told["allowed"] == await is_done("create_workspace", {"id": "bob-made"}), told
