"""Two JavaScript clients find and call each other."""
import asyncio

import pytest

from kit.node import VERSIONS, JsError

BOTH = pytest.mark.parametrize("version", VERSIONS)


async def pair(hub, version="0.21.40", kind="calc"):
    provider = await hub.js("js-provider", version=version)
    await provider.register(kind, kind, visibility="protected")
    consumer = await hub.js("js-consumer", version=version, beside=provider)
    return provider, consumer, await consumer.service(f"js-provider:{kind}")


@BOTH
@pytest.mark.req("W-002", "W-060", "W-061", "W-074", "W-120")
async def test_connect_register_call(hub, server, version):
    provider, _, calc = await pair(hub, version)
    assert provider.workspace.startswith("ws-user-")
    assert provider.info["config"]["hypha_version"]
    assert "listServices" in provider.info["functions"]
    assert await calc.call("add", 1, 2) == 3
    assert await calc.call("add_later", 2, 3) == 5
    assert await calc.call("nothing") is None
    assert await calc.call("nested.deep.negate", 4) == -4


@BOTH
@pytest.mark.req("W-069")
async def test_service_keeps_its_members(hub, server, version):
    provider, _, calc = await pair(hub, version)
    assert calc.shape["id"] == f"{provider.workspace}/js-provider:calc"
    assert calc.shape["constant"] == 5 and calc.shape["text"] == "fixed"
    assert calc.shape["nested"]["flag"] is True
    assert calc.shape["config"]["workspace"] == provider.workspace
    assert calc.shape["config"]["url"] == \
        f"{server.url}/{provider.workspace}/services/js-provider:calc"


@BOTH
async def test_callbacks(hub, server, version):
    _, consumer, calc = await pair(hub, version)
    assert await calc.call("notify", {"$callback": "seen"}, 3) == "done"
    assert await consumer.do("calls", name="seen", at_least=3) == [[0], [1], [2]]
    assert await calc.call("apply", {"$callback": "one", "returns": 42}, 1) == 42


@BOTH
@pytest.mark.req("W-067")
async def test_errors_reach_the_caller(hub, server, version):
    _, consumer, calc = await pair(hub, version)
    with pytest.raises(JsError, match="jsboom"):
        await calc.call("boom")
    with pytest.raises(JsError, match="Service not found"):
        await consumer.service("nosuch")


async def test_synchronous_throw(hub, server):
    _, _, calc = await pair(hub)
    with pytest.raises(JsError, match="jsboom-now"):
        await calc.call("boom_now")


@BOTH
async def test_generators(hub, server, version):
    _, _, calc = await pair(hub, version)
    assert await calc.items("count", 4) == [0, 1, 2, 3]
    assert await calc.items("count", 1000, limit=2) == [0, 1]


@BOTH
@pytest.mark.req("W-120")
async def test_large_values(hub, server, version):
    _, _, calc = await pair(hub, version)
    assert await calc.call("size", {"$bytes": 1_500_000}) == 1_500_000
    assert (await calc.call("blob", 900_000))["$bytes"] == 900_000


async def test_concurrent_calls_do_not_mix(hub, server):
    _, _, calc = await pair(hub)
    results = await asyncio.gather(*(calc.call("add_later", i, 1000) for i in range(100)))
    assert results == [i + 1000 for i in range(100)]


@pytest.mark.req("W-032")
async def test_context_names_the_caller(hub, server):
    provider, _, ctx = await pair(hub, kind="context")
    who = await ctx.call("who")
    assert who["ws"] == provider.workspace
    assert who["from"] == f"{provider.workspace}/js-consumer"
    assert who["to"] == f"{provider.workspace}/js-provider"


async def test_unregistered_service_is_gone(hub, server):
    provider, consumer, _ = await pair(hub)
    await provider.do("unregister", id="calc")
    with pytest.raises(JsError, match="Service not found"):
        await consumer.service("js-provider:calc")
