"""A receiver that stops reading: bounded memory, nobody else delayed, in the end its own loss."""
import asyncio
import json
import signal
import time

import pytest

from kit import wire
from kit.hub import until
from kit.tcp import BINARY, TEXT, Tcp
from kit.waiting import pace, until_still

FRAME = b"x" * 65_536
SMALL_QUEUES = ("--max-frame=1M", "--max-message=1M", "--sendq-bytes=2M", "--pressure-high=1M",
                "--pressure-low=256K")


async def flood(sender, to, limit):
    """Sends until `limit` bytes are gone; counts what the transport took."""
    sent = 0
    while sent < limit:
        await sender.send({"type": "flood", "to": to}, {"data": FRAME})
        sent += len(FRAME)
        sender.n_sent = sent
    return sent


async def stalled_pair(hub, server):
    sender, receiver = await hub.raw_pair("feeder", "stalled", server=server)
    receiver.ws.transport.pause_reading()
    sender.n_sent = 0
    return sender, receiver


@pytest.mark.req("W-043")
@pytest.mark.timeout(120)
@pytest.mark.allow_warn("slow|consumer|1013|pressure")
async def test_memory_is_bounded_and_others_go_on(hub, start_server, target):
    args = (*SMALL_QUEUES, "--slow-consumer-timeout=60") if target == "hyphad" else ()
    server = start_server(*args)
    alice, bob = await hub.raw_pair("alice", "bob", server=server)
    bob.functions["plus"] = lambda x: x + 1
    assert await alice.call("plus", 1, to="bob") == 2
    before = server.rss_bytes()
    sender, receiver = await stalled_pair(hub, server)
    flooding = asyncio.create_task(flood(sender, "stalled", 400 << 20))
    slowest, most = 0, 0
    for i in range(200):
        began = time.monotonic()
        assert await alice.call("plus", i, to="bob") == i + 1
        slowest = max(slowest, time.monotonic() - began)
        most = max(most, server.rss_bytes())
        await pace(0.02, "calls all along the flood")
    assert not flooding.done(), "the sender was never slowed down"
    assert most - before < 120 << 20, f"{(most - before) >> 20} MiB more"
    assert slowest < 2, f"a call beside the stalled pair took {slowest:.2f} s"
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)


@pytest.mark.req("W-043")
@pytest.mark.timeout(120)
async def test_receiver_that_reads_again_gets_everything_in_order(hub, start_server, target):
    args = SMALL_QUEUES if target == "hyphad" else ()
    server = start_server(*args)
    sender, receiver = await stalled_pair(hub, server)
    n = 1000

    async def send():
        for i in range(n):
            await sender.send({"type": "n", "to": "stalled", "i": i}, {"data": FRAME})
            sender.n_sent = i + 1
    sending = asyncio.create_task(send())
    await until(lambda: sender.n_sent, timeout=40)
    if target == "hyphad":
        await until(lambda: server.metric("hyphad_pressure_stops_total"), timeout=40)
    assert await until_still(lambda: sender.n_sent, 0.5) < n, "the sender was never slowed down"
    receiver.ws.transport.resume_reading()
    await asyncio.wait_for(sending, 60)
    await receiver.frame(lambda m, e: m.get("i") == n - 1, timeout=60)
    assert [m["i"] for m, _, _, _ in receiver.frames] == list(range(n - 1))


@pytest.mark.req("W-043")
@pytest.mark.differs("the original waits for the slow receiver without end")
@pytest.mark.timeout(120)
@pytest.mark.allow_warn("slow|consumer|1013|pressure")
async def test_slow_receiver_is_closed_in_the_end(hub, start_server):
    server = start_server(*SMALL_QUEUES, "--slow-consumer-timeout=2")
    sender, receiver = await stalled_pair(hub, server)
    await sender.manage("subscribe", "client_disconnected")
    flooding = asyncio.create_task(flood(sender, "stalled", 200 << 20))
    event = await sender.event("client_disconnected", timeout=60)
    assert event["data"]["id"] == "stalled"
    await asyncio.wait_for(flooding, 60)    # frames to nobody are dropped: the sender runs free
    assert await sender.manage("echo", 1) == 1
    receiver.ws.transport.resume_reading()
    code, _ = await receiver.closed(30)
    assert code in (1013, 1006), code


@pytest.mark.req("W-043")
@pytest.mark.allow_warn("slow|consumer|1013|pressure")
async def test_stalled_subscriber_does_not_stop_a_broadcast(hub, server):
    alice, bob = await hub.raw_pair()
    stalled = await hub.raw("stalled", workspace=alice.workspace,
                            token=await alice.manage("generate_token"))
    for raw in (bob, stalled):
        await raw.manage("subscribe", "news")
    stalled.ws.transport.pause_reading()
    for i in range(100):
        await alice.send({"type": "news", "to": "*", "i": i, "pad": "x" * 1000})
    for i in range(100):
        assert (await bob.event("news"))["i"] == i


async def crowd(hub, start_server, n_members, *args):
    """ada, and members of her workspace who want news."""
    server = start_server("--threads=1", *args, env={"HYPHA_MAX_CONNECTIONS_PER_USER": "1000", "HYPHA_WS_MSG_RATE_LIMIT": "none"})
    ada = await hub.raw("ada", server=server)
    token = await ada.manage("generate_token")
    members = []
    for at in range(0, n_members, 60):
        some = await asyncio.gather(*(hub.raw(f"m-{i}", server=server, workspace=ada.workspace, token=token)
                                      for i in range(at, at + 60)))
        await asyncio.gather(*(one.manage("subscribe", "news") for one in some))
        members += some
    return server, ada, members


@pytest.mark.stress
@pytest.mark.differs("the original knows no such figure")
@pytest.mark.timeout(120)
@pytest.mark.allow_warn("slow|consumer|1013|pressure")
async def test_a_crowd_that_reads_again_takes_no_long_turn(hub, start_server):
    """All have more waiting than their sockets take, and all become writable at once: they read while the server sleeps."""
    server, ada, members = await crowd(hub, start_server, 120)
    n = 80

    def n_read():
        return sum(len(one.frames) for one in members)
    for one in members:
        one.ws.transport.pause_reading()
    for i in range(n):
        await ada.send({"type": "news", "to": "*", "i": i}, {"data": FRAME})
    await until_still(lambda: server.metric("hyphad_sent_bytes_total"), least=1 << 20)
    server.process.send_signal(signal.SIGSTOP)
    for one in members:
        one.ws.transport.resume_reading()
    await until_still(n_read)
    server.process.send_signal(signal.SIGCONT)
    for one in members:
        assert [(await one.event("news", 60))["i"] for _ in range(n)] == list(range(n))
    if not server.is_sanitized():
        assert server.metric("hyphad_loop_longest_turn_cpu_us") < 5000


@pytest.mark.req("W-043")
@pytest.mark.differs("the original knows no such figure")
@pytest.mark.timeout(120)
@pytest.mark.allow_warn("slow|consumer|1013|pressure")
async def test_who_broadcasts_to_a_crowd_is_read_no_faster_than_the_crowd_is_served(hub, start_server):
    """A burst of small ones, each to more than a turn has time for: none is lost, all come in order.
    The server sleeps while they are sent, so that it finds them together however slow their sender is, and is interrupted while it serves
    them, so that its turns have no time left however fast it is. Whether a turn is cut where some wait is still a matter of luck: of twenty
    bursts one is held back."""
    server, ada, members = await crowd(hub, start_server, 240, "--pressure-high=1G", "--sendq-bytes=1G", "--peer-bytes=1G")      # no sender is held for its bytes
    n = 1000
    for one in members[1:]:
        one.ws.transport.pause_reading()
    stops = server.metric("hyphad_pressure_stops_total")

    async def send():
        for i in range(n):
            await ada.send({"type": "news", "to": "*", "i": i})
            if i % 100 == 50:
                await ada.send({"type": "mail", "to": "m-0", "i": i})

    async def interrupt():
        while True:
            server.process.send_signal(signal.SIGCONT)
            await pace(0.001, "the server runs")
            server.process.send_signal(signal.SIGSTOP)
            await pace(0.001, "and does not")
    for _ in range(20):
        server.process.send_signal(signal.SIGSTOP)
        sending = asyncio.create_task(send())
        await until(lambda: sending.done() or ada.ws.transport.get_write_buffer_size())      # or the sockets are full
        interrupting = asyncio.create_task(interrupt())
        await sending
        got = [await members[0].frame(lambda m, e: m["type"] in ("news", "mail"), 60) for _ in range(n + n // 100)]
        interrupting.cancel()
        server.process.send_signal(signal.SIGCONT)
        assert [(m["type"], m["i"]) for m, *_ in got] == \
            [one for i in range(n) for one in [("news", i), ("mail", i)][:1 + (i % 100 == 50)]]
        if server.metric("hyphad_pressure_stops_total") > stops:
            break
    for one in members[1:]:
        one.ws.transport.abort()    # to close them is to read all that
    assert server.metric("hyphad_pressure_stops_total") > stops


@pytest.mark.req("W-043")
async def test_a_message_that_has_begun_does_not_hold_back_its_own_rest(hub, server):
    """Its room is charged when it is announced: held back for what is undelivered before it, its sender waited for ever."""
    bob = await hub.raw("bob")
    bob._reader.cancel()
    async with await Tcp.open(server) as tcp:
        await tcp.upgrade()
        await tcp.frame(TEXT, json.dumps({"client_id": "ada"}).encode())
        info = json.loads((await tcp.next_frame())[1])
        assert info["type"] == "connection_info", info

        def call(method, n_bytes):
            to = bob.address if n_bytes else "*/" + info["manager_id"]
            body = wire.pack({"type": "method", "to": to, "method": method, "session": "s-1"}) + \
                wire.pack({"args": [b"x" * n_bytes if n_bytes else 7], "promise": "*", "t": 15})
            return b"\x82\xff" + len(body).to_bytes(8, "big") + b"\0\0\0\0" + body if n_bytes else body
        first, second = call("S.x", 5 << 20), call("S.y", 5 << 20)
        await tcp.send(first[:-10])
        await tcp.send(first[-10:] + second[:100])
        await tcp.send(second[100:])
        await tcp.frame(BINARY, call("services.default.echo", 0))
        payload = b""
        while b"s-1.resolve" not in payload:
            _, payload = await tcp.next_frame(30)
