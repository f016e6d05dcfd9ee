"""The manager service: the methods clients need to live."""
import pytest

from kit import services, tokens
from kit.hub import token_from
from kit.node import JsError
from kit.raw import RpcError

METHODS = ["get_service", "get_service_info", "register_service", "unregister_service",
           "list_services", "list_clients", "echo", "ping", "log", "subscribe", "unsubscribe",
           "generate_token", "parse_token", "revoke_token", "get_workspace_info", "check_status"]


@pytest.mark.req("W-060")
async def test_manager_service_map(hub, server):
    raw = await hub.raw("alice", is_registered=False)
    manager = await raw.call("services.built-in.get_service", "default")
    assert manager["id"] == "default"
    assert manager["config"]["visibility"] == "public"
    assert manager["config"]["hypha_version"] == raw.info["hypha_version"]
    assert manager["config"]["public_base_url"] == raw.info["public_base_url"]
    for name in METHODS:
        assert manager[name]["_rtype"] == "method", name
    for name, member in manager.items():
        if isinstance(member, dict) and member.get("_rtype") == "method":
            assert member["_rtarget"] == raw.manager
            assert member["_rmethod"] == f"services.default.{name}"
            assert member["_rpromise"] == "*"
            assert member["_rschema"]["name"] == name
            assert "properties" in member["_rschema"]["parameters"]


@pytest.mark.req("W-071")
async def test_tilde_is_the_manager(hub, server):
    raw = await hub.raw("alice")
    manager = await raw.manage("get_service", "~")
    assert manager["id"] == "default"
    assert manager["echo"]["_rtarget"] == raw.manager
    info = await raw.manage("get_service_info", "~")
    assert info["id"] == "~" and info["app_id"] == "*"
    api = await hub.py("py")
    assert await (await api.get_service("~")).echo(1) == 1


@pytest.mark.req("W-080", "S-01")
async def test_registrations_that_are_refused_or_ignored(hub, server):
    alice, bob = await hub.raw_pair()
    stranger = await hub.raw("stranger")

    def record(service_id, **config):
        return {"id": service_id, "name": "x", "type": "generic", "description": None, "docs": None,
                "app_id": "*", "config": {"visibility": "public", **config}, "service_schema": {}}
    assert await alice.manage("register_service", record(f"{alice.address}:_rintf_1")) is None
    assert await alice.manage("register_service",
                              record(f"{alice.address}:loc", _local_only=True)) is None
    with pytest.raises(RpcError, match="PermissionError: Service ID workspace prefix"):
        await alice.manage("register_service", record(f"{stranger.workspace}/alice:x"))
    with pytest.raises(RpcError, match="Service id info must contain ':'"):
        await alice.manage("register_service", record(f"{alice.workspace}/alice"))
    if server.target == "hyphad":
        with pytest.raises(RpcError, match="PermissionError"):
            await alice.manage("register_service", record(f"{bob.address}:x"))
    with pytest.raises(RpcError, match="authorized_workspaces can only be set when visibility"):
        await alice.manage("register_service", record(f"{alice.address}:x",
                                                      authorized_workspaces=["a"]))
    listed = {s["id"] for s in await alice.manage("list_services")}
    assert listed == {f"{alice.address}:built-in", f"{bob.address}:built-in"}


@pytest.mark.req("W-081")
async def test_registering_before_built_in_stores_nothing(hub, server):
    raw = await hub.raw("early", is_registered=False)
    assert await raw.register("calc", {"add": lambda: 1}) is None
    assert await raw.manage("list_services") == []
    await raw.register()
    assert len(await raw.manage("list_services")) == 1


async def test_list_services(hub, server):
    alice, bob = await hub.raw_pair()
    stranger = await hub.raw("stranger")
    await alice.register("open", {"f": lambda: 1}, visibility="public", type="tool")
    await alice.register("closed", {"f": lambda: 1})
    await bob.register("hidden", {"f": lambda: 1}, visibility="unlisted")

    async def ids(raw, *args, **kwargs):
        return {s["id"].split("/")[1] for s in await raw.manage("list_services", *args, **kwargs)}
    members = {"alice:built-in", "bob:built-in", "alice:open", "alice:closed"}
    assert await ids(alice) == members
    assert await ids(alice, {"type": "tool"}) == {"alice:open"}
    assert await ids(alice, include_unlisted=True) == members | {"bob:hidden"}
    assert await ids(alice, {"client_id": "bob"}) == {"bob:built-in"}
    assert await ids(alice, {"id": "closed"}) == {"alice:closed"}
    assert await ids(alice, "alice:open") == {"alice:open"}
    assert await ids(stranger, alice.workspace) == {"alice:built-in", "bob:built-in", "alice:open"}
    assert await ids(stranger, {"workspace": alice.workspace, "visibility": "public"}) \
        >= {"alice:open"}
    with pytest.raises(RpcError, match="Invalid query keys"):
        await alice.manage("list_services", {"colour": "red"})
    with pytest.raises(RpcError, match="Cannot include unlisted services"):
        await stranger.manage("list_services", alice.workspace, include_unlisted=True)
    item = next(s for s in await alice.manage("list_services") if s["id"].endswith(":open"))
    assert item["config"]["workspace"] == alice.workspace and item["type"] == "tool"
    assert item["app_id"] == "*" and "f" in item["service_schema"]


async def test_get_service_info_and_forms_of_ids(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.register("calc", {"f": lambda: 1}, visibility="public", extra=[1])
    for form in ("calc", "alice:calc", f"{alice.workspace}/calc", f"{alice.address}:calc",
                 f"{alice.workspace}/*:calc", "calc@*"):
        info = await bob.manage("get_service_info", form)
        assert info["id"] == f"{alice.address}:calc", form
        assert info["config"]["extra"] == [1] and info["config"]["visibility"] == "public"
    for form in ("a/b/c", "a:b:c", "*"):
        with pytest.raises(RpcError, match="AssertionError"):
            await bob.manage("get_service", form)
    with pytest.raises(RpcError, match="Multiple services found for"):
        await bob.manage("get_service_info", "built-in")
    first = await bob.manage("get_service_info", "built-in", {"mode": "first"})
    assert first["id"].endswith(":built-in")


@pytest.mark.req("W-070", "S-12", "S-28", "S-30")
async def test_visibility(hub, server):
    alice, stranger = await hub.raw("alice"), await hub.raw("stranger")
    for visibility in ("public", "protected", "unlisted"):
        await alice.register(visibility, {"f": lambda: 1}, visibility=visibility)
    prefix = f"{alice.address}:"
    assert (await stranger.manage("get_service", prefix + "public"))["id"] == prefix + "public"
    assert (await stranger.manage("get_service", prefix + "unlisted"))["id"] == prefix + "unlisted"
    with pytest.raises(RpcError, match="PermissionError: Permission denied"):
        await stranger.manage("get_service", prefix + "protected")
    with pytest.raises(RpcError, match="Permission denied"):
        await stranger.manage("get_service_info", prefix + "protected")


async def test_unregister_service(hub, server):
    alice, bob = await hub.raw_pair()
    await alice.register("calc", {"f": lambda: 1})
    assert await alice.manage("unregister_service", "calc") is None
    with pytest.raises(RpcError, match="KeyError: .*Service not found"):
        await alice.manage("unregister_service", "calc")
    await alice.register("twice", {"f": lambda: 1})
    await bob.register("twice", {"f": lambda: 1})
    if server.target == "hyphad":
        await bob.manage("unregister_service", "twice")
        ids = {s["id"] for s in await alice.manage("list_services")}
        assert f"{alice.address}:twice" in ids and f"{bob.address}:twice" not in ids


@pytest.mark.req("S-26")
async def test_list_clients(hub, server):
    alice, bob = await hub.raw_pair()
    stranger = await hub.raw("stranger")
    listed = await alice.manage("list_clients")
    assert {c["id"] for c in listed} == {alice.address, bob.address}
    assert {c["user"]["id"] for c in listed} == {alice.info["user"]["id"], bob.info["user"]["id"]}
    for workspace in (alice.workspace, "public"):
        with pytest.raises(RpcError, match="Permission denied"):
            await stranger.manage("list_clients", workspace)


async def test_ping_of_clients(hub, server):
    alice, bob = await hub.raw_pair()
    stranger = await hub.raw("stranger")
    assert await alice.manage("ping", "bob") == "pong"
    assert await alice.manage("ping", bob.address) == "pong"
    assert (await alice.manage("ping", "nobody")).startswith("Failed to ping client")
    assert (await stranger.manage("ping", bob.address)).startswith("Failed to ping client")
    bob.is_mute = True
    assert (await alice.manage("ping", "bob", timeout=1)).startswith("Failed to ping client")


@pytest.mark.req("S-53")
async def test_tokens(hub, server):
    alice = await hub.raw("alice")
    token = await alice.manage("generate_token", {"expires_in": 60, "permission": "read",
                                                  "client_id": "only"})
    claims = tokens.claims(token)
    assert claims["scope"] == f"ws:{alice.workspace}#r cid:only wid:{alice.workspace}"
    assert claims["exp"] - claims["iat"] == 60
    assert claims["https://amun.ai/parent"] == alice.info["user"]["id"]
    parsed = await alice.manage("parse_token", token)
    assert parsed["id"] == claims["sub"] and parsed["scope"]["client_id"] == "only"
    assert parsed["scope"]["workspaces"][alice.workspace] == "r"
    stranger = await hub.raw("stranger")
    with pytest.raises(RpcError, match="is not authorized for workspace"):
        await stranger.manage("parse_token", token)
    with pytest.raises(RpcError, match="You do not have any permission for workspace"):
        await stranger.manage("generate_token", {"workspace": alice.workspace})
    with pytest.raises(RpcError, match="Only admin can generate token|do not have any permission"):
        await (await hub.raw("only", token=token, is_registered=False)).manage("generate_token")
    with pytest.raises(RpcError, match="permission"):
        await alice.manage("generate_token", {"permission": "everything"})
    with pytest.raises(RpcError, match="expires_in should be greater than 0"):
        await alice.manage("generate_token", {"expires_in": -5})
    with pytest.raises(RpcError, match="Invalid token"):
        await alice.manage("revoke_token", "garbage")


async def test_workspace_info_and_status(hub, server):
    alice = await hub.raw("alice")
    info = await alice.manage("get_workspace_info")
    assert info["id"] == alice.workspace and info["persistent"] is False
    assert alice.info["user"]["id"] in info["owners"][0]
    assert (await alice.manage("get_workspace_info", alice.workspace))["id"] == alice.workspace
    assert (await alice.manage("check_status"))["status"] == "ready"
    assert await alice.manage("log", "hello") is None
    named = await hub.raw("named", token=tokens.mint("frida"))
    info = await named.manage("get_workspace_info")
    assert info["id"] == "ws-user-frida" and info["persistent"] is True


async def test_real_clients_use_the_manager(hub, server):
    py = await hub.py("py")
    js = await hub.js("js", beside=py)
    workspace = py.config.workspace
    assert {c["id"] for c in await py.list_clients()} == {f"{workspace}/py", f"{workspace}/js"}
    assert {c["id"] for c in await js.manage("listClients")} \
        == {f"{workspace}/py", f"{workspace}/js"}
    assert await py.ping("js") == "pong" and await js.manage("ping", "py") == "pong"
    assert (await js.manage("parseToken", await token_from(py)))["id"]
    assert (await py.get_workspace_info())["id"] == workspace
    await py.register_service(services.calc(visibility="public"))
    listed = await js.manage("listServices")
    assert f"{workspace}/py:calc" in {s["id"] for s in listed}
    with pytest.raises(JsError, match="Permission denied"):
        await js.manage("listClients", "public")
    with pytest.raises(Exception, match="Permission denied"):
        await py.list_clients("public")
