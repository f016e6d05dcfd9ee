"""What the server says it holds: as much as it takes of the heap while clients are here, and nothing of theirs after."""
import asyncio
import resource

import pytest

from kit.hub import until
from kit.raw import Raw
from test_queue import queue_of

N, INDEXES, A_SET = 500, 4000, 600
FREE_LIMITS = {"HYPHA_MAX_CONNECTIONS_PER_USER": "100000", "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "100000",
               "HYPHA_WS_MSG_RATE_LIMIT": "100000000", "HYPHA_WS_MSG_BURST_LIMIT": "100000000"}
pytestmark = [pytest.mark.differs("the original has no accounts"), pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def join(server, keeper, token, i):
    raw = await Raw.open(server, {"client_id": f"m{i}", "workspace": keeper.workspace, "token": token})
    await asyncio.wait_for(raw.joined(), 60)
    await raw.register()
    await raw.register("more", {"echo": lambda x: x})
    await raw.manage("subscribe", f"news-{i % 7}")
    assert await raw.call("services.default.echo", i, timeout=60) == i
    return raw


async def crowd(server, keeper, token):
    raws = []
    for first in range(0, N, 50):       # a storm is another scene's
        raws += await asyncio.gather(*(join(server, keeper, token, i) for i in range(first, first + 50)))
    return raws


async def leave(server, raws, n_before):
    for i, raw in enumerate(raws):
        if i % 2:
            raw.cut()
        else:
            await raw.leave()
    await until(lambda: server.metric("hyphad_peers") == n_before, timeout=60)


def kept(server):
    return server.metric("hyphad_kept_bytes")


def rest(server):
    """What may stay when a crowd has left: the least size of an index that it has made grow, less than eight bytes a client, and
    what each of them had subscribed to, which waits for them to return."""
    return INDEXES + A_SET * server.metric("hyphad_subscriptions_kept")


async def test_every_record_is_charged_and_returned_exactly(hub, start_server):
    server = start_server(env=FREE_LIMITS)
    keeper = await hub.raw("keeper", server=server)
    token = await keeper.manage("generate_token", {"permission": "admin"})
    n_before = server.metric("hyphad_peers")
    rss_before, kept_before = server.rss_bytes(), kept(server)

    raws = await crowd(server, keeper, token)
    kept_held, grown = kept(server) - kept_before, server.rss_bytes() - rss_before
    print(f"{N} clients: {kept_held} bytes kept, RSS grew by {grown}")
    assert kept_held > N * 3000
    if not server.is_sanitized():       # at this scale pages of code and of the allocator are a part of it
        assert 0.6 * grown < kept_held < 1.2 * grown
    await leave(server, raws, n_before)

    await until(lambda: kept(server) <= kept_before + rest(server), timeout=60)
    raws = await crowd(server, keeper, token)
    assert kept(server) > kept_before + N * 3000
    await leave(server, raws, n_before)
    await until(lambda: kept(server) <= kept_before + rest(server), timeout=60)
    await until(lambda: server.metric("hyphad_under_way_bytes") <= A_SET * server.metric("hyphad_subscriptions_kept"), timeout=60)
    assert server.metric("hyphad_charged_bytes") <= kept_before + rest(server)


async def test_a_quiet_peer_holds_nothing_of_what_others_could_use(hub, start_server):
    """An account draws from its user and workspace in grants of 16 KiB: who has spoken once gives the rest back."""
    server = start_server(env=FREE_LIMITS)
    keeper = await hub.raw("keeper", server=server)
    token = await keeper.manage("generate_token", {"permission": "admin"})
    before = server.metric("hyphad_under_way_bytes")      # what the server holds of its own, and the keeper
    for i in range(64):
        one = await hub.raw(f"quiet-{i}", server=server, workspace=keeper.workspace, token=token)
        assert await one.call("services.default.echo", i) == i
    await until(lambda: server.metric("hyphad_under_way_bytes") <= before, timeout=20)


@pytest.mark.req("S-92")
async def test_who_waits_pays_for_the_waiting(hub, start_server):
    """Records of calls, of what their handlers keep, and of pops; all of it is back when the one that waits has gone."""
    n = 100
    server = start_server(env=FREE_LIMITS)
    asked = server.metric("hyphad_under_way_bytes")     # that question itself
    waiting = await hub.raw("waiting", server=server)
    queue = await queue_of(waiting)
    await until(lambda: server.metric("hyphad_under_way_bytes") == asked, timeout=20)
    pops = [asyncio.ensure_future(queue.pop(f"q{i % 10}", 60)) for i in range(n)]
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == n, timeout=20)
    assert server.metric("hyphad_under_way_bytes") >= asked + n * 900
    waiting.cut()
    await until(lambda: server.metric("hyphad_under_way_bytes") == asked, timeout=20)
    await asyncio.gather(*pops, return_exceptions=True)
