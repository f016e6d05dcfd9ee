"""Generators: read to the end, closed early, across clients and languages."""
import pytest

from kit import services
from kit.hub import until
from kit.node import VERSIONS
from kit.raw import RpcError


@pytest.mark.req("W-031")
async def test_python_generators_end_and_close(hub, server):
    closed = []

    async def ticks(n):
        try:
            for i in range(n):
                yield {"i": i, "pad": b"x" * 100}
        finally:
            closed.append(n)
    provider = await hub.py("prov")
    await provider.register_service({"id": "g", "ticks": ticks})
    consumer = await hub.py("cons", beside=provider)
    service = await consumer.get_service("prov:g")
    assert [item["i"] async for item in await service.ticks(5)] == list(range(5))
    assert closed == [5]
    endless = await service.ticks(10 ** 6)
    async for _ in endless:
        break
    await endless.aclose()
    await until(lambda: 10 ** 6 in closed)


async def test_error_inside_a_generator(hub, server):
    async def breaks():
        yield 1
        raise ValueError("half way")
    provider = await hub.py("prov")
    await provider.register_service({"id": "g", "breaks": breaks})
    consumer = await hub.py("cons", beside=provider)
    service = await consumer.get_service("prov:g")
    got = []
    with pytest.raises(Exception, match="half way"):
        async for item in await service.breaks():
            got.append(item)
    assert got == [1]


@pytest.mark.parametrize("version", VERSIONS)
async def test_generators_between_languages(hub, server, version):
    py = await hub.py("py")
    await py.register_service(services.calc())
    js = await hub.js("js", version=version, beside=py)
    await js.register("calc", "calc")
    assert await (await js.service("py:calc")).items("count", 5) == list(range(5))
    assert await (await js.service("py:calc")).items("count_later", 100, limit=3) == [0, 1, 2]
    calc = await py.get_service("js:calc")
    assert [i async for i in await calc.count(5)] == list(range(5))


async def test_two_generators_at_once(hub, server):
    py = await hub.py("py")
    await py.register_service(services.calc())
    other = await hub.py("other", beside=py)
    calc = await other.get_service("py:calc")
    left, right = await calc.count(50), await calc.count_later(50)
    seen = [(await left.__anext__(), await right.__anext__()) for _ in range(50)]
    assert seen == [(i, i) for i in range(50)]


async def test_only_the_receiver_may_pull(hub, server):
    """The generator's functions accept the address it was sent to and nobody else."""
    py = await hub.py("py")
    await py.register_service(services.calc())
    token = await py.generate_token()
    first = await hub.raw("first", workspace=py.config.workspace, token=token)
    second = await hub.raw("second", workspace=py.config.workspace, token=token)
    generator = await first.call("services.calc.count", 3, to="py")
    assert generator["_rtype"] == "generator"
    step = generator["_rmethod"]
    assert await first.call(step, to="py") == 0
    with pytest.raises(RpcError, match="Access denied for method call"):
        await second.call(step, to="py")
    assert await first.call(step, to="py") == 1
    assert await first.call(generator["_rclose_method"], to="py") is True
