"""The rules of calling the server, and of being called by it."""
import asyncio

import pytest

from kit import services, wire
from kit.raw import RpcError


@pytest.mark.req("W-073")
async def test_ping_on_virtual_clients(hub, server):
    raw = await hub.raw("alice")
    server_id = raw.info["manager_id"].removeprefix("manager-")
    for address in (raw.manager, f"public/{server_id}", f"ws-user-root/{server_id}"):
        assert await raw.call("services.built-in.ping", "ping", to=address) == "pong", address


@pytest.mark.req("W-061")
async def test_promise_forms(hub, server):
    raw = await hub.raw("alice", is_registered=False)

    async def ask(promise, wait_for, **more):
        session = wire.new_id()
        await raw.send({"type": "method", "to": raw.manager, "session": session,
                        "method": "services.built-in.ping"},
                       {"args": ["ping"], "promise": promise(session), **more})
        main, extra, _, _ = await raw.frame(lambda m, e: m.get("method") == wait_for(session))
        assert extra["args"] == ["pong"] and "session" not in main

    def part(session, name, bare=True):
        target = raw.client_id if bare else raw.address
        return wire.reference(target, f"{session}.{name}", False)
    resolved = lambda s: f"{s}.resolve"
    await ask(lambda s: "*", resolved, t=15)
    await ask(lambda s: "*", resolved, t=15.0)
    if server.target == "hyphad":
        await ask(lambda s: "*", resolved)
    await ask(lambda s: {k: part(s, k) for k in ("resolve", "reject", "heartbeat")}, resolved)
    await ask(lambda s: {**{k: part(s, k, False) for k in ("resolve", "reject")}, "interval": 15},
              resolved)
    odd = {"resolve": wire.reference("alice", "one.two.three", False),
           "reject": wire.reference("alice", "four.five", False),
           "heartbeat": wire.reference("alice", "six.seven", True), "interval": 15.0}
    await ask(lambda s: odd, lambda s: "one.two.three")


@pytest.mark.req("W-062", "W-075")
async def test_replies_name_their_origin(hub, server):
    raw = await hub.raw("alice")
    session = await raw.post("services.default.echo", "x")
    main, _ = await raw.settled(session)
    assert main["from"] == raw.manager and main["to"] == raw.address
    assert main["parent"] == session and "session" not in main
    assert main["ws"] == raw.workspace and main["user"]["id"] == "root"


@pytest.mark.req("W-063")
async def test_heartbeats_while_the_manager_waits(hub, server):
    alice, bob = await hub.raw_pair()
    await bob.register("calc", {"add": lambda a, b: a + b})
    bob.is_mute = True
    session = await alice.post("services.default.get_service", "bob:calc", {"timeout": 20},
                               extra={"t": 0.5})
    main, extra, _, _ = await bob.frame(lambda m, e: m["method"].endswith("get_service"))

    async def beats():
        while len([b for b in alice.heartbeats if b[0]["method"].startswith(session)]) < 4:
            async with alice._news:
                await alice._news.wait()
    await asyncio.wait_for(beats(), 10)
    await bob.answer(main, extra, bob._service_map("calc"))
    assert (await alice.settled(session))[1]["id"] == f"{bob.address}:calc"


@pytest.mark.req("W-065")
async def test_arguments(hub, server):
    raw = await hub.raw("alice")
    assert await raw.manage("echo", 5) == 5
    assert await raw.manage("echo", data=6) == 6
    assert await raw.manage("get_service_info", "built-in", None)
    assert await raw.manage("get_service_info", "built-in", config={})
    assert await raw.manage("get_service_info", service_id="built-in", config={"mode": "exact"})
    assert await raw.manage("list_services", {"type": "built-in"}, include_unlisted=False)
    for name, missing in (("echo", "data"), ("get_service", "service_id"),
                          ("get_service_info", "service_id"), ("register_service", "service"),
                          ("unregister_service", "service_id"), ("ping", "client_id"),
                          ("log", "msg"), ("subscribe", "event_type"),
                          ("unsubscribe", "event_type"), ("parse_token", "token"),
                          ("revoke_token", "token")):
        with pytest.raises(RpcError, match=f"TypeError: Missing required argument: '{missing}'"):
            await raw.manage(name)
    with pytest.raises(RpcError, match="TypeError: .*unexpected keyword argument 'zz'"):
        await raw.manage("echo", 1, zz=2)
    with pytest.raises(RpcError, match="TypeError"):
        await raw.manage("echo", 1, 2, 3, 4)


@pytest.mark.req("W-066")
async def test_unknown_methods(hub, server):
    raw = await hub.raw("alice")
    for method in ("services.default.nosuch", "services.nosuch.f"):
        with pytest.raises(RpcError, match=f"Method expired or not found: .*{method}"):
            await raw.call(method)
    with pytest.raises(RpcError, match="Session not found: .*nosession.f"):
        await raw.call("nosession.f")
    with pytest.raises(RpcError, match="Method not found|Method expired or not found"):
        await raw.call("nosuch")
    for name in ("resolve", "reject", "heartbeat"):
        await raw.send({"type": "method", "to": raw.manager, "method": f"gone.{name}"},
                       {"args": [1]})
    assert await raw.manage("echo", 1) == 1
    assert not raw.frames


@pytest.mark.req("W-067", "S-08")
@pytest.mark.differs("the original sends tracebacks with its own paths")
async def test_errors_are_one_clean_line(hub, server):
    raw = await hub.raw("alice")
    for name, args, text in (
            ("get_service", ["nosuch"],
             f"KeyError: 'Service not found: {raw.workspace}/*:nosuch@*'"),
            ("list_clients", ["public"], "PermissionError: Permission denied"),
            ("parse_token", ["garbage"], "401: ")):
        with pytest.raises(RpcError) as error:
            await raw.manage(name, *args)
        assert text in str(error.value)
        for trace in (str(error.value), error.value.value["_rtrace"]):
            assert "Traceback" not in trace and ".c:" not in trace and "/src" not in trace


@pytest.mark.req("W-072")
async def test_provider_that_never_answers(hub, server):
    alice, bob = await hub.raw_pair()
    await bob.register("calc", {"add": lambda a, b: a + b})
    bob.is_mute = True
    with pytest.raises(RpcError, match="TimeoutError"):
        await alice.manage("get_service", "bob:calc", {"timeout": 1})


@pytest.mark.req("W-074")
async def test_manager_follows_rpromise(hub, server):
    """A provider whose references ask for full promises gets them from Python callers as well."""
    alice, bob = await hub.raw_pair()
    await bob.register("calc", {"add": lambda a, b: a + b})
    calls = []
    original_serve = bob._serve

    async def spy(main, extra):
        calls.append((main, extra))
        return await original_serve(main, extra)
    bob._serve = spy
    await alice.manage("get_service", "bob:calc")
    assert await alice.manage("ping", "bob") == "pong"
    asked = {m["method"]: e["promise"] for m, e in calls}
    full = asked["services.built-in.get_service"]
    assert isinstance(full, dict) and full["resolve"]["_rmethod"]
    assert all(m["ws"] == bob.workspace for m, _ in calls)


@pytest.mark.req("W-082")
async def test_encrypted_calls(hub, server):
    provider = await hub.py("prov", encryption=True)
    await provider.register_service(services.calc())
    consumer = await hub.py("cons", beside=provider, encryption=True)
    key = provider.rpc.get_public_key()
    calc = await consumer.get_service("prov:calc", {"encryption_public_key": key})
    assert await calc.add(20, 22) == 42
    seen = []

    async def note(x):
        seen.append(x)
    assert await calc.notify(note, 2) == "done" and seen == [0, 1]


@pytest.mark.req("W-083")
async def test_webrtc_offer_is_an_ordinary_call(hub, server):
    provider = await hub.py("prov")
    workspace = provider.config.workspace

    async def offer(params, context=None):
        return {"sdp": "answer to " + params["sdp"], "type": "answer",
                "workspace": context["ws"]}
    await provider.register_service({"id": "prov-rtc", "offer": offer, "config": {
        "visibility": "protected", "require_context": True}})
    consumer = await hub.py("cons", beside=provider)
    service = await consumer.get_service(f"{workspace}/prov-rtc")
    assert service["id"] == f"{workspace}/prov:prov-rtc"
    assert await service.offer({"sdp": "v=0", "type": "offer"}) == {
        "sdp": "answer to v=0", "type": "answer", "workspace": workspace}
