"""The handshake that succeeds, and the text messages of an open connection."""
import asyncio
import contextlib
import json
import os
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidHandshake

from kit import tokens, wire
from kit.raw import open_socket
from kit.waiting import pace

INFO_KEYS = {"type", "workspace", "client_id", "manager_id", "public_base_url", "local_base_url",
             "hypha_version", "user", "reconnection_token", "reconnection_token_life_time"}


@pytest.mark.req("W-002", "W-003", "A-060")
async def test_first_frame_is_connection_info(hub, server):
    raw = await hub.raw_open({"client_id": "alice"})
    first = await raw.text(timeout=5)
    assert first["type"] == "connection_info"
    assert INFO_KEYS <= first.keys()
    assert first["workspace"].startswith("ws-user-anonymouz-")
    assert first["client_id"] == "alice"
    assert first["user"]["is_anonymous"] is True and first["user"]["roles"] == ["anonymous"]
    assert first["user"]["id"] == first["workspace"].removeprefix("ws-user-")
    assert first["user"]["scope"]["workspaces"] == {first["workspace"]: "a"}
    assert first["reconnection_token_life_time"] == 172800
    assert first["manager_id"].startswith("manager-")
    claims = tokens.claims(first["reconnection_token"])
    assert f"cid:alice wid:{first['workspace']}" in claims["scope"]
    assert claims["exp"] - claims["iat"] == 172800
    raw.info = first
    assert await raw.manage("echo", 1) == 1
    assert not raw.frames and not raw.texts, "nothing else has come before the answer"


async def test_empty_strings_and_unknown_keys_count_as_absent(hub, server):
    raw = await hub.raw("a", workspace="", token="", reconnection_token="", extra={"x": [1]})
    assert raw.workspace.startswith("ws-user-anonymouz-")


@pytest.mark.req("A-060", "S-28")
async def test_two_anonymous_clients_get_different_workspaces(hub, server):
    a, b = await hub.raw("same"), await hub.raw("same")
    assert a.workspace != b.workspace


@pytest.mark.req("W-001")
async def test_other_paths_are_not_websockets(hub, server):
    for path in ("/", "/wss", "/ws/x", "/public/ws"):
        with pytest.raises((InvalidStatus, InvalidHandshake, ConnectionError)):
            await open_socket(server, path=path)


@pytest.mark.req("W-001")
async def test_base_path(hub, start_server):
    server = start_server("--base-path=/my/engine")
    assert server.url.endswith("/my/engine")
    raw = await hub.raw("a", server=server)
    assert raw.info["local_base_url"].endswith("/my/engine")
    api = await hub.py("b", server=server)
    assert await api.echo(3) == 3


async def test_query_parameters_that_mean_nothing(hub, server):
    raw = await hub.raw_open({"client_id": "q"}, query="?colour=red&token=&workspace=")
    await raw.joined()


@pytest.mark.req("W-019")
async def test_ping_and_refresh_token(hub, server):
    raw = await hub.raw("alice", is_registered=False)
    await raw.send_text({"type": "ping"})
    assert await raw.text() == {"type": "pong"}
    await raw.send_text({"type": "refresh_token"})
    fresh = await raw.text()
    assert fresh["type"] == "reconnection_token"
    await raw.leave()
    # In the empty anonymous workspace the token must still work.
    again = await hub.raw("alice", reconnection_token=fresh["reconnection_token"],
                          is_registered=False)
    assert again.workspace == raw.workspace


@pytest.mark.req("W-020")
async def test_texts_that_are_ignored(hub, server):
    raw = await hub.raw("alice", is_registered=False)
    for text in ("not json", '{"type":"nothing-known"}', '{"no":"type"}', '{"type":7}', "{",
                 json.dumps({"type": "ping", "pad": "x" * 1000}), "é" * 1001):
        await raw.send_text(text)
    await raw.send_text({"type": "ping"})
    assert await raw.text() == {"type": "pong"}
    assert not raw.texts


@pytest.mark.req("W-020")
@pytest.mark.differs("the original closes 1001 on JSON that is not an object")
async def test_text_that_is_not_an_object_is_ignored(hub, server):
    raw = await hub.raw("alice", is_registered=False)
    for text in ("[]", "5", '"ping"', "null"):
        await raw.send_text(text)
    await raw.send_text({"type": "ping"})
    assert await raw.text() == {"type": "pong"}


@pytest.mark.req("W-021")
async def test_protocol_ping_is_answered_under_load(hub, server):
    busy, idle = await hub.raw("busy"), await hub.raw("idle")
    sessions = [await busy.post("services.default.echo", {"x": "y" * 1000}) for _ in range(1000)]
    began = time.monotonic()
    await asyncio.wait_for(await idle.ws.ping(b"are you there"), 5)
    assert time.monotonic() - began < (10 if server.is_sanitized() else 1)
    for session in sessions:
        await busy.settled(session, timeout=30)


@pytest.mark.req("W-024")
async def test_routable_before_connection_info(hub, server):
    """A frame sent to a client at the moment it has its connection_info is never bounced."""
    sender = await hub.raw("sender")
    token = await sender.manage("generate_token")
    for i in range(20):
        raw = await hub.raw_open({"client_id": f"new-{i}", "workspace": sender.workspace,
                                  "token": token})
        await raw.joined()
        raw.functions["hello.now"] = lambda: "here"
        assert await sender.call("hello.now", to=f"new-{i}") == "here"


@pytest.mark.req("W-025")
async def test_tokens_survive_a_restart(hub, start_server, tmp_path):
    """The secret is kept: by the environment, or (hyphad) in the data folder."""
    server = start_server(data_dir=tmp_path / "data")
    token = tokens.mint("carol", ttl=3600)
    first = await hub.raw("c1", server=server, token=token)
    fresh = await first.manage("generate_token")
    reconnect = first.info["reconnection_token"]
    workspace = first.workspace
    server.stop()
    again = start_server(data_dir=tmp_path / "data", port=server.port)
    raw = await hub.raw("c1", server=again, reconnection_token=reconnect, token=token)
    assert raw.workspace == workspace == "ws-user-carol"
    other = await hub.raw("c2", server=again, token=fresh)
    assert other.workspace == workspace


@pytest.mark.req("W-025")
@pytest.mark.differs("the original makes a new random secret at every start")
async def test_made_secret_is_kept_in_the_data_folder(hub, start_server, tmp_path):
    server = start_server(env={"JWT_SECRET": None}, data_dir=tmp_path / "data")
    first = await hub.raw("c1", server=server)
    token = first.info["reconnection_token"]
    server.stop()
    again = start_server(env={"JWT_SECRET": None}, data_dir=tmp_path / "data")
    raw = await hub.raw("c1", server=again, reconnection_token=token)
    assert raw.workspace == first.workspace


@pytest.mark.req("W-028")
async def test_fragmented_messages(hub, server):
    raw = await hub.raw_open(None)
    first = json.dumps({"client_id": "pieces"})
    await raw.ws.send([first[:5], first[5:9], first[9:]])
    await raw.joined()
    session = wire.new_id()
    frame = wire.pack({"type": "method", "to": raw.manager, "from": raw.address,
                       "method": "services.default.echo", "session": session}) \
        + wire.pack({"args": ["joined"], "promise": "*", "t": 15})
    await raw.register()
    await raw.ws.send([frame[i:i + 7] for i in range(0, len(frame), 7)])
    assert (await raw.settled(session))[1] == "joined"


@pytest.mark.req("W-027")
async def test_large_message_is_accepted(hub, server):
    alice, bob = await hub.raw_pair()
    blob = os.urandom(15 << 20)
    await alice.send({"type": "big", "to": "bob"}, {"data": blob})
    _, extra, _, _ = await bob.frame(lambda m, e: m["type"] == "big", timeout=30)
    assert extra["data"] == blob


@pytest.mark.req("W-027")
@pytest.mark.differs("an option of our own")
async def test_a_message_may_be_larger_than_a_frame(hub, start_server):
    server = start_server("--max-frame=1M")
    raw = await hub.raw("alice", server=server, is_registered=False)
    message = wire.pack({"type": "big", "to": "alice"}) + wire.pack({"data": bytes(3 << 19)})
    await raw.ws.send([message[:1 << 20], message[1 << 20:]])
    assert len((await raw.frame(lambda m, e: m["type"] == "big"))[1]["data"]) == 3 << 19
    try:
        await raw.ws.send(message)
    except ConnectionClosed:
        pass
    assert (await raw.closed())[0] == 1009


@pytest.mark.req("W-027")
async def test_too_large_message_closes_1009(hub, server):
    raw = await hub.raw("alice", is_registered=False)
    with contextlib.suppress(ConnectionClosed):     # before all of it was sent
        await raw.send({"type": "big", "to": "alice"}, {"data": bytes(17 << 20)})
    code, _ = await raw.closed()
    assert code == 1009


@pytest.mark.req("W-023", "A-212")
@pytest.mark.differs("the original closes 1012 with an empty reason")
async def test_shutdown_closes_1001(hub, start_server):
    server = start_server()
    raws = [await hub.raw(server=server) for _ in range(5)]
    stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
    for raw in raws:
        assert await raw.closed(30) == (1001, "Server is shutting down")
    await stopping


@pytest.mark.req("W-022", "A-206")
async def test_idle_connection_is_closed(hub, start_server):
    server = start_server(env={"HYPHA_WS_IDLE_TIMEOUT": "2"})
    silent = await hub.raw("silent", server=server, is_registered=False)
    lively = await hub.raw("lively", server=server, is_registered=False)

    async def ping_on():
        while True:
            await lively.send_text({"type": "ping"})
            await lively.text()
            await pace(0.3, "often enough not to be idle")
    pinging = asyncio.create_task(ping_on())
    code, reason = await silent.closed(40)
    assert (code, reason) == (1001, "Idle timeout (2s)")
    assert not pinging.done()
    pinging.cancel()
    await lively.send_text({"type": "ping"})
    assert lively.is_open


@pytest.mark.req("W-026")
async def test_lost_tcp_connection_is_cleaned_up(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.manage("subscribe", ["client_disconnected"])
    bob.cut()
    event = await alice.event("client_disconnected")
    assert event["data"]["id"] == "bob" and event["data"]["workspace"] == alice.workspace
    listed = await alice.manage("list_clients")
    assert [c["id"] for c in listed] == [alice.address]
