"""Ends at the worst moment: signals while thousands of messages are under way, and connections that
end at every byte of a conversation. The server goes on, or exits 0, and nothing stays behind.
"""
import asyncio
import json
import os
import signal
import socket
import struct

import pytest

from kit import wire
from kit.hub import until
from kit.raw import Raw, RpcError
from kit.tcp import BINARY, CLOSE, TEXT, Tcp
from kit.waiting import pace, turn

pytestmark = [pytest.mark.differs("options, signals and drains of our own"), pytest.mark.allow_warn(""),
              pytest.mark.timeout(180)]
ENDS = (OSError, ConnectionError, RpcError, asyncio.TimeoutError, EOFError)
FREE_LIMITS = {"HYPHA_MAX_CONNECTIONS_PER_USER": "100000",
               "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "100000"}


class Load:
    """Clients that call each other, broadcast, upload half messages, come and go, until the end."""

    def __init__(self, server, n=12):
        self.server, self.n = server, n
        self.n_done = 0
        self.is_over = False
        self._raws, self._tasks = [], []

    async def start(self):
        keeper = await self._join("keeper")
        access = {"workspace": keeper.workspace, "token": await keeper.manage("generate_token")}
        servants = [await self._join(f"s{i}", access) for i in range(4)]
        for raw in servants:
            raw.functions["work"] = lambda x: x
            await raw.manage("subscribe", "noise")
        callers = [await self._join(f"c{i}", access) for i in range(self.n)]
        for i, raw in enumerate(callers):
            self._spawn(self._call, raw, f"s{i % 4}")
            self._spawn(self._broadcast, raw)
        for i in range(4):
            self._spawn(self._come_and_go, f"g{i}", access)
            self._spawn(self._leave_half_a_message)
        await until(lambda: self.n_done > 200, timeout=60)

    async def _join(self, name, access=None):
        raw = await Raw.open(self.server, {"client_id": name, **(access or {})})
        self._raws.append(raw)
        await raw.joined()
        await raw.register()
        return raw

    def _spawn(self, step, *args):
        async def repeat():
            while not self.is_over:
                try:
                    await step(*args)
                    self.n_done += 1
                except Exception as e:
                    if not self.is_over and self.server.is_running() and not _is_end(e):
                        raise
                    await pace(0.01, "who was refused comes again")
        self._tasks.append(asyncio.create_task(repeat()))

    async def _call(self, raw, servant):
        blob = os.urandom(100 if self.n_done % 20 else 300_000)
        assert await raw.call("work", blob, to=servant, timeout=60) == blob

    async def _broadcast(self, raw):
        await raw.send({"type": "noise", "to": "*", "data": 1})
        await pace(0.01, "noise, not a flood")

    async def _come_and_go(self, name, access):
        raw = await Raw.open(self.server, {"client_id": name, **access})
        try:
            await asyncio.wait_for(raw.joined(), 30)
        finally:
            raw.cut()
            raw._reader.cancel()

    async def _leave_half_a_message(self):
        tcp = await Tcp.open(self.server)
        await tcp.upgrade()
        await tcp.frame(TEXT, b'{"client_id":"half"}')
        await tcp.frame(BINARY, bytes(5000), length=100_000)
        tcp.reset()

    async def stop(self):
        self.is_over = True
        for raw in self._raws:
            raw.ws.transport.abort()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for raw in self._raws:
            raw._reader.cancel()
        broken = [r for r in results if isinstance(r, Exception)]
        assert not broken, broken


def _is_end(error):
    return isinstance(error, ENDS) or "close" in repr(error).lower() or "HTTP" in repr(error)


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("options, signals", [
    ((), [signal.SIGTERM]), ((), [signal.SIGTERM, signal.SIGTERM]), ((), [signal.SIGINT]),
    (("--drain-duration=0", "--drain-deadline=1"), [signal.SIGTERM])])
async def test_a_signal_under_load(start_server, threads, options, signals):
    server = start_server(f"--threads={threads}", *options, env=FREE_LIMITS)
    load = Load(server)
    await load.start()
    for number in signals:
        server.process.send_signal(number)
    server.exit_code = await asyncio.to_thread(server.process.wait, 60)
    await load.stop()
    assert server.exit_code == 0


@pytest.mark.parametrize("threads", [1, 8])
async def test_reloads_under_load(start_server, threads):
    server = start_server(f"--threads={threads}", env=FREE_LIMITS)
    load = Load(server)
    await load.start()
    for _ in range(300):
        n = load.n_done
        server.process.send_signal(signal.SIGHUP)
        await until(lambda: load.n_done > n, timeout=30, step=0.001)
    await load.stop()
    await _is_empty(server)


async def _is_empty(server):
    """Only the hub's own entries remain, and the connection that asks."""
    probe = await Raw.open(server, {"client_id": "probe"})
    await probe.joined()
    await probe.register()
    assert await probe.manage("echo", 5) == 5
    await probe.leave()
    await until(lambda: server.metric("hyphad_connections_open") == 1, timeout=30)
    await until(lambda: server.metric("hyphad_peers") == 0, timeout=30)


def _masked(opcode, payload, mask=b"\1\2\3\4"):
    n = len(payload)
    head = bytes([0x80 | opcode, 0x80 | n]) if n < 126 else (
        bytes([0x80 | opcode, 0xfe]) + struct.pack(">H", n))
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def _conversation(name):
    upgrade = (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    call = wire.pack({"type": "method", "to": name, "method": "services.built-in.ping",
                      "session": wire.new_id()}) + wire.pack({"args": ["x" * 40], "promise": "*"})
    return upgrade + b"".join([
        _masked(TEXT, json.dumps({"client_id": name}).encode()),
        _masked(BINARY, call), _masked(9, b"beat"), _masked(TEXT, b'{"type":"ping"}'),
        _masked(CLOSE, struct.pack(">H", 1000) + b"bye")])


def _reset(tcp):
    tcp.reset()


def _half_close(tcp):
    tcp.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)


def _close_frame(tcp):
    tcp.writer.write(_masked(CLOSE, struct.pack(">H", 1000)))


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("end", [_reset, _half_close, _close_frame])
async def test_an_end_at_every_byte(start_server, threads, end):
    """One connection for every prefix of a conversation, some in one piece and some in two."""
    server = start_server(f"--threads={threads}", "--login-timeout=3", "--head-timeout=3",
                          "--ws-ping-interval=2", "--ws-ping-timeout=2", env=FREE_LIMITS)
    n_bytes = len(_conversation("e0000"))
    at_once = asyncio.Semaphore(64)

    async def one(n):
        async with at_once:
            tcp = await Tcp.open(server)
            said = _conversation(f"e{n:04}")[:n]
            try:
                await tcp.send(said[:n // 2])
                if n % 2:
                    await tcp.reader.read(1) if n // 2 > n_bytes // 2 else await turn()
                await tcp.send(said[n // 2:])
                end(tcp)
                if end is not _reset:
                    await tcp.rest(30)      # the server ends it, whatever was missing
            except ConnectionError:
                pass
            tcp.writer.transport.abort()
    await asyncio.gather(*(one(n) for n in range(n_bytes + 1)))
    await _is_empty(server)
