"""Python and JavaScript clients call each other, in one workspace and across workspaces."""
import numpy as np
import pytest

from kit import services
from kit.hub import Recorder
from kit.node import VERSIONS, JsError

BOTH = pytest.mark.parametrize("version", VERSIONS)


@BOTH
@pytest.mark.req("W-061", "W-074", "W-120")
async def test_python_calls_js(hub, server, version):
    provider = await hub.js("jsp", version=version)
    await provider.register("calc", "calc")
    api = await hub.py("pyc", beside=provider)
    calc = await api.get_service("jsp:calc")
    assert await calc.add(1, 2) == 3
    assert await calc.add_later(3, 4) == 7
    assert await calc.nested.deep.negate(2) == -2
    assert calc.constant == 5
    seen = Recorder()
    assert await calc.notify(seen.function(), 2) == "done"
    assert seen.calls == [(0,), (1,)]
    with pytest.raises(Exception, match="jsboom"):
        await calc.boom()
    assert await calc.size(bytes(900_000)) == 900_000
    assert await calc.blob(900_000) == b"\x09" * 900_000
    assert [i async for i in await calc.count(3)] == [0, 1, 2]


@BOTH
@pytest.mark.req("W-061", "W-074", "W-120")
async def test_js_calls_python(hub, server, version):
    provider = await hub.py("pyp")
    await provider.register_service(services.calc())
    consumer = await hub.js("jsc", version=version, beside=provider)
    calc = await consumer.service("pyp:calc")
    assert await calc.call("add", 1, 2) == 3
    assert await calc.call("nested.deep.negate", 2) == -2
    assert await calc.call("notify", {"$callback": "cb"}, 2) == "done"
    assert await consumer.do("calls", name="cb", at_least=2) == [[0], [1]]
    with pytest.raises(JsError, match="boom!"):
        await calc.call("boom")
    with pytest.raises(JsError, match="missing-thing"):
        await calc.call("boom_later")
    assert await calc.call("size", {"$bytes": 900_000}) == 900_000
    assert (await calc.call("blob", 900_000))["$bytes"] == 900_000
    assert await calc.items("count", 3) == [0, 1, 2]


@pytest.mark.req("W-120")
async def test_a_function_that_raises_is_an_answer_from_the_kits_own_client_too(hub, server):
    async def boom_later():
        raise KeyError("missing-thing")
    provider = await hub.raw("rawp")
    await provider.register("calc", {"boom": lambda: 1 // 0, "boom_later": boom_later})
    api = await hub.py("pyc", beside=provider)
    calc = await api.get_service("rawp:calc")
    with pytest.raises(Exception, match="division"):
        await calc.boom()
    with pytest.raises(Exception, match="missing-thing"):
        await calc.boom_later()
    assert provider.failure is None and provider.is_open


@BOTH
@pytest.mark.req("W-068", "S-13")
async def test_public_js_service_from_another_workspace(hub, server, version):
    provider = await hub.js("jsp", version=version)
    await provider.register("calc", "calc", visibility="public")
    for consumer in (await hub.py("stranger"), ):
        calc = await consumer.get_service(f"{provider.workspace}/jsp:calc")
        assert await calc.add(1, 2) == 3
        assert await calc.nested.deep.negate(1) == -1
    stranger = await hub.js("js-stranger")
    calc = await stranger.service(f"{provider.workspace}/jsp:calc")
    assert await calc.call("add", 3, 4) == 7
    assert await calc.call("apply", {"$callback": "far", "returns": 9}, 1) == 9


@pytest.mark.req("W-068")
async def test_public_python_service_from_another_workspace(hub, server):
    provider = await hub.py("pyp")
    await provider.register_service(services.calc(visibility="public"))
    stranger = await hub.js("js-stranger")
    calc = await stranger.service(f"{provider.config.workspace}/pyp:calc")
    assert await calc.call("add", 3, 4) == 7
    assert await calc.call("apply", {"$callback": "far", "returns": 9}, 1) == 9
    other = await hub.py("py-stranger")
    calc = await other.get_service(f"{provider.config.workspace}/pyp:calc")
    assert await calc.add(1, b=2) == 3


@pytest.mark.req("W-031")
async def test_arrays_between_languages(hub, server):
    provider = await hub.js("jsp")
    await provider.register("calc", "calc")
    api = await hub.py("pyc", beside=provider)
    calc = await api.get_service("jsp:calc")
    array = np.arange(75_000, dtype="float32").reshape(250, 300)
    assert np.array_equal(await calc.echo(array), array)
    await api.register_service(services.calc("arrays"))
    back = await (await provider.service("pyc:arrays")).call("echo", {"$floats": [3, 4]})
    assert back["_rshape"] == [3, 4] and back["_rvalue"]["$bytes"] == 48


async def test_function_results_are_callable(hub, server):
    """A function passed through two clients still reaches its owner."""
    owner = await hub.py("owner")
    relay = await hub.js("relay", beside=owner)
    await relay.register("calc", "calc")
    calc = await owner.get_service("relay:calc")

    async def triple(x):
        return 3 * x
    assert await calc.apply(triple, 5) == 15


@pytest.mark.req("W-070", "S-12")
async def test_protected_service_of_another_workspace(hub, server):
    provider = await hub.py("pyp")
    stranger = await hub.py("stranger")
    await provider.register_service(services.calc("closed", visibility="protected"))
    await provider.register_service(services.calc(
        "shared", visibility="protected", authorized_workspaces=[stranger.config.workspace]))
    workspace = provider.config.workspace
    with pytest.raises(Exception, match="Permission denied"):
        await stranger.get_service(f"{workspace}/pyp:closed")
    shared = await stranger.get_service(f"{workspace}/pyp:shared")
    assert await shared.add(1, 2) == 3
    listed = await stranger.list_services({"workspace": workspace})
    assert [s["id"].split(":")[1] for s in listed if "built-in" not in s["id"]] == ["shared"]
    assert "authorized_workspaces" not in next(
        s for s in listed if s["id"].endswith(":shared"))["config"]


@pytest.mark.req("W-080")
async def test_interface_objects_outlive_the_call(hub, server):
    """Objects marked `_rintf` become local services that only their addressee may call."""
    provider = await hub.py("pyp")
    kept = {}

    async def keep(thing):
        kept["thing"] = thing
        return "kept"
    await provider.register_service({"id": "keeper", "config": {"visibility": "public"},
                                     "keep": keep})
    consumer = await hub.py("pyc", beside=provider)
    keeper = await consumer.get_service("pyp:keeper")
    assert await keeper.keep({"_rintf": True, "hello": lambda: "still here"}) == "kept"
    assert await kept["thing"]["hello"]() == "still here"
    listed = await consumer.list_services()
    assert not [s for s in listed if "_rintf_" in s["id"]]
