"""The worst of every input, and how long a loop stood still for it: no turn of a loop may take more than 5 ms of its thread's CPU
time (docs/THREATS.md, "eating time"). By the clock of the thread, so it is what the server did, not what the machine was busy with.

The stress scene throws each input at a server of its own, full size, and holds release builds to the 5 ms. The short one throws
all of them, small, at one server: a turn that grows with what a client sends shows at that size too, on any build.
"""
import asyncio
import base64
import gzip
import json
import os
import random
import time

import msgpack
import pytest

from kit import edge_inputs
from kit.chunks import offer_cache, parts_of
from kit.hub import Hub
from kit.people import ROOT_ARGS, login, user
from kit.raw import RpcError
from kit.server import Server
from kit.tcp import TEXT, Tcp
from kit.thrown import ARGS, ENV, Thrown, crowd
from kit.tokens import mint
from kit.web import client_for
from kit import wire

MB = 1 << 20
LIMIT_US = 5000
pytestmark = [pytest.mark.differs("the original has no such figure"), pytest.mark.allow_warn("")]

INPUTS = [*edge_inputs.INPUTS]


def an_input(function):
    INPUTS.append(function)
    return function


async def tolerant(awaitable):
    """Whether it is refused is another scene's question."""
    try:
        return await awaitable
    except (RpcError, ConnectionError):
        return None


# ---- HTTP ------------------------------------------------------------------------------------------------------

HUBS_OWN = "/public/services/ws/list_services"


async def bodies(t, body, content_type="application/json", **headers):
    """To a service of the hub and to a client's."""
    raw = await t.hub.raw()
    offer_cache(raw)
    await raw.register("echo", {"echo": lambda *args: 1}, visibility="public")
    for path in (HUBS_OWN, f"/{raw.workspace}/services/{raw.client_id}:echo/echo"):
        await t.post(path, body, content_type, mint("ada"), **headers)
    await raw.shut()


async def turns_pass(raw):
    """So that what goes on after an answer has its turns while they are counted."""
    for _ in range(50):
        await raw.manage("echo", 1)


@an_input
async def json_body_of_numbers(t):
    await bodies(t, b'{"query":[' + b"0," * t.n(4 * MB) + b"0]}")


@an_input
async def json_body_of_keys(t):
    await bodies(t, json.dumps({f"k{i}": None for i in range(t.n(200_000))}).encode())


@an_input
async def json_body_that_is_deep(t):
    deep = b"[" * 60 + b"]" * 60
    await bodies(t, b'{"query":[' + b",".join([deep] * t.n(60_000)) + b"]}")


@an_input
async def json_body_of_blanks(t):
    await bodies(t, b'{"query":' + b" " * t.n(8 * MB) + b"1}")


@an_input
async def json_body_that_is_one_text(t):
    await bodies(t, json.dumps({"query": "\u00e9\n" * t.n(MB)}).encode())


@an_input
async def gzip_body_of_nils(t):
    await bodies(t, gzip.compress(b"[" + b"null," * t.n(16 * MB) + b"null]"), **{"Content-Encoding": "gzip"})


@an_input
async def msgpack_body_of_nils(t):
    await bodies(t, msgpack.packb({"query": [None] * t.n(12 * MB)}), "application/msgpack")


@an_input
async def msgpack_body_that_is_deep(t):
    deep = b"\x91" * 60 + b"\xc0"
    n = t.n(180_000)
    await bodies(t, b"\x81\xa5query\xdd" + n.to_bytes(4, "big") + deep * n, "application/msgpack")


@an_input
async def long_query_strings(t):
    async with client_for(t.server) as http:
        for query in ("&".join(f"k{i}=1" for i in range(1000)), "a=" + "%41" * 20_000, "&" * 60_000, "=" * 60_000,
                      "&".join(["a"] * 30_000), "a=" + "1" * 60_000, "query={" + '"a":{' * 5_000):
            await http.get(f"{HUBS_OWN}?{query}")


async def answers(t, value):
    """A client's function answers that to callers over HTTP, as JSON and MessagePack."""
    async def serve():
        return value
    api = await t.hub.py(None)
    await api.register_service({"id": "big", "config": {"visibility": "public"}, "get": serve})
    path = f"/{api.config.workspace}/services/{api.config.client_id}:big/get"
    async with client_for(t.server) as http:
        await http.get(path, timeout=60)
        await http.get(path, timeout=60, headers={"Accept": "application/msgpack"})
        await http.get(path, timeout=60, headers={"Accept-Encoding": "gzip"})


@an_input
async def json_answer_of_numbers(t):
    await answers(t, [1.5] * t.n(900_000))


@an_input
async def json_answer_that_is_one_text(t):
    await answers(t, "\u00e9\n\"" * t.n(2 * MB))


@an_input
async def generator_of_large_items(t):
    async def many():
        for _ in range(4):
            yield [1] * t.n(900_000)
    api = await t.hub.py(None)
    await api.register_service({"id": "gen", "config": {"visibility": "public"}, "get": many})
    async with client_for(t.server) as http:
        await http.get(f"/{api.config.workspace}/services/{api.config.client_id}:gen/get", timeout=60)


# ---- frames ----------------------------------------------------------------------------------------------------

async def frames(t, value):
    """In one frame to the hub, to a neighbour, and to nobody; `value` is encoded."""
    a, b = await t.hub.raw_pair(f"a-{id(t)}", f"b-{id(t)}")
    b._reader.cancel()      # it takes them, and does not look
    for to in (a.manager, b.address, f"{a.workspace}/nobody"):
        main = {"type": "method", "to": to, "method": "services.default.echo", "session": wire.new_id()}
        extra = b"\x83\xa4args" + b"\x91" + value + b"\xa7promise\xa1*\xa1t\x0f"
        await a.ws.send(wire.pack(main) + extra)
    await tolerant(a.call("services.default.echo", 1, timeout=60))
    await a.shut()
    b.ws.transport.abort()


@an_input
async def frame_of_nils(t):
    n = t.n(15 * MB)
    await frames(t, b"\xdd" + n.to_bytes(4, "big") + b"\xc0" * n)


@an_input
async def frame_that_is_deep(t):
    n = t.n(15 * MB // 61)
    await frames(t, b"\xdd" + n.to_bytes(4, "big") + (b"\x91" * 60 + b"\xc0") * n)


@an_input
async def frame_of_maps(t):
    n = t.n(15 * MB // 4)
    await frames(t, b"\xdd" + n.to_bytes(4, "big") + b"\x81\xa1a\xc0" * n)


@an_input
async def frame_of_one_value(t):
    n = t.n(15 * MB)
    await frames(t, b"\xc6" + n.to_bytes(4, "big") + b"\0" * n)


@an_input
async def frame_with_a_header_of_values(t):
    raw = await t.hub.raw()
    for _ in range(t.n(200, 10)):
        await raw.ws.send(wire.pack({"type": "method", "to": raw.manager, "method": "services.default.echo", "x": [None] * 60_000}))
        await raw.ws.send(wire.pack({"type": "method", "to": raw.manager, "method": "services.default.echo"}) + b"\x81\xa1a" + b"\x91" * 60 + b"\xc0")
    await raw.shut()


@an_input
async def chunks_of_nils(t):
    raw = await t.hub.raw()
    n = t.n(15 * MB)
    frame = wire.pack({"type": "method", "from": raw.address, "to": raw.manager, "method": "services.default.echo", "session": wire.new_id()}) \
        + b"\x82\xa4args\x91\xdd" + n.to_bytes(4, "big") + b"\xc0" * n + b"\xa7promise\xa1*"
    key, prefix = wire.new_id(), "services.built-in.message_cache"
    await raw.call(f"{prefix}.create", key, False)
    for part in parts_of(frame):
        await raw.call(f"{prefix}.append", key, part, False, timeout=60)
    await tolerant(raw.call(f"{prefix}.process", key, False, timeout=60))
    await raw.shut()


@an_input
async def texts(t):
    """After a login, and instead of one: long, of characters of every length, and cut."""
    for text in ("x", "\u00e9", "\u20ac", "\U0001f600", "\u20acx"):
        long = text * (t.n(15 * MB) // len(text.encode()))
        raw = await t.hub.raw(is_registered=False)
        try:
            await raw.ws.send('{"type":"' + long + '"}')
            await tolerant(raw.manage("echo", 1))
        except Exception:       # noqa: BLE001 - the server may close: that is an answer
            pass
        await raw.shut()
        async with await Tcp.open(t.server) as tcp:
            await tcp.upgrade()
            try:
                await tcp.frame(TEXT, long.encode()[:t.n(1 * MB)])
                await tcp.close_code()
            except (ConnectionError, asyncio.TimeoutError):
                pass


@an_input
async def refresh_tokens(t):
    raw = await user(t.hub, "ada")
    for _ in range(t.n(20_000)):
        await raw.ws.send('{"type":"refresh_token"}')
    await tolerant(raw.manage("echo", 1))
    await raw.shut()


@an_input
async def small_calls(t):
    raw = await user(t.hub, "ada")
    for at in range(0, t.n(20_000), 500):
        await asyncio.gather(*[tolerant(raw.manage("echo", at)) for _ in range(500)])
    await raw.shut()


# ---- tokens ----------------------------------------------------------------------------------------------------

@an_input
async def long_tokens(t):
    raw = await user(t.hub, "ada")
    long = mint("ada", "ws:" + "a" * t.n(11 * MB) + "#r")      # in base64 still a frame
    deep = mint("ada", x=json.loads("[" * 900 + "]" * 900))
    for token in (long, deep, "a" * t.n(12 * MB), "." * t.n(12 * MB), "a.b." + "c" * t.n(12 * MB)):
        await tolerant(raw.manage("parse_token", token))
        await tolerant(raw.manage("revoke_token", token))
        first = await t.hub.raw_open({"client_id": "x", "token": token[:t.n(900_000)]})
        await first.closed()
    await raw.shut()


@an_input
async def long_scopes(t):
    raw = await user(t.hub, "ada")
    n = t.n(100_000)
    await tolerant(raw.manage("generate_token", {"extra_scopes": [f"x:{i}" for i in range(n)]}))
    await tolerant(raw.manage("generate_token", {"extra_scopes": [f"ws:w{i}#r" for i in range(n)]}))
    await tolerant(raw.manage("generate_token", {"workspace": "w" * n}))
    await tolerant(raw.manage("parse_token", mint("ada", " ".join(f"ws:w{i}#r" for i in range(n)))))
    for n in (500, 1000, 2000, 5000):
        scope = " ".join(f"ws:w{i}#r" for i in range(n))
        first = await t.hub.raw_open({"client_id": "x", "token": mint("ada", scope)})
        await tolerant(first.joined())
        await first.shut()
    await raw.shut()


# ---- lists -----------------------------------------------------------------------------------------------------

async def throng(t, n):
    """A client with n services."""
    raw = await user(t.hub, "ada")
    offer_cache(raw)
    await t.services(raw, n, description="word " * 40)
    return raw


@an_input
async def lists_of_services(t):
    raw = await throng(t, t.n(5000))
    for query in (None, {"type": "thing"}, {"type": "*i*"}, "public", "*/*:*", "s-1*"):
        await tolerant(raw.call("services.default.list_services", query, timeout=60))
    await raw.call("services.default.get_summary", timeout=60)
    await tolerant(raw.call("services.default.list_clients", timeout=60))
    await tolerant(raw.call("services.default.search_services", "word", None, 1000, timeout=60))
    await tolerant(raw.call("services.default.search_services", "w " * t.n(500_000), None, 1000, timeout=60))
    async with client_for(t.server, login("ada")) as http:
        for path in ("services", "clients", "info", "services?type=thing"):
            await http.get(f"/{raw.workspace}/{path}", timeout=60)
    await raw.shut()


@an_input
async def searches_of_everything(t):
    """Without words there is no index to ask: all services are looked at, and ordered."""
    raw = await throng(t, t.n(10_000))
    for more in ({}, {"order_by": "description"}, {"filters": {"type": "thing"}}):
        found = await tolerant(raw.manage("search_services", limit=1000, pagination=True, **more))
        assert found is None or found["total"] >= t.n(10_000)
    await raw.shut()


@an_input
async def event_types(t):
    """As many as one call may name, far more than one client may hear."""
    raw = await user(t.hub, "ada")
    types = [f"type-{i:04}" for i in range(4096)]
    for function in ("subscribe", "unsubscribe"):
        await tolerant(raw.call(f"services.default.{function}", types, timeout=60))
    await raw.shut()


@an_input
async def globs(t):
    raw = await throng(t, t.n(2000))
    for n in (1000, 60_000):
        for glob in ("*" * n, "*x" * (n // 2), ("*" + "x" * 30) * (n // 31) + "y", "s" * n + "*"):
            await tolerant(raw.call("services.default.list_services", {"id": glob}, timeout=60))
            await tolerant(raw.call("services.default.list_services", {"type": glob}, timeout=60))
            await tolerant(raw.call("services.default.get_service", f"{glob[:-1]}z*:q", timeout=60))
    await raw.shut()


@an_input
async def removal_of_many_services(t):
    for how in ("leave", "unregister"):
        raw = await throng(t, t.n(5000))
        if how == "unregister":
            await raw.call("services.default.unregister_service", "built-in", timeout=60)
        else:
            await raw.leave()
        watcher = await t.hub.raw()
        await turns_pass(watcher)
        await watcher.shut()
        await raw.shut()


@an_input
async def deletion_of_a_workspace(t):
    ada = await user(t.hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-lab", "name": "ada-lab"})
    inside = await t.hub.raw("inside", token=await ada.manage("generate_token", {"workspace": "ada-lab"}), workspace="ada-lab")
    await t.services(inside, t.n(5000))
    await ada.call("services.default.delete_workspace", "ada-lab", timeout=60)
    await turns_pass(ada)
    await ada.shut()
    await inside.shut()


@an_input
async def lists_of_workspaces(t):
    raw = await user(t.hub, "ada")
    offer_cache(raw)
    n = t.n(3000)
    for at in range(0, n, 100):
        await asyncio.gather(*(raw.call("services.default.create_workspace", {
            "id": f"ada-{i}", "name": f"ada-{i}", "description": "d" * 2000, "config": {"x": "y" * 8000}}, timeout=60)
            for i in range(at, min(n, at + 100))))
    for match in ({}, {"name": "nobody"}, {"config": {}}, {f"k{i}": 1 for i in range(t.n(60_000))}):
        await tolerant(raw.call("services.default.list_workspaces", match, timeout=60))
    await tolerant(raw.call("services.default.list_services", {"workspace": "*"}, timeout=60))
    await raw.shut()


@an_input
async def events(t):
    raw = await user(t.hub, "ada")
    offer_cache(raw)
    for at in range(0, t.n(4000), 100):
        await asyncio.gather(*(tolerant(raw.manage("log_event", f"t-{at}-{i}", {"x": [None] * 3000})) for i in range(100)))
    await tolerant(raw.call("services.default.get_events", timeout=60))
    await tolerant(raw.call("services.default.get_event_stats", timeout=60))
    await raw.shut()


@an_input
async def tasks(t):
    raw = await user(t.hub, "ada")
    offer_cache(raw)
    queue = (await raw.manage("get_service_info", "public/queue"))["id"].split(":")[0]
    for at in range(0, t.n(4000), 100):
        await asyncio.gather(*(tolerant(raw.call("services.queue.push", "jobs", {"x": [None] * 3000}, to=queue)) for _ in range(100)))
    for at in range(0, 100, 10):
        await asyncio.gather(*(raw.call("services.queue.push", "long", {"x": "y" * t.n(250_000)}, to=queue, timeout=60) for _ in range(10)))
    long = await raw.call("services.queue.peek", "long", 100, to=queue, timeout=60)
    assert [len(task["x"]) for task in long] == [t.n(250_000)] * 100
    await tolerant(raw.call("services.queue.push", "jobs", {"x": [None] * t.n(4 * MB)}, to=queue, timeout=60))
    await raw.shut()


@an_input
async def tasks_whose_workspace_goes(t):
    ada = await user(t.hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-lab", "name": "ada-lab", "persistent": True})
    inside = await t.hub.raw("inside", token=await ada.manage("generate_token", {"workspace": "ada-lab"}), workspace="ada-lab")
    queue = (await inside.manage("get_service_info", "public/queue"))["id"].split(":")[0]
    for at in range(0, t.n(20_000), 200):
        await asyncio.gather(*(inside.call("services.queue.push", "jobs", {"x": at}, to=queue, timeout=60) for _ in range(200)))
    await ada.call("services.default.delete_workspace", "ada-lab", timeout=60)
    await turns_pass(ada)
    await ada.shut()
    await inside.shut()


# ---- crowds ----------------------------------------------------------------------------------------------------

@an_input
async def broadcasts(t):
    ada = await user(t.hub, "ada")
    members = await crowd(t.hub, t.n(1000), ada.workspace, await ada.manage("generate_token"))
    for one in members:
        one.is_mute = True
    for size in (10, 30_000):
        for _ in range(5):
            await ada.send({"type": "party", "to": "*", "x": "y" * size})
            await ada.send({"type": "method", "to": "*", "method": "services.default.echo"}, {"args": ["y" * size]})
    await ada.manage("echo", 1)
    await asyncio.gather(*(one.shut() for one in members[::2]))
    await ada.manage("echo", 1)
    await asyncio.gather(*(one.shut() for one in members[1::2]))
    await ada.shut()


@an_input
async def broadcasts_that_many_have_asked_for(t):
    """And what their sender sends to one of them in between, which comes in between."""
    ada = await user(t.hub, "ada")
    members = await crowd(t.hub, t.n(1000), ada.workspace, await ada.manage("generate_token"))
    for at in range(0, len(members), 100):
        await asyncio.gather(*(one.manage("subscribe", ["party"]) for one in members[at:at + 100]))
    for one in members[1:]:
        one.is_mute = True
    for i in range(20):
        await ada.send({"type": "party", "to": "*", "n": i})
        await ada.send({"type": "mail", "to": members[0].address, "n": i})
    got = [await members[0].frame(lambda m, e: m["type"] in ("party", "mail"), 60) for _ in range(40)]
    assert [(main["type"], main["n"]) for main, *_ in got] == [(k, i) for i in range(20) for k in ("party", "mail")]
    await ada.manage("echo", 1)
    await asyncio.gather(*(one.shut() for one in members))
    await ada.shut()


@an_input
async def crowds_that_are_put_out(t):
    """By the revocation of the token all came by, and by the deletion of the workspace they are in."""
    ada = await user(t.hub, "ada")
    for how, lab in (("revoke_token", "ada-tokens"), ("delete_workspace", "ada-rooms")):
        await ada.manage("create_workspace", {"id": lab, "name": lab})
        token = await ada.manage("generate_token", {"workspace": lab})
        members = await crowd(t.hub, t.n(1500), lab, token)
        await ada.call(f"services.default.{how}", token if how == "revoke_token" else lab, timeout=60)
        await asyncio.gather(*(one.closed(60) for one in members))
        await turns_pass(ada)
    await ada.shut()


# ---- the scenes ------------------------------------------------------------------------------------------------

def build_of(server):
    if server.is_sanitized():
        return "sanitized"
    return "release" if "/release/" in os.environ["HYPHAD_BIN"] or "/bench/" in os.environ["HYPHAD_BIN"] else "debug"


def figures(server):
    return {name: int(server.metric(f"hyphad_loop_{name}") or 0) for name in
            ("longest_turn_cpu_us", "turns_above_1ms_total", "turns_above_5ms_total", "turns_above_25ms_total")}


async def throw(server, inputs, scale):
    """[(name, longest turn since the server began, turns above 1, 5, 25 ms, seconds)]"""
    table = []
    for one in inputs:
        before, began = figures(server), time.monotonic()
        t = Thrown(server, scale)
        try:
            await one(t)
        finally:
            await t.hub.close()
        assert server.is_running(), f"{one.__name__} ended the server: {server.log_text()}"
        now = figures(server)
        table.append((one.__name__, now["longest_turn_cpu_us"],
                      *(now[k] - before[k] for k in list(now)[1:]), time.monotonic() - began))
        print("%-34s longest %8.1f ms   above 1 ms %5d, 5 ms %4d, 25 ms %3d   %5.1f s" %
              (table[-1][0], table[-1][1] / 1000, *table[-1][2:]), flush=True)
    return table


@pytest.mark.stress
@pytest.mark.req("S-96")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("one", INPUTS, ids=lambda f: f.__name__)
async def test_no_turn_is_long(one, start_server):
    server = start_server(*ARGS, env=ENV)
    (row,) = await throw(server, [one], float(os.environ.get("HYPHAD_STRESS_SCALE", "1")))
    if build_of(server) == "release":
        assert row[1] <= LIMIT_US, f"a turn of {row[1] / 1000} ms"


@pytest.mark.req("S-96")
@pytest.mark.timeout(240)
async def test_small_ones_at_one_server(target):
    """At a tenth of the size, what grows with its input is far above the bound that any build is held to here."""
    server = Server(target, ARGS, ENV).start()
    try:
        table = await throw(server, INPUTS, 0.05)
    finally:
        server.stop()
        server.remove()
    bound = {"release": LIMIT_US, "debug": 4 * LIMIT_US}.get(build_of(server))
    if bound:
        assert table[-1][1] <= bound, table


@pytest.mark.stress
@pytest.mark.req("S-96")
async def test_a_durable_write_beside_a_flood_of_gzip_bodies(start_server):
    """The classes of workers do not share: a write waited 25 s when bodies without a token filled the one pool there was. Compared
    with the same flood of bodies that are small, which takes this machine about the same."""
    server = start_server(*ROOT_ARGS, env={k: v for k, v in ENV.items() if "RATE" in k or "BURST" in k})
    hub = Hub(server)
    small = gzip.compress(b'{"query":"x"}')
    noise = base64.b64encode(random.Random(1).randbytes(60_000))       # or it would be too much of so little
    bomb = gzip.compress(b'{"query":"' + noise + b" " * (4 * MB) + b'"}')
    n_made = 0

    async def writes(ada, n):
        nonlocal n_made
        began = time.monotonic()
        for _ in range(n):
            n_made += 1
            await ada.manage("set_env", f"k{n_made}", "v")
        return (time.monotonic() - began) / n

    async def flood(body, is_over, statuses):
        async with client_for(server) as http:
            while not is_over.is_set():
                answer = await http.post(HUBS_OWN, content=body, timeout=60,
                                         headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
                statuses.add(answer.status_code)

    async def beside(ada, body):
        is_over, statuses = asyncio.Event(), set()
        tasks = [asyncio.create_task(flood(body, is_over, statuses)) for _ in range(16)]
        try:
            while not statuses:
                await asyncio.sleep(0.01)
            return await writes(ada, 10), statuses
        finally:
            is_over.set()
            await asyncio.gather(*tasks)

    try:
        ada = await user(hub, "ada")
        control, _ = await beside(ada, small)
        attacked, statuses = await beside(ada, bomb)
        print(f"a write: {control * 1000:.0f} ms beside small bodies, {attacked * 1000:.0f} ms beside large ones, which got {statuses}")
        assert statuses <= {200, 400, 413, 500, 503}
        assert attacked < 10 * control + 1, "seconds a write"
    finally:
        await hub.close()


@pytest.mark.req("S-96")
async def test_a_pattern_has_an_end(hub, server):
    raw = await hub.raw()
    await raw.register("x" * 1000)
    for call in (raw.manage("list_services", {"id": "x*" * 520}), raw.manage("list_services", {"type": "x*" * 520}),
                 raw.manage("get_service_info", "x*" * 520)):
        with pytest.raises(RpcError, match="ValueError: A pattern may have at most 1024 bytes"):
            await call
    assert len(await raw.manage("list_services", {"id": "x*" * 500})) == 1


@pytest.mark.req("S-96")
async def test_a_call_of_the_hub_with_too_many_values_is_told_so(hub, server):
    raw = await hub.raw()
    assert len(await raw.manage("echo", [None] * 60_000)) == 60_000
    with pytest.raises(RpcError, match="ValueError: The arguments hold more than 65536 values"):
        await raw.manage("echo", [None] * 70_000)
    with pytest.raises(RpcError, match="hold more than"):
        await raw.manage("echo", {str(i): {} for i in range(70_000)})
    assert len(await raw.manage("echo", "x" * 200_000)) == 200_000, "one value, however long"


@pytest.mark.req("S-96")
async def test_a_match_names_no_more_fields_than_a_record_could_have(hub, server):
    raw = await hub.raw()
    assert await raw.manage("list_workspaces", {f"k{i}": 1 for i in range(64)}) == []
    with pytest.raises(RpcError, match="ValueError: A match may name at most 64 fields"):
        await raw.manage("list_workspaces", {f"k{i}": 1 for i in range(65)})
