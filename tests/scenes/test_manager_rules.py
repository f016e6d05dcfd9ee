"""Rules of the manager that no recording shows: selection, set-up, shares, and the life of workspaces."""
import asyncio
import time

import pytest

from kit import tokens
from kit.raw import RpcError

pytestmark = pytest.mark.differs("rules the original breaks or does not have")


async def member(hub, owner, client_id, **options):
    return await hub.raw(client_id, workspace=owner.workspace,
                         token=await owner.manage("generate_token"), **options)


async def user(hub, name, client_id=None, **first):
    token = tokens.mint(name, f"ws:ws-user-{name}#a", email=f"{name}@example.org")
    return await hub.raw(client_id or f"{name}-c1", token=token, **first)


@pytest.mark.req("A-143", "A-145", "D-40", "D-53")
async def test_selection_waits_no_longer_than_asked(hub, server):
    first = await hub.raw("first")
    second, third = await member(hub, first, "second"), await member(hub, first, "third")

    async def never():
        await asyncio.Event().wait()
    await first.register("worker", {"load": lambda: 7})
    await second.register("worker", {"load": lambda: None})
    await third.register("worker", {"other": lambda: 1})
    asks = await member(hub, first, "asks")
    for criterion in ("min", "max"):
        info = await asks.manage("get_service_info", "worker", {"mode": f"select:{criterion}:load"})
        assert info["id"] == f"{first.address}:worker"
    await second.register("worker", {"load": lambda: 3})
    info = await asks.manage("get_service_info", "worker", {"mode": "select:min:load"})
    assert info["id"] == f"{second.address}:worker"
    third.is_mute = True
    started = time.monotonic()
    info = await asks.manage("get_service_info", "worker",
                             {"mode": "select:max:load", "select_timeout": 0.3})
    assert info["id"] == f"{first.address}:worker"
    assert time.monotonic() - started < 5
    info = await asks.manage("get_service_info", "worker", {"mode": "select:first_success:load"})
    assert info["id"] in (f"{first.address}:worker", f"{second.address}:worker")


async def test_a_default_service_is_set_up_before_it_is_announced(hub, server):
    app = await hub.raw("app")
    listener = await member(hub, app, "listener")
    await listener.manage("subscribe", "service_added")
    heard_before = []
    app.functions["services.default.setup"] = lambda: heard_before.append(
        len(listener.seen(lambda m, e: m.get("type") == "service_added")))
    await app.register("default", {"setup": app.functions["services.default.setup"]})
    event = await listener.event("service_added")
    assert event["data"]["id"] == f"{app.address}:default"
    assert heard_before == [0]


async def test_who_keeps_the_manager_waiting_uses_up_an_own_share(hub, server):
    mute = await hub.raw("mute")
    await mute.register("slow", {"f": lambda: 1}, visibility="public")
    other = await hub.raw("other")
    await other.register("quick", {"f": lambda: 1}, visibility="public")
    mute.is_mute = True
    sessions = [await mute.post("services.default.get_service", "slow") for _ in range(300)]
    with pytest.raises(RpcError, match="Too many pending calls"):
        await mute.settled(sessions[-1])
    assert (await other.manage("get_service", "quick"))["id"] == f"{other.address}:quick"
    mute.is_mute = False
    mute.frames[:] = []


@pytest.mark.req("D-19", "A-121", "A-153")
async def test_only_the_owner_or_an_admin_removes_a_service(hub, server):
    owner = await hub.raw("owner")
    one, two = await member(hub, owner, "one"), await member(hub, owner, "two")
    await one.register("mine", {"f": lambda: 1})
    with pytest.raises(RpcError, match="PermissionError"):
        await two.manage("unregister_service", "mine")
    with pytest.raises(RpcError, match="PermissionError"):
        await two.manage("unregister_service", f"{one.address}:mine")
    await owner.manage("unregister_service", f"{one.address}:mine")
    assert not [s for s in await one.manage("list_services") if s["id"].endswith(":mine")]


@pytest.mark.req("S-16", "S-17", "S-31", "A-099", "A-100", "A-101", "D-04", "D-49")
async def test_who_may_replace_a_workspace(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    made = await ada.manage("create_workspace", {"id": "ada-shop", "owners": ["eve@example.org"],
                                                 "description": "first"})
    assert set(made["owners"]) == {"eve@example.org", "ada"}
    with pytest.raises(RpcError, match="Permission denied: user bob cannot overwrite"):
        await bob.manage("create_workspace", {"id": "ada-shop"}, True)
    for permission in ("read", "read_write"):
        token = await ada.manage("generate_token", {"permission": permission, "workspace": "ada-shop"})
        child = await hub.raw(f"child-{permission}", token=token, is_registered=False)
        with pytest.raises(RpcError, match="Permission denied"):
            await child.manage("create_workspace", {"id": "ada-shop"}, True)
    info = await ada.manage("get_workspace_info", "ada-shop")
    assert info["description"] == "first" and set(info["owners"]) == {"eve@example.org", "ada"}
    made = await ada.manage("create_workspace", {"id": "ada-shop", "description": "second"}, True)
    assert made["description"] == "second" and set(made["owners"]) == {"eve@example.org", "ada"}
    await ada.manage("create_workspace", {"id": "ada-other"}, True)
    for name in ("ada-shop", "ada-other"):
        await ada.manage("delete_workspace", name)


@pytest.mark.req("A-003", "D-17", "S-18", "S-19")
async def test_names_of_others_cannot_be_taken(hub, server):
    ada = await user(hub, "ada")
    for name in ("ws-user-zoe", "ws-user-root-x", "ws-anonymous-x", "ws-user-"):
        with pytest.raises(RpcError, match="reserved"):
            await ada.manage("create_workspace", {"id": name})
    with pytest.raises(RpcError, match="cannot overwrite workspace public"):
        await ada.manage("create_workspace", {"id": "public"}, True)
    zoe = await user(hub, "zoe")
    assert (await zoe.manage("get_workspace_info"))["owners"] == ["zoe"]


@pytest.mark.req("A-104", "D-41")
async def test_a_deleted_workspace_loses_its_clients(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-gone"})
    inside = await user(hub, "ada", "inside", workspace="ada-gone")
    await inside.register("svc", {"f": lambda: 1}, visibility="public")
    bob = await user(hub, "bob")
    with pytest.raises(RpcError, match="Permission denied for workspace ada-gone"):
        await bob.manage("delete_workspace", "ada-gone")
    await ada.manage("subscribe", ["workspace_deleted"])
    assert await ada.manage("delete_workspace", "ada-gone") is None
    assert (await ada.event("workspace_deleted"))["data"]["id"] == "ada-gone"
    code, reason = await inside.closed()
    assert code == 1001 and reason == "Workspace unloaded: ada-gone"
    assert "ada-gone" not in {w["id"] for w in await ada.manage("list_workspaces")}
    assert await ada.manage("list_services", "ada-gone") == []
    with pytest.raises(RpcError, match="Workspace not found: ada-gone"):
        await ada.manage("delete_workspace", "ada-gone")


async def test_whoever_deletes_from_inside_is_answered_first(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-inside"})
    inside = await user(hub, "ada", "inside", workspace="ada-inside")
    assert await inside.manage("delete_workspace", "ada-inside") is None
    assert (await inside.closed())[0] == 1001


@pytest.mark.req("A-107", "A-109", "A-175", "D-13", "D-15")
async def test_a_persistent_workspace_survives_a_restart(hub, start_server, tmp_path):
    hub.server = first = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-keeps", "persistent": True, "description": "d",
                                          "config": {"k": [1, None]}})
    inside = await user(hub, "ada", "inside", workspace="ada-keeps")
    await inside.manage("set_env", "KEY", 5)
    await inside.manage("register_service_type", {"id": "t", "name": "T", "definition": {"a": 1}})
    reader = await hub.raw("reader", token=await inside.manage("generate_token", {"permission": "read"}),
                           is_registered=False)
    assert "environs" not in (await reader.manage("get_workspace_info"))["config"]
    await hub.close()
    first.stop()
    hub.server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada")
    info = await ada.manage("get_workspace_info", "ada-keeps")
    assert info["description"] == "d" and info["owners"] == ["ada"] and info["persistent"] is True
    assert info["config"]["k"] == [1, None] and set(info["service_types"]) == {"t"}
    inside = await user(hub, "ada", "inside", workspace="ada-keeps")
    assert await inside.manage("get_env", "KEY") == 5
    assert (await inside.manage("get_service_type", "t"))["id"] == "ada-keeps/t"
    await ada.manage("delete_workspace", "ada-keeps")


@pytest.mark.req("A-095", "A-096")
async def test_pages_of_workspaces(hub, server):
    ada = await user(hub, "ada")
    for i in range(5):
        await ada.manage("create_workspace", {"id": f"ada-page{i}", "persistent": i == 0})
    everything = [w["id"] for w in await ada.manage("list_workspaces")]
    assert everything == sorted(everything)
    pages = [[w["id"] for w in await ada.manage("list_workspaces", None, at, 2)] for at in range(0, 8, 2)]
    assert sum(pages, []) == everything[:8]
    kept = {w["id"] for w in await ada.manage("list_workspaces", {"persistent": True})}
    assert "ada-page0" in kept and "ada-page1" not in kept
    for i in range(5):
        await ada.manage("delete_workspace", f"ada-page{i}")


@pytest.mark.req("A-112")
async def test_cleanup_puts_out_who_does_not_answer(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-clean"})
    admin = await user(hub, "ada", "admin", workspace="ada-clean")
    alive, dead = [await user(hub, "ada", name, workspace="ada-clean") for name in ("alive", "dead")]
    assert await admin.manage("cleanup") == {}
    dead.is_mute = True
    assert await admin.manage("cleanup", timeout=0.3) == {"removed_clients": ["ada-clean/dead"]}
    assert (await dead.closed())[0] == 1001
    assert {c["id"] for c in await admin.manage("list_clients")} == {admin.address, alive.address}
    reader = await hub.raw("reader", token=await admin.manage("generate_token"))
    with pytest.raises(RpcError, match="Permission denied for workspace ada-clean"):
        await reader.manage("cleanup")
    await ada.manage("create_workspace", {"id": "ada-empty"})
    bob = await user(hub, "bob")
    with pytest.raises(RpcError, match="Permission denied for workspace ada-empty, user: bob"):
        await bob.manage("cleanup", "ada-empty")
    owner = await hub.raw("ada-root", token=tokens.mint("ada", "ws:ada-empty#a ws:ws-user-ada#a"))
    assert await owner.manage("cleanup", "ada-empty") == {"removed_workspace": "ada-empty", "removed_clients": []}
    await ada.manage("delete_workspace", "ada-clean")
