"""The administrator's service `ws-user-root/admin-utils`."""
import asyncio

import pytest

from kit.hub import until, workspace_of
from kit.golden import ROOT_TOKEN
from kit.people import ROOT_ARGS, member, refusal_of, root, user
from kit.raw import RpcError
from kit.web import client_for

NAMES = {"list_servers", "kickout_client", "list_workspaces", "unload_workspace", "get_metrics",
         "block_user", "unblock_user", "block_ip", "unblock_ip", "list_blocked",
         "get_resource_usage"}


def admin_call(raw):
    """A function that calls admin-utils over a raw client."""
    async def call(name, *args, **kwargs):
        server_id = raw.info["manager_id"].removeprefix("manager-")
        return await raw.call(f"services.admin-utils.{name}", *args,
                              to=f"ws-user-root/{server_id}", kwargs=kwargs or None)
    return call


@pytest.fixture
def started(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    return hub.server


@pytest.mark.differs("the original reports other values of two limits than it enforces")
@pytest.mark.req("A-200")
async def test_a_root_client_gets_the_whole_service(hub, started):
    api = await hub.py(token=ROOT_TOKEN)
    assert workspace_of(api) == "ws-user-root"
    service = await api.get_service("admin-utils")
    assert NAMES <= set(service)
    assert service.id.endswith(":admin-utils") and service.id.startswith("ws-user-root/")
    info = await api.get_service_info("admin-utils")
    assert info["name"] == "Admin Utilities" and info["config"]["visibility"] == "protected"
    assert info["config"]["require_context"] is False
    servers = await service.list_servers()
    assert servers == [api.config["public_base_url"] and service.id.split("/")[1].split(":")[0]]
    usage = await service.get_resource_usage()
    assert set(usage) == {"connections_per_user", "connections_per_workspace",
                          "services_per_client", "active_rate_limiters", "limits"}
    assert usage["connections_per_user"] == {"root": 1}
    assert usage["connections_per_workspace"] == {"ws-user-root": 1}
    assert usage["active_rate_limiters"] == 0
    assert usage["limits"] == {
        "max_connections_per_user": 200, "max_clients_per_workspace": 1000,
        "max_services_per_client": 1000, "ws_msg_rate_limit": 200.0, "ws_msg_burst_limit": 2000}
    assert await service.list_blocked() == {"users": [], "ips": []}


@pytest.mark.differs("the original counts connections of its own too")
@pytest.mark.req("A-200")
async def test_the_figures_have_the_shape_of_the_original(hub, started):
    boss = await root(hub)
    ada = await user(hub, "ada")
    metrics = await admin_call(boss)("get_metrics")
    life = {"created_total": 2, "closed_total": 0, "active": 2}
    assert metrics["rpc"] == {"rpc_connections": life}
    bus = metrics["eventbus"]["eventbus"]
    assert set(bus) == {"messages_processed_total", "pubsub_connections", "patterns",
                        "local_clients", "reconnect_attempts_total"}
    assert set(bus["pubsub_connections"]) == {"created_total", "closed_total", "active"}
    assert set(bus["patterns"]) == {"subscribed_total", "unsubscribed_total", "active"}
    await ada.leave()

    async def is_counted():
        return (await admin_call(boss)("get_metrics"))["rpc"]["rpc_connections"] == {
            "created_total": 2, "closed_total": 1, "active": 1}
    await until(is_counted)


@pytest.mark.differs("the original counts children for themselves")
@pytest.mark.req("A-200", "A-204")
async def test_usage_counts_children_with_who_is_behind_them(hub, started):
    boss = await root(hub)
    ada = await user(hub, "ada")
    await ada.register("one", {"f": lambda: 1})
    child = await member(hub, ada)
    usage = await admin_call(boss)("get_resource_usage")
    assert usage["connections_per_user"] == {"root": 1, "ada": 2}
    assert usage["connections_per_workspace"] == {"ws-user-root": 1, ada.workspace: 2}
    assert usage["services_per_client"][ada.address] == 1
    await child.leave()

    async def is_gone():
        usage = await admin_call(boss)("get_resource_usage")
        return usage["connections_per_user"] == {"root": 1, "ada": 1}
    await until(is_gone)


@pytest.mark.req("A-200")
async def test_nobody_else_reaches_it(hub, started):
    ada = await user(hub, "ada")
    anonymous = await hub.raw()
    for stranger in (ada, anonymous):
        assert "Permission denied for non-public service in workspace ws-user-root" in \
            await refusal_of(stranger.manage("get_service", "ws-user-root/admin-utils"))
        for name in NAMES:
            assert "Permission denied" in await refusal_of(admin_call(stranger)(name)), name
    async with client_for(started) as http:
        answer = await http.get("/ws-user-root/services/admin-utils/list_servers")
        assert answer.status_code == 403
    async with client_for(started, ROOT_TOKEN) as http:
        answer = await http.get("/ws-user-root/services/admin-utils/list_servers")
        assert answer.status_code == 200 and len(answer.json()) == 1


@pytest.mark.req("A-200")
@pytest.mark.differs("the original lets every member of ws-user-root administrate")
async def test_a_reader_of_the_root_workspace_is_no_administrator(hub, started):
    boss = await root(hub)
    for permission in ("read", "read_write"):
        weak = await member(hub, boss, permission)
        assert weak.workspace == "ws-user-root"
        for name in NAMES:
            assert "Permission denied for workspace ws-user-root" in \
                await refusal_of(admin_call(weak)(name, "x", "y")), name
    strong = await member(hub, boss, "admin")
    assert len(await admin_call(strong)("list_servers")) == 1


@pytest.mark.req("A-201")
async def test_kickout_closes_with_the_given_code(hub, started):
    boss, ada = await root(hub), await user(hub, "ada")
    beside = await user(hub, "ada")
    await beside.manage("subscribe", "client_disconnected")
    call = admin_call(boss)
    assert await call("kickout_client", ada.workspace, ada.client_id, 4001, "out") is None
    assert await ada.closed() == (4001, "out")
    gone = await beside.event("client_disconnected")
    assert gone["data"]["id"] == ada.client_id
    for unknown in (ada.client_id, "nobody"):
        assert "Client not connected" in \
            await refusal_of(call("kickout_client", ada.workspace, unknown))
    assert await call("kickout_client", beside.workspace, beside.client_id) is None
    assert await beside.closed() == (1000, "Admin requested disconnect")
    assert boss.is_open


@pytest.mark.differs("the original passes any number to the socket")
@pytest.mark.req("A-201")
async def test_what_cannot_be_kicked(hub, started):
    boss = await root(hub)
    call = admin_call(boss)
    server_id = (await call("list_servers"))[0]
    assert "Client not connected" in await refusal_of(call("kickout_client", "public", server_id))
    for code in (0, 1005, 1006, 1015, 99999, -1):
        assert "Not a close code" in await refusal_of(
            call("kickout_client", boss.workspace, boss.client_id, code))
    with pytest.raises(RpcError, match="TypeError"):
        await call("kickout_client", boss.workspace)
    assert boss.is_open


@pytest.mark.differs("the original closes before it answers")
@pytest.mark.req("A-201")
async def test_an_administrator_can_leave_by_kicking_itself(hub, started):
    boss = await root(hub)
    assert await admin_call(boss)("kickout_client", boss.workspace, boss.client_id) is None
    assert (await boss.closed())[0] == 1000


@pytest.mark.differs("the original leaves no status behind (D-32)")
@pytest.mark.req("A-202", "A-237", "D-32")
async def test_unloading_waits_for_the_last_client(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS, "--workspace-unload-grace-period", "600")
    boss, ada = await root(hub), await user(hub, "ada")
    call = admin_call(boss)
    await ada.manage("create_workspace", {"id": "ada-lab"})
    token = await ada.manage("generate_token", {"workspace": "ada-lab"})
    inside = await hub.raw("inside", workspace="ada-lab", token=token)
    assert "TimeoutError" in await refusal_of(call("unload_workspace", "ada-lab", True, 1))
    assert await call("unload_workspace", "ada-lab") == {
        "workspace": "ada-lab", "unloaded": False, "clients": 1, "reason": "it has clients"}
    assert (await inside.manage("check_status"))["status"] == "ready"
    info = await inside.manage("get_workspace_info")
    assert info["status"] == {"ready": True, "errors": None}
    listed = await call("list_workspaces")
    assert {"public", "ws-user-root", "ws-anonymous", "ada-lab"} <= {w["id"] for w in listed}
    assert all(len(w) == 13 for w in listed)
    waiting = await boss.post("services.admin-utils.unload_workspace", "ada-lab", True, 10,
                              to=f"ws-user-root/{(await call('list_servers'))[0]}")
    await inside.leave()
    assert (await boss.settled(waiting))[1] is None
    assert "ada-lab" not in {w["id"] for w in await call("list_workspaces")}
    assert server.is_running()


@pytest.mark.differs("the original waits in vain for its own workspaces")
@pytest.mark.req("A-202", "A-176")
async def test_what_is_kept_is_not_unloaded_away(hub, started):
    boss = await root(hub)
    call = admin_call(boss)
    for workspace, reason in (("ws-anonymous", "it is kept when it is empty"), ("nowhere-at-all", "there is no such workspace")):
        for wait in (True, False):
            assert await call("unload_workspace", workspace, wait, 1) == {
                "workspace": workspace, "unloaded": False, "clients": 0, "reason": reason}
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-empty"})
    assert await call("unload_workspace", "ada-empty") is None, "as from the original"
    assert "ada-empty" not in {w["id"] for w in await call("list_workspaces")}
    assert (await call("unload_workspace", "ada-empty"))["reason"] == "there is no such workspace"
    ids = {w["id"] for w in await call("list_workspaces")}
    assert {"public", "ws-user-root", "ws-anonymous"} <= ids


@pytest.mark.differs("the original reaps orphans in the background only")
async def test_orphans_are_cleaned_up_everywhere(hub, started):
    boss, ada, bob = await root(hub), await user(hub, "ada"), await user(hub, "bob")
    mute = await user(hub, "bob")
    mute.is_mute = True
    assert await admin_call(boss)("cleanup_orphans", 0.5) == {"removed_clients": [mute.address]}
    assert (await mute.closed())[0] == 1001
    assert await admin_call(boss)("cleanup_orphans", 0.5) == {}
    assert ada.is_open and bob.is_open


@pytest.mark.differs("an option of ours")
async def test_a_server_that_stops_ends_the_waits(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS, "--drain-duration", "0")
    boss, ada = await root(hub), await user(hub, "ada")
    call = admin_call(boss)
    server_id = (await call("list_servers"))[0]
    await ada.manage("create_workspace", {"id": "ada-lab"})
    token = await ada.manage("generate_token", {"workspace": "ada-lab"})
    await hub.raw("inside", workspace="ada-lab", token=token)
    await boss.post("services.admin-utils.unload_workspace", "ada-lab", True, 300,
                    to=f"ws-user-root/{server_id}")
    await call("list_servers")
    await asyncio.to_thread(server.stop)


