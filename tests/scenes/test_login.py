"""The login service: a program waits for a key, a page reports a token for it."""
import asyncio
import re
import time

import pytest

from kit import people, tokens
from kit.hub import until
from kit.raw import RpcError
from kit.web import client_for

BAD = "Invalid token provided to report_login: 401: "


async def service(web, function, **args):
    return await web.post(f"/public/services/hypha-login/{function}", json=args)


async def value(web, function, **args):
    answer = await service(web, function, **args)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def detail(web, function, status, **args):
    answer = await service(web, function, **args)
    assert answer.status_code == status, answer.text
    return answer.json()["detail"]


async def by_rpc(raw):
    """The functions of the login service, as a client gets them."""
    found = await raw.manage("get_service", "public/hypha-login")

    async def call(function, *args, **more):
        target = found[function]
        return await raw.call(target["_rmethod"], *args, to=target["_rtarget"], **more)
    return call


@pytest.mark.req("A-180", "A-181", "A-182", "H-117", "S-23")
async def test_a_token_is_reported_and_read_once(hub, start_server):
    server = start_server()
    token = people.login("alice")
    async with client_for(server) as web:
        begun = await value(web, "start")
        assert set(begun) == {"login_url", "key", "report_url", "check_url", "generate_url"}
        assert re.fullmatch("[A-Za-z0-9]{22}", begun["key"])
        assert begun["login_url"] == \
            f"{server.url}/public/apps/hypha-login/?key={begun['key']}"
        assert begun["report_url"] == f"{server.url}/public/services/hypha-login/report"
        key = begun["key"]
        assert await value(web, "check", key=key, timeout=0) is None
        for more in {}, {"workspace": "ws-user-alice"}:
            for forged in "nonsense", tokens.mint("alice", "ws:ws-user-alice#a", secret="another"):
                assert BAD in await detail(web, "report", 400, key=key, token=forged, **more)
        text = await detail(web, "report", 400, key="none", token="nonsense")
        assert "AssertionError: Invalid key, key does not exist or expired" in text
        assert await value(web, "report", key=key, token=token) is None
        assert await value(web, "check", key=key, timeout=0) == token
        text = await detail(web, "check", 400, key=key, timeout=1)
        assert text == "RemoteException: AssertionError: Invalid key, key does not exist"
