"""Bytes that somebody makes the server hold and does not pay for: each way of it over bare sockets, against one server with small
caps. The server's memory stays below what it began with plus the cap that is meant plus 32 MB, what is charged is back at once,
what the system gave is back in the end, and who behaves well meanwhile is answered."""
import asyncio
import contextlib
import gzip
import json
import threading
import time
import urllib.error

import pytest
from websockets.exceptions import ConnectionClosed

from kit.hub import Hub, until
from kit.server import Server
from kit.tcp import PING, TEXT, Tcp
from kit.raw import RpcError
from kit.tokens import mint
from kit.waiting import pace, until_still

MB = 1 << 20
SLACK = 32 * MB
PEER, USER, WORKSPACE, HTTP, ADDRESS = 12 * MB, 24 * MB, 40 * MB, 32 * MB, 16 * MB
ANONYMOUS = 64 * MB
ARGS = ["--process-bytes=128M", f"--anonymous-bytes={ANONYMOUS}", f"--peer-bytes={PEER}", f"--user-bytes={USER}", f"--workspace-bytes={WORKSPACE}",
        f"--http-bytes={HTTP}", f"--http-address-bytes={ADDRESS}", "--max-message=4M", "--max-frame=4M", "--sendq-bytes=4M",
        "--pressure-high=2M", "--pressure-low=1M", "--trusted-proxies=203.0.113.0/24", "--threads=2"]
ENV = {"HYPHA_WS_MSG_RATE_LIMIT": "none", "HYPHA_HTTP_RATE_LIMIT": "none", "HYPHA_MAX_CONNECTIONS_PER_USER": "1000",
       "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "1000", "HYPHAD_MAX_SERVICES_PER_CLIENT": "5000"}
pytestmark = [pytest.mark.differs("the original has no accounts"), pytest.mark.timeout(120)]


class Watch:
    """What a server's memory does while something happens, and how long a client that behaves well waits."""

    def __init__(self, server, good):
        self.server, self.good = server, good
        self.most = server.rss_bytes()
        self.slowest, self.n_calls = 0, 0
        self._is_over = threading.Event()

    def _sample(self):
        while not self._is_over.wait(0.005):
            self.most = max(self.most, self.server.rss_bytes())

    async def _call(self):
        while not self._is_over.is_set():
            began = time.monotonic()
            assert await self.good.manage("echo", self.n_calls, ) == self.n_calls
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.n_calls += 1
            await pace(0.02, "a client that asks now and then")

    async def __aenter__(self):
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        self._calling = asyncio.create_task(self._call())
        return self

    async def __aexit__(self, kind, *_):
        self._is_over.set()
        self._thread.join()
        if kind:
            self._calling.cancel()
        await asyncio.wait_for(asyncio.gather(self._calling, return_exceptions=bool(kind)), 20)

    @property
    def grown(self):
        return self.most - self.server.rss_at_start


@pytest.fixture(scope="module")
def attacked(target):
    server = Server(target, ARGS, ENV).start()
    server.rss_at_start = server.rss_bytes()
    yield server
    server.stop()
    server.check_log(("slow|consumer|1013|pressure|account",))
    server.remove()


def end(one):
    """A reset, unless the server was quicker."""
    try:
        one.reset() if isinstance(one, Tcp) else one.cut()
    except OSError:
        pass


def check(server, watch, cap):
    """Bounded while it lasted."""
    print(f"RSS grew by {watch.grown / MB:.1f} MB, cap {cap / MB:.0f}; {watch.n_calls} calls beside it, "
          f"the slowest {watch.slowest * 1000:.0f} ms")
    assert watch.n_calls > 0
    if not server.is_sanitized():
        assert watch.grown < cap + SLACK, f"{watch.grown / MB:.1f} MB"


def figure(server, name):
    """None while this address may not even ask."""
    try:
        return server.metric(name)
    except urllib.error.HTTPError as refused:
        assert refused.code == 503
        return -1 if name == "hyphad_peers" else 1 << 40


async def check_over(server, n_peers):
    """All of it is given back."""
    await until(lambda: figure(server, "hyphad_peers") == n_peers, timeout=30)
    await until(lambda: figure(server, "hyphad_under_way_bytes") < 256 << 10, timeout=30)


async def check_given_back(server):
    await until(lambda: figure(server, "hyphad_under_way_bytes") < 256 << 10, timeout=30)
    if not server.is_sanitized():
        await until(lambda: server.rss_bytes() < server.rss_at_start * 1.1 + 4 * MB, timeout=30)


async def attack(server, run, cap):
    hub = Hub(server)
    try:
        good = await hub.raw("good", token=mint("carol"))
        n_peers = server.metric("hyphad_peers")
        watch = Watch(server, good)
        sockets = []
        try:
            async with watch:
                await run(hub, sockets)
        finally:
            for one in sockets:
                end(one)
        check(server, watch, cap)
        await check_over(server, n_peers)
    finally:
        await hub.close()


async def feed(one, data, chunk=1 << 18):
    """Sends until the server takes no more, or has ended the connection."""
    try:
        for at in range(0, len(data), chunk):
            one.writer.write(data[at:at + chunk])
            await asyncio.wait_for(one.writer.drain(), 1)
    except (asyncio.TimeoutError, ConnectionError):
        pass


async def many(server, n, run, sockets, **options):
    async def one():
        tcp = await Tcp.open(server, **options)
        sockets.append(tcp)
        await run(tcp)
    await asyncio.gather(*(one() for _ in range(n)))


# ---- HTTP ----

POST = "POST /public/services/s/f HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


async def test_heads_that_never_end(attacked):
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 60_000

    async def run(hub, sockets):
        await many(attacked, 1000, lambda tcp: feed(tcp, head), sockets)
    await attack(attacked, run, ADDRESS)


async def test_bytes_behind_a_request(attacked):
    """A second request is held until the first one is answered, which a long-poll never is."""
    hub = Hub(attacked)
    pending = await hub.raw("pending")
    await pending.register("slow", {"f": asyncio.Event().wait}, visibility="public")
    target = f"GET /{pending.workspace}/services/{pending.client_id}:slow/f HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    async def run(_, sockets):
        await many(attacked, 1000, lambda tcp: feed(tcp, target + b"GET / HTTP/1.1\r\nX: " + b"a" * 60_000), sockets)
    try:
        await attack(attacked, run, ADDRESS)
    finally:
        await hub.close()


async def test_bodies_that_never_end(attacked):
    body = POST + f"Content-Length: {8 * MB}\r\n\r\n"

    async def run(hub, sockets):
        await many(attacked, 40, lambda tcp: feed(tcp, body.encode() + b"x" * (6 * MB)), sockets)
    await attack(attacked, run, ADDRESS)


async def test_bodies_that_unpack(attacked):
    packed = gzip.compress(b'{"x": "' + b"a" * (48 * MB) + b'"}')
    request = POST + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"

    async def ask(tcp):
        await feed(tcp, request.encode() + packed)
        statuses.append((await asyncio.wait_for(tcp.reader.readline(), 60))[9:12])
    statuses = []

    async def run(hub, sockets):
        await many(attacked, 30, ask, sockets)
        assert b"413" in statuses and set(statuses) <= {b"413", b"503"}, statuses
    await attack(attacked, run, ADDRESS)


async def test_responses_that_are_not_read(attacked):
    """Small requests for large answers, and nobody takes them."""
    hub = Hub(attacked)
    provider = await hub.raw("provider", token=mint("dora"))
    await provider.register("large", {"get": lambda: "x" * 700_000}, visibility="public")
    request = f"GET /{provider.workspace}/services/{provider.client_id}:large/get HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    async def run(_, sockets):
        await many(attacked, 140, lambda tcp: feed(tcp, request * 6), sockets, receive_buffer=4096)
        await until(lambda: provider.answered, timeout=30)
        await until_still(lambda: len(provider.answered))       # all wait for their clients, or were refused
    provider.answered = []
    answer = provider.answer

    async def count(*args, **more):
        provider.answered.append(1)
        await answer(*args, **more)
    provider.answer = count
    try:
        await attack(attacked, run, ADDRESS + USER)
    finally:
        await hub.close()


async def test_http_streams_that_are_not_read(attacked):
    """GET /rpc is one response without end: who is sent messages over it and takes none."""
    async def run(hub, sockets):
        sender = await hub.raw("feeder")
        token = await sender.manage("generate_token")

        async def one(i):
            tcp = await Tcp.open(attacked, receive_buffer=4096)
            sockets.append(tcp)
            await tcp.send(f"GET /rpc?client_id=s{i}&workspace={sender.workspace} HTTP/1.1\r\nHost: x\r\n"
                           f"Authorization: Bearer {token}\r\n\r\n".encode())
            await tcp.reader.readuntil(b"\r\n\r\n")
            tcp.writer.transport.pause_reading()
        await asyncio.gather(*(one(i) for i in range(20)))
        frame = b"x" * (256 << 10)
        for _ in range(40):
            for i in range(20):
                await sender.send({"type": "flood", "to": f"s{i}"}, {"data": frame})
            await sender.manage("echo", 1)
        sockets.append(sender)
    await attack(attacked, run, WORKSPACE)


# ---- WebSocket ----

async def logged_in(server, first, **options):
    tcp = await Tcp.open(server, **options)
    await tcp.upgrade()
    await tcp.frame(TEXT, json.dumps(first).encode())
    opcode, payload = await tcp.next_frame()
    assert json.loads(payload)["type"] == "connection_info"
    return tcp


def masked(opcode, payload):
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


@pytest.mark.parametrize("frame, n_frames, n_clients", [(masked(TEXT, b'{"type":"ping"}'), 1_200_000, 1),
                                                        (masked(PING, b"p" * 125), 120_000, 8)], ids=["texts", "pongs"])
async def test_answers_to_control_frames_that_are_not_taken(attacked, frame, n_frames, n_clients):
    async def run(hub, sockets):
        keeper = await hub.raw("keeper")
        token = await keeper.manage("generate_token")

        async def one(i):
            tcp = await logged_in(attacked, {"client_id": f"deaf-{i}", "workspace": keeper.workspace, "token": token},
                                  receive_buffer=2048)
            sockets.append(tcp)
            tcp.writer.transport.pause_reading()
            await feed(tcp, frame * n_frames, 1 << 20)
        await asyncio.gather(*(one(i) for i in range(n_clients)))
        sockets.append(keeper)
    await attack(attacked, run, WORKSPACE)


async def test_answers_of_the_hub_that_are_not_taken(attacked):
    """Small calls with large answers. Others of the hub's callers notice nothing (Watch calls all the time)."""
    async def run(hub, sockets):
        keeper = await hub.raw("keeper")
        for i in range(30):
            await keeper.register(f"big-{i}", {}, docs="d" * 100_000)
        token = await keeper.manage("generate_token")
        deaf = [await hub.raw(f"deaf-{i}", workspace=keeper.workspace, token=token) for i in range(4)]
        for one in deaf:
            one.ws.transport.pause_reading()
        for _ in range(25):
            for one in deaf:
                with contextlib.suppress(ConnectionClosed):     # it does not take what it asked for
                    await one.post("services.default.list_services")
            await keeper.manage("echo", 0)
        assert await keeper.manage("echo", 1) == 1
        sockets += deaf + [keeper]
    await attack(attacked, run, WORKSPACE)


async def test_a_caller_without_room_is_told_so(attacked):
    """The account is full because of another client of the same user; this one takes what it is sent."""
    hub = Hub(attacked)
    try:
        keeper = await hub.raw("keeper-2")
        token = await keeper.manage("generate_token")
        other = await hub.raw("other", workspace=keeper.workspace, token=token)
        key, n = "k", 0
        cache = "services.built-in.message_cache."
        await other.call(cache + "create", key)
        with pytest.raises(RpcError, match=r"No room for the chunked message \(--address-share, \d+ bytes\)"):
            for n in range(200):
                await other.call(cache + "set", key, n, b"x" * (256 << 10))
        assert n * (256 << 10) > 8 * MB
        refused = attacked.metric("hyphad_account_refusals_total")
        assert refused > 0
        assert await keeper.manage("echo", 1) == 1
        await other.call(cache + "remove", key)
        assert await other.manage("echo", 2) == 2
    finally:
        await hub.close()


async def test_chunks_that_are_never_processed(attacked):
    """Three anonymous clients fill the hub's message_cache."""
    async def one(raw):
        cache = "services.built-in.message_cache."
        for key in range(4):
            try:
                await raw.call(cache + "create", f"key-{key}")
                for n in range(200):
                    await raw.call(cache + "set", f"key-{key}", n, b"x" * (250 << 10))
            except (RpcError, ConnectionError):
                pass

    async def run(hub, sockets):
        raws = [await hub.raw(f"cache-{i}") for i in range(3)]
        sockets += raws
        await asyncio.gather(*(one(raw) for raw in raws))
    await attack(attacked, run, ANONYMOUS)


async def test_events_that_are_not_taken(attacked):
    """Many workspaces, in each a listener that reads nothing: the hub's own words."""
    async def one(hub, sockets, i):
        keeper = await hub.raw(f"announcer-{i}")
        token = await keeper.manage("generate_token")
        listener = await hub.raw(f"listener-{i}", workspace=keeper.workspace, token=token)
        await listener.manage("subscribe", "service_added")
        await listener.manage("subscribe", "service_updated")
        listener.ws.transport.pause_reading()
        sockets += [keeper, listener]
        for _ in range(60):
            try:
                await keeper.register("big", {}, docs="d" * 150_000)
            except (RpcError, ConnectionError):     # all of them together hold too much
                break

    async def run(hub, sockets):
        await asyncio.gather(*(one(hub, sockets, i) for i in range(24)))
    await attack(attacked, run, ANONYMOUS)


# ---- what is kept ----

async def test_services_beyond_what_a_user_may_hold(attacked):
    await check_given_back(attacked)        # what the attacks before it left in the heap is not its own
    async def run(hub, sockets):
        keeper = await hub.raw("collector")
        sockets.append(keeper)
        n = 0
        with pytest.raises(RpcError, match=r"No room for service .* \(--address-share, \d+ bytes\)"):
            for n in range(600):
                await keeper.register(f"big-{n}", {}, docs="d" * 170_000)
        assert 0.5 * USER < n * 170_000 < USER
        assert await keeper.manage("echo", 1) == 1
    await attack(attacked, run, USER)


# ---- in the end ----

async def test_memory_is_given_back(attacked):
    await check_given_back(attacked)
