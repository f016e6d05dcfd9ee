"""Bytes that are announced and do not come: nobody is charged for them, nobody else is refused because of them, and what has come of a
message is held for a bounded time, by one address up to its share."""
import asyncio
import os
import struct

import pytest

from kit.hub import Hub, until
from kit.raw import Raw
from kit.server import Server
from kit.tcp import BINARY, TEXT, Tcp
from kit.waiting import pace

MB = 1 << 20
ANONYMOUS, SHARE = 64 * MB, 16 * MB
ARGS = [f"--anonymous-bytes={ANONYMOUS}", "--process-bytes=512M", "--threads=2", "--min-body-rate=1000", "--rate-window=1"]
# What a test counts on must not be ended for coming slowly before it has looked.
PATIENT = [*ARGS[:-1], "--rate-window=600"]
FIRST_PIECE = 320 << 10
HEAD = bytes([0x80 | BINARY, 0xff]) + struct.pack(">Q", 16 * MB) + bytes(4)

pytestmark = [pytest.mark.differs("the original has no accounts"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def servers(target):
    started = {}

    def get(args):
        key = tuple(args)
        if key not in started:
            started[key] = Server(target, args).start()
        return started[key]

    yield get
    for one in started.values():
        one.stop()
        one.check_log(("account|slow",))
        one.remove()


async def admitted(server, address):
    """A socket of an anonymous client that has logged in."""
    sock = await Tcp.open(server, address=address)
    assert (await sock.upgrade()).startswith("HTTP/1.1 101")
    await sock.frame(TEXT, b'{"client_id":"a"}')
    opcode, _ = await sock.next_frame()
    assert opcode == TEXT
    return sock


async def crowd(server, address, n):
    return await asyncio.gather(*(admitted(server, address) for _ in range(n)))


def held(server, account):
    """Bytes of one of the server's accounts, and how often one of a kind has refused."""
    return server.metric(f'hyphad_account_bytes{{account="{account}"}}')


def refused(server, account):
    return server.metric(f'hyphad_account_refusals_total{{account="{account}"}}')


async def other(server, address):
    raw = await Raw.open(server, {"client_id": "other"}, local_addr=(address, 0))
    await raw.joined()
    return raw


async def is_served(raw):
    """A call of itself through the server, of 2 MB in one message."""
    raw.functions["services.x.same"] = lambda got: got == blob
    blob = os.urandom(2 * MB)
    assert await raw.call("services.x.same", blob, to=raw.address)


async def close_reason(sock):
    while True:
        opcode, payload = await sock.next_frame()
        if opcode == 8:
            return struct.unpack(">H", payload[:2])[0], payload[2:].decode()


@pytest.mark.req("S-108", "S-109")
async def test_frames_that_are_only_announced_take_nothing_of_others(servers):
    server = servers(PATIENT)
    n = 60
    stranger = await other(server, "127.0.0.3")
    sockets = await crowd(server, "127.0.0.2", n)
    try:
        before, quiet = held(server, "anonymous"), refused(server, "anonymous_share")
        for sock in sockets:
            await sock.send(HEAD)
        await is_served(stranger)
        # 960 MB are announced.
        assert held(server, "anonymous") - before < 4 * MB
        assert refused(server, "anonymous_share") == quiet
        # A byte of each: a first piece is held for it, for as many as one address may hold together.
        for sock in sockets:
            await sock.send(b"x")
        over = n - SHARE // FIRST_PIECE
        await until(lambda: refused(server, "anonymous_share") >= quiet + over, timeout=30)
        assert held(server, "anonymous") < before + SHARE + 4 * MB
        await is_served(stranger)
        ends = [asyncio.ensure_future(close_reason(sock)) for sock in sockets]
        await until(lambda: sum(end.done() for end in ends) >= over, timeout=30)
        done, waiting = await asyncio.wait(ends, timeout=0)
        assert len(waiting) > 20
        assert {end.result() for end in done} == {(1013, f"Too many bytes under way (--address-share, {SHARE} bytes)")}
        for end in waiting:
            end.cancel()
        assert "there was no room for its message (--address-share)" in server.log_text()
        # The address itself goes on as soon as there is room.
        sockets.pop().reset()
    finally:
        for sock in sockets:
            sock.reset()
        await stranger.shut()
    await until(lambda: held(server, "anonymous") < 4 * MB, timeout=30)
    last = await other(server, "127.0.0.2")
    await is_served(last)
    await last.shut()


@pytest.mark.req("S-110")
async def test_a_message_that_drips_is_ended(servers):
    server = servers(ARGS)
    n_slow = server.metric("hyphad_ws_too_slow_total")
    async with await admitted(server, "127.0.0.2") as sock:
        await sock.send(HEAD)
        reading = asyncio.ensure_future(close_reason(sock))
        while not reading.done():
            await sock.send(b"x")
            await pace(0.05, "it drips")
        assert reading.result() == (1008, "The message came too slowly (--min-body-rate)")
    assert server.metric("hyphad_ws_too_slow_total") == n_slow + 1
    await until(lambda: "its message came too slowly" in server.log_text(), timeout=10)
    await until(lambda: held(server, "anonymous") < FIRST_PIECE, timeout=10)


@pytest.mark.req("S-108")
@pytest.mark.parametrize("path", ["/public/services/hypha-login/check", "/rpc"])
async def test_bodies_that_are_only_announced_cost_nothing(servers, path):
    server = servers(PATIENT)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {15 * MB}\r\n\r\n{{"
    sockets = [await Tcp.open(server, address="127.0.0.2") for _ in range(60)]
    try:
        before, n_before = held(server, "http"), server.metric("hyphad_http_requests_total")
        for sock in sockets:
            await sock.send(head.encode())
        await until(lambda: server.metric("hyphad_http_requests_total") >= n_before + len(sockets), timeout=30)
        assert held(server, "http") - before < MB
    finally:
        for sock in sockets:
            sock.reset()
