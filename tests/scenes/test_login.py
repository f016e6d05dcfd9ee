"""The login service: a program waits for a key, a page reports a token for it."""
import asyncio
import re
import time

import hypha_rpc
import pytest

from kit import people, tokens
from kit.hub import until
from kit.raw import RpcError
from kit.web import client_for

BAD = "Invalid token provided to report_login: 401: "
SERVICE = "/public/services/hypha-login"


class Login:
    """The login service of a server of its own: an address may start ten logins a minute."""

    def __init__(self, server):
        self.server, self.web = server, client_for(server)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.web.aclose()

    async def post(self, function, **args):
        return await self.web.post(f"{SERVICE}/{function}", json=args)

    async def value(self, function, **args):
        answer = await self.post(function, **args)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def detail(self, function, status, **args):
        answer = await self.post(function, **args)
        assert answer.status_code == status, answer.text
        return answer.json()["detail"]

    async def key(self):
        return (await self.value("start"))["key"]


class ByRpc:
    """The same functions as a client calls them."""

    def __init__(self, raw, found):
        self.raw, self.found = raw, found

    @classmethod
    async def of(cls, raw):
        return cls(raw, await raw.manage("get_service", "public/hypha-login"))

    def post(self, function, **args):
        target = self.found[function]
        return self.raw.post(target["_rmethod"], to=target["_rtarget"], kwargs=args)

    async def call(self, function, **args):
        return (await self.raw.settled(await self.post(function, **args)))[1]

    async def refusal(self, function, **args):
        with pytest.raises(RpcError) as error:
            await self.call(function, **args)
        return str(error.value)


@pytest.mark.req("A-180", "A-182", "H-117", "S-23", "H-049")
async def test_token_is_reported_and_read_once(start_server):
    server = start_server()
    token = people.login("alice")
    async with Login(server) as login:
        begun = await login.value("start")
        assert set(begun) == {"login_url", "key", "report_url", "check_url", "generate_url"}
        key = begun["key"]
        assert re.fullmatch("[A-Za-z0-9]{22}", key)
        assert begun["login_url"] == f"{server.url}/public/apps/hypha-login/?key={key}"
        for name in "report", "check", "generate":
            assert begun[f"{name}_url"] == f"{server.url}{SERVICE}/{name}"
        assert await login.value("check", key=key, timeout=0) is None
        text = await login.detail("report", 400, key="none", token="nonsense")
        assert "AssertionError: Invalid key, key does not exist or expired" in text
        assert await login.value("report", key=key, token=token) is None
        assert await login.value("check", key=key, timeout=0) == token
        text = await login.detail("check", 400, key=key, timeout=1)
        assert text == "RemoteException: AssertionError: Invalid key, key does not exist"


@pytest.mark.req("A-182", "S-23", "D-22")
@pytest.mark.differs("the texts of long tokens are ours")
async def test_forged_tokens_are_refused_with_and_without_workspace(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        key = await login.key()
        forged = ["nonsense", tokens.mint("alice", "ws:ws-user-alice#a", secret="another secret"),
                  tokens.mint("alice", "ws:ws-user-alice#a", ttl=-10), "x" * 5000]
        for token in forged:
            for more in {}, {"workspace": "ws-user-alice"}:
                text = await rpc.refusal("report", key=key, token=token, **more)
                assert BAD in text and "The token must be a valid JWT" in text, text
            assert BAD in await login.detail("report", 400, key=key, token=token)
        assert await login.value("check", key=key, timeout=0) is None, "nothing was kept"


@pytest.mark.req("A-181")
@pytest.mark.differs("the original answers 500 to what no profile can be")
async def test_profile_is_what_was_reported(start_server):
    token = people.login("alice")
    async with Login(start_server()) as login:
        key = await login.key()
        await login.value("report", key=key, token=token, email="alice@example.org",
                          email_verified="true", name="Alice", picture="https://example.org/a.png")
        assert await login.value("check", key=key, timeout=0, profile=True) == {
            "token": token, "workspace": None, "expires_in": None, "email": "alice@example.org",
            "email_verified": True, "name": "Alice", "nickname": None, "user_id": None,
            "picture": "https://example.org/a.png"}
        key = await login.key()
        for wrong in ({"name": "x" * 65}, {"picture": "javascript:alert(1)"},
                      {"email_verified": "perhaps"}, {"expires_in": -5}):
            assert "ValueError" in await login.detail("report", 400, key=key, token=token, **wrong)
        assert await login.value("check", key=key, timeout=0) is None


@pytest.mark.differs("the original answers 500 to a name of digits")
@pytest.mark.req("A-183")
async def test_report_by_get_takes_converted_values(start_server):
    token = people.login("alice")
    async with Login(start_server()) as login:
        key = await login.key()
        answer = await login.web.get(f"{SERVICE}/report", params={
            "key": key, "token": token, "name": "123", "email_verified": "true",
            "user_id": "4.5"})
        assert answer.status_code == 200 and answer.json() is None
        profile = await login.value("check", key=key, timeout=0, profile=True)
        assert (profile["name"], profile["user_id"]) == ("123", "4.5")
        assert profile["email_verified"] is True and profile["token"] == token


@pytest.mark.req("D-43")
@pytest.mark.differs("the original logs query strings")
async def test_tokens_of_reports_are_not_logged(start_server):
    server = start_server("--access-log", "--loglevel", "debug")
    token = people.login("alice")
    async with Login(server) as login:
        key = await login.key()
        await login.web.get(f"{SERVICE}/report", params={"key": key, "token": token})
        await login.value("check", key=key, timeout=0)
    server.stop()
    assert f"{SERVICE}/report" in server.log_text()
    assert token not in server.log_text() and token.split(".")[2] not in server.log_text()


@pytest.mark.req("A-184")
async def test_check_times_out(start_server):
    async with Login(start_server()) as login:
        began = time.monotonic()
        text = await login.detail("check", 500, key=await login.key(), timeout=1)
        assert 1 <= time.monotonic() - began < 2.5
        assert text == "RemoteException: Exception: Login timeout, waited for 1 seconds"


@pytest.mark.req("D-37", "A-180")
@pytest.mark.differs("the original needs a timeout, and has no such figures")
async def test_check_waits_for_the_report(hub, start_server):
    server = start_server()
    token = people.login("alice")
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        for wait in {}, {"timeout": None}, {"timeout": 20}:
            key = await login.key()
            session = await rpc.post("check", key=key, **wait)
            await until(lambda: server.metric("hyphad_login_waiters") == 1)
            await login.value("report", key=key, token=token)
            assert (await rpc.raw.settled(session))[1] == token
        assert server.metric("hyphad_login_sessions") == 0


@pytest.mark.differs("the original looks each second, and has no such figures")
async def test_one_of_two_who_wait_gets_the_token(hub, start_server):
    server = start_server()
    async with Login(server) as login:
        rpc = await ByRpc.of(await hub.raw(server=server))
        key = await login.key()
        sessions = [await rpc.post("check", key=key) for _ in range(2)]
        await until(lambda: server.metric("hyphad_login_waiters") == 2)
        token = people.login("alice")
        await login.value("report", key=key, token=token)
        assert (await rpc.raw.settled(sessions[0]))[1] == token
        with pytest.raises(RpcError, match="Login session expired"):
            await rpc.raw.settled(sessions[1])


@pytest.mark.differs("the original looks on, and has no such figures")
async def test_check_ends_when_its_caller_leaves(hub, start_server):
    server = start_server()
    token = people.login("alice")
    async with Login(server) as login:
        raw = await hub.raw(server=server)
        rpc = await ByRpc.of(raw)
        key = await login.key()
        await rpc.post("check", key=key)
        waiting = asyncio.create_task(login.post("check", key=key))
        await until(lambda: server.metric("hyphad_login_waiters") == 2)
        waiting.cancel()
        await raw.shut()
        await until(lambda: server.metric("hyphad_login_waiters") == 0)
        await login.value("report", key=key, token=token)
        assert await login.value("check", key=key, timeout=0) == token


@pytest.mark.req("D-37")
@pytest.mark.differs("the original crashes")
async def test_a_key_that_expires_while_somebody_waits(start_server):
    server = start_server("--maximum-login-time", "10")
    async with Login(server) as login:
        key = await login.key()
        text = await login.detail("check", 500, key=key, timeout=60)
        assert "Login session expired, " in text
        assert "does not exist" in await login.detail("check", 400, key=key)
        assert server.metric("hyphad_login_sessions") == 0


@pytest.mark.req("D-37")
@pytest.mark.differs("the original forgets one of them")
async def test_login_url_keeps_workspace_and_life(hub, start_server):
    rpc = await ByRpc.of(await hub.raw(server=start_server()))
    begun = await rpc.call("start", workspace="ws-user-alice", expires_in=90)
    assert begun["login_url"].endswith(
        f"/?key={begun['key']}&workspace=ws-user-alice&expires_in=90")
    begun = await rpc.call("start", workspace="a&b c")
    assert begun["login_url"].endswith("&workspace=a%26b%20c")
    assert "ValueError" in await rpc.refusal("start", expires_in=0)


@pytest.mark.req("A-188")
async def test_logout(hub, start_server):
    server = start_server()
    url = f"{server.url}/public/apps/hypha-login/?logout=true&close=true"
    async with Login(server) as login:
        assert await login.value("logout") == {"logout_url": url}
        rpc = await ByRpc.of(await hub.raw(server=server))
        assert await rpc.call("logout", config={}) == {"logout_url": url}


# ---- the published clients ----

@pytest.mark.differs("D-37")
@pytest.mark.req("A-180", "A-181", "A-188")
async def test_python_client_logs_in_and_out(start_server):
    server = start_server()
    token = people.login("alice")
    contexts = []
    async with Login(server) as login:
        async def show(context):
            contexts.append(context)
            await login.value("report", key=context["key"], token=token, email="a@example.org")

        config = {"server_url": server.url, "login_callback": show, "logout_callback": show}
        assert await hypha_rpc.login(config) == token
        profile = await hypha_rpc.login({**config, "profile": True})
        assert (profile["token"], profile["email"]) == (token, "a@example.org")
        scoped = await hypha_rpc.login({**config, "workspace": "ws-user-alice", "expires_in": 60})
        assert scoped == token, "what the page reports is what the client gets"
        assert "workspace=ws-user-alice&expires_in=60" in contexts[-1]["login_url"]
        seen = []

        async def remember(context):
            seen.append(context)
        await hypha_rpc.logout({**config, "logout_callback": remember})
        assert seen[0]["logout_url"].endswith("?logout=true&close=true")


@pytest.mark.req("A-180", "A-188")
@pytest.mark.parametrize("version", ["0.21.40", "0.20.61"])
async def test_javascript_client_logs_in_and_out(hub, start_server, version):
    server = start_server()
    token = people.login("alice")
    node = await hub.node(version)
    async with Login(server) as login:
        await node.do("login", name="page", config={"server_url": server.url, "login_timeout": 30})
        context = (await node.do("calls", name="page", at_least=1))[0][0]
        assert context["login_url"].endswith(f"?key={context['key']}")
        await login.value("report", key=context["key"], token=token)
        assert await node.do("finish", name="page") == token
        if version == "0.21.40":
            out = await node.do("logout", config={"server_url": server.url})
            assert out["logout_url"].endswith("?logout=true&close=true")
