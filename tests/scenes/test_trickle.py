"""A reader that takes a little of what it is sent: whoever sends to it stands still no longer than --slow-consumer-timeout says, and one for
whom nobody waits may be as slow as its line is."""
import asyncio
import json
import os

import pytest

from kit import wire
from kit.tcp import BINARY, TEXT, Tcp
from kit.waiting import pace, until

ARGS = ("--slow-consumer-timeout=2", "--pressure-high=4M", "--pressure-low=256K", "--sendq-bytes=32M", "--max-message=32M",
        "--max-frame=32M", "--ws-msg-rate-limit=none")
pytestmark = [pytest.mark.differs("the original holds nobody back"), pytest.mark.timeout(120), pytest.mark.allow_warn("slow|consumer")]


class Sipper:
    """A member that hears `news`, and reads so many bytes so often from here on."""

    def __init__(self, sock):
        self.sock, self.is_cut = sock, False
        self.fd = os.dup(sock.writer.get_extra_info("socket").fileno())

    @classmethod
    async def join(cls, server, owner):
        sock = await Tcp.open(server, receive_buffer=65_536)
        await sock.upgrade()
        await sock.frame(TEXT, json.dumps({"client_id": "sipper", "workspace": owner.workspace,
                                           "token": await owner.manage("generate_token")}).encode())
        opcode, _ = await sock.next_frame()
        assert opcode == TEXT
        await sock.frame(BINARY, wire.pack({"type": "method", "from": f"{owner.workspace}/sipper", "to": owner.manager, "session": "s",
                                            "method": "services.default.subscribe"})
                         + wire.pack({"args": [["news"]], "promise": "*", "t": 15}))
        while wire.split((await sock.next_frame())[1])[0]["method"] != "s.resolve":
            pass
        sock.writer.transport.pause_reading()
        return cls(sock)

    async def sip(self, n_bytes, every):
        while not self.is_cut:
            try:
                left = n_bytes
                while left > 0:
                    got = os.read(self.fd, min(left, 4096))
                    self.is_cut |= not got
                    left = left - len(got) if got else 0
            except BlockingIOError:
                pass
            except OSError:
                self.is_cut = True
            await pace(every, "its line is that slow")

    def close(self):
        os.close(self.fd)
        self.sock.reset()


def n_slow(server):
    return server.metric("hyphad_ws_slow_consumers_total")


@pytest.mark.req("S-162")
async def test_who_sips_holds_a_broadcast_up_for_the_timeout(hub, start_server):
    """48 MB go to everybody, of which one takes 1 MB a second: that would be most of a minute."""
    server, n = start_server(*ARGS), 800
    ada, bob = await hub.raw_pair("ada", "bob", server=server)
    await bob.manage("subscribe", "news")
    sipper = await Sipper.join(server, ada)
    sipping = asyncio.create_task(sipper.sip(100_000, 0.1))
    try:
        for i in range(n):
            await ada.send({"type": "news", "to": "*", "i": i, "pad": "x" * 60_000})
        assert await ada.call("services.default.echo", 1, timeout=20) == 1
        for i in range(n):
            assert (await bob.event("news", timeout=20))["i"] == i
        assert n_slow(server) == 1
        await until(lambda: "it did not read what was sent to it" in server.log_text())
    finally:
        sipping.cancel()
        sipper.close()


@pytest.mark.req("S-162")
async def test_a_slow_line_for_which_nobody_waits_is_not_cut(hub, start_server):
    """One message of 24 MB, whose sender has no more to say, over a line of 1 MB a second; then its sender has more to say."""
    server = start_server(*ARGS)
    ada = await hub.raw("ada", server=server)
    sipper = await Sipper.join(server, ada)
    sipping = asyncio.create_task(sipper.sip(100_000, 0.1))
    try:
        await ada.send({"type": "large", "to": "sipper"}, {"data": b"x" * (24 << 20)})
        await pace(4.5, "twice the time after which it would be cut if somebody waited")
        assert n_slow(server) == 0
        assert await ada.call("services.default.echo", 1, timeout=20) == 1
        assert n_slow(server) == 1
    finally:
        sipping.cancel()
        sipper.close()


@pytest.mark.req("S-164")
async def test_many_senders_at_once_cut_no_receiver_that_reads(hub, start_server):
    """Each is held back for itself, so that together they pass any cap of one queue."""
    server, n = start_server("--sendq-bytes=2M", "--max-message=1M", "--max-frame=1M", "--pressure-high=1M", "--pressure-low=256K",
                             "--ws-msg-rate-limit=none"), 24
    bob = await hub.raw("bob", server=server)
    token = await bob.manage("generate_token")
    await bob.manage("subscribe", "news")
    senders = [await hub.raw(f"sender-{i}", server=server, workspace=bob.workspace, token=token) for i in range(n)]
    await asyncio.gather(*(one.send({"type": "news", "to": "*", "i": 12 * i + k, "pad": "x" * 60_000})
                           for i, one in enumerate(senders) for k in range(12)))
    assert sorted([(await bob.event("news", timeout=30))["i"] for _ in range(12 * n)]) == list(range(12 * n))
    assert n_slow(server) == 0
