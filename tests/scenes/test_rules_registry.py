"""The registry: who registers what, who sees and gets it, how one of many is chosen, what is listed."""
import asyncio
import time

import msgpack
import pytest
from hypha_rpc.utils.schema import schema_function

from kit import tokens
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.web import client_for

EIGHT = {"id", "name", "type", "description", "docs", "app_id", "service_schema", "config"}
CONFIG = {"visibility", "require_context", "workspace", "flags", "singleton", "created_by",
          "service_embedding", "authorized_workspaces"}


def listed(services):
    return sorted(s["id"] for s in services if not s["id"].endswith(":built-in"))


def record(client, name, **config):
    return {"id": f"{client.address}:{name}", "name": name, "config": config}


@pytest.mark.differs("the original fails with an AttributeError (2.2)")
@pytest.mark.req("A-008", "A-009", "A-125")
async def test_registrations_that_are_refused(hub, server):
    ada = await user(hub, "ada")
    for change, words in (
            ({"config": {"visibility": "private"}}, "ValidationError"),
            ({"description": "d" * 1025}, "ValidationError"),
            ({"app_id": "a/b"}, "App id info must not contain '/'"),
            ({"config": {"visibility": "public", "authorized_workspaces": ["a-b"]}},
             "authorized_workspaces can only be set when visibility is 'protected', got visibility='public'")):
        text = await refusal_of(ada.manage("register_service", {**record(ada, "bad"), **change}))
        assert words in text, change
    assert not listed(await ada.manage("list_services"))
    await ada.manage("register_service", {**record(ada, "good"), "description": "d" * 1024})
    assert listed(await ada.manage("list_services")) == [f"{ada.address}:good"]


@pytest.mark.differs("D-19")
@pytest.mark.req("A-120", "A-121", "S-01", "D-19")
async def test_services_stand_under_their_client(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    second = await member(hub, ada)
    assert "does not match the current workspace 'ws-user-ada'" in await refusal_of(
        ada.manage("register_service", record(bob, "x")))
    assert "PermissionError" in await refusal_of(
        ada.manage("register_service", record(second, "x")))
    assert not listed(await bob.manage("list_services"))
    odd = "ws-user-bob/other:x"
    await ada.manage("register_service", record(ada, odd))
    assert listed(await ada.manage("list_services")) == [f"{ada.address}:{odd}"]


@pytest.mark.req("A-122", "A-123", "A-164")
async def test_replacing_and_doubling(hub, server):
    ada = await user(hub, "ada")
    second = await member(hub, ada)
    await ada.manage("subscribe", ["service_added", "service_removed"])
    for _ in range(2):
        await second.manage("register_service", record(second, "same"))
    heard = [(await ada.frame())[0] for _ in range(3)]
    assert [h["type"] for h in heard] == ["service_added", "service_removed", "service_added"]
    assert all(h["data"]["name"] == "same" for h in heard)
    await ada.manage("register_service", record(ada, "same"))
    assert listed(await ada.manage("list_services")) == sorted(
        f"{c.address}:same" for c in (ada, second))


@pytest.mark.differs("the original refuses a holder's own second registration (6.5)")
@pytest.mark.req("A-124")
@pytest.mark.parametrize("holder, newcomer, words", [
    (True, False, "has already exists"), (False, True, "already exists"), (True, True, "already exists")])
async def test_singletons(hub, server, holder, newcomer, words):
    ada = await user(hub, "ada")
    second = await member(hub, ada)
    await ada.manage("register_service", record(ada, "only", singleton=holder))
    text = await refusal_of(second.manage("register_service", record(second, "only", singleton=newcomer)))
    assert f"A singleton service with the same name (only) {words} in the workspace (ws-user-ada)" in text
    await ada.manage("register_service", record(ada, "only", singleton=holder))


@pytest.mark.req("A-126", "A-127")
async def test_registrations_that_are_dropped(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("register_service", record(ada, "_rintf_x"))
    await ada.manage("register_service", record(ada, "local", _local_only=True))
    bare = await hub.raw("bare", workspace=ada.workspace, is_registered=False,
                         token=await ada.manage("generate_token"))
    await bare.manage("register_service", record(bare, "early"))
    assert not listed(await ada.manage("list_services"))
    await bare.register()
    await bare.manage("register_service", record(bare, "late"))
    assert listed(await ada.manage("list_services")) == [f"{bare.address}:late"]


@pytest.mark.differs("D-50")
@pytest.mark.req("A-128", "A-224", "D-50")
async def test_the_quota_of_services(hub, server):
    ada = await user(hub, "ada")
    sessions = [await ada.post("services.default.register_service", record(ada, f"s{i}"))
                for i in range(1000)]
    for session in sessions:
        await ada.settled(session, timeout=60)
    text = await refusal_of(ada.manage("register_service", record(ada, "one-more")))
    assert f"Service quota exceeded: client {ada.address} already has 1000 services (max 1000)." in text
    await ada.manage("register_service", record(ada, "s5", again=True))
    assert (await ada.manage("get_service_info", "s5"))["config"]["again"] is True


@pytest.mark.req("A-129", "A-132", "A-133", "A-134", "S-12", "S-13", "S-29", "S-30")
async def test_visibility(hub, server):
    ada, bob, anon = await user(hub, "ada"), await user(hub, "bob"), await hub.raw("anon")
    for visibility in ("public", "protected", "unlisted"):
        await ada.register(visibility, {"f": lambda: visibility}, visibility=visibility)
    for other in (bob, anon):
        assert listed(await other.manage("list_services", "ws-user-ada")) == [f"{ada.address}:public"]
        assert "Permission denied for non-public service in workspace ws-user-ada" in \
            await refusal_of(other.manage("get_service", "ws-user-ada/protected"))
        for name in ("public", "unlisted"):
            assert (await other.manage("get_service", f"ws-user-ada/{name}"))["id"] == \
                f"{ada.address}:{name}"
            assert await other.call(f"services.{name}.f", to=ada.address)
        assert "Cannot include unlisted services from workspace ws-user-ada" in await refusal_of(
            other.manage("list_services", "ws-user-ada", include_unlisted=True))
    assert len(listed(await ada.manage("list_services"))) == 2
    assert len(listed(await ada.manage("list_services", None, True))) == 3
    for query, words in (
            ({"workspace": "*", "visibility": "unlisted"},
             "Cannot list protected or unlisted services in all workspaces"),
            ({"workspace": "*", "visibility": "protected"},
             "Cannot list protected or unlisted services in all workspaces")):
        assert words in await refusal_of(ada.manage("list_services", query))
    assert "Cannot include unlisted services when searching all workspaces" in await refusal_of(
        ada.manage("list_services", {"workspace": "*"}, include_unlisted=True))


@pytest.mark.req("A-130", "A-131", "A-225", "S-04", "S-22", "D-51")
async def test_authorized_workspaces(hub, server):
    ada, bob, eve = [await user(hub, name) for name in ("ada", "bob", "eve")]
    await ada.manage("create_workspace", {"id": "ada-main"})
    inside = await user(hub, "ada", workspace="ada-main")       # ada owns it, and acts from elsewhere
    await inside.register("shared", {"f": lambda: 5}, authorized_workspaces=["ws-user-bob"])
    await inside.register("own", {"f": lambda: 6}, authorized_workspaces=[])
    assert listed(await bob.manage("list_services", "ada-main")) == [f"{inside.address}:shared"]
    for seen in ((await bob.manage("list_services", "ada-main/shared"))[0],
                 await bob.manage("get_service_info", "ada-main/shared"),
                 await bob.manage("get_service", "ada-main/shared")):
        assert "authorized_workspaces" not in seen["config"]
    assert await bob.call("services.shared.f", to=inside.address) == 5
    mine = await inside.manage("get_service_info", "shared")
    assert mine["config"]["authorized_workspaces"] == ["ws-user-bob"]
    for stranger in (eve, ada):
        for name in ("shared", "own"):
            assert "Permission denied" in await refusal_of(
                stranger.manage("get_service", f"ada-main/{name}"))
    assert "Permission denied" in await refusal_of(bob.manage("get_service", "ada-main/own"))
    await ada.manage("delete_workspace", "ada-main")


@pytest.mark.req("A-135", "A-136", "A-137", "A-230")
async def test_queries(hub, server):
    ada = await user(hub, "ada")
    second = await member(hub, ada)
    for client in (ada, second):
        await client.register("svc", {"f": lambda: 1}, visibility="public", type="kind")
    await ada.register("shut", {"f": lambda: 1}, type="kind-of")
    a, b, shut = f"{ada.address}:svc", f"{second.address}:svc", f"{ada.address}:shut"
    for query, wanted in (
            (None, [a, b, shut]), ("ws-user-ada", [a, b, shut]), ({}, [a, b, shut]),
            ("ws-user-ada/svc", [a, b]), ({"service_id": "svc"}, [a, b]), ({"id": "svc"}, [a, b]),
            (f"{second.client_id}:svc", [b]), (f"ws-user-ada/{second.client_id}:svc", [b]),
            ({"client_id": second.client_id}, [b]), ("*/svc", [a, b]), ("*/shut", []),
            ("ws-user-ada/svc@*", [a, b]), ({"service_id": "svc@*"}, [a, b]),
            ("ws-user-ada/svc@other", []), ({"type": "kind"}, [a, b]), ({"type": "kind-of"}, [shut]),
            ({"type": "kin"}, []), ({"service_id": "s*"}, [a, b, shut]), ("a/b/c", []),
            ("no-such", []), ({"visibility": "unlisted"}, []), ({"visibility": "protected"}, [shut])):
        assert listed(await ada.manage("list_services", query)) == sorted(wanted), query
    for query, words in (({"foo": 1}, "Invalid query keys"),
                         ({"id": "a", "service_id": "a"}, "Cannot specify both 'id' and 'service_id'"),
                         ("a{b", "Invalid characters in query part: a{b"),
                         ({"service_id": "a@b", "app_id": "c"}, "App id mismatch: ")):
        assert words in await refusal_of(ada.manage("list_services", query)), query


@pytest.mark.differs("D-18")
@pytest.mark.req("A-138", "A-139", "A-140", "D-18")
async def test_ids_that_do_not_resolve(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await ada.register("dark", {"f": lambda: 1}, visibility="unlisted")
    for text, words in (("a/b/c", "at most one '/'"), ("a:b:c", "at most one ':'"),
                        ("a@b@c", "at most one '@'"), ("*/x", "You must specify a workspace"),
                        ("*", "cannot be a wildcard"), ("none", "Service not found: ws-user-bob/*:none@*"),
                        ("no-such/x", "Service not found: no-such/*:x@*"),
                        ("ws-us*/dark", "Service not found: ws-us*/*:dark@*"), ("ws-user-ada/*:da*", "Service not found"),
                        ("ws-user-ada/d?rk", "Service not found")):
        for function in ("get_service_info", "get_service"):
            assert words in await refusal_of(bob.manage(function, text)), (function, text)
    for number in (5, None, ["x"]):
        assert "Service ID must be a string." in await refusal_of(bob.manage("get_service", number))


@pytest.mark.differs("D-53")
@pytest.mark.req("A-141", "A-142", "A-144", "A-226", "D-53")
async def test_one_of_many(hub, server):
    ada = await user(hub, "ada")
    others = [await member(hub, ada) for _ in range(2)]
    ids = []
    for client in (ada, *others):
        await client.register("svc", {"f": lambda: None})
        ids.append(f"{client.address}:svc")

    async def chosen(mode):
        return (await ada.manage("get_service_info", "svc", {"mode": mode}))["id"]
    assert "Multiple services found for ws-user-ada/*:svc" in await refusal_of(
        ada.manage("get_service_info", "svc"))
    assert (await chosen("first"), await chosen("last")) == (ids[0], ids[2])
    seen = set()
    async with asyncio.timeout(30):
        while seen != set(ids):
            seen.add(await chosen("random"))
    assert await chosen("native:random") in ids
    assert await chosen("select:min:f") in ids      # everybody answers null: nobody is preferred
    for mode, words in (("select:min", "Invalid select mode format"), ("foo", "Invalid mode: foo"),
                        ("select:odd:f", "Unknown selection criteria: odd")):
        assert words in await refusal_of(ada.manage("get_service_info", "svc", {"mode": mode}))


@pytest.mark.req("A-146")
async def test_the_idle_balanced_client_is_preferred(hub, server):
    ada = await user(hub, "ada")
    busy, idle = await member(hub, ada, client_id="busy__rlb"), await member(hub, ada, client_id="idle__rlb")
    for client in (busy, idle):
        await client.register("work", {"f": lambda: 1})
    for _ in range(20):
        await busy.send({"type": "busy", "to": ada.client_id})
    await busy.manage("echo", 1)
    for _ in range(3):
        info = await ada.manage("get_service_info", "work", {"mode": "min_load"})
        assert info["id"] == f"{idle.address}:work"


@pytest.mark.req("A-147", "A-148", "A-227", "A-228", "A-229")
async def test_what_a_service_and_its_record_hold(hub, server):
    ada = await user(hub, "ada")
    await ada.register("svc", {"hello_world": lambda: 1}, visibility="public")
    got = await ada.manage("get_service", "svc")
    assert set(got) == {"id", "name", "type", "config", "hello_world"}
    assert got["id"] == f"{ada.address}:svc" and got["config"]["workspace"] == "ws-user-ada"
    assert got["config"]["url"] == \
        f"{ada.info['public_base_url']}/ws-user-ada/services/{ada.client_id}:svc"
    assert set(got["config"]) == {"workspace", "url"}
    camel = await ada.manage("get_service", "svc", {"case_conversion": "camel"})
    assert "helloWorld" in camel and "hello_world" not in camel
    assert "Failed to get service" in await refusal_of(
        ada.manage("get_service", "svc", {"case_conversion": "odd"}))
    for one in await ada.manage("list_services"):
        assert set(one) == EIGHT
        assert set(one["config"]) >= CONFIG
    assert (await ada.manage("get_service_info", "~"))["id"] == "~"
    assert (await ada.manage("get_service", "~"))["id"] == "default"


@pytest.mark.differs("the original leaves the name in the schema (6.6)")
@pytest.mark.req("A-148")
async def test_the_schema_is_renamed_with_the_function(hub, server):
    provider = await hub.py("prov", token=tokens.mint("ada", "ws:ws-user-ada#a"))

    @schema_function
    def add_two(a: int, b: int) -> int:
        """Adds."""
        return a + b
    await provider.register_service({"id": "calc", "add_two": add_two})
    ada = await user(hub, "ada")
    got = await ada.manage("get_service", "calc", {"case_conversion": "camel"})
    assert got["addTwo"]["_rschema"]["name"] == "addTwo"


@pytest.mark.req("A-149")
async def test_an_application_that_is_not_there(hub, server):
    ada = await user(hub, "ada")
    text = await refusal_of(ada.manage("get_service", "svc@some-app"))
    assert ("artifact-manager" if server.target == "hyphad" else "apps") in text, text
    assert "Service not found: ws-user-ada/*:svc@some-app" in await refusal_of(
        ada.manage("get_service_info", "svc@some-app"))


@pytest.mark.differs("client_disconnected carries the full id here too (7.3)")
@pytest.mark.req("A-154", "A-173")
async def test_what_a_client_offered_leaves_with_it(hub, server):
    ada = await user(hub, "ada")
    second, third = await member(hub, ada), await member(hub, ada)
    for client in (second, third):
        await client.register("svc", {"f": lambda: 1}, visibility="public")
    await ada.manage("subscribe", ["client_disconnected"])
    second.cut()
    began = time.monotonic()
    gone = (await ada.event("client_disconnected"))["data"]
    assert (gone["id"], gone["workspace"]) == (second.client_id, "ws-user-ada")
    assert gone["client_id"] == second.address
    assert listed(await ada.manage("list_services")) == [f"{third.address}:svc"]
    assert time.monotonic() - began < (10 if server.is_sanitized() else 1)


@pytest.mark.differs("D-46")
@pytest.mark.req("A-220", "D-46", "D-19")
async def test_strangers_remove_nothing(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss = await root(hub)
    await boss.manage("register_service", record(boss, "tool", visibility="public"))
    ada = await user(hub, "ada")
    await ada.register("pub", {"f": lambda: 1}, visibility="public")
    for stranger in (await user(hub, "bob"), await hub.raw("anon")):
        for name in (f"{ada.address}:pub", "ws-user-ada/pub", f"{boss.address}:tool"):
            text = await refusal_of(stranger.manage("unregister_service", name))
            assert f"Permission denied for workspace {name.split('/')[0]}" in text
    assert listed(await ada.manage("list_services")) == [f"{ada.address}:pub"]


@pytest.mark.differs("D-47")
@pytest.mark.req("A-221", "D-47")
async def test_strangers_learn_nothing_of_persons(hub, server):
    ada, anon = await user(hub, "ada"), await hub.raw("anon")
    everything = await anon.manage("list_services", "*")
    mine = [s for s in everything if s["id"] == f"{ada.address}:built-in"]
    assert mine
    info = await anon.manage("get_service_info", f"{ada.address}:built-in")
    for seen in (*mine, info):
        assert seen["config"]["created_by"] == {"id": "ada"}
        assert "example.org" not in str(seen) and "scope" not in str(seen["config"])



@pytest.mark.differs("the original has no pages")
async def test_a_listing_over_http_comes_in_pages(hub, server):
    ada = await user(hub, "ada")
    for i in range(5):
        await ada.register(f"s{i}", {"f": lambda: 1})
    async with client_for(server, login("ada")) as http:
        async def ids(query):
            return [s["id"] for s in (await http.get(f"/ws-user-ada/services/{query}")).json()]
        everything = await ids("")
        assert len(everything) == 6
        pages = [await ids(f"?offset={at}&limit=2") for at in (0, 2, 4, 6)]
        assert [len(p) for p in pages] == [2, 2, 2, 0] and sum(pages, []) == everything
        for bad in ("?limit=x", "?offset=-1", "?limit="):
            answer = await http.get(f"/ws-user-ada/services/{bad}")
            assert answer.status_code == 400 and "whole numbers" in answer.json()["detail"]
        by_call = [s["id"] for s in await ada.manage("list_services", offset=2, limit=3)]
        assert [i.removeprefix("ws-user-ada/") for i in by_call] == everything[2:5]
        assert "whole numbers" in await refusal_of(ada.manage("list_services", limit=-1))


@pytest.mark.differs("the original has a quota of 1000 and streams nothing")
@pytest.mark.parametrize("n", [20, 3000])
async def test_a_long_listing_is_streamed(hub, start_server, n):
    hub.server = server = start_server("--max-services-per-client", "5000", "--ws-msg-rate-limit", "none")
    ada = await user(hub, "ada")
    sessions = [await ada.post("services.default.register_service", record(
        ada, f"s{i}", text="é" * (i % 50))) for i in range(n)]
    for session in sessions:
        await ada.settled(session, timeout=60)
    wanted = {f"{ada.client_id}:s{i}" for i in range(n)} | {f"{ada.client_id}:built-in"}
    async with client_for(server, login("ada")) as http:
        answer = await http.get("/ws-user-ada/services/")
        assert answer.status_code == 200
        assert ("content-length" in answer.headers) == (n < 1000)
        assert {s["id"] for s in answer.json()} == wanted
        packed = await http.get("/ws-user-ada/services/", headers={"Accept": "application/msgpack"})
        assert len(msgpack.unpackb(packed.content)) == n + 1
