"""Workspaces: their names, owners, quotas, records, environment, bookmarks, types and figures."""
import asyncio
import time

import pytest

from kit import tokens
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.web import client_for

HYPHEN = "must contain at least one hyphen"
INVALID = "only lowercase letters, numbers and hyphens are allowed"


@pytest.mark.differs("the original takes a newline at the end, and any length (1.2)")
@pytest.mark.req("A-001", "S-20")
@pytest.mark.parametrize("name, words", [
    ("Test-Ws", INVALID), ("test_ws", HYPHEN), ("test ws", HYPHEN), ("test.ws", HYPHEN),
    ("../x", HYPHEN), ("a-b/c", INVALID), ("te st-x", INVALID), ("a-b\n", INVALID),
    ("a-" + "x" * 200, "at most"), ("", "must not be empty")])
async def test_names_that_are_refused(hub, server, name, words):
    ada = await user(hub, "ada")
    assert words in await refusal_of(ada.manage("create_workspace", {"id": name, "name": name}))


@pytest.mark.differs("the original fails on null owners (2.1)")
@pytest.mark.req("A-004", "A-006", "A-007", "A-217")
async def test_what_a_created_workspace_says(hub, server):
    ada = await user(hub, "ada")
    for given in ({"name": "ada-b"}, {"id": "ada-c"}, {"id": "ada-d", "visibility": "public"},
                  {"id": "ada-e", "owners": None}, {"id": "ada-f", "owners": []},
                  {"id": "ada-g", "owners": [" ", "ada", " uma "]}):
        made = await ada.manage("create_workspace", given)
        name = given.get("id") or given["name"]
        assert made["id"] == made["name"] == name and "visibility" not in made
        assert made["owners"] == (["ada", "uma"] if name == "ada-g" else ["ada"])
        assert made["status"] == {"ready": False, "status": "loading"}
        assert set(made) - {"_rtype"} == {
            "type", "id", "name", "description", "persistent", "owners", "read_only", "icon",
            "covers", "docs", "service_types", "config", "status"}
        info = await ada.manage("get_workspace_info", name)
        assert info["status"] == {"ready": True, "errors": None}
        await ada.manage("delete_workspace", name)


@pytest.mark.req("A-005")
@pytest.mark.parametrize("given", [{}, [], "text", 5, None, {"description": "x"}])
async def test_a_workspace_without_id(hub, server, given):
    ada = await user(hub, "ada")
    assert "Workspace id must be provided." in await refusal_of(ada.manage("create_workspace", given))


@pytest.mark.req("A-097")
async def test_anonymous_users_create_none(hub, server):
    anon = await hub.raw("anon")
    assert "Only registered user can create workspace." in \
        await refusal_of(anon.manage("create_workspace", {"id": "an-on"}))


@pytest.mark.req("A-098", "A-101")
async def test_an_id_is_taken_once(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-one"}, True)
    assert "Workspace already exists: ada-one" in \
        await refusal_of(ada.manage("create_workspace", {"id": "ada-one"}))
    await ada.manage("delete_workspace", "ada-one")


@pytest.mark.differs("D-11, D-50")
@pytest.mark.req("A-102", "A-224", "D-50")
async def test_the_quota_of_workspaces(hub, start_server):
    hub.server = start_server(*ROOT_ARGS, env={"HYPHA_MAX_WORKSPACES_PER_USER": "3"})
    ada, boss = await user(hub, "ada"), await root(hub)
    for i in range(2):      # the personal one counts
        await ada.manage("create_workspace", {"id": f"ada-q{i}"})
    text = await refusal_of(ada.manage("create_workspace", {"id": "ada-q2"}))
    assert "Workspace quota exceeded: user ada already owns 3 workspaces (max 3)." in text
    child = await member(hub, ada)
    assert "quota exceeded: user ada" in await refusal_of(
        child.manage("create_workspace", {"id": "ada-q3"}))
    await ada.manage("create_workspace", {"id": "ada-q1", "description": "again"}, True)
    for i in range(5):
        await boss.manage("create_workspace", {"id": f"root-q{i}"})
    await ada.manage("delete_workspace", "ada-q0")
    await ada.manage("create_workspace", {"id": "ada-q2"})


@pytest.mark.req("A-103")
async def test_a_persistent_workspace_becomes_ready(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-p", "persistent": True})
    inside = await user(hub, "ada", workspace="ada-p")
    async with asyncio.timeout(10):
        while (status := await inside.manage("check_status"))["status"] != "ready":
            pass
    assert status["errors"] is None
    await ada.manage("delete_workspace", "ada-p")


@pytest.mark.differs("D-12")
@pytest.mark.req("A-105", "D-12", "S-54")
async def test_who_reads_the_record_of_a_workspace(hub, server):
    ada, bob, anon = await user(hub, "ada"), await user(hub, "bob"), await hub.raw("anon")
    await ada.manage("create_workspace", {"id": "ada-rec"})
    assert (await ada.manage("get_workspace_info", "ada-rec"))["id"] == "ada-rec"
    reader = await hub.raw("reader", token=tokens.mint("uma", "ws:ada-rec#r"), workspace="ada-rec",
                           is_registered=False)
    assert (await reader.manage("get_workspace_info", "ada-rec"))["id"] == "ada-rec"
    for other in (bob, anon):
        assert "Permission denied for workspace ada-rec" in \
            await refusal_of(other.manage("get_workspace_info", "ada-rec"))
    await ada.manage("delete_workspace", "ada-rec")


@pytest.mark.differs("D-13")
@pytest.mark.req("A-106", "A-107", "D-13", "S-54")
async def test_environment_values_stay_with_writers(hub, server):
    ada = await user(hub, "ada")
    reader, writer = await member(hub, ada, "read"), await member(hub, ada)
    for client in (reader, writer):
        await client.manage("subscribe", ["workspace_changed"])
    await ada.manage("set_env", "KEY", "s3cr3t-value")
    assert await writer.manage("get_env", "KEY") == "s3cr3t-value"
    assert (await writer.manage("get_env"))["KEY"] == "s3cr3t-value"
    for client in (reader, writer):
        assert "environs" not in (await client.event("workspace_changed"))["data"]["config"]
    assert "Permission denied" in await refusal_of(reader.manage("get_env"))
    assert "environs" not in (await reader.manage("get_workspace_info"))["config"]
    assert (await writer.manage("get_workspace_info"))["config"]["environs"]["KEY"] == "s3cr3t-value"
    token = await ada.manage("generate_token", {"permission": "read"})
    async with client_for(server, token) as http:
        assert "s3cr3t-value" not in (await http.get("/ws-user-ada/info")).text
    assert b"s3cr3t-value" not in b"".join(f[3] for f in reader.frames)
    await writer.manage("set_env", "KEY", None)
    assert "Environment variable 'KEY' not found in workspace ws-user-ada" in \
        await refusal_of(writer.manage("get_env", "KEY"))
    await writer.manage("set_env", "KEY", None)


@pytest.mark.differs("D-15")
@pytest.mark.req("A-108", "D-15")
async def test_writing_makes_nobody_an_owner(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-own"})
    uma = await hub.raw("uma", token=tokens.mint("uma", "ws:ada-own#rw"), workspace="ada-own")
    await uma.manage("set_env", "A", 1)
    await uma.manage("register_service_type", {"id": "t", "name": "T", "definition": {}})
    assert (await ada.manage("get_workspace_info", "ada-own"))["owners"] == ["ada"]
    await ada.manage("delete_workspace", "ada-own")


@pytest.mark.differs("D-16")
@pytest.mark.req("A-110", "A-231", "S-06", "S-07", "D-16")
async def test_bookmarks(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await bob.register("shut", {"f": lambda: 1})
    await bob.register("open", {"f": lambda: 1}, visibility="public")
    for item, words in (
            ({"bookmark_type": "workspace", "id": "ws-user-bob"}, "Permission denied"),
            ({"bookmark_type": "workspace", "id": "no-such"}, "Workspace not found: no-such"),
            ({"bookmark_type": "service", "id": "ws-user-bob/shut"}, "Permission denied"),
            ({"bookmark_type": "service", "id": "ws-user-bob/none"}, "Service not found"),
            ({"bookmark_type": "other", "id": "x"}, "Invalid bookmark type: other"),
            ({"id": "x"}, "Bookmark type must be provided.")):
        assert words in await refusal_of(ada.manage("bookmark", item)), item
    await ada.manage("create_workspace", {"id": "ada-book"})    # bookmarks it too
    for _ in range(2):
        await ada.manage("bookmark", {"bookmark_type": "workspace", "id": "ada-book"})
        await ada.manage("bookmark", {"bookmark_type": "service", "id": "ws-user-bob/open"})
    kept = [b["id"] for b in (await ada.manage("get_workspace_info"))["config"]["bookmarks"]]
    assert kept.count("ada-book") == 1 and kept.count(f"{bob.address}:open") == 1
    await ada.manage("unbookmark", {"bookmark_type": "service", "id": "ws-user-bob/open"})
    await ada.manage("delete_workspace", "ada-book")
    kept = [b["id"] for b in (await ada.manage("get_workspace_info"))["config"]["bookmarks"]]
    assert "ada-book" not in kept and f"{bob.address}:open" not in kept


@pytest.mark.req("A-111")
async def test_ping_between_clients(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    second = await member(hub, ada)
    assert await ada.manage("ping", second.client_id) == "pong"
    assert await ada.manage("ping", second.address) == "pong"
    began = time.monotonic()
    text = await ada.manage("ping", "nobody", 1)
    assert text.startswith("Failed to ping client ws-user-ada/nobody: ")
    second.is_mute = True
    text = await ada.manage("ping", second.client_id, 1)
    assert text.startswith(f"Failed to ping client {second.address}: ")
    assert time.monotonic() - began < (20 if server.is_sanitized() else 4)
    assert await bob.manage("ping", ada.address) == \
        f"Failed to ping client {ada.address}: Permission denied for workspace ws-user-ada"


@pytest.mark.differs("D-44")
@pytest.mark.req("A-113", "S-26", "D-44")
async def test_who_is_in_a_workspace(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    writer = await member(hub, ada)
    for client in (ada, writer):
        listed = {c["id"]: c["user"] for c in await client.manage("list_clients")}
        assert set(listed) >= {ada.address, writer.address}
        assert ("scope" in listed[writer.address]) == (client is ada)
    for name in ("ws-user-ada", "public"):
        assert f"Permission denied for workspace {name}" in \
            await refusal_of(bob.manage("list_clients", name))


@pytest.mark.differs("D-45")
@pytest.mark.req("A-114", "A-219", "D-45")
async def test_service_types(hub, server):
    ada = await user(hub, "ada")
    kind = {"id": "t1", "name": "T1", "definition": {"f": {"type": "function"}}}
    assert (await ada.manage("register_service_type", kind))["id"] == "t1"
    for spelling in ("t1", "ws-user-ada/t1"):
        found = await ada.manage("get_service_type", spelling)
        assert found["id"] == "ws-user-ada/t1" and found["definition"] == kind["definition"]
    assert "Service type already exists: " in \
        await refusal_of(ada.manage("register_service_type", kind))
    for bad in ({"id": "t4"}, {"name": "n", "definition": {}}, {"id": "t4", "name": "n"},
                {"id": 4, "name": "n", "definition": {}},
                {"id": "t4", "name": "n", "definition": "text"}):
        assert "ValidationError" in await refusal_of(ada.manage("register_service_type", bad)), bad
    assert "Workspace mismatch" in await refusal_of(
        ada.manage("register_service_type", {**kind, "id": "ws-user-bob/t5"}))
    assert "t4" not in (await ada.manage("get_workspace_info"))["service_types"]
    assert "Service type not found" in await refusal_of(ada.manage("get_service_type", "none"))


@pytest.mark.req("A-115", "A-116")
async def test_the_figures_of_a_workspace_agree(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-sum"})
    inside = await user(hub, "ada", workspace="ada-sum")
    reader = await member(hub, inside, "read")
    await member(hub, inside)
    await inside.register("one", {"f": lambda: 1})
    await inside.register("dark", {"f": lambda: 1}, visibility="unlisted")
    summary = await inside.manage("get_summary")
    clients = [c["id"] for c in await inside.manage("list_clients")]
    services = [s["id"] for s in await inside.manage("list_services")]
    assert summary["client_count"] == len(clients) == 2
    assert sorted(summary["clients"]) == sorted(clients)
    assert summary["service_count"] == len(services) == 3
    assert sorted(s["id"] for s in summary["services"]) == sorted(services)
    for client, letter in ((inside, "a"), (reader, "r")):
        assert await client.manage("check_status") == {
            "status": "ready", "errors": None, "user_permission": letter}
    await ada.manage("delete_workspace", "ada-sum")


@pytest.mark.differs("D-49")
@pytest.mark.req("A-223", "D-49")
async def test_an_email_owner_who_overwrites_keeps_the_creator(hub, server):
    ada, eve = await user(hub, "ada"), await user(hub, "eve")
    await ada.manage("create_workspace", {"id": "ada-mail", "owners": ["eve@example.org"]})
    made = await eve.manage("create_workspace", {"id": "ada-mail", "description": "eve's"}, True)
    assert "ada" in made["owners"]
    await ada.manage("delete_workspace", "ada-mail")


@pytest.mark.differs("D-52")
@pytest.mark.req("A-165", "A-218", "D-52")
async def test_events_of_creating_and_deleting(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss, ada = await root(hub), await user(hub, "ada")
    kinds = ["workspace_loaded", "workspace_changed", "workspace_deleted"]
    for person in (boss, ada):
        await person.manage("subscribe", kinds)
    for person, name in ((boss, "root-made"), (ada, "ada-made")):
        await person.manage("create_workspace", {"id": name})
        await person.manage("delete_workspace", name)
        await person.manage("echo", 1)
        heard = [(m["type"], m["data"]["id"]) for m, *_ in person.frames if m.get("type") in kinds]
        home = person.workspace
        assert heard == [("workspace_loaded", name), ("workspace_changed", home),
                         ("workspace_deleted", name), ("workspace_changed", home)]
    config = (await boss.manage("get_workspace_info"))["config"]
    assert not [b for b in config.get("bookmarks", []) if b["id"] == "ws-user-ada"]


@pytest.mark.differs("D-31")
@pytest.mark.req("D-31")
async def test_a_child_creates_for_its_parent(hub, server):
    ada = await user(hub, "ada")
    child = await member(hub, ada, "admin")
    made = await child.manage("create_workspace", {"id": "ada-kid"})
    assert made["owners"] == ["ada"]
    assert await ada.manage("delete_workspace", "ada-kid") is None


@pytest.mark.differs("the original lets root delete them (5.6)")
@pytest.mark.req("A-176")
async def test_the_system_workspaces_stay(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss = await root(hub)
    names = ("public", "ws-user-root", "ws-anonymous")
    for name in names:
        assert "PermissionError" in await refusal_of(boss.manage("delete_workspace", name))
        await boss.manage("cleanup", name)
        assert (await boss.manage("get_workspace_info", name))["status"] == {
            "ready": True, "errors": None}


@pytest.mark.req("A-092", "A-238", "S-27")
async def test_what_a_reader_may_and_may_not(hub, server):
    ada = await user(hub, "ada")
    reader = await member(hub, ada, "read")
    service = {"id": f"{reader.address}:x", "name": "x", "config": {}}
    for name, args in (("echo", [1]), ("log", ["x"]), ("set_env", ["a", 1]), ("get_env", []),
                       ("register_service", [service]), ("cleanup", []),
                       ("revoke_token", [login("ada")])):
        assert "Permission denied for workspace" in await refusal_of(reader.manage(name, *args)), name
    for name, args in (("get_workspace_info", []), ("list_services", []), ("list_clients", []),
                       ("check_status", []), ("list_workspaces", []),
                       ("parse_token", [await ada.manage("generate_token")])):
        await reader.manage(name, *args)


PUBLISHED = """echo log log_event get_event_stats get_events register_service unregister_service list_workspaces
    list_services search_services list_clients register_service_type get_service_type list_service_types
    get_service_info get_service generate_token revoke_token parse_token create_workspace delete_workspace
    bookmark unbookmark get_workspace_info get_summary ping cleanup check_status set_env get_env subscribe
    unsubscribe""".split()


@pytest.mark.req("A-090", "A-091", "A-227")
async def test_every_function_of_the_manager_describes_itself(hub, server):
    ada = await user(hub, "ada")
    manager = await ada.manage("get_service", "~")
    functions = {k: v for k, v in manager.items() if isinstance(v, dict) and v.get("_rtype") == "method"}
    assert sorted(functions) == sorted(PUBLISHED) and len(PUBLISHED) == 32
    for name, function in functions.items():
        assert function["_rschema"]["name"] == name
        assert "context" not in function["_rschema"]["parameters"]["properties"]
        assert function["_rschema"]["description"]
    async with client_for(server, login("ada")) as http:
        answer = await http.get("/ws-user-ada/services/~/list_workspaces")
        assert [w["id"] for w in answer.json()] == ["ws-user-ada"]
