"""Two Python clients find and call each other."""
import asyncio

import numpy as np
import pytest
from hypha_rpc.rpc import RemoteException

from kit import services
from kit.hub import Recorder

FAILURES = (RemoteException, Exception)


async def pair(hub, kind=services.calc, **config):
    """A provider with one service, and a consumer in its workspace that fetched it."""
    config.setdefault("visibility", "protected")
    provider = await hub.py("provider")
    info = await provider.register_service(kind(**config))
    consumer = await hub.py("consumer", beside=provider)
    return provider, consumer, await consumer.get_service(info["id"])


@pytest.mark.req("W-002", "W-060", "W-061")
async def test_connect_register_call(hub, server):
    provider, consumer, calc = await pair(hub)
    assert provider.config.workspace.startswith("ws-user-")
    assert provider.config.hypha_version and provider.config.public_base_url
    assert await calc.add(1, 2) == 3
    assert await calc.add(1, b=5) == 6
    assert await calc.add(a=1, b=6) == 7
    assert await calc.add_later(2, b=2) == 4
    assert await calc.nothing() is None
    assert await calc.nested.deep.negate(5) == -5


@pytest.mark.req("W-069")
async def test_service_keeps_its_members(hub, server):
    provider, consumer, calc = await pair(hub, extra={"x": None, "y": [1, None]})
    workspace = provider.config.workspace
    assert calc["id"] == f"{workspace}/provider:calc"
    assert calc.config.workspace == workspace
    assert calc.config.url == f"{server.url}/{workspace}/services/provider:calc"
    assert calc.config.extra == {"x": None, "y": [1, None]}
    assert calc.constant == 5 and calc.text == "fixed"
    assert calc.nested.flag is True
    assert calc.description == "Functions that scenes call."


@pytest.mark.req("W-031")
async def test_values_travel_unchanged(hub, server):
    _, _, calc = await pair(hub)
    value = {"i": 2 ** 53, "n": -7, "f": 1.5e-300, "s": "grüße\n", "b": b"\x00\xff", "none": None,
             "t": True, "deep": [[{"x": [1, {"y": 2}]}]], "empty": {}, "list": []}
    assert await calc.echo(value) == value
    assert await calc.echo({1, 2}) == {1, 2}


@pytest.mark.req("W-061")
async def test_callbacks(hub, server):
    _, _, calc = await pair(hub)
    seen = Recorder()
    assert await calc.notify(seen.function(), 3) == "done"
    assert seen.calls == [(0,), (1,), (2,)]

    async def double(x):
        return 2 * x
    assert await calc.apply(double, 21) == 42

    def refuse(x):
        raise ValueError(f"no {x}")
    with pytest.raises(Exception, match="no 21"):
        await calc.apply(refuse, 21)


@pytest.mark.req("W-067")
async def test_errors_reach_the_caller(hub, server):
    _, consumer, calc = await pair(hub)
    with pytest.raises(RemoteException, match="boom!"):
        await calc.boom()
    with pytest.raises(RemoteException, match="missing-thing"):
        await calc.boom_later()
    with pytest.raises(Exception, match="unexpected keyword argument 'zz'|add\\(\\)"):
        await calc.add(1, zz=2)
    with pytest.raises(Exception, match="Service not found"):
        await consumer.get_service("nosuch")


async def test_generators(hub, server):
    _, _, calc = await pair(hub)
    assert [i async for i in await calc.count(4)] == [0, 1, 2, 3]
    assert [i async for i in await calc.count_later(3)] == [0, 1, 2]
    first = await calc.count_later(1000)
    async for item in first:
        assert item == 0
        break
    await first.aclose()


async def test_arrays(hub, server):
    _, _, calc = await pair(hub)
    small = np.arange(12, dtype="int16").reshape(3, 4)
    assert np.array_equal(await calc.echo(small), small)
    large = np.arange(75_000, dtype="float32").reshape(250, 300)
    back = await calc.echo(large)
    assert back.dtype == large.dtype and np.array_equal(back, large)


async def test_concurrent_calls_do_not_mix(hub, server):
    _, _, calc = await pair(hub)
    results = await asyncio.gather(*(calc.add_later(i, b=1000) for i in range(200)))
    assert results == [i + 1000 for i in range(200)]


@pytest.mark.req("W-032", "W-075")
async def test_context_names_the_caller(hub, server):
    provider, consumer, ctx = await pair(hub, services.context_service)
    workspace = provider.config.workspace
    who = await ctx.who()
    assert who["ws"] == workspace
    assert who["from"] == f"{workspace}/consumer"
    assert who["to"] == f"{workspace}/provider"
    assert who["user"]["id"] == consumer.config.user["id"]
    assert who["kind"] == "websocket"
    assert await ctx.seen(7) == {"value": 7, "from": f"{workspace}/consumer"}


async def test_two_providers_both_directions(hub, server):
    first, second, calc = await pair(hub)
    await second.register_service(services.calc("back"))
    back = await first.get_service("consumer:back")
    assert await asyncio.gather(calc.add(1, 1), back.add(2, 2)) == [2, 4]


async def test_unregistered_service_is_gone(hub, server):
    provider, consumer, calc = await pair(hub)
    await provider.unregister_service("calc")
    with pytest.raises(Exception, match="Service not found"):
        await consumer.get_service("provider:calc")
