"""What releases of the original after 0.21.135 changed (0.21.136, 0.21.137), as far as hyphad does the same."""
import pytest

from kit import tokens
from kit.hub import until
from kit.people import ROOT_ARGS, member, refusal_of, root, user
from kit.web import client_for

pytestmark = pytest.mark.differs("0.21.135 does otherwise")
GUARDED = ("--login-guard-interval", "100ms", "--login-ping-timeout", "300ms")


def registration(client):
    return {"id": f"{client.address}:hypha-login", "name": f"Login of {client.client_id}", "type": "functions",
            "config": {"visibility": "public"}, "service_schema": {}}


async def in_public(hub, boss, client_id):
    token = await boss.manage("generate_token", {"workspace": "public", "permission": "admin"})
    return await hub.raw(client_id, token=token, workspace="public")


@pytest.mark.req("A-240")
@pytest.mark.allow_warn("does not answer and is put out")
async def test_a_login_service_whose_owner_is_silent_is_replaced(hub, start_server):
    """Its connection is there, its registration is there; it does not answer."""
    hub.server = server = start_server(*ROOT_ARGS, *GUARDED)
    boss = await root(hub)
    silent, lively = [await in_public(hub, boss, name) for name in ("silent", "lively")]

    async def offered():
        infos = await boss.manage("list_services", "public/hypha-login")
        return sorted(info["name"] for info in infos)
    assert await offered() == ["Hypha Login"]
    silent.is_mute = True
    await silent.manage("register_service", registration(silent))
    assert await offered() == ["Login of silent"]
    await lively.manage("register_service", registration(lively))
    code, reason = await silent.closed()
    assert (code, reason) == (1001, "The login service does not answer a ping")
    assert await offered() == ["Login of lively"]
    # Who answers stays, however often it is asked; a refusal is an answer too.
    asked = []

    async def refuse(main, extra):
        if main["method"] == "services.built-in.ping":
            asked.append(main)
            await lively.answer(main, extra, {"_rtype": "error", "_rvalue": "no", "_rtrace": "no"}, is_error=True)
            return True
        return False
    lively._serve = refuse
    await until(lambda: len(asked) >= 3)
    assert await offered() == ["Login of lively"] and lively.is_open
    lively.is_mute = True
    await lively.closed()
    assert await offered() == ["Hypha Login"]
    assert server.metric("hyphad_login_owners_silent_total") == 2
    async with client_for(server) as http:
        assert (await http.get("/public/services/hypha-login/start")).json()["key"]


@pytest.mark.req("A-240")
async def test_a_login_service_that_goes_away_is_replaced_at_once(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS, "--login-guard-interval", "0")
    boss = await root(hub)
    for end in ("leave", "cut", "unregister"):
        owner = await in_public(hub, boss, f"owner-{end}")
        await owner.manage("register_service", registration(owner))
        assert (await boss.manage("get_service_info", "public/hypha-login"))["name"] == f"Login of owner-{end}"
        if end == "unregister":
            await owner.manage("unregister_service", "hypha-login")
        elif end == "leave":
            await owner.leave()
        else:
            owner.cut()
        async with client_for(server) as http:
            async def ours():
                answer = await http.get("/public/services/hypha-login")
                return answer.status_code == 200 and answer.json()["name"] == "Hypha Login"
            await until(ours)


@pytest.mark.req("A-241", "A-176")
async def test_the_protected_workspaces_are_never_removed(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS)
    boss = await root(hub)
    admin = await boss.manage("get_service", "ws-user-root/admin-utils")
    unload = admin["unload_workspace"]
    for name in ("public", "ws-user-root", "ws-anonymous"):
        if name != "ws-user-root":
            guest = await hub.raw(f"guest-{name}", workspace=name, token=await boss.manage(
                "generate_token", {"workspace": name, "permission": "admin"}))
            await guest.leave()
        await boss.call(unload["_rmethod"], name, to=unload["_rtarget"])
        await boss.manage("cleanup", name)
        assert await refusal_of(boss.manage("delete_workspace", name))
        assert (await boss.manage("get_workspace_info", name))["id"] == name
    await boss.leave()
    async with client_for(server) as http:
        assert (await http.get("/public/services/hypha-login")).status_code == 200
        assert (await http.get("/public/services/~/check_status")).json()["status"] == "ready"
        assert (await http.get("/ws-anonymous/services/")).status_code == 200
    again = await root(hub)
    assert again.workspace == "ws-user-root"


@pytest.mark.req("D-04", "A-242")
async def test_a_child_of_an_owner_starts_its_own_apps(hub, server):
    """A read_write child mints read_write for its own workspace: enough for a worker of its own, and nothing more."""
    ada = await user(hub, "ada")
    child = await member(hub, ada, expires_in=600)
    ours = await child.manage("generate_token", {"permission": "read_write"})
    claims, end = tokens.claims(ours), tokens.claims(child.info["reconnection_token"])["exp"]
    assert claims["scope"].startswith(f"ws:{ada.workspace}#rw ") and claims["exp"] <= end
    app = await hub.raw("app", token=ours)
    await app.register("app", {"f": lambda: 5})
    assert await ada.call("services.app.f", to=app.address) == 5
    for client in (child, app):
        assert "Only admin can generate token" in await refusal_of(
            client.manage("generate_token", {"permission": "admin"}))
        for function, args in (("delete_workspace", [ada.workspace]),
                               ("create_workspace", [{"id": ada.workspace, "overwrite": True}, True]),
                               ("generate_token", [{"workspace": "ada-elsewhere"}])):
            assert await refusal_of(client.manage(function, *args)), function
    reader = await member(hub, ada, "read")
    assert "Only admin can generate token" in await refusal_of(
        reader.manage("generate_token", {"permission": "read_write"}))
