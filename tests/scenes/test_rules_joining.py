"""Who gets where: joining by ownership, over WebSocket and over HTTP, and who the others see."""
import base64

import pytest

from kit import tokens
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.web import client_for


async def ask(server, path, token=None, **more):
    async with client_for(server, token) as http:
        return await http.get(path, **more)


@pytest.mark.req("A-063")
async def test_who_asks_for_public_lands_at_home(hub, server):
    ada = await user(hub, "ada", workspace="public")
    assert ada.workspace == "ws-user-ada"


@pytest.mark.req("A-065", "S-21")
async def test_owners_join_with_their_plain_login_token(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-team", "owners": ["eve@example.org", "uma"]})
    info = await ada.manage("get_workspace_info", "ada-team")
    assert info["owners"] == ["eve@example.org", "uma", "ada"]
    for name in ("ada", "eve", "uma"):
        client = await user(hub, name, workspace="ada-team")
        assert client.info["user"]["scope"]["workspaces"]["ada-team"] == "a"
    refusal = await hub.refused({"client_id": "x", "token": login("bob"), "workspace": "ada-team"})
    assert "Permission denied for workspace: ada-team" in refusal.message
    null = tokens.mint("bob", "ws:ws-user-bob#a", email=None)
    refusal = await hub.refused({"client_id": "x", "token": null, "workspace": "ada-team"})
    assert "Permission denied" in refusal.message
    await ada.manage("delete_workspace", "ada-team")


@pytest.mark.req("A-065")
async def test_a_weaker_grant_is_not_raised_by_ownership(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-weak"})
    weak = await hub.raw("weak", token=tokens.mint("ada", "ws:ada-weak#rw"), workspace="ada-weak")
    assert weak.info["user"]["scope"]["workspaces"]["ada-weak"] == "rw"
    await ada.manage("delete_workspace", "ada-weak")


@pytest.mark.req("A-070", "S-39")
async def test_a_reader_cannot_broadcast(hub, server):
    ada = await user(hub, "ada")
    reader = await member(hub, ada, "read")
    await ada.manage("subscribe", ["news"])
    await reader.send({"type": "news", "to": "*", "data": "all"})
    await reader.send({"type": "news", "to": ada.client_id, "data": "you"})
    assert (await ada.event("news"))["data"] == "you"
    writer = await member(hub, ada)
    await writer.send({"type": "news", "to": "*", "data": "all of you"})
    assert (await ada.event("news"))["data"] == "all of you"


@pytest.mark.req("A-071", "S-37")
async def test_a_generic_token_acts_in_owned_workspaces_by_url(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-url"})
    inside = await hub.py("prov", token=login("ada"), workspace="ada-url")
    await inside.register_service({
        "id": "who", "config": {"visibility": "protected", "require_context": True},
        "ask": lambda context=None: {"ws": context["ws"], "user": context["user"]["id"]}})
    answer = await ask(server, "/ada-url/services/who/ask", login("ada"))
    assert answer.status_code == 200 and answer.json() == {"ws": "ada-url", "user": "ada"}
    await ada.manage("delete_workspace", "ada-url")


@pytest.mark.req("A-072", "A-074", "S-37", "S-38", "S-12", "S-13")
async def test_a_stranger_reaches_what_is_public(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await ada.register("shut", {"f": lambda: 1})
    await ada.register("open", {"f": lambda: 2}, visibility="public")
    bound = await bob.manage("generate_token")
    for token in (login("bob"), bound):
        shut = await ask(server, "/ws-user-ada/services/shut/f", token)
        assert shut.status_code == 403 and "Permission denied" in shut.json()["detail"]
        assert (await ask(server, "/ws-user-ada/services/open/f", token)).json() == 2
        cookie = await ask(server, "/ws-user-ada/services/open/f",
                           headers={"Cookie": f"access_token={token}"})
        assert cookie.status_code == 200 and cookie.json() == 2
        cookie = await ask(server, "/ws-user-ada/services/shut/f",
                           headers={"Cookie": f"access_token={token}"})
        assert cookie.status_code == 403


@pytest.mark.req("A-073", "S-37")
async def test_an_unknown_workspace_is_not_found(hub, server):
    answer = await ask(server, "/no-such-place/services/x/f", login("ada"))
    assert answer.status_code == 404 and "not found" in answer.json()["detail"]


@pytest.mark.req("A-075")
async def test_a_bad_token_is_never_anonymous(hub, server):
    ada = await user(hub, "ada")
    await ada.register("open", {"f": lambda: 2}, visibility="public")
    for token in (login("bob", ttl=-5), login("bob", secret="x" * 32), "garbage"):
        assert (await ask(server, "/ws-user-ada/services/open/f", token)).status_code == 401


@pytest.mark.req("A-076")
async def test_a_basic_password_is_a_token(hub, server):
    ada = await user(hub, "ada")
    await ada.register("shut", {"f": lambda: 1})
    basic = base64.b64encode(f"git:{login('ada')}".encode()).decode()
    answer = await ask(server, "/ws-user-ada/services/shut/f",
                       headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200 and answer.json() == 1


@pytest.mark.differs("the original answers root with 500 there (4.2)")
@pytest.mark.req("A-082")
async def test_workspace_info_over_http(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS)
    ada = await user(hub, "ada")
    reader = await ada.manage("generate_token", {"permission": "read"})
    for token in (login("ada"), reader):
        answer = await ask(server, "/ws-user-ada/info", token)
        assert answer.status_code == 200 and answer.json()["id"] == "ws-user-ada"
    for token in (None, login("bob")):
        answer = await ask(server, "/ws-user-ada/info", token)
        assert answer.status_code == 403
        assert "has no permission to access ws-user-ada" in answer.text
    for token in (None, login("bob")):
        answer = await ask(server, "/no-such-place/info", token)
        assert answer.status_code == 403 and "has no permission" in answer.text
    boss = tokens.mint("root", "ws:*#a", roles=["admin"])
    answer = await ask(server, "/no-such-place/info", boss)
    assert answer.status_code == 404 and "Workspace 'no-such-place' not found" in answer.text


@pytest.mark.req("A-151", "A-152", "S-05")
async def test_a_service_sees_who_calls_it(hub, server):
    provider = await hub.py("prov", token=login("ada"))
    await provider.register_service({
        "id": "who", "config": {"visibility": "public", "require_context": True},
        "ask": lambda context=None: {k: context[k] for k in ("ws", "from", "to", "user")}})
    bob = await user(hub, "bob")
    forged = {"ws": "ws-user-ada", "from": "ws-user-ada/x", "user": {"id": "root", "roles": ["admin"]}}
    for main in ({}, forged):
        seen = await bob.call("services.who.ask", to="ws-user-ada/prov", main=main)
        assert seen["ws"] == "ws-user-bob" and seen["from"] == bob.address
        assert seen["to"] == "ws-user-ada/prov"
        assert seen["user"]["id"] == "bob" and seen["user"]["roles"] == []


@pytest.mark.req("A-234", "S-05")
async def test_a_direct_message_crosses_with_the_true_sender(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await bob.send({"type": "hello", "to": ada.address, "from": "ws-user-ada/fake", "ws": "ws-user-ada",
                    "user": {"id": "root"}, "data": 1})
    heard = await ada.event("hello")
    assert (heard["ws"], heard["from"]) == ("ws-user-bob", bob.address)
    assert heard["user"]["id"] == "bob" and heard["data"] == 1


@pytest.mark.req("A-232")
async def test_times_are_floats_and_no_workspace_is_current(hub, server):
    ada = await user(hub, "ada")
    assert ada.info["user"]["current_workspace"] is None
    assert isinstance(ada.info["user"]["expires_at"], float)
    raw = await hub.raw_open({"client_id": "text", "token": login("ada")})
    await raw.joined()
    assert isinstance(raw.info["reconnection_token_life_time"], float)


@pytest.mark.req("A-031", "S-32")
async def test_a_wildcard_does_not_hide_the_own_home(hub, server):
    ada = await hub.raw("wild", token=tokens.mint("ada", "ws:*#rw"))
    token = await ada.manage("generate_token", {"permission": "admin", "workspace": "ws-user-ada"})
    assert tokens.claims(token)["scope"].split()[0] == "ws:ws-user-ada#a"


@pytest.mark.differs("D-03")
@pytest.mark.req("A-033", "D-03")
async def test_a_child_of_root_is_not_root(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss, ada, bob = await root(hub), await user(hub, "ada"), await user(hub, "bob")
    token = await boss.manage("generate_token", {"workspace": "ws-user-ada", "permission": "read"})
    child = await hub.raw("child", token=token, is_registered=False)
    assert child.info["user"]["roles"] == []
    assert child.info["user"]["scope"]["workspaces"] == {ada.workspace: "r"}
    assert "Permission denied" in await refusal_of(
        child.manage("get_workspace_info", bob.workspace))


@pytest.mark.req("S-40", "A-010")
async def test_nulls_come_back_as_nulls(hub, server):
    ada = await user(hub, "ada")
    await ada.register("nulls", {"f": lambda: 1}, extra={"a": None, "b": [None, {"c": None}]})
    listed = {s["id"]: s for s in await ada.manage("list_services")}[f"{ada.address}:nulls"]
    assert listed["config"]["extra"] == {"a": None, "b": [None, {"c": None}]}
    assert listed["description"] is None and listed["docs"] is None
    assert "__null__" not in str(listed)


@pytest.mark.differs("the original's errors are tracebacks with file names (2.12)")
@pytest.mark.req("A-014", "S-08", "S-09")
async def test_errors_name_class_and_message_and_no_file(hub, server):
    ada = await user(hub, "ada")
    text = await refusal_of(ada.manage("get_service", "nothing-here"))
    assert "KeyError" in text and "Service not found: ws-user-ada/*:nothing-here@*" in text
    answer = await ask(server, "/ws-user-ada/services/nothing-here/f", login("ada"))
    assert answer.status_code == 404
    for told in (text, answer.text):
        assert ".c:" not in told and ".py" not in told and "/src/" not in told
