"""Two connections that want the same client id."""
import asyncio

import pytest

from kit import tokens
from kit.hub import cut, until

FEC = "Failed to establish connection: "


@pytest.mark.req("W-013")
async def test_duplicate_is_refused(hub, server, target):
    first = await hub.raw("dup")
    raw = await hub.raw_open({"client_id": "dup", "workspace": first.workspace,
                              "token": await first.manage("generate_token")})
    message = (await raw.text())["message"]
    assert message == f"{FEC}Client already exists and is active: {first.workspace}/dup"


@pytest.mark.req("W-013", "D-48", "A-067", "A-222")
@pytest.mark.differs("the original breaks the live client (1.9)")
async def test_refused_duplicate_leaves_the_first_undisturbed(hub, server):
    first = await hub.raw("dup", is_registered=False)
    await first.register(functions={})
    await first.register("calc", {"add": lambda a, b: a + b})
    watcher = await hub.raw("watcher", workspace=first.workspace,
                            token=await first.manage("generate_token"))
    await watcher.manage("subscribe", ["client_disconnected", "service_removed"])
    for _ in range(3):
        refusal = await hub.refused({"client_id": "dup", "workspace": first.workspace,
                                     "token": await first.manage("generate_token")})
        assert refusal.code == 1001
        assert "Client already exists and is active:" in refusal.reason
    assert await watcher.call("services.calc.add", 1, 2, to="dup") == 3
    assert await first.manage("echo", "alive") == "alive"
    listed = {c["id"] for c in await watcher.manage("list_clients")}
    assert first.address in listed
    services = await watcher.manage("list_services")
    assert f"{first.address}:calc" in {s["id"] for s in services}
    assert not watcher.seen(lambda m, e: m["type"] in ("client_disconnected", "service_removed"))


@pytest.mark.req("W-013")
@pytest.mark.differs("the original breaks the live client (1.9)")
async def test_duplicate_of_a_python_client(hub, server):
    first = await hub.py("dup")
    token = await first.generate_token()
    with pytest.raises(Exception, match="Client already exists and is active"):
        await hub.py("dup", workspace=first.config.workspace, token=token)
    assert await first.echo("alive") == "alive"


@pytest.mark.req("W-014", "A-068")
async def test_duplicate_of_a_dead_client_is_accepted(hub, server):
    """The first client is connected but answers nothing, not even a pong: the new one is let in."""
    first = await hub.raw("dup")
    await first.register("calc", {"add": lambda a, b: a + b})
    token = await first.manage("generate_token")
    watcher = await hub.raw("watcher", workspace=first.workspace, token=token)
    await watcher.manage("subscribe", "client_disconnected")
    first.ws.transport.pause_reading()
    second = await hub.raw("dup", workspace=first.workspace, token=token)
    assert (await watcher.event("client_disconnected"))["data"]["id"] == "dup"
    first.ws.transport.resume_reading()
    await first.closed()
    services = {s["id"] for s in await watcher.manage("list_services")}
    assert f"{first.address}:calc" not in services
    assert f"{first.address}:built-in" in services
    await second.register("calc", {"add": lambda a, b: a + b + 100})
    assert await watcher.call("services.calc.add", 1, 2, to="dup") == 103


@pytest.mark.req("W-015")
async def test_reconnection_token_works_repeatedly(hub, server):
    first = await hub.raw("again")
    keeper = await hub.raw("keeper", workspace=first.workspace,
                           token=await first.manage("generate_token"))
    token = first.info["reconnection_token"]
    for _ in range(3):
        raw = await hub.raw("again", reconnection_token=token, is_registered=False)
        assert raw.workspace == first.workspace
        await raw.leave()
    await keeper.leave()


@pytest.mark.req("W-016", "S-48", "A-155")
async def test_superseding(hub, server, target):
    first = await hub.raw("twin")
    watcher = await hub.raw("watcher", workspace=first.workspace,
                            token=await first.manage("generate_token"))
    await first.register("calc", {"add": lambda a, b: a + b})
    await watcher.manage("subscribe", ["client_disconnected"])
    second = await hub.raw("twin", reconnection_token=first.info["reconnection_token"])
    code, reason = await first.closed()
    if target == "hyphad":
        assert (code, reason) == (1001, "Superseded by a newer connection")
    await second.register("calc", {"add": lambda a, b: a + b + 100})
    assert await watcher.call("services.calc.add", 1, 2, to="twin") == 103
    services = [s["id"] for s in await watcher.manage("list_services")]
    assert f"{first.address}:calc" in services
    assert await watcher.manage("ping", "twin") == "pong"
    assert not watcher.seen(lambda m, e: m["type"] == "client_disconnected")
    assert len(await watcher.manage("list_clients")) == 2


@pytest.mark.req("W-016")
async def test_superseding_many_times_keeps_one_registration(hub, server):
    first = await hub.raw("twin")
    watcher = await hub.raw("watcher", workspace=first.workspace,
                            token=await first.manage("generate_token"))
    await watcher.manage("subscribe", ["client_disconnected"])
    token = first.info["reconnection_token"]
    last = first
    for _ in range(20):
        last = await hub.raw("twin", reconnection_token=token)
    last.functions["who.am.i"] = lambda: "the last"
    assert await watcher.call("who.am.i", to="twin") == "the last"
    assert len(await watcher.manage("list_clients")) == 2
    await last.leave()
    assert (await watcher.event("client_disconnected"))["data"]["id"] == "twin"
    assert len(await watcher.manage("list_clients")) == 1
    assert not watcher.seen(lambda m, e: m["type"] == "client_disconnected")


@pytest.mark.req("W-015", "W-122")
async def test_python_client_reconnects_by_itself(hub, server):
    provider = await hub.py("prov")
    await provider.register_service({"id": "s", "config": {"visibility": "public"},
                                     "add": lambda a, b: a + b})
    consumer = await hub.raw("cons", workspace=provider.config.workspace,
                             token=await provider.generate_token())
    await consumer.manage("subscribe", ["service_added"])
    cut(provider)
    await consumer.frame(lambda m, e: m["type"] == "service_added"
                         and m["data"]["id"].endswith(":s"), timeout=30)
    assert await consumer.call("services.s.add", 2, 3, to="prov") == 5
    assert await provider.echo("again") == "again"


@pytest.mark.req("W-015", "W-122")
async def test_js_client_reconnects_by_itself(hub, server):
    provider = await hub.js("prov")
    await provider.register("calc", "calc")
    consumer = await hub.raw("cons", workspace=provider.workspace,
                             token=await provider.manage("generateToken"))
    await consumer.manage("subscribe", ["service_added"])
    await provider.do("cut")
    await consumer.frame(lambda m, e: m["type"] == "service_added"
                         and m["data"]["id"].endswith(":calc"), timeout=30)
    assert await consumer.call("services.calc.add", 2, 3, to="prov") == 5


@pytest.mark.req("W-122", "W-025")
async def test_clients_come_back_after_a_server_restart(hub, start_server, tmp_path):
    args = ("--server-id=stable",)
    server = start_server(*args, data_dir=tmp_path / "data")
    token = tokens.mint("dora")
    py = await hub.py("pyp", server=server, token=token)
    await py.register_service({"id": "s", "add": lambda a, b: a + b})
    js = await hub.js("jsp", server=server, token=token)
    await js.register("calc", "calc")
    port = server.port
    await asyncio.to_thread(server.stop)
    again = await asyncio.to_thread(lambda: start_server(*args, data_dir=tmp_path / "data",
                                                         port=port))
    watcher = await hub.raw("watcher", server=again, token=token)

    async def both_back():
        ids = {s["id"].split("/")[1] for s in await watcher.manage("list_services")}
        return {"pyp:s", "jsp:calc"} <= ids
    await until(both_back, timeout=40, step=0.2)
    assert await watcher.call("services.s.add", 2, 3, to="pyp") == 5
    assert await watcher.call("services.calc.add", 2, 3, to="jsp") == 5
