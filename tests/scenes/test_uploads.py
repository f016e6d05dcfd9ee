"""What clients send to clients in chunks is held to the rules of what comes whole: the hub looks at it as it passes."""
import asyncio

import msgpack
import pytest

from kit.hub import until
from kit.http_stream import Stream
from kit.raw import RpcError

pytestmark = pytest.mark.differs("the original passes chunks on unseen")

CACHE = "services.built-in.message_cache."
FORBIDDEN = "a key that only the hub may set"


def frame_of(main, extra=None):
    return msgpack.packb(main) + (msgpack.packb(extra) if extra is not None else b"")


async def upload(sender, to, frame, key, step=None, by="append", heartbeat=False):
    """Sends a frame in pieces of `step` bytes; raises where the hub or the receiver refuses."""
    step = step or len(frame)
    await sender.call(CACHE + "create", key, heartbeat, to=to)
    for i, at in enumerate(range(0, len(frame), step)):
        place = [i] if by == "set" else []
        await sender.call(CACHE + by, key, *place, frame[at:at + step], heartbeat, to=to)
    return await sender.call(CACHE + "process", key, heartbeat, to=to)


async def receiver_of(hub, name="receiver"):
    """A raw client with a message_cache; what reaches it, in order."""
    raw = await hub.raw(name)
    raw.reached = []
    for call in ("create", "append", "set", "process", "remove"):
        raw.functions[CACHE + call] = \
            lambda *args, call=call: raw.reached.append((call, *args)) or call
    return raw


@pytest.mark.req("S-74", "W-033")
@pytest.mark.parametrize("by", ("append", "set"))
async def test_nobody_is_somebody_else_in_chunks(hub, server, by):
    """A protected function of the published client was called by a stranger, as root of its own workspace."""
    called = []
    victim = await hub.py("victim")
    await victim.register_service({
        "id": "s", "f": lambda context=None: called.append(context) or 1,
        "config": {"visibility": "protected", "require_context": True}})
    go = asyncio.Event()
    provider = await hub.py("provider")
    await provider.register_service({"id": "slow", "f": go.wait, "config": {"visibility": "public"}})
    pending = asyncio.ensure_future(
        (await victim.get_service(f"{provider.config.workspace}/provider:slow")).f())
    outside = await hub.raw("outside")
    ws = victim.config.workspace
    to, boss = f"{ws}/victim", f"{ws}/boss"
    ctx = {"ws": ws, "from": boss, "to": to, "user": {"id": "root", "roles": ["admin"]}}
    call = {"type": "method", "method": "services.s.f", "to": to}
    forged = [frame_of(call, {"args": [], key: value}) for key, value in (
        ("ctx", ctx), ("from", boss), ("ws", ws), ("user", ctx["user"]), ("to", to),
        ("type", "client_disconnected"), ("method", "services.s.f"), ("session", "x"))]
    ended = {"id": "provider", "workspace": provider.config.workspace}
    forged += [frame_of({"type": "client_disconnected", "data": ended}),
               frame_of({"type": "peer_not_found",
                         "peer_id": f"{provider.config.workspace}/provider"}),
               frame_of({**call, "method": "x.resolve.__globals__.os.system"})]
    for i, frame in enumerate(forged):
        for step in (None, 1, 7) if i in (0, 5) else (None, 9):
            with pytest.raises(RpcError, match=FORBIDDEN):
                await upload(outside, to, frame, f"k-{i}-{step}", step, by)
    for i, frame in enumerate((b"\xc1", b"\x80", frame_of(["type"]), frame_of(call, {}) + b"\x80",
                               frame_of(call, [["ctx", ctx]]), frame_of(call, {"args": []})[:-1])):
        with pytest.raises(RpcError, match="no call|no whole call"):
            await upload(outside, to, frame, f"bad-{i}", None, by)
    # What is allowed is judged by the receiver as ever.
    session = "s-allowed"
    await upload(outside, to, frame_of({**call, "session": session}, {"args": [], "promise": "*", "t": 15}),
                 "good", 5, by)
    with pytest.raises(RpcError, match="Permission denied for invoking protected method"):
        await outside.settled(session)
    assert not called and not pending.done()
    go.set()
    assert await asyncio.wait_for(pending, 15) is True


@pytest.mark.req("S-74", "W-047")
async def test_what_the_hub_has_seen_is_what_is_joined(hub, server):
    receiver, one, two = await receiver_of(hub), await hub.raw("one"), await hub.raw("two")
    to = receiver.address
    frame = frame_of({"type": "method", "method": "services.s.f", "to": to}, {"args": ["x" * 50]})

    async def refused(sender, words, method, *args, **more):
        with pytest.raises(RpcError, match=words):
            await sender.call(CACHE + method, *args, to=to, **more)
    assert await one.call(CACHE + "create", "k", to=to) == "create"
    assert receiver.reached == [("create", "k", False, True)], "nothing older is left under the key"
    for method, args in (("append", [frame]), ("set", [0, frame]), ("process", []), ("remove", [])):
        await refused(two, "does not exists", method, "k", *args)
    await refused(two, "another client", "create", "k", False, True)
    await refused(one, "already exists", "create", "k")
    await refused(one, "agree on heartbeat", "append", "k", frame, True)
    await refused(one, "agree on heartbeat", "process", "k", True)
    await refused(one, "no whole call", "process", "k")
    assert receiver.reached == [("create", "k", False, True)]
    await one.call(CACHE + "create", "k", to=to)
    # Posts overtake each other: what comes early waits, and is answered when its turn has come.
    pieces = [frame[at:at + 20] for at in range(0, len(frame), 20)]
    late = [await one.post(CACHE + "set", "k", i, pieces[i], False, to=to)
            for i in reversed(range(1, len(pieces)))]
    for index in (-1, 64, len(pieces) - 1, 1 << 40):
        await refused(one, "Chunk .* (not one of the next|come already)", "set", "k", index, b"x", False)
    assert len(receiver.reached) == 2
    await one.call(CACHE + "set", "k", 0, pieces[0], False, to=to)
    for session in late:
        await one.settled(session)
    await refused(one, "not one of the next", "set", "k", 0, pieces[0], False)
    await one.call(CACHE + "process", "k", to=to)
    assert [r[:3] for r in receiver.reached[2:]] == \
        [("set", "k", i) for i in range(len(pieces))] + [("process", "k")]
    assert b"".join(r[3] for r in receiver.reached[2:-1]) == frame
    await refused(one, "does not exists", "process", "k")
    await one.call(CACHE + "create", "k", to=to)
    await one.call(CACHE + "create", "k", False, True, to=to)
    assert await one.call(CACHE + "remove", "k", to=to) == "remove"
    await refused(one, "does not exists", "append", "k", frame)


@pytest.mark.req("S-74")
async def test_calls_of_the_cache_are_read_as_the_receiver_reads_them(hub, server):
    receiver, one = await receiver_of(hub), await hub.raw("one")
    to = receiver.address
    await one.call(CACHE + "create", "k", to=to)
    bad = [("set", ["k", 0.0, b"x"]), ("set", ["k", False, b"x"]), ("set", ["k", "0", b"x"]),
           ("set", ["k", 0, "x"]), ("set", ["k", 0]), ("set", ["k", 0, b"x", False, {}]),
           ("append", ["k", [b"x"]]), ("append", ["k"]), ("append", ["k", b"x", 1]),
           ("process", ["k", False, {"from": to}]), ("process", []), ("process", [b"k"]),
           ("create", [""]), ("create", ["k" * 256]), ("create", ["k", 0]), ("remove", ["k", 1]),
           ("update", ["k", b"x"]), ("set.x", ["k", 0, b"x"]), ("", ["k"])]
    for method, args in bad:
        with pytest.raises(RpcError, match="Invalid arguments for message_cache"):
            await one.call(CACHE + method, *args, to=to)
    for extra in ({"with_kwargs": True, "args": [{"key": "k"}]}, {"with_kwargs": 1},
                  {"args": {"0": "k"}}, {"args": None}, {"_enc": {"v": 2}, "data": b"x"}):
        with pytest.raises(RpcError, match="Invalid arguments for message_cache"):
            await one.call(CACHE + "process", "k", to=to, extra=extra)
    assert [r[0] for r in receiver.reached] == ["create"]
    assert await one.call(CACHE + "append", "k", b"\x81", None, to=to) == "append"


@pytest.mark.req("S-74")
async def test_uploads_that_nobody_ends_are_given_up(hub, start_server):
    hub.server = server = start_server("--chunk-ttl", "1")
    receiver, one = await receiver_of(hub), await hub.raw("one")
    to = receiver.address
    for key in ("a", "b"):
        await one.call(CACHE + "create", key, to=to)
    waiting = await one.post(CACHE + "set", "a", 3, b"x", False, to=to)
    assert server.metric("hyphad_uploads") == 2
    with pytest.raises(RpcError, match="given up"):
        await one.settled(waiting)
    await until(lambda: server.metric("hyphad_uploads") == 0)
    other = await receiver_of(hub, "other")
    await one.call(CACHE + "create", "a", to=other.address)
    waiting = await one.post(CACHE + "set", "a", 3, b"x", False, to=other.address)
    await other.leave()
    with pytest.raises(RpcError, match="given up|not connected|disconnected"):
        await one.settled(waiting)
    assert server.metric("hyphad_uploads") == 0


@pytest.mark.req("S-74", "W-097")
async def test_large_messages_of_streams_and_sockets(hub, server):
    """The published clients, each way; over HTTP the chunks overtake each other."""
    clients = [await hub.py("py-ws"), await hub.py("py-http", transport="http"), await hub.js("js")]
    py_ws, py_http, js = clients
    for api in (py_ws, py_http):
        await api.register_service({"id": "echo", "f": lambda data: data,
                                    "config": {"visibility": "public"}})
    data = bytes(range(256)) * 8000
    for caller, target in ((py_ws, py_http), (py_http, py_ws)):
        service = await caller.get_service(
            f"{target.config.workspace}/{target.config.client_id}:echo")
        assert await service.f(data) == data
    service = await js.service(f"{py_http.config.workspace}/py-http:echo")
    assert (await service.call("f", {"$bytes": 1_500_000}))["$bytes"] == 1_500_000
    await until(lambda: server.metric("hyphad_uploads") == 0)
