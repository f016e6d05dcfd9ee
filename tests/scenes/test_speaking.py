"""Who may act for a connection: nothing that others can see is a credential."""
import asyncio
import json
import os
from pathlib import Path

import msgpack
import pytest

from kit.browser import PROGRAM, Browser
from kit.hub import connection_of, until
from kit.http_stream import Stream
from kit.people import login, user
from kit.web import client_for

ELSEWHERE = "127.0.0.2"

pytestmark = pytest.mark.differs("in the original anybody may post as anybody")


def call(stream, method, *args):
    """A call of the manager, as its two halves."""
    return ({"type": "method", "to": "*/" + stream.info["manager_id"],
             "method": f"services.default.{method}", "session": "s-forged"},
            {"args": list(args), "promise": "*"})


class Ids:
    """A stream as strangers know it: by its two ids."""

    def __init__(self, server, api):
        self.server = server
        connection = connection_of(api)
        self.info = {"client_id": connection._client_id, "workspace": connection._workspace,
                     "manager_id": connection.manager_id}
    post, post_bytes = Stream.post, Stream.post_bytes


@pytest.mark.req("S-71", "D-06", "W-095")
async def test_the_python_client_is_nobody_elses_mouth(hub, server):
    """Unregistering its service and calling the manager's protected methods used to work."""
    api = await hub.py("victim", transport="http")
    await api.register_service({"id": "svc", "f": lambda: 1, "config": {"visibility": "public"}})
    ids = Ids(server, api)
    for method, args in (("unregister_service", ["svc"]), ("set_env", ["a", "b"]),
                         ("generate_token", [])):
        for token in (None, login("mallory"), "garbage"):
            answer = await ids.post(*call(ids, method, *args), token=token)
            assert answer.status_code == 403 and "Permission denied" in answer.text
    name = f"hyphad-stream-{ids.info['workspace']}%2Fvictim"
    assert [c.name for c in connection_of(api)._http_client.cookies.jar] == [name]
    wrong = await ids.post({"type": "ping"}, cookies={name: "x" * 22})
    assert wrong.status_code == 403
    assert (await api.get_service_info("svc"))["id"].endswith("victim:svc")
    assert await api.get_env() == {}


@pytest.mark.req("S-71")
async def test_a_client_that_keeps_cookies_is_known_by_its_own(hub, server):
    stream = await Stream.open(server, client_id="s1")
    head = stream.response.headers["set-cookie"]
    assert "HttpOnly" in head and "SameSite=Strict" in head and "Path=/rpc" in head
    ping = {"type": "ping"}
    assert (await stream.post(ping, address=ELSEWHERE)).status_code == 403
    assert (await stream.post(ping)).status_code == 200, "it may be one that keeps none"
    assert (await stream.post(ping, cookies=stream.cookies, address=ELSEWHERE)).status_code == 200
    assert (await stream.post(ping)).status_code == 403, "it keeps them: nothing else counts now"
    # The page logs in while the stream is open: the cookie is still the browser's.
    assert (await stream.post(ping, cookies=stream.cookies, token=login("ada"))).status_code == 200
    named = await Stream.open(server, login("ada"), client_id="s3", cookies=stream.cookies)
    assert "set-cookie" not in named.response.headers
    for one in (stream, named):
        await one.close()


def cookie_name(stream):
    return "hyphad-stream-" + stream.address.replace("/", "%2F")


@pytest.mark.req("S-71", "S-144")
async def test_each_stream_has_a_cookie_of_its_own(hub, server):
    """As the tabs of one browser, which share what they keep: none speaks for another, and none pushes another's out."""
    ping = {"type": "ping"}
    first = await Stream.open(server, client_id="s1")
    jar = first.cookies
    second = await Stream.open(server, client_id="s2", cookies=jar)
    jar = second.cookies
    assert set(jar) == {cookie_name(first), cookie_name(second)} and len(set(jar.values())) == 2
    assert (await second.post(ping)).status_code == 403, "who has shown a cookie keeps them: the first post needs it"
    for one, other in ((first, second), (second, first)):
        own = {cookie_name(one): jar[cookie_name(one)]}
        assert (await one.post(ping, cookies=jar, address=ELSEWHERE)).status_code == 200
        assert (await one.post(ping, cookies=own)).status_code == 200
        assert (await one.post(ping, cookies={cookie_name(one): jar[cookie_name(other)]})).status_code == 403
        assert (await other.post(ping, cookies=own)).status_code == 403
    await first.close()

    async def is_over():
        return (await first.post(ping, cookies=jar)).status_code == 400
    await until(is_over)
    third = await Stream.open(server, client_id="s3", cookies={**jar, "hyphad-stream-%": "x", "hyphad-stream-a/b": "x"})
    heads = third.response.headers.get_list("set-cookie")
    assert [h.split("=")[0] for h in heads if "Max-Age=0" in h] == [cookie_name(first)], "its stream is over"
    assert [h.split("=")[0] for h in heads if "Max-Age=0" not in h] == [cookie_name(third)]
    assert (await second.post(ping, cookies=jar)).status_code == 200
    for one in (second, third):
        await one.close()


@pytest.mark.req("S-144")
@pytest.mark.parametrize("is_named", (False, True))
async def test_a_cookie_that_somebody_has_planted_speaks_for_nothing(hub, server, is_named):
    """A value the server has given to somebody else, or one they made up, under any name: the stream has another."""
    ping = {"type": "ping"}
    lost = await Stream.open(server, login("ada") if is_named else None, client_id="s1")
    attacker = await Stream.open(server, client_id="s9")
    value = attacker.cookies[cookie_name(attacker)]
    planted = {**attacker.cookies, cookie_name(lost): value, "hyphad-stream": value}
    stream = await Stream.open(server, client_id="s1", workspace=lost.info["workspace"], cookies=planted,
                               reconnection_token=lost.info["reconnection_token"])
    await lost.ended()
    assert stream.address == lost.address
    heads = stream.response.headers.get_list("set-cookie")
    assert len(heads) == 1 and heads[0].startswith(cookie_name(stream) + "=")
    own = heads[0].split(";")[0].split("=")[1]
    assert own != value and own not in lost.cookies.values()
    for cookies in (planted, lost.cookies, None):
        for address in (None, ELSEWHERE):
            for message in ((ping,), call(stream, "generate_token", {"permission": "admin"})):
                assert (await stream.post(*message, cookies=cookies, address=address)).status_code == 403
    # Of a cookie for another path or domain a browser sends both, in an order that it chooses.
    async with client_for(server) as http:
        for pair in ((value, own), (own, value), (value, value, "x", own)):
            text = "; ".join(f"{cookie_name(stream)}={v}" for v in pair)
            answer = await http.post("/rpc", params={"client_id": "s1", "workspace": stream.info["workspace"]},
                                     content=msgpack.packb(ping), headers={"Cookie": text})
            assert answer.status_code == 200, pair
    for one in (stream, attacker, lost):
        await one.close()


@pytest.mark.req("S-71", "W-091")
async def test_a_client_without_cookies_is_known_by_its_address(hub, server):
    js = await hub.js("js", transport="http")
    assert await js.manage("echo", 5) == 5
    stream = await Stream.open(server, client_id="s1")
    stream.info = {**stream.info, "client_id": "js", "workspace": js.workspace}
    assert (await stream.post({"type": "ping"}, address=ELSEWHERE)).status_code == 403
    assert await js.manage("echo", 6) == 6
    await stream.close()


@pytest.mark.req("S-71", "D-05", "D-07")
async def test_only_the_very_token_acts(hub, server):
    """Revoked, narrowed, of another workspace, of another client, of another login: none of them."""
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-other"})
    own = await ada.manage("generate_token", {"expires_in": 600})
    revoked = await ada.manage("generate_token")
    await ada.manage("revoke_token", revoked)
    stream = await Stream.open(server, own, client_id="s1")
    others = [None, "garbage", revoked, login("ada"), login("ada", ttl=-5), login("bob"),
              await ada.manage("generate_token", {"permission": "read"}),
              await ada.manage("generate_token", {"workspace": "ada-other"}),
              await ada.manage("generate_token", {"client_id": "s2"}),
              await ada.manage("generate_token", {"expires_in": 600}),
              stream.info["reconnection_token"], own[:-1] + ("A" if own[-1] != "A" else "B")]
    for token in others:
        if token == own:
            continue
        for message in (call(stream, "set_env", "a", "b"),
                        ({"type": "news", "to": ada.client_id}, {"data": 1}),
                        ({"type": "refresh_token"}, None)):
            assert (await stream.post(*message, token=token)).status_code == 403, token
    cookies = {"access_token": own}
    assert (await stream.post({"type": "ping"}, cookies=cookies)).status_code == 200
    assert await stream.call("services.default.echo", 2, token=own) == ("resolve", 2)
    assert not ada.seen(lambda m, e: m.get("type") == "news")
    assert await ada.manage("get_env") == {}
    await stream.close()
    await ada.manage("delete_workspace", "ada-other")


@pytest.mark.req("S-71", "W-093")
async def test_a_reconnection_token_beside_another(hub, server):
    """It takes a login up again, beside the token of that login; it lends its rights to no other."""
    token, other = login("ada", ttl=600), login("bob")
    stream = await Stream.open(server, token, client_id="s1")
    back = stream.info["reconnection_token"]
    again = await Stream.open(server, token, client_id="s1", reconnection_token=back)
    await stream.ended()
    assert again.address == stream.address
    assert (await again.post({"type": "ping"}, token=token)).status_code == 200
    for wrong in (None, other, back):
        assert (await again.post({"type": "ping"}, token=wrong)).status_code == 403
    mixed = await Stream.open(server, other, client_id="s1", reconnection_token=back)
    assert mixed.info["workspace"] == "ws-user-bob"
    expired = login("ada", ttl=-5)
    for bad in (expired, "garbage"):
        answer = await Stream.open(server, bad, client_id="s1", reconnection_token=back)
        assert answer.status_code == 401, answer.text
    for one in (stream, again, mixed):
        await one.close()


@pytest.mark.req("S-71", "A-035")
async def test_what_holds_when_a_token_expires(hub, server):
    """A stream ends with the token its posts need; a WebSocket goes on, as in the original."""
    token = login("ada", ttl=4)
    ws, stream = await asyncio.gather(hub.raw("ws", token=token),
                                      Stream.open(server, token, client_id="s1"))
    assert "expired" in (await stream.control("error"))["message"]
    await stream.ended()
    assert (await stream.post({"type": "ping"}, token=token)).status_code == 400
    back = stream.info["reconnection_token"]
    for query in ({}, {"reconnection_token": back}):
        answer = await Stream.open(server, token, client_id="s1", **query)
        assert answer.status_code == 401 and "expired" in answer.text
    assert await ws.manage("echo", 1) == 1
    await stream.close()


@pytest.mark.req("S-71", "W-091")
@pytest.mark.parametrize("is_named", (False, True))
async def test_the_published_clients_come_back(hub, server, is_named):
    """The stream is lost; the clients take it up again, and what they post is theirs again."""
    more = {"token": login("ada")} if is_named else {}
    py = await hub.py("py", transport="http", **more)
    js = await hub.js("js", transport="http", **more)
    await py.register_service({"id": "s", "f": lambda: 1})
    taken = await Stream.open(server, client_id="py", workspace=py.config.workspace,
                              reconnection_token=connection_of(py)._reconnection_token)
    assert taken.address == f"{py.config.workspace}/py", "it ends the one that is there"
    await taken.close()
    await js.node.do("cut", conn=js.name)

    async def echoes(ask):
        return await asyncio.wait_for(ask(), 10) == 7
    await until(lambda: echoes(lambda: py.echo(7)), timeout=50, not_yet=Exception)
    await until(lambda: echoes(lambda: js.manage("echo", 7)), timeout=50, not_yet=Exception)
    # The client registers its services after it has come back, in calls of their own.
    info = await until(lambda: py.get_service_info("s"), timeout=50, not_yet=Exception)
    assert info["id"].endswith("py:s")


@pytest.mark.req("S-71", "W-091")
@pytest.mark.timeout(180)
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
async def test_a_page_of_this_origin_keeps_the_cookie(hub, server, tmp_path):
    """Two clients of one page over HTTP, each with its cookie; a page of another origin goes without."""
    script = Path(os.environ["HYPHAD_NODE_MODULES"],
                  "hypha-rpc-0.21.40/dist/hypha-rpc-websocket.js").read_text()

    def connect(client):
        settings = json.dumps({"server_url": server.url, "client_id": client, "transport": "http"})
        return ("(async () => { const api = await (window.hyphaWebsocketClient || window.hyphaRpc)"
                f".connectToServer({settings}); window.{client} = api;"
                "return [api.config.workspace, await api.echo(5)]; })()")
    spoken = await Stream.open(server, client_id="s1")

    async def posts_as(client, workspace):
        spoken.info = {**spoken.info, "client_id": client, "workspace": workspace}
        return (await spoken.post({"type": "ping"})).status_code
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + "/")
        await page.eval(script + ";0")
        names = []
        for client in ("one", "two"):
            workspace, echoed = await page.eval(connect(client))
            names.append(f"hyphad-stream-{workspace}%2F{client}")
            assert echoed == 5 and await posts_as(client, workspace) == 403
        assert await page.eval("one.echo(6)") == 6, "the second has not taken its cookie away"
        cookies = (await page.send("Network.getCookies", urls=[server.url + "/rpc"]))["cookies"]
        assert sorted(c["name"] for c in cookies) == sorted(names) and all(c["httpOnly"] for c in cookies)
        tab = await browser.page(server.url + "/")
        await tab.eval(script + ";0")
        assert (await tab.eval(connect("tab")))[1] == 5
        for client in ("one", "two"):
            assert await page.eval(f"{client}.echo(7)") == 7, "nor has another tab"
        stranger = await browser.page(server.url.replace("127.0.0.1", "localhost") + "/")
        await stranger.eval(script + ";0")
        workspace, echoed = await stranger.eval(connect("three"))
        assert echoed == 5 and await posts_as("three", workspace) == 200, "known by its address"
    await spoken.close()
