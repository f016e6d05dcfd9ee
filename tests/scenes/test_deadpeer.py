"""Calls to peers that are not there, or that go away while a call runs."""
import asyncio
import time

import pytest

from kit import services
from kit.hub import cut
from kit.node import JsError
from kit.raw import RpcError


@pytest.mark.req("W-040", "S-50")
@pytest.mark.differs("the original learns of the loss later, and answers a bare id with a bare id")
async def test_call_to_a_peer_that_left(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.manage("subscribe", "client_disconnected")
    gone = bob.address
    await bob.leave()
    await alice.event("client_disconnected")
    for to in ("bob", gone):
        began = time.monotonic()
        session = await alice.post("services.calc.add", 1, to=to)
        with pytest.raises(RpcError) as error:
            await alice.settled(session)
        assert time.monotonic() - began < 1
        assert str(error.value) == f"Target peer {gone} is not connected"
        assert error.value.main["from"] == gone
        assert error.value.main["to"] == alice.address
        assert error.value.value["_rtype"] == "error"


@pytest.mark.req("W-040")
@pytest.mark.differs("the original lets calls to peers it never saw time out")
@pytest.mark.parametrize("to", ["never-seen", "no-such-workspace/x", "*/manager-unknown",
                                "public/nobody"])
async def test_call_to_a_peer_that_never_was(hub, server, to):
    alice = await hub.raw("alice")
    began = time.monotonic()
    with pytest.raises(RpcError, match="Target peer .* is not connected") as error:
        await alice.settled(await alice.post("services.x.y", to=to))
    assert time.monotonic() - began < 1
    full = to if "/" in to else f"{alice.workspace}/{to}"
    assert error.value.main["from"] == full


@pytest.mark.req("W-041")
async def test_frames_without_session_to_a_missing_peer_vanish(hub, server):
    alice, bob = await hub.raw_pair()
    await bob.leave()
    for i in range(1000):
        await alice.send({"type": "method", "to": "bob", "method": f"s{i}.resolve"}, {"args": [i]})
    assert await alice.manage("echo", "still here") == "still here"
    assert not alice.frames and not alice.texts


@pytest.mark.req("W-054")
@pytest.mark.parametrize("how", ["leave", "cut"])
async def test_exactly_one_client_disconnected(hub, server, how):
    alice, bob = await hub.raw_pair()
    await bob.register("calc", {"add": lambda a, b: a + b})
    await alice.manage("subscribe", ["client_disconnected", "service_removed"])
    if how == "leave":
        await bob.leave()
    else:
        bob.cut()
    event = await alice.event("client_disconnected")
    assert event["data"]["id"] == "bob" and event["data"]["workspace"] == alice.workspace
    assert {s["id"] for s in await alice.manage("list_services")} == {f"{alice.address}:built-in"}
    assert not alice.frames, "no second event, and none per service"


@pytest.mark.req("W-054")
@pytest.mark.parametrize("how", ["leave", "cut"])
async def test_pending_python_calls_fail_when_the_peer_goes(hub, server, how):
    consumer = await hub.py("cons")
    provider = await hub.raw("prov", workspace=consumer.config.workspace,
                             token=await consumer.generate_token())
    await provider.register("s", {"never": lambda: None})
    service = await consumer.get_service("prov:s")
    calling = asyncio.ensure_future(service.never())
    provider.is_mute = True
    await asyncio.wait_for(provider.frame(lambda m, e: m["method"] == "services.s.never"), 15)
    if how == "leave":
        await provider.leave()
    else:
        provider.cut()
    began = time.monotonic()
    with pytest.raises(Exception, match="[Dd]isconnected|not connected"):
        await asyncio.wait_for(calling, 15)
    assert time.monotonic() - began < 10


@pytest.mark.req("W-054")
async def test_pending_js_calls_fail_when_the_peer_goes(hub, server):
    consumer = await hub.js("cons")
    provider = await hub.py("prov", beside=consumer)
    await provider.register_service(services.calc())
    service = await consumer.service("prov:calc")
    await consumer.do("begin", name="p", service=service.handle, path="never", args=[])
    assert await service.call("add", 1, 1) == 2     # the earlier call is on its way
    cut(provider)
    with pytest.raises(JsError, match="[Dd]isconnected|not connected"):
        await consumer.do("finish", name="p")


@pytest.mark.req("W-078")
@pytest.mark.differs("the original waits for its own time limit")
async def test_manager_wait_ends_when_the_provider_goes(hub, server):
    """get_service at a provider that leaves instead of answering fails at once."""
    alice, bob = await hub.raw_pair()
    await bob.register("calc", {"add": lambda a, b: a + b})
    bob.is_mute = True
    session = await alice.post("services.default.get_service", "bob:calc", {"timeout": 30})
    await bob.frame(lambda m, e: m["method"] == "services.built-in.get_service")
    began = time.monotonic()
    bob.cut()
    with pytest.raises(RpcError):
        await alice.settled(session, timeout=25)
    assert time.monotonic() - began < 5


@pytest.mark.req("W-041")
async def test_answers_to_a_caller_that_left_vanish(hub, server):
    alice, bob = await hub.raw_pair()
    session = await alice.post("services.s.slow", to="bob")
    main, extra, _, _ = await bob.frame(lambda m, e: m.get("session") == session)
    await alice.leave()
    for _ in range(50):
        await bob.send({"type": "method", "to": main["from"], "method": f"{session}.heartbeat"})
    await bob.answer(main, extra, "too late")
    assert await bob.manage("echo", 1) == 1
    assert not bob.frames


@pytest.mark.req("W-040")
async def test_python_call_to_a_gone_peer_fails_fast(hub, server):
    provider = await hub.py("prov")
    await provider.register_service(services.calc())
    consumer = await hub.py("cons", beside=provider)
    calc = await consumer.get_service("prov:calc")
    await provider.disconnect()
    began = time.monotonic()
    with pytest.raises(Exception, match="not connected|disconnected|Disconnected"):
        await calc.add(1, 2)
    assert time.monotonic() - began < 5


@pytest.mark.req("W-026")
async def test_reset_of_many_connections_cleans_up(hub, server):
    keeper = await hub.raw("keeper")
    token = await keeper.manage("generate_token")
    await keeper.manage("subscribe", "client_disconnected")
    raws = await asyncio.gather(*(hub.raw(f"c{i}", workspace=keeper.workspace, token=token)
                                  for i in range(30)))
    for raw in raws:
        raw.cut()
    gone = {(await keeper.event("client_disconnected"))["data"]["id"] for _ in raws}
    assert gone == {f"c{i}" for i in range(30)}
    assert len(await keeper.manage("list_clients")) == 1


@pytest.mark.req("W-026")
@pytest.mark.differs("the original sends no protocol pings")
async def test_silent_half_open_peer_is_dropped(hub, start_server):
    """A peer that stays silent, even to protocol pings, is cleaned up within the ping bound."""
    server = start_server("--ws-ping-interval=1", "--ws-ping-timeout=2")
    alice, bob = await hub.raw_pair(server=server)
    await alice.manage("subscribe", "client_disconnected")
    bob.ws.transport.pause_reading()        # neither pong nor close will be answered
    event = await alice.event("client_disconnected", timeout=20)
    assert event["data"]["id"] == "bob"



@pytest.mark.req("W-112")
async def test_ids_that_begin_alike_do_not_fall_together(hub, server):
    first = await hub.raw("client")
    token = await first.manage("generate_token")
    others = [await hub.raw(name, workspace=first.workspace, token=token)
              for name in ("client2", "client-test", "clien")]
    for other in others:
        await other.register("calc", {"add": lambda a, b: a + b})
    await others[0].manage("subscribe", "client_disconnected")
    await first.leave()
    assert (await others[0].event("client_disconnected"))["data"]["id"] == "client"
    for other in others:
        assert await others[0].call("services.calc.add", 1, 2, to=other.address) == 3
