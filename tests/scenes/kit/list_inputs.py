"""Inputs of test_turns that are many: services, workspaces, tasks, members, and what is asked about them. Each is given `t` (thrown.Thrown)."""
import asyncio

from .chunks import offer_cache
from .people import login, user
from .thrown import crowd, inputs_of_a_file, tolerant, turns_pass
from .web import client_for

MB = 1 << 20
INPUTS, an_input = inputs_of_a_file()


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
