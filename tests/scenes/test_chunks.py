"""Values larger than a frame: chunked by the clients, and by the server when it answers."""
import os

import pytest

from kit import services, wire
from kit.chunks import offer_cache, send_chunked
from kit.raw import RpcError

MAX_ORIGINATED = 263_168
SIZES = pytest.mark.parametrize("size", [300_000, 1_000_000, 10_000_000])
CACHE = "services.built-in.message_cache"


@SIZES
@pytest.mark.req("W-045", "W-046")
async def test_python_echo_at_the_manager(hub, server, size):
    api = await hub.py("big")
    data = os.urandom(size)
    assert await api.echo(data) == data


@SIZES
@pytest.mark.req("W-045", "W-046")
async def test_js_echo_at_the_manager(hub, server, size):
    js = await hub.js("big")
    sent = {"$bytes": size, "fill": 3}
    got = await js.manage("echo", sent)
    total = 0
    for _ in range(size):
        total = (total * 31 + 3) & 0xffffffff
    assert got == {"$bytes": size, "sum": total}


@pytest.mark.req("W-045", "D-29")
async def test_an_old_client_has_room_for_its_envelope(hub, server):
    """JavaScript 0.20.42 leaves 1,024 bytes of a frame for it, in which our ids stand beside its own, four times: were ours long,
    a call that needs chunks would never end."""
    own = "481kfxupyc1796032258350"     # as long as those it makes itself
    old = await hub.js(own, version="0.20.42")
    got = await old.manage("echo", {"$bytes": 1_200_000, "fill": 3})
    assert got["$bytes"] == 1_200_000
    beside = await hub.js("provider", version="0.20.42", beside=old)
    await beside.register("calc", "calc")
    calc = await old.service("provider:calc")
    assert await calc.call("size", {"$bytes": 1_200_000}) == 1_200_000


@SIZES
@pytest.mark.req("W-045")
async def test_large_values_between_clients(hub, server, size):
    provider = await hub.py("prov")
    await provider.register_service(services.calc())
    consumer = await hub.py("cons", beside=provider)
    calc = await consumer.get_service("prov:calc")
    data = os.urandom(size)
    assert await calc.echo(data) == data


@pytest.mark.req("W-045")
@pytest.mark.parametrize("size", [262_000, 263_500, 300_000, 2_000_000])
async def test_frames_of_the_server_stay_small(hub, server, size):
    raw = await hub.raw("alice")
    counts = offer_cache(raw)
    frame = wire.pack({"type": "method", "to": raw.manager, "from": raw.address, "session": "sess1",
                       "method": "services.default.echo"}) \
        + wire.pack({"args": [bytes(size)], "promise": "*", "t": 15})
    await send_chunked(raw, raw.manager, frame)
    _, value = await raw.settled("sess1", timeout=40)
    assert value == bytes(size)
    assert raw.largest_frame <= MAX_ORIGINATED + 1024
    assert counts["process"] == (1 if size > 263_000 else 0)


@pytest.mark.req("W-046")
@pytest.mark.parametrize("how", ["set", "append"])
async def test_chunked_argument_for_the_manager(hub, server, how):
    raw = await hub.raw("alice")
    offer_cache(raw)
    data = os.urandom(10_000_000)
    frame = wire.pack({"type": "method", "to": raw.manager, "from": raw.address, "session": "sess2",
                       "method": "services.default.echo"}) \
        + wire.pack({"args": [data], "promise": "*", "t": 15})
    await send_chunked(raw, raw.manager, frame, how=how)
    assert (await raw.settled("sess2", timeout=40))[1] == data


@pytest.mark.req("W-047")
async def test_keys_belong_to_their_sender(hub, server):
    alice, mallory = await hub.raw("alice"), await hub.raw("mallory")
    await alice.call(f"{CACHE}.create", "key1", False, to=alice.manager)
    await alice.call(f"{CACHE}.set", "key1", 0, b"\x80", False, to=alice.manager)
    if server.target == "hyphad":
        for call in (("set", "key1", 0, b"x", False), ("append", "key1", b"x", False),
                     ("process", "key1", False), ("remove", "key1")):
            with pytest.raises(RpcError, match="Message with key key1 does not exists"):
                await mallory.call(f"{CACHE}.{call[0]}", *call[1:], to=mallory.manager)
        await mallory.call(f"{CACHE}.create", "key1", False, to=mallory.manager)
    frame = wire.pack({"type": "method", "to": alice.manager, "session": "s3",
                       "method": "services.default.echo"}) \
        + wire.pack({"args": ["whole"], "promise": "*", "t": 15})
    await alice.call(f"{CACHE}.set", "key1", 0, frame, False, to=alice.manager)
    await alice.call(f"{CACHE}.process", "key1", False, to=alice.manager)
    assert (await alice.settled("s3"))[1] == "whole"


@pytest.mark.req("W-047", "W-034")
async def test_chunked_frame_cannot_forge_its_sender(hub, server):
    alice, mallory = await hub.raw("alice"), await hub.raw("mallory")
    frame = wire.pack({"type": "method", "to": mallory.manager, "from": alice.address,
                       "ws": alice.workspace, "user": {"id": "root", "roles": ["admin"]},
                       "session": "s4", "method": "services.default.list_clients"}) \
        + wire.pack({"promise": "*", "t": 15})
    await send_chunked(mallory, mallory.manager, frame)
    _, listed = await mallory.settled("s4")
    assert [c["id"] for c in listed] == [mallory.address]


@pytest.mark.req("W-046")
async def test_errors_of_the_cache(hub, server):
    raw = await hub.raw("alice")
    with pytest.raises(RpcError, match="Message with key nokey does not exists"):
        await raw.call(f"{CACHE}.append", "nokey", b"x", False, to=raw.manager)
    await raw.call(f"{CACHE}.create", "key2", False, to=raw.manager)
    with pytest.raises(RpcError, match="already exists in the cache store"):
        await raw.call(f"{CACHE}.create", "key2", False, to=raw.manager)
    await raw.call(f"{CACHE}.create", "key2", False, True, to=raw.manager)
    await raw.call(f"{CACHE}.remove", "key2", to=raw.manager)
    with pytest.raises(RpcError, match="does not exists"):
        await raw.call(f"{CACHE}.process", "key2", False, to=raw.manager)
    with pytest.raises(RpcError, match="session does not exist anymore"):
        await raw.call(f"{CACHE}.create", "no-session", True, to=raw.manager)


@pytest.mark.req("W-046")
@pytest.mark.differs("the original accepts gaps, nesting, and any number of keys")
@pytest.mark.allow_warn("chunk|cache")
async def test_the_cache_is_bounded(hub, start_server):
    server = start_server("--max-chunk-keys=4", "--max-chunk-bytes=1M")
    raw = await hub.raw("alice", server=server)
    for i in range(4):
        await raw.call(f"{CACHE}.create", f"k{i}", False, to=raw.manager)
    for i in range(4, 8):
        with pytest.raises(RpcError, match="Too many or too large chunked messages"):
            await raw.call(f"{CACHE}.create", f"k{i}", False, to=raw.manager)
    with pytest.raises(RpcError, match="Too many or too large chunked messages"):
        for i in range(64):
            await raw.call(f"{CACHE}.set", "k3", i, bytes(100_000), False, to=raw.manager)
    assert i == 10, "the eleventh is above 1 MiB"
    other = await hub.raw("other", server=server)
    await other.call(f"{CACHE}.create", "gap", False, to=other.manager)
    await other.call(f"{CACHE}.set", "gap", 1, b"\x80", False, to=other.manager)
    with pytest.raises(RpcError, match="Chunks of message gap are missing"):
        await other.call(f"{CACHE}.process", "gap", False, to=other.manager)
    nested = wire.pack({"type": "method", "to": other.manager, "session": "n",
                        "method": f"{CACHE}.create"}) + wire.pack({"args": ["x"], "promise": "*",
                                                                   "t": 15})
    await other.call(f"{CACHE}.create", "nest", False, to=other.manager)
    await other.call(f"{CACHE}.set", "nest", 0, nested, False, to=other.manager)
    with pytest.raises(RpcError, match="A chunked message may not call message_cache"):
        await other.call(f"{CACHE}.process", "nest", False, to=other.manager)
    assert await other.manage("echo", 1) == 1
    assert not other.frames, "nor has it been called"


@pytest.mark.req("W-079")
async def test_large_reply_to_the_server(hub, server):
    """A provider whose service map is larger than a frame: the manager reassembles it."""
    provider = await hub.py("prov")
    service = services.calc(visibility="public")
    service["table"] = "v" * 700_000
    del service["description"]
    raw = await hub.raw("rawc", workspace=provider.config.workspace,
                        token=await provider.generate_token())
    offer_cache(raw)
    # The record sent at registration is small; only the map behind get_service is large.
    await raw.register("wide", {"f": lambda: 1})
    provider.rpc.add_service({**service, "id": "huge"}, {"overwrite": True})
    got = await raw.call("services.built-in.get_service", "huge", to="prov", timeout=40)
    assert got["table"] == "v" * 700_000


@pytest.mark.req("W-079", "W-045")
async def test_large_service_through_the_manager(hub, server):
    provider = await hub.py("prov")
    await provider.register_service({"id": "s", "config": {"visibility": "public"},
                                     "f": lambda: 1, "table": "t"})
    provider.rpc._services["s"]["table"] = "v" * 700_000
    consumer = await hub.py("cons", beside=provider)
    got = await consumer.get_service("prov:s")
    assert got.table == "v" * 700_000 and await got.f() == 1
