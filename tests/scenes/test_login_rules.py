"""Whose token a page may report for which workspace, how many logins there may be, and who else
may offer the login service."""
import asyncio
import time

import pytest

from kit import people, tokens
from kit.hub import until
from kit.raw import RpcError
from test_login import BAD, SERVICE, ByRpc, Login


pytestmark = pytest.mark.differs("the original has none of these bounds (D-10, D-46)")


async def minted(login, rpc, token, workspace, **more):
    """What check gives after a report for that workspace."""
    key = await login.key()
    await rpc.call("report", key=key, token=token, workspace=workspace, **more)
    return await login.value("check", key=key, timeout=0, profile=True)


async def refused(rpc, key, token, workspace, **more):
    return await rpc.refusal("report", key=key, token=token, workspace=workspace, **more)


# ---- reports for a workspace ----

@pytest.mark.req("D-10", "A-180")
async def test_report_for_a_workspace_makes_a_token_of_the_same_person(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        got = await minted(login, rpc, people.login("alice"), "ws-user-alice", expires_in=120)
        claims = tokens.claims(got["token"])
        assert claims["sub"] == "alice" and "https://amun.ai/parent" not in claims
        assert claims["scope"] == "ws:ws-user-alice#a wid:ws-user-alice"
        assert claims["exp"] - claims["iat"] == 120
        assert (got["workspace"], got["expires_in"]) == ("ws-user-alice", 120)
        alice = await hub.raw(server=server, token=got["token"])
        assert alice.workspace == "ws-user-alice"
        got = await minted(login, rpc, people.login("alice"), "ws-user-alice")
        claims = tokens.claims(got["token"])
        assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.req("D-10")
async def test_permission_is_what_the_token_or_ownership_gives(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        alice = await hub.raw(server=server, token=people.login("alice"))
        await alice.manage("create_workspace", {"name": "alice-lab", "persistent": True})
        rpc = await ByRpc.of(alice)
        owner = await minted(login, rpc, people.login("alice"), "alice-lab")
        assert tokens.claims(owner["token"])["scope"] == "ws:alice-lab#a wid:alice-lab"
        guest = people.login("bob", "ws:alice-lab#r")
        reader = await minted(login, rpc, guest, "alice-lab")
        assert tokens.claims(reader["token"])["scope"] == "ws:alice-lab#r wid:alice-lab"
        text = await refused(rpc, await login.key(), people.login("carol"), "alice-lab")
        assert "Invalid permission for the workspace alice-lab" in text
        text = await refused(rpc, await login.key(), people.login("carol"), "no-such-thing")
        assert "Invalid permission for the workspace no-such-thing" in text


@pytest.mark.req("A-185", "D-10")
async def test_revoked_and_foreign_tokens_make_no_other(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        key = await login.key()
        bound = people.login("alice", "ws:ws-user-alice#a ws:other-place#a wid:other-place")
        text = await refused(rpc, key, bound, "ws-user-alice")
        assert "Invalid permission for the workspace ws-user-alice" in text
        for scope in "ws:ws-user-alice#a cid:only-me", "ws:ws-user-alice#a files:read":
            assert "cannot log in" in await refused(rpc, key, people.login("alice", scope),
                                                    "ws-user-alice")
        token = people.login("alice")
        alice = await hub.raw(server=server, token=token)
        await alice.manage("revoke_token", token)
        for more in {}, {"workspace": "ws-user-alice"}:
            text = await rpc.refusal("report", key=key, token=token, **more)
            assert BAD + "Token has been revoked" in text
        assert await login.value("check", key=key, timeout=0) is None


@pytest.mark.req("D-10")
async def test_a_child_does_not_outlive_itself_nor_grow(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        alice = await hub.raw(server=server, token=people.login("alice"))
        child = await alice.manage("generate_token", {"permission": "read", "expires_in": 100})
        got = await minted(login, await ByRpc.of(alice), child, "ws-user-alice", expires_in=86400)
        before, after = tokens.claims(child), tokens.claims(got["token"])
        assert after["scope"] == "ws:ws-user-alice#r wid:ws-user-alice"
        assert after["exp"] <= before["exp"] and after["sub"] == before["sub"]
        assert after["https://amun.ai/parent"] == "alice"
        assert got["expires_in"] <= 100


@pytest.mark.req("D-10", "S-109")
async def test_a_report_makes_no_workspace(hub, start_server):
    """It is made for who comes with the token, and from there: whoever reports over HTTP pays for nobody's."""
    hub.server = server = start_server()
    async with Login(server) as login:
        n = server.metric("hyphad_workspaces")
        nobody = await hub.raw("nobody")
        child = await nobody.manage("generate_token", {"permission": "admin"})
        await nobody.leave()
        await until(lambda: server.metric("hyphad_workspaces") == n)
        for token, workspace in (child, nobody.workspace), (people.login("zoe"), "ws-user-zoe"):
            key = await login.key()
            assert await login.value("report", key=key, token=token, workspace=workspace) is None
            assert server.metric("hyphad_workspaces") == n
            comes = await hub.raw(token=await login.value("check", key=key, timeout=0))
            assert comes.workspace == workspace and server.metric("hyphad_workspaces") == n + 1
            await comes.leave()
            n = server.metric("hyphad_workspaces") if workspace == "ws-user-zoe" else n
            await until(lambda: server.metric("hyphad_workspaces") == n)


# ---- how many ----

async def test_an_address_starts_ten_a_minute(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        for _ in range(5):
            await login.key()
            await rpc.call("start")
        assert "Too many logins from your address" in await rpc.refusal("start")
        for name in "hypha-login", "*:hypha-login", f"{rpc.raw.info['manager_id'][8:]}:hypha-login":
            answer = await login.web.get(f"/public/services/{name}/start")
            assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
        assert (await login.post("check", key="x")).status_code == 400, "only starts are counted"
        assert server.metric("hyphad_login_starts_refused_total") == 1
        assert server.metric("hyphad_login_sessions") == 10


async def test_logins_under_way_are_bounded(start_server):
    server = start_server("--max-login-sessions", "2")
    async with Login(server) as login:
        key, other = await login.key(), await login.key()
        await login.value("report", key=key, token=people.login("alice"))
        waiting = asyncio.create_task(login.post("check", key=other))
        await until(lambda: server.metric("hyphad_login_waiters") == 1)
        assert "Too many logins are under way (--max-login-sessions 2)" in await login.detail("start", 500)
        await login.value("check", key=key, timeout=0)
        await login.key()
        await login.value("report", key=other, token=people.login("alice"))
        assert (await waiting).status_code == 200


@pytest.mark.req("S-68")
async def test_a_flood_of_logins_takes_no_place_from_who_waits(start_server):
    server = start_server("--max-login-sessions", "5")
    async with Login(server) as login:
        key = await login.key()
        waiting = asyncio.create_task(login.post("check", key=key, timeout=60))
        await until(lambda: server.metric("hyphad_login_waiters") == 1)
        for i in range(30):     # each from an address of its own, which a trusted proxy names
            answer = await login.web.get("/public/services/hypha-login/start",
                                         headers={"X-Forwarded-For": f"203.0.113.{i}"})
            assert answer.status_code == 200, answer.text
        assert server.metric("hyphad_login_sessions") == 5
        assert server.metric("hyphad_login_sessions_evicted_total") == 26
        token = people.login("alice")
        await login.value("report", key=key, token=token)
        answer = await waiting
        assert answer.status_code == 200 and answer.json() == token


async def test_those_who_wait_for_a_key_are_bounded(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        key = await login.key()
        for _ in range(16):
            await rpc.post("check", key=key)
        await until(lambda: server.metric("hyphad_login_waiters") == 16)
        assert "Too many wait for this login" in await rpc.refusal("check", key=key)


async def test_stopping_settles_who_waits(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        key = await login.key()
        waiting = asyncio.create_task(login.post("check", key=key))
        await until(lambda: server.metric("hyphad_login_waiters") == 1)
        began = time.monotonic()
        await asyncio.get_running_loop().run_in_executor(None, server.stop)
        assert time.monotonic() - began < 20
        await asyncio.gather(waiting, return_exceptions=True)


# ---- another login service ----

async def rival(hub, server):
    """A client of root in `public` that offers a login service of its own."""
    root = await people.root(hub, server=server)
    token = await root.manage("generate_token", {"workspace": "public", "permission": "admin"})
    return await hub.py(server=server, token=token, workspace="public")


OTHER = {"id": "hypha-login", "name": "Another Login", "type": "functions",
         "config": {"visibility": "public"},
         "start": lambda: {"login_url": "https://elsewhere.example.org/", "key": "k"}}


async def test_a_login_service_of_root_takes_over_while_it_lives(hub, start_server):
    server = start_server(*people.ROOT_ARGS)
    async with Login(server) as login:
        client = await hub.raw(server=server)
        theirs = await rival(hub, server)
        await theirs.register_service(OTHER)
        info = await client.manage("get_service_info", "public/hypha-login")
        assert info["name"] == "Another Login"
        assert (await login.value("start"))["login_url"] == "https://elsewhere.example.org/"
        listed = [s["name"] for s in await client.manage("list_services", "public")
                  if s["id"].endswith(":hypha-login")]
        assert listed == ["Another Login"]
        await theirs.disconnect()
        await until(lambda: server.metric("hyphad_peers") == 2)
        info = await client.manage("get_service_info", "public/hypha-login")
        assert info["name"] == "Hypha Login"
        assert set(await login.value("start")) >= {"report_url", "check_url"}
        again = await rival(hub, server)
        await again.register_service(OTHER)
        await again.unregister_service("hypha-login")
        info = await client.manage("get_service_info", "public/hypha-login")
        assert info["name"] == "Hypha Login"


@pytest.mark.req("D-46")
async def test_nobody_else_takes_over(hub, start_server):
    server = start_server()
    alice = await hub.py(server=server, token=people.login("alice"))
    await alice.register_service(OTHER)
    stranger = await hub.raw(server=server)
    info = await stranger.manage("get_service_info", "public/hypha-login")
    assert info["name"] == "Hypha Login" and info["type"] == "functions"
    assert info["description"] == "Login service for Hypha"
    guest = await hub.raw(server=server, token=people.login("alice"), workspace="public")
    assert guest.workspace == "ws-user-alice", "who may not write there is not let in"
    with pytest.raises(RpcError, match="Permission denied"):
        await stranger.manage("unregister_service", "public/hypha-login")


def page_of(event):
    if event["query_string"] == "fail":
        raise ValueError("told you")
    return {"status": 201, "headers": {"Content-Type": "text/html", "X-Login": "theirs",
                                       "Content-Length": "7"},
            "body": f"<p>{event['method']} {event['path']} {event['query_string']} "
                    f"{event['user']['id']} {event['headers']['x-seen']} {event['body']}</p>"}


async def test_its_pages_are_its_own(hub, start_server):
    server = start_server(*people.ROOT_ARGS)
    page = "/public/apps/hypha-login/"
    async with Login(server) as login:
        web = login.web
        theirs = await rival(hub, server)
        await theirs.register_service({**OTHER, "index": page_of, "profile": page_of,
                                       "deep": {"page": page_of}, "wrong": lambda event: 5})
        headers = {"X-Seen": "yes"}
        answer = await web.get(page, params={"key": "k"}, headers=headers)
        assert (answer.status_code, answer.headers["x-login"]) == (201, "theirs")
        assert answer.headers["content-type"] == "text/html"
        assert answer.text == "<p>GET / key=k anonymouz-http yes None</p>"
        headers["Authorization"] = f"Bearer {people.login('alice')}"
        answer = await web.post(f"{page}deep/page", content=b"xy", headers=headers)
        assert answer.text == "<p>POST /deep/page  alice yes b'xy'</p>"
        assert "GET /profile" in (await web.get(f"{page}profile", headers=headers)).text
        assert (await web.get(f"{page}nothing")).status_code == 404
        assert (await web.get(f"{page}wrong")).status_code == 500
        answer = await web.get(f"{page}?fail", headers=headers)
        assert answer.status_code == 400 and "told you" in answer.text
        assert (await web.get("/login")).headers["location"] == page
        await theirs.disconnect()
        await until(lambda: server.metric("hyphad_peers") == 1)
        assert "Hypha Account" in (await web.get(page)).text
        assert (await web.get(f"{page}nothing")).status_code == 404
