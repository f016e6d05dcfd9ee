"""Sockets: silent and slow ones give way, none keeps others out, and who gets no place hears why."""
import asyncio
import contextlib
import json
import os
import resource
import socket
import time

import pytest

from kit.hub import until
from kit.tcp import Tcp
from kit.waiting import pace

PLACES, RESERVE = 24, 4
SMALL = ("--max-connections", str(PLACES), "--reserved-connections", str(RESERVE))
# 127.0.0.9 is a proxy; every other address is a client of its own with a share of 6 places.
STRICT = (*SMALL, "--trusted-proxies", "127.0.0.9")
SHARE = PLACES // 4
PROXY = "127.0.0.9"

pytestmark = [pytest.mark.differs("the original takes every socket it can"),
              pytest.mark.allow_warn("no place|too many connections|no descriptors|address-share")]


@pytest.fixture(scope="module")
def servers(target):
    """One server per set of options, for all scenes of this file."""
    from kit.server import Server
    started = {}

    def get(*args):
        if args not in started:
            started[args] = Server(target, args).start()
        return started[args]

    yield get
    for one in started.values():
        one.stop()
        one.check_log(("no place|too many connections|no descriptors|address-share",))
        one.remove()


class Crowd:
    """Sockets from chosen addresses of this machine, closed together."""

    def __init__(self, server):
        self.server, self.all = server, []

    async def open(self, address="127.0.0.1", port=None):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((address, 0))
        await asyncio.get_running_loop().sock_connect(
            sock, ("127.0.0.1", port or self.server.port))
        tcp = Tcp(*await asyncio.open_connection(sock=sock, limit=1 << 24))
        self.all.append(tcp)
        return tcp

    async def many(self, n, address="127.0.0.1", data=None):
        opened = []
        for _ in range(n):
            tcp = await self.open(address)
            if data:
                await tcp.send(data)
            opened.append(tcp)
        return opened

    async def admitted(self, address="127.0.0.1", headers=""):
        """A socket that was upgraded: it has asked, and is never sent away for another."""
        tcp = await self.open(address)
        head = await tcp.upgrade(headers=headers)
        assert head.startswith("HTTP/1.1 101"), head
        await tcp.frame(1, json.dumps({"client_id": f"c{len(self.all)}"}).encode())
        opcode, payload = await tcp.next_frame()
        assert opcode == 1 and json.loads(payload)["type"] == "connection_info", payload
        return tcp

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for tcp in self.all:
            with contextlib.suppress(OSError):      # one that is closed
                tcp.reset()
        await until(lambda: socket_count(self.server) == 0, timeout=15)


def socket_count(server):
    """Connections of others that the server holds, by the kernel's own list."""
    mine = (f":{server.port:04X}", f":{server.admin_port or 0:04X}")
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return sum(1 for row in rows if row[1].endswith(mine) and row[3] == "01")


GET = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"


async def answer(tcp, path="/", headers=""):
    """Status, headers and body of one request on that socket."""
    await tcp.send(GET % (path.encode(), headers.encode()))
    return await read_answer(tcp)


async def read_answer(tcp):
    head = (await asyncio.wait_for(tcp.reader.readuntil(b"\r\n\r\n"), 15)).decode()
    lines = head.split("\r\n")
    fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if line)}
    body = await tcp.reader.readexactly(int(fields.get("content-length", 0)))
    return int(lines[0].split()[1]), fields, body


async def fresh_answer(crowd, path="/", address="127.0.0.1", headers=""):
    return await answer(await crowd.open(address), path, headers)


async def is_closed(tcp, timeout=10):
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(tcp.reader.read(), timeout) is not None
    return True


@pytest.mark.req("S-60")
@pytest.mark.parametrize("kind", ["silent", "idle", "slow"])
async def test_one_address_keeps_nobody_out(servers, kind):
    server = servers(*SMALL)
    async with Crowd(server) as crowd:
        member = await crowd.admitted()
        data = {"silent": None, "idle": GET % (b"/health/liveness", b""),
                "slow": b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "}[kind]
        crowded = await crowd.many(4 * PLACES, data=data)
        for path in ("/health/liveness", "/metrics"):
            assert (await fresh_answer(crowd, path))[0] == 200
        # Nobody gives way in the first moment, so that a request on its way can arrive.
        for _ in range(PLACES):
            await until(lambda: is_served(crowd))
        # The least useful have gone: with an answer, but for those who had had one.
        first = await asyncio.wait_for(crowded[0].reader.read(), 10)
        assert first.startswith(b"HTTP/1.1 200 " if kind == "idle" else b"HTTP/1.1 503 ")
        if kind != "idle":
            assert b"\r\nretry-after: 5\r\n" in first
            assert b"All connections of the server are taken" in first
        await member.frame(9, b"still here")
        assert await member.next_frame() == (10, b"still here")


async def test_silent_sockets_give_way_before_slow_ones(servers):
    server = servers(*SMALL)
    async with Crowd(server) as crowd:
        slow = await crowd.many(SHARE // 2, data=b"GET / HTTP/1.1\r\n")
        await crowd.many(3 * PLACES)
        for _ in range(PLACES):
            await until(lambda: is_served(crowd))
        for tcp in slow:        # the other half of each head is still waited for
            await tcp.send(b"Host: x\r\n\r\n")
            assert (await read_answer(tcp))[0] == 200


@pytest.mark.req("S-60", "S-61")
async def test_when_all_stay_a_reserve_answers_for_health(servers):
    server = servers(*STRICT)
    async with Crowd(server) as crowd:
        members = [await crowd.admitted(f"127.0.1.{i // SHARE}") for i in range(PLACES)]
        before = server.metric_of(await metrics(crowd), "hyphad_http_no_place_total")
        for _ in range(3 * RESERVE):
            status, fields, body = await fresh_answer(crowd, "/", "127.0.0.2")
            assert (status, fields["retry-after"], fields["connection"]) == (503, "5", "close")
            assert json.loads(body) == {"detail": "All connections of the server are taken"}
            assert (await fresh_answer(crowd, "/health/readiness", "127.0.0.3"))[0] == 200
        # Sockets of the reserve give way to each other, those of one address first.
        crowded = await crowd.many(5 * RESERVE, "127.0.0.2")
        assert (await fresh_answer(crowd, "/health", "127.0.0.3"))[0] == 200
        assert await is_closed(crowded[0])
        text = await metrics(crowd)
        assert server.metric_of(text, "hyphad_http_no_place_total") >= before + 3 * RESERVE
        assert server.metric_of(text, "hyphad_connections_in_reserve_total") > 5 * RESERVE
        # An upgrade is told so too, and a place that becomes free is taken, also from the reserve.
        late = await crowd.open("127.0.0.4")
        assert (await late.upgrade()).startswith("HTTP/1.1 503")
        waiting = [await crowd.open(f"127.0.2.{i}") for i in range(RESERVE)]
        for tcp in waiting:
            assert (await answer(tcp, "/health"))[0] == 200
        members[0].reset()
        await until(lambda: is_served(crowd, "127.0.0.4", on=waiting.pop() if waiting else None))
        for member in members[1:]:
            await member.frame(9, b"")
            assert await member.next_frame() == (10, b"")


@pytest.mark.req("S-61")
@pytest.mark.parametrize("held_by", [b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
                                     b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
                                     b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 2000])
async def test_nobody_holds_the_reserve(servers, held_by):
    server = servers(*STRICT)
    async with Crowd(server) as crowd:
        for i in range(PLACES):
            await crowd.admitted(f"127.0.1.{i // SHARE}")
        for i in range(2 * RESERVE):
            tcp = await crowd.open(f"127.0.2.{i}")
            tcp.writer.write(held_by)       # and nothing is read
        for _ in range(RESERVE):
            assert (await fresh_answer(crowd, "/health", "127.0.0.3"))[0] == 200


async def metrics(crowd):
    status, _, body = await fresh_answer(crowd, "/metrics", "127.0.0.8")
    assert status == 200
    return body.decode()


@pytest.mark.req("S-62")
async def test_an_address_has_a_share(servers):
    server = servers(*STRICT)
    async with Crowd(server) as crowd:
        for _ in range(SHARE):
            await crowd.admitted("127.0.0.2")
        status, fields, body = await fresh_answer(crowd, "/", "127.0.0.2")
        assert (status, fields["retry-after"]) == (429, "5")
        assert json.loads(body) == {
            "detail": "Your address has its share of the server's connections"}
        assert (await fresh_answer(crowd, "/health", "127.0.0.2"))[0] == 200
        assert (await fresh_answer(crowd, "/", "127.0.0.3"))[0] == 200
        # Its own silent sockets give way to its newer ones; nobody else's do.
        other = await crowd.open("127.0.0.3")
        assert (await answer(other))[0] == 200
        silent = await crowd.many(SHARE, "127.0.0.4")
        await until(lambda: is_served(crowd, "127.0.0.4"))
        assert await is_closed(silent[0])
        assert (await answer(other))[0] == 200


@pytest.mark.req("S-62")
async def test_a_proxys_clients_have_shares_and_the_proxy_has_none(servers):
    server = servers(*STRICT)
    async with Crowd(server) as crowd:
        for _ in range(SHARE):
            await crowd.admitted(PROXY, "X-Forwarded-For: 198.51.100.7\r\n")
        head = await (await crowd.open(PROXY)).upgrade(headers="X-Forwarded-For: 198.51.100.7\r\n")
        assert head.startswith("HTTP/1.1 429") and "retry-after: 5" in head
        # The connection is the proxy's: it goes on with requests of others.
        shared = await crowd.open(PROXY)
        status, fields, _ = await answer(shared, headers="X-Forwarded-For: 198.51.100.7\r\n")
        assert status == 429 and "connection" not in fields
        assert (await answer(shared, headers="X-Forwarded-For: 198.51.100.8\r\n"))[0] == 200
        # Of IPv6 the /64 is one client.
        for i in range(SHARE):
            await crowd.admitted(PROXY, f"X-Forwarded-For: 2001:db8::{i + 1}\r\n")
        assert (await answer(shared, headers="X-Forwarded-For: 2001:db8::ff\r\n"))[0] == 429
        assert (await answer(shared, headers="X-Forwarded-For: 2001:db8:0:1::1\r\n"))[0] == 200


@pytest.mark.req("S-62")
async def test_sockets_that_ask_nothing_have_a_share_behind_a_proxy_too(servers):
    server = servers(*STRICT)
    async with Crowd(server) as crowd:
        silent = await crowd.many(3 * SHARE, PROXY)
        # A storm is no silence: what has arrived is served, however many came before it was read.
        storm = await asyncio.gather(*(fresh_answer(crowd, address=PROXY)
                                       for _ in range(PLACES - 3 * SHARE)))
        assert [status for status, *_ in storm] == [200] * len(storm)
        await until(lambda: is_served(crowd, PROXY, gone=silent[0]))
        assert not silent[-1].reader.at_eof()


@pytest.mark.req("S-65")
async def test_the_admin_listener_is_apart_from_clients(start_server):
    server = start_server(*STRICT, "--admin-listen", "127.0.0.1:0", "--metrics", "admin",
                          "--drain-delay", "10")
    admin = server.admin_port
    async with Crowd(server) as crowd:
        for i in range(PLACES):
            await crowd.admitted(f"127.0.1.{i // SHARE}")
        for _ in range(100):
            await crowd.open(port=admin)

        async def ask(path):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                return await answer(await crowd.open(port=admin), path)
            return 0, {}, b""

        async def is_let_in():      # when the silent sockets have had their first moment
            return (await ask("/health"))[0] == 200
        await until(is_let_in)
        for path in ("/health", "/health/liveness", "/health/readiness", "/metrics"):
            assert (await ask(path))[0] == 200
        assert b"hyphad_connections_open" in (await ask("/metrics"))[2]
        for path in ("/", "/public/services/", "/ws", "/rpc"):
            assert (await ask(path))[0] == 404
        assert (await fresh_answer(crowd, "/metrics", "127.0.0.8"))[0] == 404
        assert (await fresh_answer(crowd, "/health", "127.0.0.8"))[0] == 200
        server.process.terminate()
        await until(lambda: is_draining(ask))


@pytest.mark.req("S-65")
@pytest.mark.parametrize("held_by", [b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
                                     b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                                     b"GET /hea", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 300])
async def test_nobody_holds_the_admin_listener(servers, held_by):
    """Not for somebody elsewhere, nor for the next from the same address."""
    server = servers(*STRICT, "--admin-listen", "127.0.0.1:0")
    async with Crowd(server) as crowd:
        for i in range(2):
            for _ in range(70):
                tcp = await crowd.open(f"127.0.2.{i}", port=server.admin_port)
                tcp.writer.transport.pause_reading()
                tcp.writer.write(held_by)
            for probe in (f"127.0.2.{i}", "127.0.0.3"):
                status, _, body = await answer(await crowd.open(probe, port=server.admin_port), "/health/liveness")
                assert status == 200 and body


@pytest.mark.req("S-65")
async def test_a_body_for_the_admin_listener_is_small(servers):
    server = servers(*STRICT, "--admin-listen", "127.0.0.1:0")
    async with Crowd(server) as crowd:
        for length, status in ((4096, 200), (4097, 413)):
            tcp = await crowd.open(port=server.admin_port)
            await tcp.send(b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
            await tcp.send(b" " * length)
            assert (await read_answer(tcp))[0] == status


async def is_draining(ask):
    status, _, body = await ask("/health/readiness")
    return status == 503 and json.loads(body)["detail"] == "Server is shutting down"


SLOW = ("--min-body-rate", "1000", "--rate-window", "0.3", "--head-timeout", "0.3")


@pytest.mark.req("S-63")
async def test_a_body_that_drips_is_ended(servers):
    server = servers(*SLOW)
    head = b"POST /public/services/a/b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n"
    async with Crowd(server) as crowd:
        for length in (b"Content-Length: 100000\r\n", b"Transfer-Encoding: chunked\r\n"):
            tcp = await crowd.open()
            await tcp.send(head % length)
            reading = asyncio.ensure_future(read_answer(tcp))
            while not reading.done():
                await tcp.send(b"1\r\n \r\n" if b"chunked" in length else b" ")
                await pace(0.05, "it drips")
            status, fields, body = reading.result()
            assert (status, fields["connection"]) == (408, "close")
            assert body == b"Request Timeout: the body of the request came too slowly."
        # One that keeps the rate may take as long as it likes.
        tcp = await crowd.open()
        await tcp.send(head % b"Content-Length: 20000\r\n")
        began = time.monotonic()
        for _ in range(20):
            await tcp.send(b" " * 1000)
            await pace(0.05, "as slowly as it may be")
        assert time.monotonic() - began > 0.9
        assert (await read_answer(tcp))[0] not in (408, 200)


@pytest.mark.req("S-63")
async def test_a_head_that_drips_is_ended(servers):
    server = servers(*SLOW)
    async with Crowd(server) as crowd:
        tcp = await crowd.open()
        await tcp.send(b"GET / HTTP/1.1\r\nX: ")
        reading = asyncio.ensure_future(read_answer(tcp))
        while not reading.done():
            await tcp.send(b"a")
            await pace(0.05, "it drips")
        status, _, body = reading.result()
        assert status == 408
        assert body == b"Request Timeout: the head of the request did not come in time."


@pytest.mark.req("S-64")
async def test_without_descriptors_signals_are_heard_and_nothing_spins(start_server):
    server = start_server("--max-connections", "1000")
    highest = max(int(fd) for fd in os.listdir(f"/proc/{server.pid}/fd"))
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (highest + 7, highest + 7))
    async with Crowd(server) as crowd:
        while (await (await crowd.open()).upgrade()).startswith("HTTP/1.1 101"):
            pass
        # No silent socket could leave, so those who come are refused, each with an answer.
        for _ in range(3):
            status, fields, body = await fresh_answer(crowd, "/health")
            assert (status, fields["retry-after"]) == (503, "5")
            assert json.loads(body) == {"detail": "All connections of the server are taken"}
        many = [await crowd.open() for _ in range(100)]
        before = cpu_s(server.pid)
        await pace(1, "the time of the accept thread is counted")
        assert cpu_s(server.pid) - before < 0.5, "the accept thread spins"
        crowd.all[0].reset()
        await until(lambda: is_served(crowd))
        server.stop(within=20)
    assert server.log_text().count("no descriptors left") < 60


async def is_served(crowd, address="127.0.0.1", gone=None, on=None):
    """Whether somebody new, or on that socket, gets a place, and that other one has lost its own."""
    try:
        status, _, _ = await answer(on or await crowd.open(address), "/")
    except (OSError, asyncio.IncompleteReadError):
        return False
    return status == 200 and (gone is None or gone.reader.at_eof() or gone.reader._buffer)


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
