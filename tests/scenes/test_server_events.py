"""Messages that clients obey because only the server sends them: nobody else may."""
import asyncio

import msgpack
import pytest

from kit.hub import until
from kit.http_stream import Stream
from kit.raw import RpcError

ANNOUNCED = ("service_added", "service_removed", "service_updated", "client_connected",
             "client_disconnected", "client_updated", "workspace_loaded", "workspace_deleted",
             "workspace_changed", "workspace_ready", "workspace_unloaded",
             "workspace_status_changed")
RESERVED = ANNOUNCED + ("peer_not_found", "force-exit", "error", "connection_info",
                        "reconnection_token")
# What only looks like one of them is a name like any other.
ALIKE = ("client_disconnected_x", "my_client_disconnected", "Client_Disconnected", "errors",
         "force_exit", "peer-not-found", "service_added ", "connection_info2", "ping", "pong")
REASON = "sent by the server only"

pytestmark = pytest.mark.differs("the original passes them on")


async def said(sender, name):
    """The refusal of an event, which has no session to be rejected."""
    message = await sender.text(lambda t: t.get("type") == "error")
    assert name in message["message"] and REASON in message["message"], message


@pytest.mark.req("S-70", "W-053")
@pytest.mark.parametrize("is_neighbour", (True, False))
async def test_only_the_server_speaks_as_the_server(hub, server, is_neighbour):
    victim = await hub.raw("victim")
    await victim.manage("subscribe", [*ANNOUNCED, *ALIKE])
    if is_neighbour:
        sender = await hub.raw("neighbour", workspace=victim.workspace,
                               token=await victim.manage("generate_token"))
        await victim.event("client_connected")
        targets = (victim.address, victim.client_id, "*", f"{victim.workspace}/*")
    else:
        sender = await hub.raw("stranger")
        targets = (victim.address,)
    before = len(victim.texts)
    for name in RESERVED:
        for to in targets:
            await sender.send({"type": name, "to": to, "data": {"id": "x"}, "peer_id": "x"})
            await said(sender, name)
        session = f"s-{name}"
        await sender.send({"type": name, "to": targets[0], "session": session}, {"data": 1})
        with pytest.raises(RpcError, match=REASON):
            await sender.settled(session)
    for name in ALIKE:
        await sender.send({"type": name, "to": victim.address, "data": name})
        assert (await victim.event(name))["data"] == name
        if is_neighbour:
            await sender.send({"type": name, "to": "*", "data": name})
            assert (await victim.event(name))["from"] == sender.address
    assert not victim.frames and len(victim.texts) == before
    assert await sender.manage("echo", 1) == 1, "a refusal closes nothing"


@pytest.mark.req("S-70")
async def test_no_other_form_of_it_is_passed_on(hub, server):
    """What a client would read as that type: in the payload, in pairs, in a list, in a text frame."""
    victim, sender = await hub.raw("victim"), await hub.raw("stranger")
    to = victim.address
    name = "client_disconnected"
    await sender.send({"type": "news", "to": to}, {"type": name})
    await sender.send({"type": "news", "to": to}, [["type", name]])
    await sender.send({"to": to}, {"type": name})
    await sender.send({"type": [name], "to": to})
    await sender.send({"type": name.encode(), "to": to})
    await sender.send({"type": {"type": name}, "to": to})
    await sender.ws.send(b"\x83" + b"".join(msgpack.packb(x) for x in (
        "type", "news", "type", name, "to", to)))
    await sender.send_text({"type": name, "to": to, "data": {}})
    await sender.send({"type": "news", "to": to}, tail=msgpack.packb({}) + msgpack.packb({"type": name}))
    await sender.send({"type": "last", "to": to})
    assert (await victim.event("last"))["from"] == sender.address
    assert not [f for f in victim.frames if f[0].get("type") != "news" or f[1]], victim.frames


@pytest.mark.req("S-70", "W-097")
async def test_streams_are_held_to_it_too(hub, server):
    victim = await Stream.open(server, client_id="victim")
    sender = await Stream.open(server, client_id="stranger")
    token = victim.info["reconnection_token"]
    for name in RESERVED:
        await sender.post({"type": name, "to": victim.address, "reconnection_token": "mine",
                           "manager_id": "mine", "workspace": "mine", "data": {"id": "x"}})
        heard = await sender.control("error")
        assert name in heard["message"] and REASON in heard["message"]
    for name in ("client_disconnected_x", "errors"):
        await sender.post({"type": name, "to": victim.address, "data": name})
        assert (await victim.control(name))["data"] == name
    kinds = {msgpack.unpackb(f)["type"] for f in victim.frames} - {"ping"}
    assert not kinds and victim.info["reconnection_token"] == token
    await victim.close()
    await sender.close()


@pytest.mark.req("S-70", "W-054")
@pytest.mark.parametrize("transport", ("websocket", "http"))
async def test_pending_calls_outlive_a_forged_end(hub, server, transport):
    """The published client, whose calls a forged event used to reject, from inside and outside."""
    go = asyncio.Event()

    async def slow():
        await go.wait()
        return "done"
    provider = await hub.py("provider")
    await provider.register_service({"id": "s", "slow": slow, "config": {"visibility": "public"}})
    address = f"{provider.config.workspace}/provider"
    caller = await hub.py("caller", transport=transport)
    service = await caller.get_service(f"{address}:s")
    pending = asyncio.ensure_future(service.slow())
    inside = await hub.raw("inside", workspace=caller.config.workspace,
                           token=await caller.generate_token())
    outside = await hub.raw("outside")
    victim = f"{caller.config.workspace}/caller"
    ended = {"id": "provider", "workspace": provider.config.workspace}
    for sender in (inside, outside):
        for to in (victim, "*"):
            await sender.send({"type": "client_disconnected", "to": to, "data": ended})
            await said(sender, "client_disconnected")
            await sender.send({"type": "peer_not_found", "to": to, "peer_id": address})
            await said(sender, "peer_not_found")
    assert await caller.echo("fence") == "fence"
    assert not pending.done(), pending
    go.set()
    assert await asyncio.wait_for(pending, 15) == "done"


@pytest.mark.req("S-73")
async def test_a_callee_gets_nothing_but_what_it_was_handed(hub, server, tmp_path):
    """The published Python client walks `<session>.resolve.__globals__.os.system` and runs it."""
    evil = await hub.raw("evil")
    asked = asyncio.Queue()

    async def serve(main, extra):
        if main["method"] != "services.s.f":
            return await original(main, extra)
        asked.put_nowait((main, extra))
        return True
    original, evil._serve = evil._serve, serve
    evil.functions["services.s.f"] = None
    await evil.register("s", {"f": None}, visibility="public")
    mark = tmp_path / "was-here"
    for client in (await hub.py("py"), await hub.js("js")):
        if hasattr(client, "get_service"):
            service = await client.get_service(f"{evil.address}:s")
            pending = asyncio.ensure_future(service.f(1))
        else:
            service = await client.service(f"{evil.address}:s")
            pending = asyncio.ensure_future(service.call("f", 1))
        main, extra = await asyncio.wait_for(asked.get(), 15)
        for path in ("resolve.__globals__.os.system", "heartbeat_task._coro.cr_frame.f_globals.os.system",
                     "resolve.constructor", "_promise_manager.x", "__proto__.x", "resolve.__init__"):
            session = f"s-{path}"
            await evil.send({"type": "method", "to": main["from"], "session": session,
                             "method": f"{main['session']}.{path}"},
                            {"args": [f"touch {mark}"], "promise": "*"})
            with pytest.raises(RpcError, match="names a part of a function"):
                await evil.settled(session)
        assert not pending.done()
        await evil.answer(main, extra, 7)
        assert await asyncio.wait_for(pending, 15) == 7
    assert not mark.exists()
