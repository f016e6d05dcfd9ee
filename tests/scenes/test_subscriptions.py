"""Subscriptions outlive the connection: what a client heard it hears again when it returns with its reconnection token.

Nobody else inherits them, and nothing is heard twice. The published clients ask again for `client_disconnected` only.
"""
import asyncio

import pytest


from kit.hub import Recorder, until
from kit.http_stream import Stream
from kit.node import VERSIONS
from kit.people import ROOT_ARGS, login, member, user
from kit.proxy import Proxy
from kit.raw import RpcError

pytestmark = pytest.mark.differs("the original forgets subscriptions with the connection")


def restored(server):
    return server.metric("hyphad_subscriptions_restored_total")


def kept(server):
    return server.metric("hyphad_subscriptions_kept")


async def emit(source, name, data):
    await source.send({"type": name, "to": "*", "data": data})


class Listener:
    """A published client that hears `news`, of either language, under one interface."""

    def __init__(self, client, version=None):
        self.client, self.version, self.heard = client, version, Recorder()

    @classmethod
    async def open(cls, hub, kind, name, server, **config):
        if kind.startswith("py"):
            more = {"transport": "http"} if kind == "py-http" else {}
            self = cls(await hub.py(name, server=server, **more, **config))
            on = self.client.rpc.on if kind == "py-http" else self.client.on
            on("news", self._on)
        else:
            self = cls(await hub.js(name, server=server, version=kind, **config), kind)
            await self.client.do("on", event="news")
        return self

    async def _on(self, event):
        await self.heard(event["data"])

    async def subscribe(self, *types):
        if self.version:
            assert await self.client.manage("subscribe", list(types)) is True
        else:
            assert await self.client.subscribe(list(types)) is True

    async def is_ready(self, name):
        """Whether it can subscribe: the client is at work on its reconnection until then."""
        try:
            await self.subscribe(name)
            return True
        except Exception:   # the client's own, of either language
            return False

    async def all_heard(self, at_least):
        if self.version:
            return [e["data"] for e in await self.client.do("events", event="news", at_least=at_least)]
        await self.heard.wait(at_least)
        return [args[0] for args in self.heard.calls]


@pytest.mark.req("W-130")
@pytest.mark.parametrize("kind", ["py", "py-http", *VERSIONS])
async def test_a_client_that_was_cut_hears_on(hub, server, kind):
    """Through a proxy that resets the TCP connection; then again, with a subscription made twice."""
    async with Proxy(server) as proxy:
        listener = await Listener.open(hub, kind, "listener", proxy, token=login("ada"))
        source = await hub.raw("source", token=login("ada"), workspace="ws-user-ada")
        await listener.subscribe("news", "other")
        await emit(source, "news", 0)
        assert await listener.all_heard(1) == [0]
        for cut in (1, 2):
            before = restored(server)
            await source.manage("subscribe", "client_connected")
            proxy.cut()
            await source.event("client_connected", timeout=30)
            assert restored(server) == before + 1
            # The second time the client subscribes again itself; it takes a third cut badly while it is at work on this one.
            await until(lambda: listener.is_ready("news" if cut == 2 else "more"))
            await emit(source, "news", cut)
            await emit(source, "other", cut)
            await emit(source, "news", -cut)    # behind which nothing of the first can come
            assert await listener.all_heard(2 * cut + 1) == [0, 1, -1, 2, -2][:2 * cut + 1]


@pytest.mark.req("W-131")
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_they_are_back_after_a_restart(hub, start_server, tmp_path, how):
    args = ("--server-id=stable",)
    server = start_server(*args, data_dir=tmp_path / "data")
    listeners = [await Listener.open(hub, kind, f"listener-{i}", server, token=login("ada"))
                 for i, kind in enumerate(("py", "0.21.40"))]
    fleeting = await hub.raw("fleeting", server=server)
    await fleeting.manage("subscribe", "news")
    for listener in listeners:
        await listener.subscribe("news")
    await until(lambda: server.metric("hyphad_subscriptions_stored") == 2)
    await (await hub.raw("fence", server=server, token=login("ada"))).manage("set_env", "fence", "1")     # the store answers in order
    port = server.port
    await asyncio.to_thread(getattr(server, how))
    again = await asyncio.to_thread(lambda: start_server(*args, data_dir=tmp_path / "data", port=port))
    await until(lambda: restored(again) == 2, timeout=40)
    source = await hub.raw("source", server=again, token=login("ada"))
    for data in ("first", "second"):
        await emit(source, "news", data)
    for listener in listeners:
        assert await listener.all_heard(2) == ["first", "second"]
    # What a temporary workspace had went with the process.
    back = await hub.raw("fleeting", server=again, reconnection_token=fleeting.info["reconnection_token"])
    await emit(back, "news", 1)
    assert await back.manage("echo", 1) == 1 and not back.seen(lambda m, e: m["type"] == "news")


async def gone(watcher, client_id):
    return f"{watcher.workspace}/{client_id}" not in [c["id"] for c in await watcher.manage("list_clients")]


async def hears(client, source, name="news"):
    """Whether an event of `source` reaches the client, and how often: the fence is one it has asked for a moment ago."""
    await client.manage("subscribe", "fence")
    await emit(source, name, 1)
    await emit(source, "fence", 1)
    await client.event("fence")
    n = len(client.seen(lambda m, e: m["type"] == name))
    client.frames.clear()
    return n


@pytest.mark.req("W-130", "S-90")
async def test_nobody_else_inherits_them(hub, server):
    ada = await user(hub, "ada")
    token, other = [await ada.manage("generate_token") for _ in range(2)]
    before = kept(server)
    first = await hub.raw("desk", token=token)
    await first.manage("subscribe", ["news", "client_disconnected"])
    await first.leave()
    await until(lambda: kept(server) == before + 1)
    # Somebody else under the same id, while it is away, who hears other things and leaves as well.
    second = await hub.raw("desk", token=other)
    assert await hears(second, ada) == 0
    await second.manage("subscribe", "theirs")
    await second.leave()
    await until(lambda: kept(server) == before + 2)
    for _ in range(2):      # a token is good for more than one return
        back = await hub.raw("desk", reconnection_token=first.info["reconnection_token"])
        assert await hears(back, ada) == 1 and await hears(back, ada, "theirs") == 0
    theirs = await hub.raw("desk", reconnection_token=second.info["reconnection_token"])
    assert await hears(theirs, ada) == 0 and await hears(theirs, ada, "theirs") == 1
    # The same user without a reconnection token is a new client of that name: it begins anew, for good.
    anew = await hub.raw("desk", reconnection_token=first.info["reconnection_token"])
    await anew.leave()
    fresh = await hub.raw("desk", token=token)
    assert await hears(fresh, ada) == 0
    again = await hub.raw("desk", reconnection_token=first.info["reconnection_token"])
    assert await hears(again, ada) == 0


@pytest.mark.req("W-130")
async def test_what_was_taken_back_stays_so_and_a_takeover_carries_on(hub, server):
    ada = await user(hub, "ada")
    first = await hub.raw("desk", token=login("ada"))
    await first.manage("subscribe", ["news", "more", "client_disconnected"])
    await first.manage("unsubscribe", "more")
    # A half-open connection: the newer one takes over while the old one is still there.
    second = await hub.raw("desk", reconnection_token=first.info["reconnection_token"])
    assert await first.closed() == (1001, "Superseded by a newer connection")
    assert await hears(second, ada) == 1 and await hears(second, ada, "more") == 0
    await second.manage("unsubscribe", ["news", "fence"])
    before = kept(server)
    await second.leave()
    await until(lambda: gone(ada, "desk"))
    assert kept(server) == before
    third = await hub.raw("desk", reconnection_token=first.info["reconnection_token"])
    assert await hears(third, ada) == 0


@pytest.mark.req("W-130", "W-095")
async def test_over_both_transports(hub, server):
    """What was asked for over a stream is heard over a WebSocket, and the other way round."""
    ada = await user(hub, "ada")
    token = login("ada")
    stream = await Stream.open(server, token, client_id="page", workspace="ws-user-ada")
    manager = "*/" + stream.info["manager_id"]
    answer = await stream.post({"type": "method", "to": manager, "session": "s-1",
                                "method": "services.default.subscribe"},
                               {"args": ["news"], "promise": "*", "t": 15}, token)
    assert answer.status_code == 200
    await stream.take(lambda m, e: m.get("method") == "s-1.resolve")
    before, away = restored(server), kept(server)
    await stream.close()
    await until(lambda: kept(server) == away + 1)
    socket = await hub.raw("page", reconnection_token=stream.info["reconnection_token"])
    assert await hears(socket, ada) == 1
    await socket.manage("subscribe", "more")
    await socket.leave()
    await until(lambda: kept(server) == away + 1)
    again = await Stream.open(server, client_id="page", reconnection_token=stream.info["reconnection_token"])
    for name in ("more", "news"):
        await emit(ada, name, 5)
        assert (await again.take(lambda m, e: m.get("type") == name))[0]["data"] == 5
    assert restored(server) == before + 2
    await again.close()


@pytest.mark.req("S-90")
async def test_they_go_with_the_token_and_with_the_workspace(hub, start_server):
    hub.server = server = start_server()
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-gone", "persistent": True})
    token = await ada.manage("generate_token")
    revoked = await hub.raw("revoked", token=token)
    inside = await hub.raw("inside", token=await ada.manage("generate_token", {"workspace": "ada-gone"}))
    for client in (revoked, inside):
        await client.manage("subscribe", "news")
    open_one = await hub.raw("open", token=token)
    await open_one.manage("subscribe", "news")
    await until(lambda: server.metric("hyphad_subscriptions_stored") == 3)
    for client in (revoked, inside):
        await client.leave()
    await until(lambda: kept(server) == 2)
    await ada.manage("revoke_token", token)
    await open_one.closed()
    await until(lambda: kept(server) == 1)
    await ada.manage("delete_workspace", "ada-gone")
    await until(lambda: kept(server) == 0)
    assert server.metric("hyphad_subscriptions_stored") == 0
    # The name alone brings nothing back.
    await ada.manage("create_workspace", {"id": "ada-gone", "persistent": True})
    back = await hub.raw("inside", reconnection_token=inside.info["reconnection_token"])
    source = await hub.raw("source", token=login("ada"), workspace="ada-gone")
    assert await hears(back, source) == 0
    await ada.manage("delete_workspace", "ada-gone")


@pytest.mark.req("W-132")
async def test_what_is_kept_has_bounds(hub, start_server):
    hub.server = server = start_server("--max-kept-subscriptions", "20", "--max-subscriptions", "3",
                                       "--max-subscription-bytes", "1K")
    ada = await user(hub, "ada")
    patient = await hub.raw("patient", token=login("ada"))
    with pytest.raises(RpcError, match="Too many subscriptions"):
        await patient.manage("subscribe", ["a", "b", "c", "d"])
    with pytest.raises(RpcError, match="Too many subscriptions"):
        await patient.manage("subscribe", [f"{i}" * 500 for i in range(3)])
    assert await hears(patient, ada, "a") == 0
    await patient.manage("subscribe", ["news", "b", "client_disconnected"])
    await patient.leave()
    await until(lambda: kept(server) == 1)
    # A crowd of strangers has a share: who leaves first of them makes room for who leaves last.
    crowd = [await hub.raw(f"stranger-{i}") for i in range(8)]
    for stranger in crowd:
        await stranger.manage("subscribe", "news")
        await stranger.leave()
    await until(lambda: server.metric("hyphad_subscriptions_dropped_total") == 5)
    assert kept(server) == 4
    # So has one person, with all the children of their tokens.
    eve = await user(hub, "eve")
    for i in range(6):
        child = await member(hub, eve)
        await child.manage("subscribe", "news")
        await child.leave()
    await until(lambda: server.metric("hyphad_subscriptions_dropped_total") == 8)
    assert kept(server) == 7
    back = await hub.raw("patient", reconnection_token=patient.info["reconnection_token"])
    assert await hears(back, ada) == 1
    for stranger, n in ((crowd[0], 0), (crowd[-1], 1)):
        again = await hub.raw(stranger.client_id, reconnection_token=stranger.info["reconnection_token"])
        assert await hears(again, again) == n


async def test_nothing_is_kept_where_that_is_wished(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS, "--max-kept-subscriptions", "0")
    ada = await user(hub, "ada")
    first = await hub.raw("desk", token=login("ada"))
    await first.manage("subscribe", "news")
    await first.leave()
    await until(lambda: server.metric("hyphad_peers") == 1)
    back = await hub.raw("desk", reconnection_token=first.info["reconnection_token"])
    assert await hears(back, ada) == 0
    assert server.metric("hyphad_subscriptions_stored") == 0
