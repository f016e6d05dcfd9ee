"""Frames between clients: what is rewritten, what is kept, what is refused."""
import asyncio
import contextlib

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed

from kit import tokens, wire
from kit.raw import RpcError


async def read_only(hub, owner, client_id="reader"):
    """A client whose permission on the owner's workspace is exactly read."""
    token = await owner.manage("generate_token", {"permission": "read"})
    return await hub.raw(client_id, workspace=owner.workspace, token=token, is_registered=False)


async def sync(raw, peer):
    """When this returns, everything `raw` sent to `peer` before has been delivered or dropped."""
    mark = wire.new_id()
    await raw.send({"type": "sync", "to": peer.address, "mark": mark})
    await peer.frame(lambda m, e: m.get("mark") == mark)


@pytest.mark.req("W-030")
@pytest.mark.parametrize("tail", [
    wire.pack({"args": [1, "x", b"y"], "promise": "*", "t": 15}),
    # The same map in the longest forms, a float32, an int that would fit in less, an ext value.
    b"\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x04args\xdd\x00\x00\x00\x04"
    b"\xca\x3f\x80\x00\x00\xd3\x00\x00\x00\x00\x00\x00\x00\x01\xd4\x05\x07\xc6\x00\x00\x00\x01z",
    wire.pack({"args": [bytes(200_000), {"deep": [[[[1.5]]]]}]}),
    b"\x80",
])
async def test_segment_2_is_byte_identical(hub, server, tail):
    alice, bob = await hub.raw_pair()
    main = {"type": "method", "to": "bob", "method": "nowhere.to.be.found", "session": "s1"}
    await alice.ws.send(wire.pack(main) + tail)
    got = await bob.frame(lambda m, e: m.get("method") == "nowhere.to.be.found")
    assert got[2] == tail


@pytest.mark.req("W-031")
async def test_unknown_keys_of_segment_1_keep_their_values(hub, server):
    alice, bob = await hub.raw_pair()
    extra_keys = {"f32": 1.5, "nan-free": -1e308, "big": 2 ** 64 - 1, "small": -2 ** 63,
                  "bin": bytes(10_000),
                  "nested": {"a": {"b": [{"c": None}, True, "é"]}}, "list": list(range(100)),
                  "ext": msgpack.Timestamp(5), "own": msgpack.ExtType(7, b"abc"),
                  "empty": {}, "session": "s", "parent": "p"}
    await alice.send({"type": "unknown-kind", "to": "bob", **extra_keys})
    main, extra, _, frame = await bob.frame(lambda m, e: m["type"] == "unknown-kind")
    for key, value in extra_keys.items():
        assert main[key] == value, key
        assert wire.pack(key) + wire.pack(value) in frame, key
    assert extra is None
    raw32 = b"\x83\xa4type\xa1k\xa2to\xa3bob\xa1x\xca\x3f\xc0\x00\x00"
    await alice.ws.send(raw32)
    frame = (await bob.frame(lambda m, e: m["type"] == "k"))[3]
    if server.target == "hyphad":
        assert b"\xa1x\xca\x3f\xc0\x00\x00" in frame, "a float32 stays a float32"


@pytest.mark.req("W-032", "S-05")
async def test_forged_identity_is_replaced(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.send({"type": "method", "from": "ws-user-root/root", "to": "bob", "method": "x.y.z",
                      "ws": "ws-user-root", "user": {"id": "root", "roles": ["admin"]}},
                     {"args": []})
    main = (await bob.frame(lambda m, e: m.get("method") == "x.y.z"))[0]
    assert main["from"] == alice.address
    assert main["to"] == bob.address
    assert main["ws"] == alice.workspace
    assert main["user"]["id"] == alice.info["user"]["id"]
    assert main["user"]["roles"] == ["anonymous"]
    await alice.send({"type": "plain", "to": "bob"})
    main = (await bob.frame(lambda m, e: m["type"] == "plain"))[0]
    assert main["from"] == alice.address and main["ws"] == alice.workspace


@pytest.mark.req("W-033")
async def test_ctx_of_segment_1_is_removed(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.send({"type": "method", "to": "bob", "method": "x.y",
                      "ctx": {"ws": "ws-user-root"}}, {"args": []})
    main = (await bob.frame(lambda m, e: m.get("method") == "x.y"))[0]
    if server.target == "hyphad":
        assert "ctx" not in main
    assert main["ws"] == alice.workspace


@pytest.mark.req("W-033")
@pytest.mark.differs("the original forwards them, and current clients let them win")
@pytest.mark.parametrize("key", ["ctx", "from", "ws", "user", "to", "type", "method", "session",
                                 "parent", "other"])
async def test_reserved_keys_in_segment_2_are_refused(hub, server, key):
    alice, bob = await hub.raw_pair()
    session = await alice.post("services.calc.add", 1, to="bob", extra={key: "forged"})
    with pytest.raises(RpcError):
        await alice.settled(session)
    await alice.send({"type": "method", "to": "bob", "method": "a.b"}, {"args": [], key: "forged"})
    if key != "other":
        await alice.send({"type": "event", "to": "bob"}, {key: "forged"})
    await alice.send({"type": "event", "to": "bob"}, {"harmless": 1, "data": 2})
    await sync(alice, bob)
    passed = [m for m, _, _, _ in bob.frames]
    assert [m["type"] for m in passed] == ["event"], passed


@pytest.mark.req("W-034")
async def test_forged_identity_towards_the_manager(hub, server):
    alice, mallory = await hub.raw("alice"), await hub.raw("mallory")
    forged = {"from": alice.address, "ws": alice.workspace,
              "user": {"id": "root", "roles": ["admin"]}}
    if server.target == "hyphad":
        forged["ctx"] = {"ws": alice.workspace, "from": alice.address}
    session = await mallory.post("services.default.list_clients", main=forged)
    _, listed = await mallory.settled(session)
    assert [c["id"] for c in listed] == [mallory.address]


@pytest.mark.req("W-034")
@pytest.mark.differs("the original merges segment 2 over the context")
async def test_forged_identity_in_segment_2_towards_the_manager(hub, server):
    alice, mallory = await hub.raw("alice"), await hub.raw("mallory")
    for key, value in (("ws", alice.workspace), ("from", alice.address),
                       ("ctx", {"ws": alice.workspace}), ("user", {"id": "root"})):
        session = await mallory.post("services.default.list_clients", extra={key: value})
        with pytest.raises(RpcError, match="Invalid message: the payload has a key that only the hub may set"):
            await mallory.settled(session)


@pytest.mark.req("W-035")
async def test_addresses(hub, server):
    alice, bob = await hub.raw_pair()
    stranger = await hub.raw("bob")
    for to, receiver in (("bob", bob), (bob.address, bob), (stranger.address, stranger)):
        mark = wire.new_id()
        await alice.send({"type": "hello", "to": to, "mark": mark})
        main = (await receiver.frame(lambda m, e: m.get("mark") == mark))[0]
        assert main["to"] == receiver.address and main["from"] == alice.address
        assert main["ws"] == alice.workspace
    await stranger.send({"type": "back", "to": alice.address})
    assert (await alice.event("back"))["ws"] == stranger.workspace


@pytest.mark.req("W-036")
async def test_malformed_frames_are_dropped(hub, server):
    alice, bob = await hub.raw_pair()
    good = {"type": "x", "to": "bob"}
    for frame in (b"", b"\xc1", b"hello", wire.pack([1, 2]), wire.pack("text"), wire.pack(7),
                  wire.pack({"type": "x"}), wire.pack({}), wire.pack(good)[:-2],
                  b"\xdf\xff\xff\xff\xff", b"\x81" * 5000, b"\x91" * 100_000):
        await alice.ws.send(frame)
    await sync(alice, bob)
    assert not bob.frames and alice.is_open


@pytest.mark.req("W-036")
@pytest.mark.differs("the original answers some of them with internal texts, and forwards others")
@pytest.mark.parametrize("frame", [
    b"\x83\xa4type\xa1x\xa2to\xa3bob\xa2to\xa3bob",                         # duplicate key
    b"\x83\xa4type\xa1x\xa2to\xa3bob\xa4type\xa1y",
    b"\x82\xa4type\xa1x\xa2to\x07", b"\x82\xa4type\xa1x\xa2to\xa0",          # to: 7, to: ""
    wire.pack({"type": "x", "to": "bob"}) + b"\xc0",                        # segment 2 not a map
    wire.pack({"type": "x", "to": "bob"}) + wire.pack({}) + b"\x00",        # bytes after segment 2
    wire.pack({"type": "x", "to": "bob"}) + b"\x81\xa1a",                   # segment 2 cut short
    wire.pack({1: 2, "type": "x", "to": "bob"}),                    # a key that is no string
    wire.pack({"type": "x", "to": "*/*"}), wire.pack({"type": "x", "to": "a/b/c"}),
    wire.pack({"type": "x", "to": "/bob"}), wire.pack({"type": "x", "to": "b*"}),
])
async def test_more_malformed_frames_are_dropped(hub, server, frame):
    alice, bob = await hub.raw_pair()
    await bob.manage("subscribe", "x")
    await alice.ws.send(frame)
    await sync(alice, bob)
    assert not bob.frames and alice.is_open


@pytest.mark.req("W-037")
async def test_broadcast_reaches_subscribers_of_the_workspace(hub, server):
    alice, bob = await hub.raw_pair()
    deaf = await hub.raw("deaf", workspace=alice.workspace,
                         token=await alice.manage("generate_token"))
    stranger = await hub.raw("stranger")
    for raw in (alice, bob, stranger):
        assert await raw.manage("subscribe", "news") is True
    await alice.send({"type": "news", "to": "*", "data": {"k": 1}, "n": 5})
    for raw in (alice, bob):
        main = (await raw.frame(lambda m, e: m["type"] == "news"))[0]
        assert main["data"] == {"k": 1} and main["n"] == 5
        assert main["to"] == f"{alice.workspace}/*" and main["from"] == alice.address
        assert main["ws"] == alice.workspace and main["user"]["id"] == alice.info["user"]["id"]
    await sync(alice, deaf)
    await alice.send({"type": "sync", "to": stranger.address, "mark": "end"})
    await stranger.frame(lambda m, e: m.get("mark") == "end")
    for raw in (alice, bob, deaf, stranger):
        assert not raw.seen(lambda m, e: m["type"] == "news")


@pytest.mark.req("W-037")
async def test_broadcast_of_method_frames_is_filtered(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.send({"type": "method", "to": "*", "method": "services.x.y"}, {"args": []})
    await sync(alice, bob)
    assert not bob.frames


@pytest.mark.req("W-038")
@pytest.mark.differs("the original delivers it")
async def test_broadcast_into_another_workspace_is_refused(hub, server):
    alice, stranger = await hub.raw("alice"), await hub.raw("stranger")
    await stranger.manage("subscribe", "news")
    await alice.send({"type": "news", "to": f"{stranger.workspace}/*"})
    await alice.send({"type": "news", "to": "*/*"})
    await sync(alice, stranger)
    assert not stranger.frames


@pytest.mark.req("W-039", "S-39")
async def test_read_only_client(hub, server):
    alice = await hub.raw("alice")
    await alice.manage("subscribe", "news")
    reader = await read_only(hub, alice)
    forms = ["*"] if server.target == "original" else ["*", f"{alice.workspace}/*"]
    for to in forms:
        await reader.send({"type": "news", "to": to})
    await sync(reader, alice)
    assert not alice.frames
    if server.target == "hyphad":
        session = wire.new_id()
        await reader.send({"type": "news", "to": "*", "session": session})
        with pytest.raises(RpcError, match="Read-only client .* cannot broadcast messages"):
            await reader.settled(session)
    with pytest.raises(RpcError, match=f"Permission denied for workspace {alice.workspace}"):
        await reader.register()


@pytest.mark.req("W-039", "S-27")
async def test_read_only_python_client_connects(hub, server):
    owner = await hub.py("owner")
    token = await owner.generate_token({"permission": "read"})
    reader = await hub.py("reader", workspace=owner.config.workspace, token=token)
    with pytest.raises(Exception, match="Permission denied"):
        await reader.register_service({"id": "s", "f": lambda: 1})
    assert await reader.list_services() is not None


@pytest.mark.req("W-042")
async def test_frames_keep_their_order(hub, server):
    alice, bob = await hub.raw_pair()
    stranger = await hub.raw("stranger")
    n = 2000

    async def send(receiver):
        for i in range(n):
            await alice.send({"type": "n", "to": receiver.address, "i": i},
                             {"pad": b"x" * (i % 300)})
    await asyncio.gather(send(bob), send(stranger))
    for receiver in (bob, stranger):
        await sync(alice, receiver)
        assert [m["i"] for m, _, _, _ in receiver.frames if m["type"] == "n"] == list(range(n))


@pytest.mark.req("W-044")
async def test_server_emits_string_keys_only(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.register("calc", {"add": lambda a, b: a + b})
    await bob.manage("subscribe", ["service_added", "client_disconnected"])

    def check(value):
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value), value
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)
    for result in (await bob.call("services.built-in.get_service", "default"),
                   await bob.manage("list_services"), await bob.manage("list_clients"),
                   await bob.manage("get_service", "alice:calc"),
                   await bob.manage("check_status"), await bob.manage("get_workspace_info")):
        check(result)
    await alice.register("more")
    check(await bob.event("service_added"))


@pytest.mark.req("W-044", "W-061")
@pytest.mark.parametrize("interval", [15, 15.0, 0.5, 1 << 40])
async def test_interval_may_be_int_or_float(hub, server, interval):
    raw = await hub.raw("alice")
    session = await raw.post("services.default.echo", "hi", extra={"t": interval})
    assert (await raw.settled(session))[1] == "hi"
    session = wire.new_id()
    parts = {name: wire.reference(raw.client_id, f"{session}.{name}", False)
             for name in ("resolve", "reject", "heartbeat")}
    await raw.send({"type": "method", "to": raw.manager, "method": "services.default.echo",
                    "session": session},
                   {"args": ["ho"], "promise": {**parts, "interval": interval}})
    assert (await raw.settled(session))[1] == "ho"


@pytest.mark.req("W-048")
@pytest.mark.differs("the original closes the connection")
@pytest.mark.timeout(90)
async def test_fast_sender_is_slowed_not_closed(hub, server):
    """4,000 frames at once: twice the burst. Reading pauses, nothing is lost, nobody is closed."""
    alice, bob = await hub.raw_pair()
    for i in range(4000):
        await alice.send({"type": "n", "to": "bob", "i": i})
    last = (await bob.frame(lambda m, e: m.get("i") == 3999, timeout=60))[0]
    assert last["i"] == 3999 and alice.is_open
    assert [m["i"] for m, _, _, _ in bob.frames] == list(range(3999))


@pytest.mark.req("W-048")
@pytest.mark.allow_warn("rate")
async def test_rate_limit_of_the_original(hub, start_server, target):
    args = ("--ws-rate-action=close",) if target == "hyphad" else ()
    server = start_server(*args, env={"HYPHA_WS_MSG_RATE_LIMIT": "20",
                                      "HYPHA_WS_MSG_BURST_LIMIT": "60"})
    raw = await hub.raw("alice", server=server)
    with contextlib.suppress(ConnectionClosed):     # under our hands
        for _ in range(300):
            await raw.send({"type": "n", "to": "nobody"})
    refusal = await raw.refused()
    assert refusal.code == 1008, refusal
    assert refusal.reason == "Rate limit exceeded: too many messages per second"
    assert refusal.message == refusal.reason


async def test_token_of_another_workspace_does_not_open_this_one(hub, server):
    raw = await hub.raw("alice", token=tokens.mint("erin"))
    with pytest.raises(RpcError, match="Permission denied"):
        other = await hub.raw("other")
        await raw.manage("list_clients", other.workspace)


@pytest.mark.req("W-030")
@pytest.mark.differs("the original has no such limit")
async def test_a_frame_that_is_no_longer_than_a_routing_map_may_be_goes_its_way(hub, start_server):
    """Frames of that length are looked at when they are whole, longer ones as they come."""
    hub.server = start_server("--rpc-max-header", "1M")
    alice, bob = await hub.raw_pair()
    for size in (100_000, 200_000, 1_000_000, 1_100_000):
        tail = wire.pack({"args": [bytes(size)]})
        await alice.ws.send(wire.pack({"type": "method", "to": "bob", "method": f"nowhere.{size}"}) + tail)
        assert (await bob.frame(lambda m, e: m.get("method") == f"nowhere.{size}"))[2] == tail
