"""Inputs of test_turns that meet a loop where it hands bytes over: long posts, a great many pieces, listings nobody takes.
Each is given `t` (thrown.Thrown)."""
import asyncio
import contextlib

from . import wire
from .chunks import offer_cache
from .http_stream import Stream
from .people import login, user
from .raw import RpcError
from .web import client_for

MB = 1 << 20
CACHE = "services.built-in.message_cache"


async def long_posts(t):
    """By POST, to a WebSocket and to another stream."""
    ada = await user(t.hub, "ada")
    offer_cache(ada)
    token = login("ada")
    sender, receiver = [await Stream.open(t.server, token, client_id=name) for name in ("posting", "hearing")]
    data = b"x" * t.n(15 * MB)
    for to in (ada.address, receiver.address):
        answer = await sender.post({"type": "method", "to": to, "method": "services.default.take"}, {"args": [data]}, token)
        assert answer.status_code == 200, answer.text
    assert len((await receiver.take(lambda m, e: m.get("method") == "services.default.take", timeout=60))[1]["args"][0]) == len(data)
    await sender.close()
    await receiver.close()
    await ada.shut()


async def tiny_chunks(t):
    """As many as may be, joined and refused, and left behind."""
    raw = await t.hub.raw()
    n = t.n(65536)

    async def chunk(key, i):
        frame = wire.pack({"type": "method", "to": raw.manager, "method": f"{CACHE}.set"}) + wire.pack({"args": [key, i, b"\xc0", False]})
        await raw.ws.send(frame)

    for key in ("bad", "open"):
        await raw.call(f"{CACHE}.create", key, False)
        for i in range(n):
            await chunk(key, i)
        await raw.call("services.default.echo", 1, timeout=60)
    with contextlib.suppress(RpcError):
        await raw.call(f"{CACHE}.process", "bad", False, timeout=60)
    await raw.shut()


async def listings_nobody_takes(t):
    ada = await user(t.hub, "ada")
    await t.services(ada, t.n(2500), description="d" * 900)
    async with client_for(t.server, login("ada")) as http:
        for _ in range(3):
            answer = await http.head(f"/{ada.workspace}/services/", timeout=60)
            assert answer.status_code == 200, (answer.status_code, answer.headers)
    await asyncio.gather(*(ada.manage("echo", 1) for _ in range(50)))
    await ada.shut()


async def names_too_long(t):
    """Longer than a frame: what is sent to such an address, or answers such a session, cannot go in parts that name it each."""
    n = max(300_000, t.n(MB))
    async with client_for(t.server) as http:
        answer = await http.post("/public/services/ws/ping", json={"client_id": "x" * n}, timeout=60)
        assert answer.status_code == 200 and answer.json() != "pong", answer.text[:200]
    raw = await t.hub.raw()
    for name in ("x" * n, "ws-user-ada/" + "x" * n):
        assert await raw.manage("ping", name) != "pong"
    for method, argument in (("echo", "y" * n), ("list_services", {}), ("nothing", 1)):
        frame = {"type": "method", "to": raw.manager, "method": f"services.default.{method}", "session": "s" * n}
        await raw.ws.send(wire.pack(frame) + wire.pack({"args": [argument], "promise": "*", "t": 15}))
    with contextlib.suppress(ConnectionError):
        assert await raw.manage("echo", 1) == 1
    await raw.shut()
    assert t.server.rss_bytes() < 1 << 30


INPUTS = [long_posts, tiny_chunks, listings_nobody_takes, names_too_long]
