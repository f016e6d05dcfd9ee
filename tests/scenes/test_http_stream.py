"""Streams, large values and lost providers over plain HTTP."""
import asyncio
import json

import msgpack
import pytest

from kit.hub import until
from kit.web import client_for, provider_of


@pytest.mark.req("W-077", "H-039", "H-040")
@pytest.mark.differs("the original ends every stream with an error before the first item")
async def test_generator_as_event_stream(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        answer = await http.get(f"{base}/count?n=3")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text == "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: [DONE]\n\n"
        packed = await http.post(f"{base}/count", content=msgpack.packb({"n": 3}),
                                 headers={"Content-Type": "application/msgpack"})
        unpacker = msgpack.Unpacker()
        unpacker.feed(packed.content)
        assert list(unpacker) == [0, 1, 2]
        late = (await http.get(f"{base}/fails_late")).text.split("\n\n")
        assert late[0] == "data: 1" and late[2] == "data: [DONE]"
        assert "half way" in json.loads(late[1].removeprefix("data: "))["error"]
        assert 'File "' not in late[1]


@pytest.mark.req("W-077", "H-041")
@pytest.mark.differs("the original ends every stream with an error before the first item")
async def test_generator_is_closed_when_the_reader_leaves(hub, server):
    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield "x" * 100
        finally:
            closed.set()
    provider = await hub.py("prov")
    await provider.register_service({"id": "g", "endless": endless,
                                     "config": {"visibility": "public"}})
    url = f"/{provider.config.workspace}/services/prov:g/endless"
    async with client_for(server) as http:
        async with http.stream("GET", url) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    break
    await asyncio.wait_for(closed.wait(), 15)


@pytest.mark.req("W-077", "S-96")
@pytest.mark.differs("the original ends every stream with an error before the first item")
async def test_nothing_is_made_for_a_head(hub, server):
    """Neither items of a generator nor a long listing: whoever asks for the head takes none of it."""
    n_made = 0

    async def endless():
        nonlocal n_made
        while True:
            n_made += 1
            yield n_made
    provider = await hub.py("prov")
    await provider.register_service({"id": "g", "endless": endless, "config": {"visibility": "public"}})
    async with client_for(server) as http:
        answer = await http.head(f"/{provider.config.workspace}/services/prov:g/endless")
        assert answer.status_code == 200 and not answer.content
        assert answer.headers["content-type"].startswith("text/event-stream")
        for _ in range(5):          # the next request of the connection: the answer has ended
            assert (await http.get("/health/liveness")).status_code == 200
            await provider.echo(1)
    assert n_made == 0


@pytest.mark.req("W-079")
async def test_large_arguments_and_results(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        text = "é" * 2_000_000
        assert (await http.post(f"{base}/echo", json={"value": text})).json() == text
        packed = await http.post(f"{base}/blob", content=msgpack.packb({"n": 3_000_000}),
                                 headers={"Content-Type": "application/msgpack"})
        assert packed.status_code == 200, packed.text
        assert msgpack.unpackb(packed.content, max_bin_len=1 << 24) == b"\x09" * 3_000_000


async def test_provider_lost_during_a_call(hub, server):
    provider = await provider_of(hub)
    url = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        calling = asyncio.ensure_future(http.get(f"{url}/never"))
        assert (await http.get(f"{url}/add?a=1&b=1")).json() == 2
        await provider.disconnect()
        answer = await asyncio.wait_for(calling, 40)
        assert answer.status_code in ((502,) if server.target == "hyphad" else (404, 500, 502, 503, 504)), answer.text
        assert answer.json()["success"] is False


@pytest.mark.req("W-074", "W-061")
async def test_server_follows_the_promise_form_of_a_reference(hub, server):
    provider = await hub.raw("prov")
    seen = {}
    for name, form in (("full", True), ("compact", "*"), ("none", False)):
        provider.promises[f"services.s.{name}"] = form
    await provider.register("s", {name: lambda *a: 7 for name in ("full", "compact", "none")},
                            visibility="public")
    serve = provider._serve

    async def spy(main, extra):
        seen[main["method"].rsplit(".", 1)[1]] = (main, extra)
        return await serve(main, extra)
    provider._serve = spy
    base = f"/{provider.workspace}/services/prov:s"
    async with client_for(server) as http:
        assert (await http.get(f"{base}/full")).json() == 7
        assert (await http.get(f"{base}/compact")).json() == 7
        assert (await http.get(f"{base}/none")).json() is None
    await until(lambda: "none" in seen)
    full, compact, none = (seen[name][1].get("promise") for name in ("full", "compact", "none"))
    assert set(full) >= {"resolve", "reject"} and full["resolve"]["_rtype"] == "method"
    assert compact == "*" and none is None
    assert "session" not in seen["none"][0]


async def test_ephemeral_clients_leave_nothing(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        before = server.metric("hyphad_directory_entries")
        answers = await asyncio.gather(*(http.get(f"{base}/add?a={i}&b=1") for i in range(100)))
        assert [a.json() for a in answers] == [i + 1 for i in range(100)]
        if before is not None:
            await until(lambda: server.metric("hyphad_directory_entries") == before)
