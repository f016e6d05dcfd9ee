"""Memory that runs out at random: nothing crashes, and whoever loses something is told.

The builds that scenes run on can fail one in N of the allocations whose size a client chooses (HYPHAD_FAIL_ALLOC=SEED:N), or refuse
one in N of what accounts are asked for on behalf of clients (HYPHAD_REFUSE_CHARGES=SEED:N). Whatever
is asked of such a server ends: with an answer, with an error, or with the end of the connection.
"""
import asyncio
import random

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from kit.raw import Raw, RpcError

N_CLIENTS, N_ROUNDS, PATIENCE_S = 4, 25, 40
pytestmark = [pytest.mark.differs("the original has no such build"), pytest.mark.timeout(180),
              pytest.mark.allow_warn(""), pytest.mark.allow_error("")]
TOLD = (RpcError, ConnectionError, ConnectionClosed, OSError, httpx.TransportError)


async def joined(server, name):
    """A client with an `echo`; None when the server has said no, or has ended the connection."""
    try:
        raw = await Raw.open(server, {"client_id": name})
        await asyncio.wait_for(raw.joined(), PATIENCE_S)
        await raw.register("default", {"echo": lambda x: x}, visibility="public")
        return raw
    except Exception as loss:
        assert "timed out" not in str(loss) and not isinstance(loss, asyncio.TimeoutError), loss
        return None


async def echo(raw, to, text):
    """Who is called may lose its connection before it answers: the caller is told so by an event, as clients expect it."""
    session = await raw.post("services.default.echo", text, to=to.address)
    ends = (f"{session}.resolve", f"{session}.reject")
    main, *_ = await raw.frame(lambda m, _: m.get("method") in ends or (m["type"] == "peer_not_found" and m["peer_id"] == to.address),
                               PATIENCE_S)
    if main.get("method") != ends[0]:
        raise RpcError("the call has failed")


async def ask(server, http, raw, others, dice):
    """One thing a client does; what is not an answer must be an exception of TOLD."""
    text = "x" * dice.choice((10, 2000, 60_000))
    to = dice.choice(others)
    what = dice.randrange(8)
    if what == 0:
        await echo(raw, to, text)
    elif what == 1:
        await raw.manage("list_services")
    elif what == 2:
        await raw.manage("log_event", "note", {"text": text})
    elif what == 3:
        await raw.register(f"s{dice.randrange(5)}", {"echo": lambda x: x})
    elif what == 4:
        await raw.manage("get_service", f"{to.workspace}/{to.client_id}:default")
    elif what == 5:
        await http.post(f"/{to.workspace}/services/{to.client_id}:default/echo", json={"x": text})
    elif what == 6:
        await raw.manage("register_service", {"id": f"{raw.address}:long", "name": "long", "type": "t", "docs": text,
                                              "config": {"visibility": "public"}})
        await raw.manage("get_summary")
    else:
        await http.get(dice.choice(("/public/services", "/health/readiness", "/metrics", "/nowhere",
                                    f"/{to.workspace}/services/{to.client_id}:default/echo?x=1")))


async def use(server, others, seed, tally):
    dice = random.Random(seed)
    raw = None
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
        for i in range(N_ROUNDS):
            while raw is None or not raw.is_open:
                raw = await joined(server, f"c{seed}-{i}-{dice.randrange(1 << 40)}")
                others[seed % N_CLIENTS] = raw or others[seed % N_CLIENTS]
                assert server.is_running(), server.log_text()
            try:
                await ask(server, http, raw, [o for o in others if o], dice)
                tally["answered"] += 1
            except httpx.TimeoutException as silence:
                raise AssertionError(f"no answer over HTTP within {PATIENCE_S} s") from silence
            except TOLD:
                tally["told"] += 1
            assert server.is_running(), server.log_text()
    if raw is not None:
        await raw.shut()


async def check(start_server, seed, one_in, what="HYPHAD_FAIL_ALLOC"):
    server = start_server(env={what: f"{seed}:{one_in}", "HYPHA_MAX_CONNECTIONS_PER_USER": "100000"})
    tally, others = {"answered": 0, "told": 0}, [None] * N_CLIENTS
    await asyncio.gather(*(use(server, others, seed * N_CLIENTS + i, tally) for i in range(N_CLIENTS)))
    print(tally)
    assert tally["answered"] and tally["told"], "nothing has failed: is this a build that can?"


@pytest.mark.parametrize("seed, one_in", [(1, 400), (2, 60), (3, 15)])
async def test_every_loss_is_an_answer(start_server, seed, one_in):
    await check(start_server, seed, one_in)


@pytest.mark.req("S-93")
@pytest.mark.parametrize("seed, one_in", [(1, 200), (2, 20)])
async def test_every_refusal_of_an_account_is_an_answer(start_server, seed, one_in):
    await check(start_server, seed, one_in, "HYPHAD_REFUSE_CHARGES")


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(10, 40))
async def test_every_loss_is_an_answer_whatever_fails(start_server, seed):
    await check(start_server, seed, (300, 100, 40, 20, 10, 6)[seed % 6])


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(40, 60))
async def test_every_refusal_is_an_answer_whatever_is_refused(start_server, seed):
    await check(start_server, seed, (300, 100, 40, 20, 10, 6)[seed % 6], "HYPHAD_REFUSE_CHARGES")
