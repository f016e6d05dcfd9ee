"""Inputs of test_turns that are long or deep frames, texts and tokens of one client. Each is given `t` (thrown.Thrown)."""
import asyncio
import contextlib
import json

from websockets.exceptions import ConnectionClosed

from . import wire
from .chunks import parts_of
from .people import user
from .tcp import TEXT, Tcp
from .thrown import inputs_of_a_file, tolerant
from .tokens import mint

MB = 1 << 20
INPUTS, an_input = inputs_of_a_file()


async def frames(t, value):
    """In one frame to the hub, to a neighbour, and to nobody; `value` is encoded."""
    a, b = await t.hub.raw_pair(f"a-{id(t)}", f"b-{id(t)}")
    b._reader.cancel()      # it takes them, and does not look
    for to in (a.manager, b.address, f"{a.workspace}/nobody"):
        main = {"type": "method", "to": to, "method": "services.default.echo", "session": wire.new_id()}
        extra = b"\x83\xa4args" + b"\x91" + value + b"\xa7promise\xa1*\xa1t\x0f"
        await a.ws.send(wire.pack(main) + extra)
    await tolerant(a.call("services.default.echo", 1, timeout=60))
    await a.shut()
    b.ws.transport.abort()


@an_input
async def frame_of_nils(t):
    n = t.n(15 * MB)
    await frames(t, b"\xdd" + n.to_bytes(4, "big") + b"\xc0" * n)


@an_input
async def frame_that_is_deep(t):
    n = t.n(15 * MB // 61)
    await frames(t, b"\xdd" + n.to_bytes(4, "big") + (b"\x91" * 60 + b"\xc0") * n)


@an_input
async def frame_of_maps(t):
    n = t.n(15 * MB // 4)
    await frames(t, b"\xdd" + n.to_bytes(4, "big") + b"\x81\xa1a\xc0" * n)


@an_input
async def frame_of_one_value(t):
    n = t.n(15 * MB)
    await frames(t, b"\xc6" + n.to_bytes(4, "big") + b"\0" * n)


@an_input
async def frame_with_a_header_of_values(t):
    raw = await t.hub.raw()
    for _ in range(t.n(200, 10)):
        await raw.ws.send(wire.pack({"type": "method", "to": raw.manager, "method": "services.default.echo", "x": [None] * 60_000}))
        await raw.ws.send(wire.pack({"type": "method", "to": raw.manager, "method": "services.default.echo"}) + b"\x81\xa1a" + b"\x91" * 60 + b"\xc0")
    await raw.shut()


@an_input
async def chunks_of_nils(t):
    raw = await t.hub.raw()
    n = t.n(15 * MB)
    frame = wire.pack({"type": "method", "from": raw.address, "to": raw.manager, "method": "services.default.echo", "session": wire.new_id()}) \
        + b"\x82\xa4args\x91\xdd" + n.to_bytes(4, "big") + b"\xc0" * n + b"\xa7promise\xa1*"
    key, prefix = wire.new_id(), "services.built-in.message_cache"
    await raw.call(f"{prefix}.create", key, False)
    for part in parts_of(frame):
        await raw.call(f"{prefix}.append", key, part, False, timeout=60)
    await tolerant(raw.call(f"{prefix}.process", key, False, timeout=60))
    await raw.shut()


@an_input
async def texts(t):
    """After a login, and instead of one: long, of characters of every length, and cut."""
    for text in ("x", "\u00e9", "\u20ac", "\U0001f600", "\u20acx"):
        long = text * (t.n(15 * MB) // len(text.encode()))
        raw = await t.hub.raw(is_registered=False)
        with contextlib.suppress(ConnectionClosed):     # the server may close: that is an answer
            await raw.ws.send('{"type":"' + long + '"}')
            await tolerant(raw.manage("echo", 1))
        await raw.shut()
        async with await Tcp.open(t.server) as tcp:
            await tcp.upgrade()
            with contextlib.suppress(ConnectionError):
                await tcp.frame(TEXT, long.encode()[:t.n(1 * MB)])
                await tcp.close_code(60)


@an_input
async def refresh_tokens(t):
    raw = await user(t.hub, "ada")
    for _ in range(t.n(20_000)):
        await raw.ws.send('{"type":"refresh_token"}')
    await tolerant(raw.manage("echo", 1))
    await raw.shut()


@an_input
async def small_calls(t):
    raw = await user(t.hub, "ada")
    for at in range(0, t.n(20_000), 500):
        await asyncio.gather(*[tolerant(raw.manage("echo", at)) for _ in range(500)])
    await raw.shut()


# ---- tokens ----------------------------------------------------------------------------------------------------

@an_input
async def long_tokens(t):
    raw = await user(t.hub, "ada")
    long = mint("ada", "ws:" + "a" * t.n(11 * MB) + "#r")      # in base64 still a frame
    deep = mint("ada", x=json.loads("[" * 900 + "]" * 900))
    for token in (long, deep, "a" * t.n(12 * MB), "." * t.n(12 * MB), "a.b." + "c" * t.n(12 * MB)):
        await tolerant(raw.manage("parse_token", token))
        await tolerant(raw.manage("revoke_token", token))
        first = await t.hub.raw_open({"client_id": "x", "token": token[:t.n(900_000)]})
        await first.closed()
    await raw.shut()


@an_input
async def long_scopes(t):
    raw = await user(t.hub, "ada")
    n = t.n(100_000)
    await tolerant(raw.manage("generate_token", {"extra_scopes": [f"x:{i}" for i in range(n)]}))
    await tolerant(raw.manage("generate_token", {"extra_scopes": [f"ws:w{i}#r" for i in range(n)]}))
    await tolerant(raw.manage("generate_token", {"workspace": "w" * n}))
    await tolerant(raw.manage("parse_token", mint("ada", " ".join(f"ws:w{i}#r" for i in range(n)))))
    for n in (500, 1000, 2000, 5000):
        scope = " ".join(f"ws:w{i}#r" for i in range(n))
        first = await t.hub.raw_open({"client_id": "x", "token": mint("ada", scope)})
        await tolerant(first.joined())
        await first.shut()
    await raw.shut()
