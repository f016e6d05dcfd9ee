"""Clients that speak over GET and POST /rpc instead of a WebSocket."""
import asyncio

import numpy as np
import pytest

from kit import tokens
from kit.hub import until
from kit.http_stream import Stream
from kit.people import login, refusal_of, user


@pytest.fixture
def open_stream(server):
    """Opens streams inside a scene; they are closed by the end of the loop that runs it."""
    async def start(token=None, **query):
        return await Stream.open(server, token, **query)
    return start


@pytest.mark.differs("anonymous streams share a user in the original (D-33)")
@pytest.mark.req("W-090", "W-091")
async def test_the_first_frame_is_connection_info(hub, server, open_stream):
    stream = await open_stream(client_id="s1")
    assert stream.info["client_id"] == "s1"
    assert stream.info["workspace"].startswith("ws-user-anonymouz-")
    assert isinstance(stream.info["reconnection_token_life_time"], float)
    head = stream.response.headers
    assert head["content-type"] == "application/x-msgpack-stream"
    assert head["cache-control"] == "no-store" and head["x-accel-buffering"] == "no"
    assert "content-encoding" not in head and "content-length" not in head
    assert await stream.call("services.default.echo", 7) == ("resolve", 7)
    await stream.close()
    unnamed = await open_stream()
    assert unnamed.info["client_id"]
    await unnamed.close()



@pytest.mark.differs("reads our own figures")
@pytest.mark.req("W-091", "W-097")
async def test_the_python_client_over_http(hub, server):
    over_http = await hub.py("http-py", transport="http")
    assert server.metric("hyphad_http_streams") == 1
    over_ws = await hub.py("ws-py", beside=over_http)
    heard = []

    async def call_back(x):
        heard.append(x)
        return x + 1

    async def use(callback, array):
        return [await callback(1), array * 2]
    await over_http.register_service({"id": "svc", "use": use, "boom": lambda: 1 / 0,
                                      "size": lambda data: len(data)})
    service = await over_ws.get_service("svc")
    result = await service.use(call_back, np.arange(4, dtype="float32"))
    assert result[0] == 2 and heard == [1] and np.array_equal(result[1], np.arange(4) * 2)
    with pytest.raises(Exception, match="division by zero"):
        await service.boom()
    assert await service.size(b"x" * 10_000_000) == 10_000_000
    await over_ws.register_service({"id": "back", "echo": lambda x: x})
    back = await over_http.get_service("back")
    assert await back.echo({"a": [1, None]}) == {"a": [1, None]}
    data = bytes(range(256)) * 40_000
    assert await back.echo(data) == data


@pytest.mark.differs("reads our own figures")
@pytest.mark.req("W-091", "W-097")
async def test_the_js_client_over_http(hub, server):
    js = await hub.js("http-js", transport="http")
    assert server.metric("hyphad_http_streams") == 1
    py = await hub.py("ws-py", beside=js)
    await py.register_service({"id": "calc", "add": lambda a, b: a + b})
    assert await js.manage("echo", 5) == 5
    info = await py.list_clients()
    assert {c["id"] for c in info} >= {f"{js.workspace}/http-js"}


@pytest.mark.differs("the interval is our own option")
@pytest.mark.req("W-092")
async def test_a_silent_stream_is_pinged(hub, start_server):
    server = start_server("--stream-ping-interval", "0.2")
    stream = await Stream.open(server, client_id="s1")
    for _ in range(3):
        assert await stream.control("ping", timeout=10) == {"type": "ping"}
    assert (await stream.post({"type": "ping"})).status_code == 200
    assert await stream.control("pong") == {"type": "pong"}
    assert (await stream.post({"type": "refresh_token"})).status_code == 200
    assert (await stream.control("reconnection_token"))["reconnection_token"]
    await stream.close()


@pytest.mark.req("A-079", "A-047", "D-05", "D-07", "W-093")
@pytest.mark.differs("the original honours any workspace and any client id")
async def test_a_stream_stays_within_its_token(hub, server, open_stream):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-b"})
    bound = await ada.manage("generate_token")
    refused = await open_stream(bound, client_id="s1", workspace="ada-b")
    assert refused.status_code == 403 and "does not match" in refused.json()["detail"]
    mine = await ada.manage("generate_token", {"client_id": "only-me"})
    assert (await open_stream(mine, client_id="other")).status_code == 403
    stream = await open_stream(mine, client_id="only-me")
    assert stream.address == "ws-user-ada/only-me"
    await stream.close()
    stranger = await open_stream(login("bob"), client_id="s1", workspace="ws-user-ada")
    assert stranger.status_code == 403
    assert "Permission denied for workspace" in stranger.json()["detail"]
    for bad in ("garbage", login("ada", ttl=-5)):
        answer = await open_stream(bad, client_id="s1")
        assert answer.status_code == 401 and "success" not in answer.json()
    special = await ada.manage("generate_token", {"extra_scopes": ["get_file:a:b"]})
    assert (await open_stream(special, client_id="s1")).status_code == 403
    await ada.manage("delete_workspace", "ada-b")


@pytest.mark.differs("the original wants a token with each post (5.3)")
@pytest.mark.req("W-093", "A-053")
async def test_reconnection_tokens_of_streams(hub, server, open_stream):
    stream = await open_stream(login("ada"), client_id="s1")
    token = stream.info["reconnection_token"]
    await stream.close()
    again = await open_stream(client_id="s1", reconnection_token=token)
    assert again.address == "ws-user-ada/s1"
    # Opened with a reconnection token alone: its posts are known by its cookie, and not by where they come from.
    assert (await again.post({"type": "ping"})).status_code == 403
    assert (await again.post({"type": "ping"}, cookies=again.cookies)).status_code == 200
    await again.close()
    for query in ({"client_id": "s2"}, {"client_id": "s1", "workspace": "ws-user-bob"}):
        answer = await open_stream(reconnection_token=token, **query)
        assert answer.status_code == 401
        assert answer.json()["detail"].startswith("Invalid reconnection token: ")
    assert (await open_stream(client_id="s1", reconnection_token="x")).status_code == 401


@pytest.mark.req("A-080", "D-06", "W-095")
@pytest.mark.differs("in the original anybody may post as anybody")
async def test_only_its_user_posts_to_a_stream(hub, server, open_stream):
    ada = await user(hub, "ada")
    token = login("ada")
    stream = await open_stream(token, client_id="s1")
    message = {"type": "news", "to": ada.client_id, "data": 1}
    for other in (None, login("bob"), "garbage"):
        assert (await stream.post(message, token=other)).status_code == 403
    await ada.manage("echo", 1)
    assert not ada.seen(lambda m, e: m.get("type") == "news")
    assert (await stream.post(message, token=token)).status_code == 200
    assert (await ada.event("news"))["from"] == "ws-user-ada/s1"
    forged = {**message, "from": "ws-user-bob/x", "ws": "ws-user-bob", "user": {"id": "root"}}
    assert (await stream.post(forged, token=token)).status_code == 200
    heard = await ada.event("news")
    assert heard["from"] == "ws-user-ada/s1" and heard["user"]["id"] == "ada"
    await stream.close()
    anon = await open_stream(client_id="s2")
    assert (await anon.post({"type": "ping"}, token=login("bob"))).status_code == 403
    assert (await anon.post({"type": "ping"})).status_code == 200
    await anon.close()


@pytest.mark.req("A-081", "D-33", "W-100")
@pytest.mark.differs("in the original they share one")
async def test_anonymous_streams_are_strangers(hub, server, open_stream):
    one, two = await open_stream(client_id="same"), await open_stream(client_id="same")
    assert one.info["workspace"] != two.info["workspace"]
    assert await one.call("services.default.echo", 1) == ("resolve", 1)
    assert await two.call("services.default.echo", 2) == ("resolve", 2)
    await one.close()
    await two.close()


@pytest.mark.differs("the original ends the first one late (5.5)")
@pytest.mark.req("W-094")
async def test_a_second_stream_replaces_the_first(hub, server, open_stream):
    token = login("ada")
    first = await open_stream(login("ada"), client_id="s1")
    second = await open_stream(token, client_id="s1")
    await first.ended()
    assert await second.call("services.default.echo", 3, token=token) == ("resolve", 3)
    ada = await user(hub, "ada")
    await until(lambda: first.is_over)
    await ada.send({"type": "news", "to": "s1", "data": 1})
    assert (await second.take(lambda m, e: m.get("type") == "news"))[0]["data"] == 1
    await first.close()
    await second.close()


@pytest.mark.differs("500 in the original (5.1)")
@pytest.mark.req("W-096")
async def test_posts_that_cannot_be_routed(hub, server, open_stream):
    stream = await open_stream(client_id="s1")
    for body, query, words in ((b"", {}, "Empty request body"),
                               (b"\x80", {"client_id": None}, "client_id is required"),
                               (b"\xc1", {}, "MessagePack map"), (b"\x93\x01\x02\x03", {}, "MessagePack map"),
                               (b"\x80", {"client_id": "nobody"}, "No such stream")):
        answer = await stream.post_bytes(body, **query)
        assert answer.status_code == 400 and words in answer.json()["detail"], body
    outcome, value = await stream.call("services.x.f", to="nobody")
    assert outcome == "reject" and "nobody" in str(value)
    await stream.close()


@pytest.mark.differs("the original skips the check on streams (5.3)")
@pytest.mark.req("W-039", "S-39")
async def test_a_reader_cannot_broadcast_over_a_stream(hub, server, open_stream):
    ada = await user(hub, "ada")
    await ada.manage("subscribe", ["news"])
    token = await ada.manage("generate_token", {"permission": "read"})
    stream = await open_stream(token, client_id="reader")
    for to in ("*", ada.client_id):
        answer = await stream.post({"type": "news", "to": to, "data": to}, token=token)
        assert answer.status_code == 200
    assert (await ada.event("news"))["data"] == ada.client_id
    assert "Permission denied" in str((await stream.call(
        "services.default.set_env", "a", 1, token=token))[1])
    await stream.close()



@pytest.mark.differs("registrations stay in the original until a sweep (5.5)")
async def test_what_a_stream_offered_goes_with_it(hub, server, open_stream):
    ada = await user(hub, "ada")
    await ada.manage("subscribe", ["client_disconnected"])
    api = await hub.py("over-http", transport="http", token=login("ada"))
    await api.register_service({"id": "svc", "f": lambda: 1})
    assert (await ada.manage("get_service_info", "svc"))["id"] == "ws-user-ada/over-http:svc"
    await api.disconnect()
    assert (await ada.event("client_disconnected"))["data"]["id"] == "over-http"
    assert "Service not found" in await refusal_of(ada.manage("get_service", "svc"))


@pytest.mark.differs("they hold up the original (5.5)")
@pytest.mark.req("W-023")
async def test_open_streams_do_not_hold_up_the_exit(hub, start_server):
    server = start_server()
    streams = [await Stream.open(server, client_id=f"s{i}") for i in range(3)]
    await asyncio.get_running_loop().run_in_executor(None, server.stop)
    for stream in streams:
        await stream.ended()
        await stream.close()


async def test_many_posts_at_once(hub, server, open_stream):
    """200 in flight, as the clients do; each is answered, each arrives once."""
    token = tokens.mint("ada", "ws:ws-user-ada#a")
    ada = await user(hub, "ada")
    stream = await open_stream(token, client_id="s1")
    answers = await asyncio.gather(*(stream.post(
        {"type": "news", "to": ada.client_id, "data": i}, token=token) for i in range(200)))
    assert {a.status_code for a in answers} == {200}
    seen = {(await ada.event("news"))["data"] for _ in range(200)}
    assert seen == set(range(200))
    await stream.close()
