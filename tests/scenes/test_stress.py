"""Masses: connect storms, kills without FIN while calls run, two connections fighting over one id.

After each, the directory is back at its start and memory within a tenth of what it was after a
first round. HYPHAD_STRESS_SCALE scales all numbers; sanitizer builds use 0.1.
"""
import asyncio
import os
import random
import resource
import time

import pytest

from kit import wire
from kit.hub import until
from kit.raw import Raw, RpcError
from kit.waiting import pace

SCALE = float(os.environ.get("HYPHAD_STRESS_SCALE", "1"))
FREE_LIMITS = {"HYPHA_MAX_CONNECTIONS_PER_USER": "100000",
               "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "100000",
               "HYPHA_WS_MSG_RATE_LIMIT": "100000000", "HYPHA_WS_MSG_BURST_LIMIT": "100000000"}
pytestmark = [pytest.mark.stress, pytest.mark.timeout(600), pytest.mark.allow_warn("")]


def scaled(n):
    return max(4, int(n * SCALE))


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def entries(server):
    return server.metric("hyphad_directory_entries")


async def comes_back(server, n_entries, rss_bytes):
    """The directory is empty again and memory is within 10 % (4 MiB are always allowed)."""
    if n_entries is not None:
        await until(lambda: entries(server) == n_entries, timeout=60, step=0.2)
    if rss_bytes is None or server.is_sanitized():
        return
    limit = max(rss_bytes * 1.1, rss_bytes + (4 << 20))
    try:
        await until(lambda: server.rss_bytes() <= limit, timeout=30, step=0.5)
    except AssertionError:
        now = server.rss_bytes()
        raise AssertionError(f"RSS {now >> 10} KiB, was {rss_bytes >> 10} KiB") from None


async def close_all(raws):
    await asyncio.gather(*(raw.shut() for raw in raws))


async def storm(server, n):
    """n clients connect at once, each registers and has one call answered."""
    async def one(i):
        raw = await Raw.open(server, {"client_id": f"storm-{i}"})
        await asyncio.wait_for(raw.joined(), 120)
        await raw.register()
        assert await raw.call("services.default.echo", i, timeout=120) == i
        return raw
    raws = await asyncio.gather(*(one(i) for i in range(n)), return_exceptions=True)
    failed = [r for r in raws if isinstance(r, BaseException)]
    alive = [r for r in raws if isinstance(r, Raw)]
    return alive, failed


async def test_connect_storm(start_server):
    server = start_server(env=FREE_LIMITS)
    n, before, rss = scaled(2000), entries(server), None
    for round_ in range(3):
        began = time.monotonic()
        raws, failed = await storm(server, n)
        print(f"round {round_}: {n} clients in {time.monotonic() - began:.1f} s, "
              f"RSS {server.rss_bytes() >> 10} KiB")
        assert not failed, f"{len(failed)} of {n} failed, e.g. {failed[0]!r}"
        if before is not None:
            assert entries(server) >= before + n
        await close_all(raws)
        await comes_back(server, before, rss)
        rss = rss or server.rss_bytes()


@pytest.mark.differs("the original never notices a peer that only falls silent")
async def test_kills_without_fin_while_calls_run(start_server):
    """Half of the victims are reset, half fall silent with the connection open."""
    args = ("--ws-ping-interval=2", "--ws-ping-timeout=4")
    server = start_server(*args, env=FREE_LIMITS)
    before, rss = entries(server), None
    dice = random.Random(5)
    for round_ in range(2):
        outcomes = await _kill_round(server, scaled(500), dice)
        print(f"round {round_}: {outcomes}, RSS {server.rss_bytes() >> 10} KiB")
        assert outcomes["answered"] > 0 and outcomes["lost"] == 0
        await comes_back(server, before, rss)
        rss = rss or server.rss_bytes()


async def _kill_round(server, n, dice):
    keeper = await Raw.open(server, {"client_id": "keeper"})
    await keeper.joined()
    await keeper.register()
    await keeper.manage("subscribe", "client_disconnected")
    token = await keeper.manage("generate_token", {"permission": "admin"})

    async def join(client_id):
        raw = await Raw.open(server, {"client_id": client_id, "workspace": keeper.workspace,
                                      "token": token})
        await asyncio.wait_for(raw.joined(), 120)
        await raw.register()
        raw.functions["victim.echo"] = lambda x: x
        return raw
    victims = await asyncio.gather(*(join(f"v{i}") for i in range(n)))
    callers = await asyncio.gather(*(join(f"c{i}") for i in range(8)))
    outcomes = {"answered": 0, "rejected": 0, "lost": 0}
    is_over = asyncio.Event()

    async def keep_calling(caller):
        while not is_over.is_set():
            victim = dice.choice(victims)
            try:
                assert await caller.call("victim.echo", 7, to=victim.client_id, timeout=60) == 7
                outcomes["answered"] += 1
            except RpcError:
                outcomes["rejected"] += 1
            except AssertionError:
                outcomes["lost"] += 1
    # A call to a victim that fell silent ends with client_disconnected, as in the real clients.
    gone, pending = set(), {caller: {} for caller in callers}
    for caller in callers:
        _note_calls(caller, pending[caller], gone)
    watching = asyncio.create_task(_reject_calls_to_the_gone(keeper, pending, gone, n))
    calling = [asyncio.create_task(keep_calling(c)) for c in callers]
    for victim in dice.sample(victims, n):
        if dice.random() < 0.5:
            victim.cut()
        else:
            victim.ws.transport.pause_reading()
        await pace(0.002, "calls go on between two ends")
    await asyncio.wait_for(watching, 120)
    assert gone == {v.client_id for v in victims}
    is_over.set()
    await asyncio.gather(*calling)
    assert len(await keeper.manage("list_clients")) == 1 + len(callers)
    await close_all([*victims, *callers, keeper])
    return outcomes


def _note_calls(caller, pending, gone):
    """From here on every call of the raw client is known by its session until it is settled."""
    post = caller.post

    async def noted(method, *args, **more):
        session = await post(method, *args, **more)
        pending[session] = more.get("to")
        if more.get("to") in gone:
            await _fail(caller, session)
        return session
    caller.post = noted


async def _reject_calls_to_the_gone(keeper, pending, gone, n):
    while len(gone) < n:
        event = await keeper.event("client_disconnected", timeout=60)
        name = event["data"]["id"]
        assert name not in gone, f"{name} was announced twice"
        gone.add(name)
        for caller, calls in pending.items():
            for session, to in list(calls.items()):
                if to == name:
                    await _fail(caller, session)


async def _fail(caller, session):
    """Settles a pending call of a raw client locally, as the real clients do on the event."""
    error = {"_rtype": "error", "_rvalue": "Client disconnected"}
    caller.frames.append(({"type": "method", "method": f"{session}.reject"}, {"args": [error]},
                          b"", b""))
    async with caller._news:
        caller._news.notify_all()


async def test_two_connections_fight_over_one_id(start_server):
    server = start_server(env=FREE_LIMITS)
    before, rss = entries(server), None
    for _ in range(2):
        await _fight(server, scaled(1000) // 2)
        await comes_back(server, before, rss)
        rss = rss or server.rss_bytes()


async def _fight(server, n_each):
    first = await Raw.open(server, {"client_id": "prize"})
    await first.joined()
    await first.register()
    keeper = await Raw.open(server, {"client_id": "keeper", "workspace": first.workspace,
                                     "token": await first.manage("generate_token")})
    await keeper.joined()
    await keeper.register()
    await keeper.manage("subscribe", "client_disconnected")
    token = first.info["reconnection_token"]

    async def fighter(name):
        won = 0
        raw = None
        for _ in range(n_each):
            try:
                raw = await Raw.open(server, {"client_id": "prize", "reconnection_token": token})
                await asyncio.wait_for(raw.joined(), 60)
                raw.functions["who.won"] = lambda: name
                won += 1
            except ConnectionError:
                pass    # superseded before connection_info
        return won, raw
    (won_a, last_a), (won_b, last_b) = await asyncio.gather(fighter("a"), fighter("b"))
    assert won_a and won_b
    await first.closed()

    def one_left():
        return [last_a.is_open, last_b.is_open].count(True) == 1
    await until(one_left)
    last = last_a if last_a.is_open else last_b
    await last.register()
    assert await keeper.call("who.won", to="prize") in ("a", "b")
    assert not keeper.seen(lambda m, e: m["type"] == "client_disconnected")
    assert len(await keeper.manage("list_clients")) == 2
    await last.leave()
    assert (await keeper.event("client_disconnected"))["data"]["id"] == "prize"
    await keeper.manage("echo", wire.new_id())
    assert not keeper.seen(lambda m, e: m["type"] == "client_disconnected")
    await keeper.leave()
