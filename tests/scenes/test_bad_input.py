"""Input nobody honest sends: it ends the connection it came on, and nobody else notices."""
import asyncio
import json
import os
import random

import pytest

from kit import wire
from kit.hub import until
from kit.tcp import BINARY, CLOSE, PING, PONG, TEXT, Tcp
from kit.waiting import pace

pytestmark = pytest.mark.allow_warn("")     # refusals may be logged; errors and reports may not


async def witness(hub, server):
    """A pair that must go on working whatever happens beside it."""
    alice, bob = await hub.raw_pair(server=server)
    bob.functions["still.there"] = lambda x: x + 1

    async def check():
        assert await alice.call("still.there", 1, to="bob") == 2
    await check()
    return check


async def status_of(tcp, timeout=20):
    answer = await tcp.rest(timeout)
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


@pytest.mark.parametrize("garbage", [
    b"\x00\x01\x02\x03" * 20, b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    b"GET /a b c HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])
async def test_garbage_before_the_upgrade(hub, server, garbage):
    check = await witness(hub, server)
    async with await Tcp.open(server) as tcp:
        await tcp.send(garbage)
        tcp.writer.write_eof()
        assert await status_of(tcp) in ((400,) if server.target == "hyphad" else (None, 400, 404, 405, 501, 505))
    await check()


@pytest.mark.differs("the original has no such limits")
async def test_giant_head(hub, server):
    check, statuses = await witness(hub, server), set()
    for head in (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(500))
                 + b"\r\n"):
        async with await Tcp.open(server) as tcp:
            try:
                await tcp.send(head)
            except ConnectionError:
                pass
            statuses.add(await status_of(tcp))
    assert statuses - {None} == {431}, "an answer may be lost with what its reader sends on"
    await check()


@pytest.mark.differs("the original waits without end")
async def test_slow_head(hub, start_server):
    server = start_server("--head-timeout=1")
    check = await witness(hub, server)
    async with await Tcp.open(server) as silent, await Tcp.open(server) as slow:
        await slow.send(b"GET / HTTP/1.1\r\nHo")

        async def drip():
            while True:
                await slow.send(b"x")
                await pace(0.1, "it drips")
        dripping = asyncio.create_task(drip())
        assert await status_of(silent) is None, "who has asked for nothing is told nothing"
        assert await status_of(slow) == 408
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    await check()


@pytest.mark.req("W-001")
@pytest.mark.parametrize("change, status", [
    (("Upgrade: websocket", "Upgrade: h2c"), b"404"),
    (("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), b"426"),
    (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), b"400"),
    (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short"), b"400"),
    (("Connection: Upgrade", "Connection: close"), b"404"), (("GET /ws", "POST /ws"), b"405")])
async def test_upgrades_that_are_wrong(hub, server, change, status):
    head = ("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    if server.target == "original" and "Version" not in change[0]:
        pytest.skip("the original is more lenient")
    async with await Tcp.open(server) as tcp:
        await tcp.send(head.replace(*change).encode())
        line = await asyncio.wait_for(tcp.reader.readline(), 15)
        assert line.split()[1] in ((status,) if server.target == "hyphad" else (b"400", b"404", b"405", b"426")), line


async def test_upgrade_answer_is_right(server):
    async with await Tcp.open(server) as tcp:
        await tcp.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nupgrade: WebSocket\r\n"
                       b"connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        head = (await asyncio.wait_for(tcp.reader.readuntil(b"\r\n\r\n"), 15)).lower()
        assert head.startswith(b"http/1.1 101")
        assert b"s3pplmbitxaq9kygzzhzrbk+xoo=" in head
        assert b"sec-websocket-extensions" not in head and b"sec-websocket-protocol" not in head


async def joined(server, client_id="tcp"):
    tcp = await Tcp.open(server)
    assert "101" in await tcp.upgrade()
    await tcp.frame(TEXT, json.dumps({"client_id": client_id}).encode())
    opcode, payload = await tcp.next_frame()
    assert opcode == TEXT and json.loads(payload)["type"] == "connection_info"
    return tcp


async def test_bytes_behind_the_upgrade_request(server):
    """A first message sent together with the request is not lost."""
    async with await Tcp.open(server) as tcp:
        await tcp.upgrade(headers="X-Filler: 1\r\n")
        first = json.dumps({"client_id": "early"}).encode()
        for byte in (b"\x81", bytes([0x80 | len(first)]), b"\0\0\0\0", first[:3], first[3:]):
            await tcp.send(byte)
        opcode, payload = await tcp.next_frame()
        assert json.loads(payload)["client_id"] == "early"


@pytest.mark.parametrize("lie", ["unmasked", "reserved bits", "unknown opcode", "unknown control",
                                 "fragmented control", "long control", "lone continuation",
                                 "text inside a message", "bad utf-8", "63-bit length"])
async def test_frames_that_break_rfc_6455(hub, server, lie):
    check = await witness(hub, server)
    async with await joined(server) as tcp:
        good = wire.pack({"type": "x", "to": "y"})
        await {
            "unmasked": lambda: tcp.frame(BINARY, good, masked=False),
            "reserved bits": lambda: tcp.frame(BINARY, good, reserved=4),
            "unknown opcode": lambda: tcp.frame(3, good),
            "unknown control": lambda: tcp.frame(11, b""),
            "fragmented control": lambda: tcp.frame(PING, b"", fin=False),
            "long control": lambda: tcp.frame(PING, b"x" * 126),
            "lone continuation": lambda: tcp.frame(0, good),
            "text inside a message": lambda: _twice(tcp, good),
            "bad utf-8": lambda: tcp.frame(TEXT, b'{"type":"\xff\xfe"}'),
            "63-bit length": lambda: tcp.frame(BINARY, b"", length=(1 << 63) - 1),
        }[lie]()
        code = await tcp.close_code()
        right = {"bad utf-8": 1007, "63-bit length": 1009}.get(lie, 1002)
        assert code in ((right,) if server.target == "hyphad" else (1002, 1007, 1009, None)), code
    await check()


async def _twice(tcp, good):
    await tcp.frame(BINARY, good, fin=False)
    await tcp.frame(BINARY, good)


async def test_control_frames_between_fragments(server):
    async with await joined(server) as tcp:
        text = b'{"type":"ping"}'
        await tcp.frame(TEXT, text[:4], fin=False)
        await tcp.frame(PING, b"mid")
        assert await tcp.next_frame() == (PONG, b"mid")
        await tcp.frame(0, b"", fin=False)
        await tcp.frame(0, text[4:])
        opcode, payload = await tcp.next_frame()
        assert opcode == TEXT and json.loads(payload) == {"type": "pong"}


@pytest.mark.req("W-027")
async def test_fragments_without_end(hub, server):
    """The limit of a message counts its fragments together."""
    check = await witness(hub, server)
    async with await joined(server) as tcp:
        piece = bytes(1 << 20)
        await tcp.frame(BINARY, piece, fin=False)
        zero_mask = b"\x00" + bytes([0x80 | 127]) + (1 << 20).to_bytes(8, "big") + b"\0\0\0\0"
        try:
            for _ in range(40):
                await tcp.send(zero_mask + piece)
        except ConnectionError:
            pass
        assert await tcp.close_code() in (1009, None)
    await check()


async def test_many_empty_fragments(hub, server):
    check = await witness(hub, server)
    async with await joined(server) as tcp:
        await tcp.frame(TEXT, b'{"type":', fin=False)
        await tcp.send(b"\x00\x80\0\0\0\0" * 20_000)
        await tcp.frame(0, b'"ping"}')
        opcode, payload = await tcp.next_frame()
        assert opcode in ((CLOSE,) if server.target == "hyphad" else (TEXT, CLOSE))
    await check()


async def test_close_frames(server):
    for payload, codes in ((b"", (1000, 1005, None)), (b"\x03\xe8bye", (1000,)),
                           (b"\x03", (1002, None)), (b"\x03\xec", (1002, None)),
                           (b"\x03\xe8\xff\xff", (1002, 1007, None))):
        async with await joined(server) as tcp:
            await tcp.frame(CLOSE, payload)
            assert await tcp.close_code() in codes, payload
            assert await tcp.rest() == b""


@pytest.mark.req("W-036")
@pytest.mark.parametrize("shape", ["deep array", "deep map", "wide map", "wide array", "long key"])
async def test_hostile_messagepack(hub, server, shape):
    alice, bob = await hub.raw_pair()
    head = b"\x83\xa4type\xa1x\xa2to\xa3bob\xa1v"
    frame = {"deep array": head + b"\x91" * 200_000 + b"\xc0",
             "deep map": head + b"\x81\xa1a" * 100_000 + b"\xc0",
             "wide map": b"\xdf\x00\x0f\xff\xff\xa4type\xa1x\xa2to\xa3bob" + b"\xa1v\xc0" * 1000,
             "wide array": head + b"\xdd\xff\xff\xff\xff" + b"\xc0" * 100,
             "long key": b"\x82\xa2to\xa3bob\xdb\xff\xff\xff\xf0abc"}[shape]
    await alice.ws.send(frame)
    await bob.ws.send(wire.pack({"type": "method", "to": bob.manager, "session": "s",
                                 "method": "services.default.echo"}) + b"\x81\xa4args\x91"
                      + b"\x91" * 200_000 + b"\xc0")
    assert await alice.manage("echo", 1) == 1
    bob.functions["still.there"] = lambda: "yes"
    assert await alice.call("still.there", to="bob") == "yes"


async def test_random_frames(hub, server):
    """Random cuts and flips of a real call: the sender stays connected, others work."""
    check = await witness(hub, server)
    dice = random.Random(11)
    raw = await hub.raw("dice")
    base = wire.pack({"type": "method", "to": raw.manager, "from": raw.address, "session": "s",
                      "method": "services.default.echo"}) \
        + wire.pack({"args": [{"a": [1, 2.5, None, b"x"]}], "promise": "*", "t": 15})
    for _ in range(1500):
        frame = bytearray(base[:dice.randrange(1, len(base) + 1)])
        for _ in range(dice.randrange(4)):
            frame[dice.randrange(len(frame))] = dice.randrange(256)
        await raw.ws.send(bytes(frame))
    assert await raw.call("services.built-in.ping", "ping", timeout=30) == "pong"
    await check()


async def test_text_flood(hub, server):
    check = await witness(hub, server)
    raw = await hub.raw("flood", is_registered=False)
    for i in range(3000):
        await raw.send_text("x" * (i % 1200))
    await raw.send_text({"type": "ping"})
    assert await raw.text(timeout=30) == {"type": "pong"}
    await check()


async def test_vanishing_at_every_step(hub, server):
    """Connections reset before, within and after the handshake leave no entry behind."""
    check = await witness(hub, server)
    before = server.metric("hyphad_directory_entries")
    for _ in range(20):
        (await Tcp.open(server)).reset()
        tcp = await Tcp.open(server)
        await tcp.send(b"GET /ws HTTP/1.1\r\nHost")
        tcp.reset()
        tcp = await Tcp.open(server)
        await tcp.upgrade()
        tcp.reset()
        tcp = await Tcp.open(server)
        await tcp.upgrade()
        await tcp.frame(TEXT, b'{"client_id":"gone"}')
        tcp.reset()
        tcp = await joined(server)
        await tcp.frame(BINARY, os.urandom(10), length=1000)
        tcp.reset()
    await check()
    if before is not None:
        await until(lambda: server.metric("hyphad_directory_entries") == before)


@pytest.mark.differs("the original keeps what it got")
async def test_memory_returns(hub, start_server):
    """Unfinished large messages from clients that vanish are given back."""
    server = start_server()

    async def round_():
        tcps = []
        for i in range(20):
            tcp = await joined(server, f"m{i}")
            head = b"\x82\xff" + (8 << 20).to_bytes(8, "big") + b"\0\0\0\0"
            await tcp.send(head + bytes(2 << 20))
            tcps.append(tcp)
        for tcp in tcps:
            tcp.reset()
        probe = await hub.raw("probe", server=server)
        assert await probe.manage("echo", 1) == 1
        await probe.leave()
    for _ in range(2):
        await round_()
    before = server.rss_bytes()
    for _ in range(4):
        await round_()
    await until(lambda: server.metric("hyphad_under_way_bytes") < 1 << 20, timeout=20, step=0.2)
    if not server.is_sanitized():       # a sanitizer keeps what has been freed, for a while of its own
        await until(lambda: server.rss_bytes() < before * 1.1 + (4 << 20), timeout=20, step=0.2)
