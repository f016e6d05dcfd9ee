"""When workspaces come and go, what is told about it, and what the server says of itself."""
import asyncio
import time

import pytest

from kit import tokens
from kit.hub import until
from kit.people import ROOT_ARGS, member, refusal_of, root, user
from kit.web import client_for

FAMILIES = {"websocket_connections": "gauge", "websocket_connections_established_total": "counter",
            "rpc_call_total": "counter", "client_requests_total": "counter",
            "client_load_current": "gauge", "event_bus_total": "counter",
            "redis_pubsub_latency_seconds": "gauge"}


async def exists(boss, name):
    return name in {w["id"] for w in await boss.manage("list_workspaces", None, 0, 256)}


@pytest.mark.req("A-170", "A-173")
async def test_an_anonymous_workspace_goes_with_its_last_client(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss = await root(hub)
    first = await hub.raw("first")
    second = await member(hub, first)
    await first.leave()
    assert await second.manage("echo", 1) == 1 and await exists(boss, first.workspace)
    await second.leave()

    async def is_gone():
        return not await exists(boss, first.workspace)
    await until(is_gone)


@pytest.mark.req("A-171", "A-172", "A-174", "D-32")
async def test_the_grace_period_of_an_empty_workspace(hub, start_server):
    grace = 3
    hub.server = server = start_server(
        *ROOT_ARGS, env={"HYPHA_WORKSPACE_UNLOAD_GRACE_PERIOD": str(grace)})
    boss = await root(hub)
    first = await hub.raw("first")
    name, token = first.workspace, await first.manage("generate_token")
    await first.leave()
    left = time.monotonic()
    again = await hub.raw("again", token=token, workspace=name)
    status = await again.manage("check_status")
    assert status["status"] == "ready"
    # Beyond the first deadline: it is there, ready, and knows nothing of the unload given up.
    await until(lambda: time.monotonic() - left > grace + 1, step=0.1)
    assert await exists(boss, name)
    assert (await again.manage("check_status"))["status"] == "ready"
    await again.leave()
    left = time.monotonic()
    seen_at = 0

    async def is_gone():
        nonlocal seen_at
        if await exists(boss, name):
            seen_at = time.monotonic() - left
            return False
        return True
    await until(is_gone, step=0.05)
    gone_at = time.monotonic() - left
    assert seen_at > grace - 1
    assert gone_at < grace + (10 if server.is_sanitized() else 4)


@pytest.mark.differs("the original's answers may overtake its broadcasts")
@pytest.mark.req("A-160", "A-161")
async def test_only_what_is_subscribed_arrives(hub, server):
    ada = await user(hub, "ada")
    other = await member(hub, ada)
    assert await other.manage("subscribe", "one") is True
    for kind in ("one", "two"):
        await ada.send({"type": kind, "to": "*"})
    await ada.manage("echo", 1)
    await other.manage("echo", 1)
    assert [m["type"] for m, *_ in other.frames if m["type"] != "method"] == ["one"]
    other.frames.clear()
    assert await other.manage("unsubscribe", ["one", "never"]) is True
    await ada.send({"type": "one", "to": "*"})
    await ada.manage("echo", 1)
    await other.manage("echo", 1)
    assert not other.seen(lambda m, e: m["type"] == "one")


@pytest.mark.req("A-162", "A-163", "A-233", "S-02", "S-03")
async def test_which_subscriptions_are_refused(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    home = ada.workspace
    for event in (f"{bob.workspace}/x", "other/x", "a:b/c", "ws-ada/x", "er-ada/x", f"{home}:x",
                  "ws-anything", f"{bob.workspace}"):
        assert "is forbidden" in await refusal_of(ada.manage("subscribe", event)), event
        assert "is forbidden" in await refusal_of(ada.manage("subscribe", ["custom", event])), event
    await bob.manage("echo", 1)
    await ada.send({"type": "custom", "to": "*"})
    await ada.manage("echo", 1)
    assert not ada.seen(lambda m, e: m["type"] == "custom")
    for event in ("custom", "a:b", f"{home}/x", "service_added", "", []):
        assert await ada.manage("subscribe", event) is True


@pytest.mark.req("A-174", "D-32", "A-237")
async def test_cleanup_leaves_a_living_workspace_ready(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-alive"})
    inside = await hub.raw("inside", token=tokens.mint("ada", "ws:ada-alive#a"), workspace="ada-alive")
    assert await inside.manage("cleanup") == {}
    assert (await inside.manage("check_status"))["status"] == "ready"
    assert (await inside.manage("get_workspace_info"))["status"] == {"ready": True, "errors": None}
    await ada.manage("delete_workspace", "ada-alive")


@pytest.mark.req("A-176", "A-210")
async def test_the_system_workspaces_are_there_when_it_is_ready(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS)
    boss = await root(hub)
    for name, description in (("public", "Public workspace"), ("ws-user-root", "Root workspace"),
                              ("ws-anonymous", "Shared workspace for anonymous users")):
        info = await boss.manage("get_workspace_info", name)
        assert info["description"] == description and info["owners"] == ["root"]
        assert info["persistent"] is True
    async with client_for(server) as http:
        ready = await http.get("/health/readiness")
        assert ready.status_code == 200 and ready.json()["status"] == "OK"
        assert set(ready.json()["detail"]) >= {"store", "redis", "event_bus", "pubsub"}
        alive = await http.get("/health/liveness")
        assert alive.status_code == 200 and set(alive.json()["detail"]) >= {
            "store", "event_bus_failures", "circuit_breaker", "pubsub", "last_successful_connection"}


@pytest.mark.req("A-211")
async def test_metrics_follow_connections(hub, start_server):
    hub.server = server = start_server()
    async with client_for(server) as http:
        text = (await http.get("/metrics")).text
    for family, kind in FAMILIES.items():
        assert f"# TYPE {family} {kind}\n" in text
    for line in text.splitlines():
        assert line.startswith("# ") or float(line.rsplit(" ", 1)[1]) >= 0
    before = server.metric("websocket_connections_established_total")
    clients = [await hub.raw(f"c{i}") for i in range(3)]
    assert server.metric("websocket_connections") == 3
    assert server.metric("websocket_connections_established_total") == before + 3
    for client in clients:
        await client.leave()
    await until(lambda: server.metric("websocket_connections") == 0)
    assert server.metric("websocket_connections_established_total") == before + 3


@pytest.mark.differs("the original closes 1012 with an empty reason")
@pytest.mark.req("A-212", "W-023")
async def test_a_stopped_server_leaves_no_registration(hub, start_server, tmp_path):
    hub.server = server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    ada = await user(hub, "ada")
    await ada.register("svc", {"f": lambda: 1}, visibility="public")
    stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
    assert await ada.closed() == (1001, "Server is shutting down")
    await stopping
    hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    boss = await root(hub)
    assert not [s for s in await boss.manage("list_services", "*") if "ws-user-ada" in s["id"]]


@pytest.mark.differs("reads our own log lines")
@pytest.mark.req("A-215")
def test_the_command_line_beats_the_environment(start_server):
    env = {"HYPHA_PUBLIC_BASE_URL": "http://from.env", "HYPHA_LOGLEVEL": "INFO"}
    server = start_server("--from-env", "--public-base-url", "http://from.line", env=env)
    import json
    import urllib.request
    with urllib.request.urlopen(f"{server.url}/public/services/~", timeout=10) as answer:
        config = json.load(answer)["config"]
    assert config["public_base_url"] == "http://from.line"
    assert "level=info" in server.log_text()


@pytest.mark.req("S-43", "A-204")
@pytest.mark.allow_warn("connection")
async def test_one_users_flood_costs_others_nothing(hub, start_server):
    hub.server = server = start_server(env={"HYPHA_MAX_CONNECTIONS_PER_USER": "5",
                                            "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "7"})
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    for _ in range(4):
        await user(hub, "ada")
    for _ in range(30):
        refusal = await hub.refused({"client_id": hub.name("more"),
                                     "token": tokens.mint("ada", "ws:ws-user-ada#a")})
        assert refusal.code == 1008
        assert refusal.message == "Connection limit exceeded: user ada has 5/5 connections"
    assert await bob.manage("echo", 1) == 1
    await user(hub, "bob")
    await ada.leave()

    async def has_place():
        raw = await hub.raw_open({"client_id": hub.name("again"),
                                  "token": tokens.mint("ada", "ws:ws-user-ada#a")})
        return (await raw.text())["type"] == "connection_info"
    await until(has_place)
    assert server.metric("websocket_connections") == 7
