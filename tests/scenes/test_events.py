"""Subscriptions, custom events, and the events the server sends."""
import asyncio

import pytest

from kit import wire
from kit.hub import Recorder
from kit.raw import RpcError

MAX_EVENT = 256 * 1024


async def fence(raw):
    """Everything the manager sent to this client before has arrived when this returns."""
    assert await raw.manage("echo", 1) == 1


@pytest.mark.req("W-050")
async def test_subscribe_and_unsubscribe(hub, server):
    alice, bob = await hub.raw_pair()
    assert await alice.manage("subscribe", "one") is True
    assert await alice.manage("subscribe", ["two", "three"]) is True
    assert await alice.manage("subscribe", []) is True
    assert await alice.manage("subscribe", event_type="four") is True
    for name in ("one", "two", "three", "five", "four"):
        await bob.send({"type": name, "to": "*", "data": name})
    await alice.event("four")
    assert [m["type"] for m, _, _, _ in alice.frames] == ["one", "two", "three"]
    alice.frames.clear()
    assert await alice.manage("unsubscribe", "one") is True
    assert await alice.manage("unsubscribe", ["two", "never-subscribed"]) is True
    for name in ("one", "two", "three"):
        await bob.send({"type": name, "to": "*"})
    await alice.event("three")
    assert not alice.frames


@pytest.mark.req("W-051", "S-02", "S-03")
async def test_foreign_subscriptions_are_forbidden(hub, server):
    alice, stranger = await hub.raw("alice"), await hub.raw("stranger")
    own, other = alice.workspace, stranger.workspace
    for name in (f"{other}/client_connected", f"{own[3:]}/x", f"{own}x/y", other, "ws-x",
                 f"{other}:x", "public/x", "/x", f"{own}:x"):
        with pytest.raises(RpcError, match="forbidden|does not match"):
            await alice.manage("subscribe", name)
        with pytest.raises(RpcError, match="forbidden|does not match"):
            await alice.manage("subscribe", ["fine", name])
    for name in (own, f"{own}/news", "client_connected", "anything", "*", "a:b"):
        assert await alice.manage("subscribe", name) is True
    await stranger.send({"type": "fine", "to": "*"})
    await alice.send({"type": "fine", "to": "*"})
    await fence(alice)
    assert not alice.frames, "a list with a forbidden entry subscribes to nothing"


@pytest.mark.req("W-052", "W-055")
async def test_service_events(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.manage("subscribe", ["service_added", "service_removed", "service_updated"])
    await bob.register("calc", {"add": lambda a, b: a + b}, extra=1)
    added = await alice.event("service_added")
    assert added["to"] == "*" and set(added) == {"type", "to", "data"}
    info = added["data"]
    assert info["id"] == f"{bob.address}:calc" and info["app_id"] == "*"
    assert info["config"]["workspace"] == alice.workspace and info["config"]["extra"] == 1
    assert "add" in info["service_schema"] and "_rtype" not in info
    assert not alice.frames
    await bob.register("calc", {"sub": lambda a, b: a - b}, extra=2)
    first, _, _, _ = await alice.frame()
    second, _, _, _ = await alice.frame()
    assert [first["type"], second["type"]] == ["service_removed", "service_added"]
    assert second["data"]["config"]["extra"] == 2
    await bob.manage("unregister_service", "calc")
    removed = await alice.event("service_removed")
    assert removed["data"]["id"] == f"{bob.address}:calc"
    await fence(alice)
    assert not alice.frames


@pytest.mark.req("W-053", "W-055")
async def test_client_events(hub, server):
    alice = await hub.raw("alice")
    await alice.manage("subscribe", ["client_connected", "client_updated", "client_disconnected"])
    bob = await hub.raw("bob", workspace=alice.workspace,
                        token=await alice.manage("generate_token"))
    connected = (await alice.frame(lambda m, e: m["type"] == "client_connected"
                                   and m["data"]["id"] == bob.address))[0]
    assert connected["to"] == "*" and connected["data"]["workspace"] == alice.workspace
    await bob.register()
    updated = await alice.event("client_updated")
    assert updated["data"]["id"] == bob.address
    await bob.leave()
    gone = await alice.event("client_disconnected")
    assert gone["data"]["id"] == "bob" and gone["data"]["workspace"] == alice.workspace
    assert not {"from", "ws", "user"} & gone.keys()
    await fence(alice)
    assert not [m for m, _, _, _ in alice.frames if m["data"]["id"] != alice.address]


@pytest.mark.req("W-050", "A-166")
async def test_events_do_not_cross_workspaces(hub, server):
    alice, stranger = await hub.raw("alice"), await hub.raw("stranger")
    await alice.manage("subscribe", ["service_added", "client_connected", "news"])
    await stranger.register("calc", {"add": lambda: 1})
    await stranger.send({"type": "news", "to": "*"})
    await fence(stranger)
    await fence(alice)
    assert not [f for f in alice.frames if stranger.workspace.encode() in f[3]]


@pytest.mark.req("W-055")
@pytest.mark.differs("the original does not bound its events")
async def test_large_service_event_stays_small(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.manage("subscribe", "service_added")
    schema = {f"f{i}": {"type": "function", "function": {"name": f"f{i}", "description": "d" * 300}}
              for i in range(450)}
    await bob.manage("register_service", {
        "id": f"{bob.address}:wide", "name": "wide", "type": "generic", "description": "x",
        "docs": None, "app_id": "*", "config": {"visibility": "public"}, "service_schema": schema})
    main, _, _, frame = await alice.frame(lambda m, e: m["type"] == "service_added")
    assert len(frame) <= MAX_EVENT and main["data"]["id"] == f"{bob.address}:wide"


@pytest.mark.req("W-050")
async def test_direct_event_needs_no_subscription(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.send({"type": "for-you", "to": "bob", "data": 1})
    assert (await bob.event("for-you"))["data"] == 1


@pytest.mark.req("W-064", "W-050")
async def test_call_without_promise_is_executed_and_not_answered(hub, server):
    alice = await hub.raw("alice")
    await alice.send({"type": "method", "to": alice.manager,
                      "method": "services.default.subscribe"}, {"args": ["quiet"]})
    await fence(alice)
    assert not alice.frames
    await alice.send({"type": "quiet", "to": "*"})
    await alice.event("quiet")


@pytest.mark.req("W-050", "W-053")
async def test_python_and_js_clients_hear_events(hub, server):
    py = await hub.py("listener")
    js = await hub.js("js-listener", beside=py)
    sender = await hub.raw("sender", workspace=py.config.workspace,
                           token=await py.generate_token())
    heard = Recorder()

    def on_news(message):
        asyncio.get_running_loop().create_task(heard(message["data"], message["from"]))
    py.on("news", on_news)
    await py.subscribe("news")
    await js.do("on", event="news")
    await js.manage("subscribe", ["news"])
    await sender.send({"type": "news", "to": "*", "data": {"n": 1}})
    await heard.wait(1)
    assert heard.calls == [({"n": 1}, sender.address)]
    got = await js.do("events", event="news", at_least=1)
    assert got[0]["data"] == {"n": 1} and got[0]["from"] == sender.address
    await js.do("emit", message={"type": "back", "to": "sender", "data": 2})
    assert (await sender.event("back"))["from"] == f"{js.workspace}/js-listener"
    await sender.manage("subscribe", "loud")
    await py.emit({"type": "loud", "to": "*", "data": wire.new_id()})
    assert (await sender.event("loud"))["from"] == f"{js.workspace}/listener"


async def test_subscriptions_end_with_the_connection(hub, server):
    alice, bob = await hub.raw_pair()
    await bob.manage("subscribe", "news")
    await bob.leave()
    token = await alice.manage("generate_token")
    again = await hub.raw("bob", workspace=alice.workspace, token=token)
    await alice.send({"type": "news", "to": "*"})
    await fence(alice)
    await fence(again)
    assert not again.frames
