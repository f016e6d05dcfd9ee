"""What goes, goes over some turns; what is made again under its name meanwhile is another, and keeps what is its own."""
import httpx
import pytest

from kit.chunks import offer_cache
from kit.people import login, user
from kit.raw import RpcError
from kit.thrown import ARGS, ENV, Thrown, crowd

pytestmark = [pytest.mark.differs("the original has no turns a removal would take"), pytest.mark.allow_warn("")]


async def rounds(hub, start_server, n, replaced, judge):
    """n times: replaced(ada, thrown) makes something large, ends it, and returns what it has made under the same name at once."""
    hub.server = start_server(*ARGS, env=ENV)
    ada = await user(hub, "ada")
    offer_cache(ada)
    for _ in range(n):
        await judge(ada, await replaced(ada, Thrown(hub.server, 1, hub)))


@pytest.mark.req("S-96")
async def test_who_comes_again_while_its_services_go_has_only_its_own(hub, start_server):
    """The services of who leaves are freed over some turns: nothing finds them meanwhile, and nothing takes those of the next one."""
    async def comes_again(ada, thrown):
        token = await ada.manage("generate_token")
        raw = await hub.raw("again", workspace=ada.workspace, token=token)
        await thrown.services(raw, 1000)
        raw.ws.transport.abort()
        raw = await hub.raw("again", workspace=ada.workspace, token=token)
        await thrown.services(raw, 1)
        return raw

    async def has_only_its_own(ada, raw):
        for _ in range(20):
            names = [s["id"] for s in await ada.manage("list_services", {"id": "s-*"})]
            assert len(names) == 1, names
        with pytest.raises(RpcError, match="not found"):
            await ada.manage("get_service_info", f"again:s-999-{'x' * 40}")
        await raw.leave()
        assert await ada.manage("list_services", {"id": "s-*"}) == []

    await rounds(hub, start_server, 3, comes_again, has_only_its_own)


@pytest.mark.req("S-96")
async def test_a_workspace_is_made_again_while_the_old_one_is_emptied(hub, start_server):
    """Who was in the old one is put out over some turns; who enters the new one under an id of theirs stays."""
    async def is_made_again(ada, thrown):
        await ada.manage("create_workspace", {"id": "ada-lab", "name": "ada-lab"})
        token = await ada.manage("generate_token", {"workspace": "ada-lab"})
        old = await crowd(thrown.hub, 100, "ada-lab", token)
        await ada.manage("delete_workspace", "ada-lab")
        await ada.manage("create_workspace", {"id": "ada-lab", "name": "ada-lab"})
        return old, await hub.raw("m-99", workspace="ada-lab", token=token)

    async def holds_who_has_entered_it(ada, made):
        old, new = made
        for one in old:
            assert (await one.closed())[0] == 1001
        await new.register("calc", {"two": lambda: 2})
        clients = await new.manage("list_clients")
        assert [c["id"] for c in clients] == ["ada-lab/m-99"], clients
        assert len(await new.manage("list_services", {"id": "calc"})) == 1
        await ada.manage("delete_workspace", "ada-lab")
        await new.closed()

    await rounds(hub, start_server, 2, is_made_again, holds_who_has_entered_it)


@pytest.mark.req("S-130")
async def test_tokens_of_a_workspace_that_is_gone_open_none_that_others_make(hub, server):
    """What mal gave in lab is worth nothing in the lab that ada makes when mal's is gone; in one that mal makes again it is."""
    lab = hub.name("lab")
    mal, ada = await user(hub, "mal"), await user(hub, "ada")
    await mal.manage("create_workspace", {"id": lab, "name": lab, "persistent": True})
    worker = await mal.manage("generate_token", {"workspace": lab, "permission": "admin", "expires_in": 10 ** 7})
    old = await hub.raw("m1", token=login("mal"), workspace=lab)
    again = old.info["reconnection_token"]
    child = await hub.raw("held", token=worker, workspace=lab)

    async def make(owner):
        await owner.manage("create_workspace", {"id": lab, "name": lab, "persistent": True})
    await mal.manage("delete_workspace", lab)
    await old.closed()
    await child.closed()
    await make(mal)
    back = await hub.raw("m2", token=worker, workspace=lab)
    await mal.manage("delete_workspace", lab)
    await back.closed()

    await make(ada)
    own = await hub.raw("a1", token=login("ada"), workspace=lab)
    await own.register("secret", {"x": lambda: "ada's"}, visibility="protected")
    for first in ({"token": worker}, {"reconnection_token": again, "client_id": "m1"}):
        refused = await hub.raw_open({"client_id": "zz", "workspace": lab, **first})
        with pytest.raises(ConnectionError, match="Permission denied"):
            await refused.joined()
    async with httpx.AsyncClient(base_url=server.url) as http:
        for token, status in ((worker, 403), (login("ada"), 200)):
            answer = await http.get(f"/{lab}/services/a1:secret/x", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status, answer.text
    with pytest.raises(RpcError, match="ermission"):
        await mal.manage("get_workspace_info", lab)
    worker = await ada.manage("generate_token", {"workspace": lab, "permission": "read"})
    reader = await hub.raw("a2", token=worker, workspace=lab, is_registered=False)
    assert reader.workspace == lab
    await ada.manage("delete_workspace", lab)
