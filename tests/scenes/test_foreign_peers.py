"""A client of another workspace ends while something is under way with it: who waits hears of it at once.

The clients' own time limit is 30 s, so a scene that ends within HEARD_S has not waited for that.
"""
import asyncio

import pytest

from kit.hub import until
from kit.node import JsError
from kit.people import ROOT_ARGS, root
from kit.provider import Provider
from kit.raw import RpcError
from kit.web import client_for

HEARD_S = 5
GONE = "[Dd]isconnected|not connected"


async def first_of(generator):
    it = generator.__aiter__()
    return it, await it.__anext__()


async def processed(api):
    """What this client has sent before is with the hub."""
    assert await api.echo(1) == 1


class PythonCaller:
    """Everything a Python client can wait for."""

    async def prepare(self, hub, provider, **config):
        self.api = await hub.py(**config)
        self.service = await self.api.get_service(f"{provider.address}:calc")
        self.generator, first = await first_of(await self.service.stuck())
        assert first == 0
        return self

    async def begin(self):
        async def callback(_):
            await asyncio.Event().wait()
        calls = {"call": self.service.never(), "with a callback": self.service.notify(callback, 1),
                 "generator": self.generator.__anext__(),
                 "large argument": self.service.never(b"x" * 3_000_000)}
        self.calls = {what: asyncio.ensure_future(call) for what, call in calls.items()}
        await processed(self.api)

    async def check(self, address):
        for what, call in self.calls.items():
            with pytest.raises(Exception, match=GONE) as error:
                await asyncio.wait_for(call, HEARD_S)
            assert address in str(error.value), what


class JsCaller:
    async def prepare(self, hub, provider, version):
        self.js = await hub.js(f"js-{version}", version=version)
        self.service = await self.js.service(f"{provider.address}:calc")
        return self

    async def begin(self):
        args = {"never": [], "size": [{"$bytes": 1_500_000}]}
        self.names = [f"{self.js.name}-{path}" for path in args]
        for name, (path, given) in zip(self.names, args.items()):
            await self.js.do("begin", name=name, service=self.service.handle, path=path, args=given)
        assert await self.js.manage("echo", 1) == 1

    async def check(self, address):
        for name in self.names:
            with pytest.raises(JsError, match=GONE) as error:
                await self.js.node.do("finish", name=name, timeout=HEARD_S)
            assert address in str(error.value), name


class HttpCaller:
    async def prepare(self, hub, provider):
        self.http = client_for(hub.server)
        self.path = f"/{provider.workspace}/services/calc/never"
        return self

    async def begin(self):
        self.call = asyncio.ensure_future(self.http.get(self.path, timeout=30))

    async def check(self, address):
        answer = await asyncio.wait_for(self.call, HEARD_S)
        assert answer.status_code >= 500 and address in answer.text
        await self.http.aclose()


@pytest.fixture
def started(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    return hub.server


async def kick(hub, server, provider):
    boss = await root(hub)
    server_id = boss.info["manager_id"].removeprefix("manager-")
    await boss.call("services.admin-utils.kickout_client", provider.workspace, provider.client_id,
                    to=f"ws-user-root/{server_id}")


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-123", "W-078")
async def test_calls_end_with_their_provider(hub, started):
    """Killed, cut, kicked or gone: whoever calls from another workspace hears it, by every client there is."""
    ways = ("kill", "kick", "leave")
    providers = dict(zip(ways, await asyncio.gather(
        *(Provider.start(started, f"provider-{way}") for way in ways))))
    for way, provider in providers.items():
        callers = await asyncio.gather(
            PythonCaller().prepare(hub, provider), PythonCaller().prepare(hub, provider, transport="http"),
            HttpCaller().prepare(hub, provider),
            *(JsCaller().prepare(hub, provider, version) for version in ("0.21.40", "0.20.61")
              if way == "kill"))
        if way != "leave":
            provider.stop()
        await asyncio.gather(*(caller.begin() for caller in callers))
        if way == "kill":
            provider.kill()
        elif way == "kick":
            await kick(hub, started, provider)
        else:
            provider.leave()
        try:
            await asyncio.gather(*(caller.check(provider.address) for caller in callers))
        finally:
            await provider.ended()


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-123")
async def test_calls_end_with_a_js_provider(hub, server):
    provider = await hub.js("js-provider")
    await provider.register("calc", "calc", visibility="public")
    caller = await hub.py()
    service = await caller.get_service(f"{provider.workspace}/js-provider:calc")
    calls = [asyncio.ensure_future(service.never()), asyncio.ensure_future(service.never())]
    await processed(caller)
    provider.node.kill()
    for call in calls:
        with pytest.raises(Exception, match=f"{provider.workspace}/js-provider"):
            await asyncio.wait_for(call, HEARD_S)


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-123")
@pytest.mark.parametrize("kind", ["py", "js", "http"])
async def test_a_provider_hears_when_its_caller_ends(hub, server, kind):
    """A callback's owner, and who pulls a generator, dies: the provider's wait ends, and what it keeps for
    the generator goes."""
    provider = await hub.py()
    heard, waiting = asyncio.Queue(), asyncio.Event()

    async def use(callback):
        waiting.set()
        try:
            await callback(1)
        except Exception as error:
            heard.put_nowait(str(error))

    async def numbers():
        yield 0
        yield 1

    await provider.register_service({"id": "svc", "config": {"visibility": "public"},
                                     "use": use, "numbers": numbers})
    service_id = f"{provider.config['workspace']}/{provider.config['client_id']}:svc"
    if kind == "js":
        caller = await hub.js("caller")
        service = await caller.service(service_id)
        await caller.do("begin", name="use", service=service.handle, path="use",
                        args=[{"$callback": "never", "never": True}])
        await caller.do("begin", name="numbers", service=service.handle, path="numbers", args=[])
        await caller.do("finish", name="numbers")
        address = f"{caller.workspace}/caller"
    else:
        caller = await hub.py(transport="http" if kind == "http" else "websocket")
        service = await caller.get_service(service_id)
        await first_of(await service.numbers())

        async def never(_):
            await asyncio.Event().wait()
        using = asyncio.ensure_future(service.use(never))
        address = f"{caller.config['workspace']}/{caller.config['client_id']}"
    await asyncio.wait_for(waiting.wait(), 15)
    assert address in provider.rpc._target_id_index
    await processed(provider)
    if kind == "js":
        caller.node.kill()
    else:
        await caller.disconnect()
    assert address in await asyncio.wait_for(heard.get(), HEARD_S)
    await until(lambda: address not in provider.rpc._target_id_index, HEARD_S)
    if kind != "js":
        with pytest.raises(ConnectionError):
            await using


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-123", "W-040")
async def test_what_is_told(hub, server):
    """One notice for each pair, and a rejection of each call that may be open; then the pair is forgotten."""
    before = {name: server.metric(f"hyphad_{name}") for name in (
        "watches", "watch_notices_total", "watch_rejects_total")}
    bob, alice = await hub.raw("bob"), await hub.raw("alice")
    carol = await hub.raw("carol", workspace=bob.workspace, token=await bob.manage("generate_token"))
    await carol.post("services.x.y", to=bob.address)
    sessions = [await alice.post("services.x.y", i, to=bob.address) for i in range(3)]
    for session in sessions:
        await bob.frame(lambda m, e, s=session: m.get("session") == s)
    assert server.metric("hyphad_watches") == before["watches"] + 1
    bob.cut()
    for session in sessions:
        with pytest.raises(RpcError, match=f"^Target peer {bob.address} is not connected$") as error:
            await alice.settled(session)
        assert error.value.main["from"] == bob.address
    notice = await alice.event("peer_not_found")
    assert notice == {"type": "peer_not_found", "to": "*", "peer_id": bob.address,
                      "error": f"Client disconnected: {bob.address}"}
    with pytest.raises(RpcError, match="is not connected"):
        await alice.call("services.x.y", to=bob.address)
    assert not alice.frames, "told once"
    await carol.manage("echo", 1)
    assert not [f for f in carol.frames if f[0]["type"] == "peer_not_found"]
    assert server.metric("hyphad_watches") == before["watches"]
    assert server.metric("hyphad_watch_notices_total") == before["watch_notices_total"] + 1
    assert server.metric("hyphad_watch_rejects_total") == before["watch_rejects_total"] + 3


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-123")
async def test_of_many_calls_the_last_are_rejected(hub, server):
    """The record of a pair is small; clients of today end all their calls by the notice alone."""
    alice, bob = await hub.raw("alice"), await hub.raw("bob")
    sessions = [await alice.post("services.x.y", to=bob.address) for _ in range(60)]
    await bob.frame(lambda m, e: m.get("session") == sessions[-1])
    bob.cut()
    await alice.event("peer_not_found")
    rejected = [m["parent"] for m, _, _, _ in alice.frames]
    assert rejected == sessions[-len(rejected):] and 10 <= len(rejected) <= 30


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-124", "W-016")
async def test_a_superseded_connection_has_not_ended(hub, server):
    """Its process is the same, so calls that the old socket took are answered by the new one."""
    alice, bob = await hub.raw("alice"), await hub.raw("bob")
    session = await alice.post("services.x.y", to=bob.address)
    main, extra, _, _ = await bob.frame(lambda m, e: m.get("session") == session)
    again = await hub.raw("bob", workspace=bob.workspace, reconnection_token=bob.info["reconnection_token"])
    await bob.closed()
    assert await alice.manage("echo", 1) == 1
    assert not alice.frames
    await again.answer(main, extra, "late but well")
    assert (await alice.settled(session))[1] == "late but well"
    open_call = await alice.post("services.x.y", to=bob.address)
    await again.frame(lambda m, e: m.get("session") == open_call)
    again.cut()
    with pytest.raises(RpcError, match="is not connected"):
        await alice.settled(open_call)
    await alice.event("peer_not_found")
    assert not [f for f in alice.frames if f[0]["type"] == "peer_not_found"], "told once"


@pytest.mark.differs("an option of our own")
@pytest.mark.req("W-123")
async def test_past_the_cap_the_one_not_sent_to_for_longest_is_forgotten(hub, start_server):
    hub.server = server = start_server("--max-watched-clients=2")
    alice = await hub.raw("alice")
    peers = [await hub.raw(f"bob-{i}") for i in range(3)]
    for i in (0, 1, 0, 2):
        session = await alice.post("services.x.y", to=peers[i].address)
        await peers[i].frame(lambda m, e, s=session: m.get("session") == s)
    assert server.metric("hyphad_watches") == 2
    assert server.metric("hyphad_watches_evicted_total") == 1
    for i in (1, 0, 2):
        peers[i].cut()
    told = {(await alice.event("peer_not_found"))["peer_id"] for _ in range(2)}
    assert told == {peers[0].address, peers[2].address}
    await alice.leave()
    await until(lambda: server.metric("hyphad_watches") == 0)


@pytest.mark.differs("an option of our own")
@pytest.mark.req("W-123")
async def test_requests_over_http_push_out_nobody(hub, start_server):
    """Nobody would take back the watch of a caller who has gone with the answer."""
    hub.server = server = start_server("--max-watched-clients=2")
    alice, bob = await hub.raw("alice"), await hub.raw("bob")
    await alice.register("svc", {"echo": lambda x: x}, visibility="public")
    await alice.post("services.x.y", to=bob.address)
    await until(lambda: server.metric("hyphad_watches") == 1)
    async with client_for(server) as http:
        for i in range(5):
            answer = await http.post(f"/{alice.workspace}/services/svc/echo", json={"x": i})
            assert answer.json() == {"x": i}, answer.text
    assert server.metric("hyphad_watches") == 1
    assert server.metric("hyphad_watches_evicted_total") == 0
    bob.cut()
    assert (await alice.event("peer_not_found"))["peer_id"] == bob.address


@pytest.mark.differs("the original tells nobody in other workspaces")
@pytest.mark.req("W-123")
async def test_a_last_answer_comes_before_the_end(hub, server):
    """What a client sent before it left arrives before the news that it has left, whichever loops the two are on."""
    alice = await hub.raw("alice")
    for i in range(20):
        bob = await hub.raw(f"bob-{i}")
        session = await alice.post("services.x.y", to=bob.address)
        main, extra, _, _ = await bob.frame(lambda m, e: m.get("session") == session)
        await bob.answer(main, extra, i)
        await bob.leave()
        assert (await alice.settled(session))[1] == i
        await alice.event("peer_not_found")
