"""A service of the operator's that knows tokens: who may be one, what it may say, and what happens when it does not."""
import asyncio
import time

import pytest

from kit import tokens
from kit.golden import ROOT_TOKEN
from kit.hub import until
from kit.web import client_for

pytestmark = pytest.mark.differs("the original takes Python functions")

TYPE = "hypha-auth-provider"


def user(name, **more):
    return {"id": name, "roles": [], "is_anonymous": False, "email": f"{name}@example.org", "parent": None,
            "scope": {"current_workspace": None, "workspaces": {}, "client_id": None, "extra_scopes": []},
            "expires_at": None, **more}


class Provider:
    """Knows `known`; counts what it is asked."""

    def __init__(self, **known):
        self.known, self.asked = known, []

    async def parse_token(self, token):
        self.asked.append(token)
        answer = self.known[token]
        return await answer() if callable(answer) else answer

    async def register(self, api, **more):
        return await api.register_service({"id": "provider", "type": TYPE, "config": {"visibility": "protected"},
                                           "parse_token": self.parse_token, **more})


@pytest.fixture
def world(hub, start_server):
    async def make(provider, *options, **more):
        server = start_server("--root-token", ROOT_TOKEN, *options)
        root = await hub.py("provider-client", server=server, token=ROOT_TOKEN)
        await provider.register(root, **more)
        return server, root
    return make


async def status(server, token, path="/public/services/"):
    async with client_for(server, token) as http:
        answer = await http.get(path)
        return answer.status_code, answer.text


async def test_a_token_only_the_provider_knows_logs_in(hub, world):
    scope = {"current_workspace": None, "workspaces": {"team": "rw"}, "client_id": None, "extra_scopes": ["a"]}
    provider = Provider(**{"opaque:ann": user("ann", roles=["editor"], scope=scope), "opaque:boss": user("boss", roles=["admin"])})
    server, root = await world(provider)
    api = await hub.py("c1", server=server, token="opaque:ann")
    assert api.config["workspace"] == "ws-user-ann"
    seen = api.config["user"]
    assert seen["id"] == "ann" and seen["email"] == "ann@example.org" and seen["roles"] == ["editor"]
    parsed = await api.parse_token("opaque:ann")
    assert parsed["scope"]["workspaces"] == {"team": "rw", "ws-user-ann": "a"}
    assert (await status(server, "opaque:ann", "/ws-user-ann/info"))[0] == 200
    assert (await status(server, "opaque:ann", "/ws-user-root/info"))[0] == 403
    boss = await hub.py("c2", server=server, token="opaque:boss", workspace="ws-user-root")
    assert (await boss.parse_token("opaque:boss"))["scope"]["workspaces"]["*"] == "a"
    with pytest.raises(Exception, match="no expiry and cannot be revoked"):
        await api.revoke_token("opaque:ann")


async def test_answers_are_kept_for_a_while_and_only_good_ones(hub, world):
    provider = Provider(**{"opaque:ann": user("ann")})
    server, root = await world(provider)
    for _ in range(5):
        assert (await status(server, "opaque:ann"))[0] == 200
        assert (await status(server, "opaque:eve"))[0] == 401
    assert provider.asked.count("opaque:ann") == 1
    assert provider.asked.count("opaque:eve") == 5


async def test_the_hubs_own_tokens_and_the_root_token_do_not_need_it(hub, world):
    provider = Provider()
    server, root = await world(provider)
    assert (await status(server, tokens.mint("ann")))[0] == 200
    assert (await status(server, ROOT_TOKEN))[0] == 200
    child = await root.generate_token()
    assert (await status(server, child))[0] == 200
    assert provider.asked == []
    assert (await status(server, tokens.mint("ann", secret="x" * 32)))[0] == 401
    assert len(provider.asked) == 1


@pytest.mark.parametrize("answer", [
    None, "ann", 7, [], {}, {"id": ""}, {"id": 7}, {"id": "x" * 300}, user("ann", expires_at=1.0), user("ann", email=7),
    user("ann", scope={"workspaces": {"team": "everything"}}), user("ann", scope="ws:team#a"), user("ann\0root"),
    user("root"), user("ann", parent="root"), user("anonymouz-1"),
], ids=str)
async def test_an_answer_that_names_nobody_lets_nobody_in(hub, world, answer):
    server, root = await world(Provider(**{"opaque:x": answer}))
    code, text = await status(server, "opaque:x")
    assert code == 401, text
    seen = await hub.refused({"client_id": "x", "token": "opaque:x"}, server)
    assert seen.code == 1008 and seen.message.startswith("Authentication error: "), seen


@pytest.mark.allow_warn("authentication provider")
async def test_a_provider_that_fails_or_hangs_lets_nobody_in(hub, world):
    async def fails():
        raise ValueError("the database is down: password hunter2")

    async def hangs():
        await asyncio.Event().wait()

    server, root = await world(Provider(**{"opaque:fails": fails, "opaque:hangs": hangs}))
    code, text = await status(server, "opaque:fails")
    assert code == 401 and "hunter2" not in text
    began = time.monotonic()
    waiting = asyncio.create_task(status(server, "opaque:hangs"))
    assert (await status(server, tokens.mint("bob")))[0] == 200
    assert (await waiting)[0] == 401
    assert 4 < time.monotonic() - began < 9


@pytest.mark.allow_warn("authentication provider")
async def test_when_it_goes_the_usual_rules_return_at_once(hub, world):
    provider = Provider(**{"opaque:ann": user("ann")})
    server, root = await world(provider)
    assert (await status(server, "opaque:ann"))[0] == 200
    await root.disconnect()

    async def refused():
        return (await status(server, "opaque:ann"))[0] == 401
    await until(refused)
    code, text = await status(server, "opaque:ann")
    assert "Error decoding token" in text


async def test_only_who_is_root_can_be_one(hub, world, start_server):
    server = start_server("--root-token", ROOT_TOKEN)
    trap = Provider(**{"opaque:x": user("root", roles=["admin"])})
    stranger = await hub.py("stranger", server=server, token=tokens.mint("eve"))
    await trap.register(stranger)
    public = await hub.py("guest", server=server,
                          token=tokens.mint("guest", "ws:ws-user-root#rw wid:ws-user-root"), workspace="ws-user-root")
    await trap.register(public)
    assert (await status(server, "opaque:x"))[0] == 401
    assert trap.asked == []


async def test_it_may_ask_what_a_token_would_be_without_it(hub, world):
    provider = Provider()
    server, root = await world(provider)

    async def by_default():
        return await root.parse_token("opaque:loop")
    provider.known["opaque:loop"] = by_default
    code, _ = await status(server, "opaque:loop")
    assert code == 401 and provider.asked == ["opaque:loop"]


async def test_it_may_make_the_tokens_too(hub, world):
    made = []

    async def generate_token(who, expires_in):
        made.append((who, expires_in))
        return f"opaque:{who['id']}"
    provider = Provider()
    server, root = await world(provider, generate_token=generate_token)
    ann = await hub.py("c1", server=server, token=tokens.mint("ann"))
    token = await ann.generate_token({"permission": "read", "expires_in": 77})
    who, life = made[0]
    assert life == 77 and who["parent"] == "ann" and who["scope"]["workspaces"] == {"ws-user-ann": "r"}
    assert token == f"opaque:{who['id']}"
    provider.known[token] = who
    assert (await status(server, token, "/ws-user-ann/info"))[0] == 200
    with pytest.raises(Exception, match="do not have any permission"):
        await ann.generate_token({"workspace": "public"})
    assert len(made) == 1
