"""Plain HTTP under strain: deep and large values, callers that hang up at every stage, streams nobody reads."""
import asyncio
import json

import msgpack
import pytest

from kit.hub import until
from kit.web import client_for

MSGPACK = {"Content-Type": "application/msgpack"}


async def provider_with(hub, **functions):
    provider = await hub.py("prov")
    await provider.register_service({"id": "s", "config": {"visibility": "public"}, **functions})
    return f"/{provider.config.workspace}/services/prov:s"


async def hang_up(server, request):
    """Sends a request, or a part of one, and leaves without reading."""
    _, writer = await asyncio.open_connection(*server.address)
    writer.write(request)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


async def settles(server, before):
    await until(lambda: server.metric("hyphad_directory_entries") == before)


@pytest.mark.req("H-028")
async def test_values_of_every_shape(hub, server):
    base = await provider_with(hub, echo=lambda value: value)
    deep = 1
    for i in range(20):
        deep = {"k": [deep, i]} if i % 2 else [deep, None]
    values = [deep, [], {}, "", 0, -1, 2 ** 63 - 1, -2 ** 63, 1.5, 1e300, True, None, "\x00é\U0001f600",
              [[[]]], {"": {"": {}}}, list(range(70000)), {str(i): i for i in range(70000)}, "x" * 70000]
    async with client_for(server) as http:
        for value in values:
            got = (await http.post(f"{base}/echo", json={"value": value})).json()
            assert got == value and type(got) is type(value)
            answer = await http.post(f"{base}/echo", content=msgpack.packb({"value": value}), headers=MSGPACK)
            assert msgpack.unpackb(answer.content) == value
        for value in (2 ** 64 - 1, b"", b"\x00" * 300, {"b": [b"x" * 70000]}):
            answer = await http.post(f"{base}/echo", content=msgpack.packb({"value": value}), headers=MSGPACK)
            assert msgpack.unpackb(answer.content) == value


async def test_large_bodies_both_ways(hub, server):
    base = await provider_with(hub, echo=lambda value: value, size=lambda value: len(value))
    blob = bytes(range(256)) * (12 * 4096)
    async with client_for(server) as http:
        packed = msgpack.packb({"value": blob})
        answers = await asyncio.gather(*(http.post(f"{base}/{name}", content=packed, headers=MSGPACK)
                                         for name in ("echo", "size", "echo")))
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert msgpack.unpackb(answers[0].content) == msgpack.unpackb(answers[2].content) == blob
    assert msgpack.unpackb(answers[1].content) == len(blob)


@pytest.mark.req("H-054")
async def test_callers_that_hang_up(hub, server):
    started, finish = asyncio.Semaphore(0), asyncio.Event()

    async def wait():
        started.release()
        await finish.wait()
        return "late"
    base = await provider_with(hub, wait=wait, echo=lambda value: value)
    before = server.metric("hyphad_directory_entries")
    body = json.dumps({"value": "x" * 500_000}).encode()
    head = f"POST {base}/echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(20):
        await hang_up(server, get(f"{base}/echo?value=1"))              # before anybody was asked
        await hang_up(server, head.encode() + body[:100_000])           # in the middle of the body
        await hang_up(server, head.encode() + body)                     # before the answer
        await hang_up(server, get(f"{base}/echo?value=1") * 5)          # with four more behind
    waiting = []
    for _ in range(5):
        _, writer = await asyncio.open_connection(*server.address)
        writer.write(get(f"{base}/wait"))
        waiting.append(writer)
    for _ in waiting:
        await asyncio.wait_for(started.acquire(), 15)
    for writer in waiting:
        writer.transport.abort()                                        # in the middle of the call
    await settles(server, before)
    finish.set()                                                        # their answers find nobody
    async with client_for(server) as http:
        assert (await http.get(f"{base}/echo?value=2")).json() == 2
    await settles(server, before)


@pytest.mark.req("W-077", "H-041")
@pytest.mark.differs("the original ends every stream with an error before the first item")
async def test_streams_nobody_reads(hub, server):
    made, closed = [], asyncio.Semaphore(0)

    async def endless():
        try:
            while True:
                made.append(1)
                yield "x" * 100_000
        finally:
            closed.release()
    base = await provider_with(hub, endless=endless, echo=lambda value: value)
    before = server.metric("hyphad_directory_entries")
    writers = []
    for kind in ("json", "msgpack", "json"):
        _, writer = await asyncio.open_connection(*server.address, limit=1024)
        writer.write(f"GET {base}/endless HTTP/1.1\r\nHost: h\r\nContent-Type: application/{kind}\r\n\r\n".encode())
        writers.append(writer)

    async def stalled():
        """The provider has stopped making items: the sockets are full and the server asks for no more."""
        while True:
            seen = len(made)
            async with client_for(server) as http:
                for i in range(20):
                    assert (await http.get(f"{base}/echo?value={i}")).json() == i
            if seen and len(made) == seen:
                return
    await asyncio.wait_for(stalled(), 60)
    for writer in writers:
        writer.transport.abort()
    for _ in writers:
        await asyncio.wait_for(closed.acquire(), 15)
    await settles(server, before)
