"""Tokens that make tokens: nothing outlives, or may do more than, what it was made by, and a whole line ends at once."""
import asyncio
import time

import pytest

from kit import tokens
from kit.http_stream import Stream
from kit.hub import Hub
from kit.people import login, member, refusal_of, user
from kit.web import client_for

LINEAGE = "https://amun.ai/lineage"


def life_of(token):
    claims = tokens.claims(token)
    return claims["exp"] - claims["iat"]


async def status_of(server, token):
    async with client_for(server, token) as http:
        return (await http.get("/public/services/")).status_code


async def while_good(prepare, life):
    """What `prepare(life)` returns, made while tokens of so many seconds are good. A machine that is too slow for that is given
    longer ones: then the preparation is made anew."""
    for longer in (life, 4 * life, 16 * life, 64 * life):
        began = time.time()
        try:
            made, error = await prepare(longer), None
        except Exception as e:      # whatever a token that has ended makes of it
            made, error = None, e
        if time.time() < began + longer - 1:    # tokens end at whole seconds
            break
    if error:
        raise error
    return made


async def past(moment, client):
    """Waits until that has passed by the wall clock, which is what tokens end by."""
    async with asyncio.timeout(max(moment - time.time(), 0) + 60):
        while time.time() < moment:
            await client.manage("echo", "passes the time")


async def mint_over_http(server, token, **config):
    async with client_for(server, token) as http:
        answer = await http.post("/public/services/ws/generate_token", json={"config": config})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.differs("D-04: the original cuts nothing")
@pytest.mark.req("D-04", "S-80")
async def test_a_child_mints_nothing_that_outlives_it(hub, server):
    """Whatever was asked for, over both transports and after a reconnection; a login may."""
    ada = await user(hub, "ada")
    assert life_of(await ada.manage("generate_token", {"expires_in": 30 * 86400})) == 30 * 86400
    short = await ada.manage("generate_token", {"permission": "read", "expires_in": 60})
    end = tokens.claims(short)["exp"]
    kid = await hub.raw("kid", token=short, is_registered=False)
    config = {"permission": "read", "expires_in": 95 * 365 * 86400}
    made = [await kid.manage("generate_token", config), await mint_over_http(server, short, **config)]
    assert tokens.claims(kid.info["reconnection_token"])["exp"] == end
    again = await hub.raw("kid", reconnection_token=kid.info["reconnection_token"], is_registered=False)
    made.append(await again.manage("generate_token", config))
    made.append(await (await hub.raw("grandkid", token=made[0], is_registered=False))
                .manage("generate_token", config))
    for token in made:
        claims = tokens.claims(token)
        assert claims["exp"] <= end and claims["scope"].startswith("ws:ws-user-ada#r ")
    noted = await again.manage("get_events", "token_cut")
    assert noted and noted[0]["data"]["wanted"] == config["expires_in"]
    assert 0 < noted[0]["data"]["expires_in"] <= 60


@pytest.mark.differs("D-04: the original's child mints until it is gone, and after")
@pytest.mark.req("D-04")
async def test_an_expired_child_mints_nothing_though_it_is_still_connected(hub, server):
    ada = await user(hub, "ada")

    async def prepare(life):
        return await hub.raw(f"kid-{life}", token=await ada.manage("generate_token", {"permission": "admin", "expires_in": life}))
    kid = await while_good(prepare, 2)
    await past(tokens.claims(kid.info["reconnection_token"])[LINEAGE]["until"], kid)
    assert "has expired" in await refusal_of(kid.manage("generate_token"))


@pytest.mark.differs("the original lets a bound token make an unbound one")
@pytest.mark.req("D-04", "A-047")
async def test_a_child_for_one_client_mints_for_no_other(hub, server):
    ada = await user(hub, "ada")
    token = await ada.manage("generate_token", {"client_id": "only", "permission": "admin"})
    only = await hub.raw("only", token=token)
    reconnection = only.info["reconnection_token"]
    for again in (False, True):
        kid = await hub.raw("only", reconnection_token=reconnection) if again else only
        assert " cid:only " in tokens.claims(await kid.manage("generate_token"))["scope"]
        assert "restricted to client" in await refusal_of(
            kid.manage("generate_token", {"client_id": "other"}))


@pytest.mark.differs("the original leaves children alone")
@pytest.mark.req("A-040", "D-09", "S-80")
async def test_revoking_a_token_ends_its_line(hub, server):
    """Children of any depth, made over either transport, their reconnection tokens and their connections."""
    ada = await user(hub, "ada")
    first = await ada.manage("generate_token", {"permission": "admin"})
    second = await mint_over_http(server, first, permission="admin", workspace=ada.workspace)
    clients = [await hub.raw("c1", token=first), await hub.raw("c2", token=second)]
    third = await clients[1].manage("generate_token", {"permission": "admin"})
    clients.append(await hub.raw("c3", token=third))
    clients.append(await hub.raw("c1b", token=await clients[0].manage("generate_token")))
    again = [(c.client_id, c.info["reconnection_token"]) for c in clients]
    other = await ada.manage("generate_token")
    stays = await hub.raw("stays", token=other)
    assert await status_of(server, third) == 200
    assert await ada.manage("revoke_token", first) is None
    async with asyncio.timeout(10):
        for gone in clients:
            assert await gone.closed() == (1008, "Token has been revoked")
    for token in (first, second, third):
        assert await status_of(server, token) == 401
        assert "Token has been revoked" in (await hub.refused({"client_id": "late", "token": token})).message
        assert "Token has been revoked" in await refusal_of(ada.manage("parse_token", token))
    for client_id, token in again:
        refusal = await hub.refused({"client_id": client_id, "reconnection_token": token})
        assert "Token has been revoked" in refusal.message
    assert await stays.manage("echo", 1) == 1 and await status_of(server, other) == 200


@pytest.mark.req("A-040")
@pytest.mark.differs("the original leaves children alone")
async def test_a_revoked_login_takes_what_it_made_along(hub, server):
    token = login("ada", ttl=3000)
    ada, other = await hub.raw("first", token=token), await user(hub, "ada")
    worker = await ada.manage("generate_token", {"expires_in": 30 * 86400})
    assert await other.manage("revoke_token", token) is None
    assert await status_of(server, worker) == 401
    assert await other.manage("echo", 1) == 1


@pytest.mark.differs("the original has no end of it")
@pytest.mark.req("D-04")
async def test_a_line_of_tokens_has_an_end(hub, server):
    token, n = login("ada"), 1
    async with client_for(server, token) as http:
        while True:
            answer = await http.post("/ws-user-ada/services/ws/generate_token",
                                     json={"config": {"permission": "admin", "expires_in": 600}},
                                     headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 200:
                break
            token, n = answer.json(), n + 1
            assert len(tokens.claims(token)[LINEAGE]["of"]) == n - 1
    assert n == 16 and "at most 16" in answer.text and len(token) < 2000
    assert await status_of(server, token) == 200


@pytest.mark.differs("D-15: the original lets any child make what its parent then owns")
@pytest.mark.req("D-04", "D-31")
async def test_a_child_makes_workspaces_only_where_it_may_write_for_its_person(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-lines"})
    reader = await member(hub, ada, "read")
    elsewhere = await hub.raw("else", token=await ada.manage(
        "generate_token", {"workspace": "ada-lines", "permission": "admin"}), workspace="ada-lines")
    for kid in (reader, elsewhere):
        for persistent in (False, True):
            text = await refusal_of(kid.manage("create_workspace", {"id": "ada-by-kid", "persistent": persistent}))
            assert "PermissionError: " in text and "takes read_write on ws-user-ada" in text
    writer = await member(hub, ada, "read_write")
    for owners in (["mallory"], ["ada", "mallory@example.org"]):
        text = await refusal_of(writer.manage("create_workspace", {"id": "ada-by-kid", "owners": owners}))
        assert "no other owner can be named" in text
    made = await writer.manage("create_workspace", {"id": "ada-by-kid", "owners": ["ada@example.org"]})
    assert set(made["owners"]) == {"ada", "ada@example.org"}
    boss = await hub.raw("boss-kid", token=await ada.manage(
        "generate_token", {"workspace": "ada-lines", "permission": "admin"}), workspace="ada-lines")
    assert "no other owner" in await refusal_of(
        boss.manage("create_workspace", {"id": "ada-lines", "owners": ["mallory"]}, True))
    again = await boss.manage("create_workspace", {"id": "ada-lines", "owners": ["ada"]}, True)
    assert again["owners"] == ["ada"]
    for name in ("ada-lines", "ada-by-kid"):
        await ada.manage("delete_workspace", name)


@pytest.mark.differs("the original gives anonymous people tokens of any length")
@pytest.mark.req("D-04")
async def test_who_never_logged_in_makes_tokens_for_two_days_at_most(hub, server):
    anon = await hub.raw("anon")
    assert life_of(await anon.manage("generate_token", {"expires_in": 95 * 365 * 86400})) == 2 * 86400


async def refreshed(client):
    """The reconnection token a client is sent when it asks for one."""
    await client.send_text({"type": "refresh_token"})
    return (await client.text(lambda t: t.get("type") == "reconnection_token"))["reconnection_token"]


async def is_not_refreshed(client):
    await client.send_text({"type": "refresh_token"})
    assert await client.manage("echo", 1) == 1
    await client.send_text({"type": "ping"})
    return (await client.text(lambda t: t.get("type") in ("pong", "reconnection_token")))["type"] == "pong"


@pytest.mark.differs("the original hands out two days more each time")
@pytest.mark.req("S-120", "A-052")
async def test_a_reconnection_ends_with_the_child_it_came_by(hub, server):
    """Over both transports, however often it is renewed; a WebSocket that is open goes on. That of a login is renewed for ever."""
    ada = await user(hub, "ada")

    async def prepare(life):
        child, own = await ada.manage("generate_token", {"expires_in": life}), login("ada", ttl=life)
        shown = {"kid": [], "own": []}
        for name, token in (("kid", child), ("own", own)):
            first = {"token": token}
            for _ in range(3):
                client = await hub.raw(f"{name}-{life}", is_registered=False, **first)
                shown[name].append(client.info["reconnection_token"])
                first = {"reconnection_token": client.info["reconnection_token"]}
            shown[name].append(await refreshed(client))
            if name == "kid":
                kid = client
        other = await hub.raw(f"kid2-{life}", token=child, is_registered=False)
        stream = await Stream.open(server, client_id=other.client_id, reconnection_token=other.info["reconnection_token"])
        return child, own, shown, kid, client, stream
    child, own, shown, kid, own_client, stream = await while_good(prepare, 4)
    end = max(tokens.claims(t)["exp"] for t in (child, own))
    assert all(tokens.claims(t)["exp"] <= tokens.claims(child)["exp"] for t in shown["kid"])
    await past(end, ada)
    assert "expired" in (await stream.control("error"))["message"]
    await stream.ended()
    for token in shown["kid"]:
        assert "expired" in (await hub.refused({"client_id": kid.client_id, "reconnection_token": token})).message
        answer = await Stream.open(server, client_id=kid.client_id, reconnection_token=token)
        assert answer.status_code == 401 and "expired" in answer.text
    assert await kid.manage("echo", 1) == 1
    assert await is_not_refreshed(kid)
    again = await hub.raw(own_client.client_id, reconnection_token=shown["own"][-1])
    assert tokens.claims(await refreshed(again))["exp"] > end + 86400
    await stream.close()


@pytest.mark.differs("the original leaves those alone that were renewed")
@pytest.mark.req("S-142", "A-040")
async def test_a_reconnection_token_is_revoked_with_all_that_continue_its_login(hub, server):
    """Those that were renewed before it was shown, those of who came by them, and the connections; the login is good for another."""
    ada, token = await user(hub, "ada"), login("ada", ttl=3000)
    first = await hub.raw("s1", token=token)
    shown = [first.info["reconnection_token"], await refreshed(first)]
    before = await first.manage("generate_token")
    again = await hub.raw("s1", reconnection_token=shown[0])
    await first.closed()
    shown += [again.info["reconnection_token"], await refreshed(again)]
    after = await again.manage("generate_token")
    other = await hub.raw("s2", token=token)
    assert await ada.manage("revoke_token", shown[1]) is None
    assert await again.closed() == (1008, "Token has been revoked")
    for one in shown:
        assert "Token has been revoked" in (await hub.refused({"client_id": "s1", "reconnection_token": one})).message
    assert await status_of(server, after) == 401
    assert await status_of(server, before) == 200 and await status_of(server, token) == 200
    assert await other.manage("echo", 1) == 1
    # The login begins another session, which ends in the same way: with who revokes it.
    new = await hub.raw("s1", token=token)
    new = await hub.raw("s1", reconnection_token=await refreshed(new))
    assert await new.manage("revoke_token", new.info["reconnection_token"]) is None
    assert await new.closed() == (1008, "Token has been revoked")
    assert await other.manage("echo", 1) == 1


@pytest.mark.differs("the original takes it like any token")
@pytest.mark.req("S-122", "A-053")
async def test_a_reconnection_token_reconnects_and_does_nothing_else(hub, server):
    ada = await user(hub, "ada", client_id="ada-1")
    token, words = ada.info["reconnection_token"], "good for reconnecting its client only"
    async with client_for(server, token) as http:
        for path in ("/public/services/", "/ws-user-ada/info", "/ws-user-ada/services/ws/get_env"):
            answer = await http.get(path)
            assert answer.status_code == 401 and words in answer.text, path
    async with client_for(server) as http:
        base = "/public/services/hypha-login"
        key = (await http.post(f"{base}/start")).json()["key"]
        for more in ({}, {"workspace": "ws-user-ada", "expires_in": 10 ** 7}):
            answer = await http.post(f"{base}/report", json={"key": key, "token": token, **more})
            assert answer.status_code >= 400 and words in answer.text
    assert words in await refusal_of(ada.manage("parse_token", token))
    assert (await hub.refused({"client_id": "ada-2", "reconnection_token": token})).message
    again = await hub.raw("ada-1", reconnection_token=token)
    assert await again.manage("echo", 1) == 1
    await again.shut()
    as_token = await hub.raw("ada-1", token=token)
    assert await as_token.manage("echo", 1) == 1, "of the same client it is taken as a token too"
    assert await as_token.manage("revoke_token", again.info["reconnection_token"]) is None
    assert "revoked" in (await hub.refused(
        {"client_id": "ada-1", "reconnection_token": again.info["reconnection_token"]})).message


@pytest.mark.differs("the original revokes nothing that has expired")
@pytest.mark.req("S-121", "A-042", "A-040")
async def test_what_has_expired_is_revoked_as_long_as_something_of_it_lives(hub, server):
    """A login's workers outlive it, and a connection the token it came by."""
    other = await user(hub, "ada")

    async def prepare(life):
        own = login("ada", ttl=life)
        ada = await hub.raw(f"first-{life}", token=own)
        worker = await ada.manage("generate_token", {"expires_in": 30 * 86400})
        child = await other.manage("generate_token", {"expires_in": life, "permission": "read"})
        kid = await hub.raw(f"kid-{life}", token=child, is_registered=False)
        return own, worker, child, ada, kid, await hub.raw(f"works-{life}", token=worker)
    own, worker, child, ada, kid, works = await while_good(prepare, 4)
    await past(max(tokens.claims(t)["exp"] for t in (own, child)), other)
    assert kid.is_open and ada.is_open
    assert await other.manage("revoke_token", child) is None
    assert await kid.closed() == (1008, "Token has been revoked")
    assert "already expired" in await refusal_of(other.manage("revoke_token", child))
    assert await other.manage("revoke_token", own) is None
    for gone in (ada, works):
        assert await gone.closed() == (1008, "Token has been revoked")
    assert await status_of(server, worker) == 401
    assert "revoked" in (await hub.refused({"client_id": works.client_id, "token": worker})).message
    assert await other.manage("echo", 1) == 1


@pytest.mark.differs("the original signs as many as are asked for")
@pytest.mark.req("S-123")
async def test_new_reconnection_tokens_are_signed_at_a_rate(hub, server):
    """Over both transports, for each client by itself; pings and calls between them are answered."""
    token = await (await user(hub, "ada")).manage("generate_token")
    ada, stream = await hub.raw("ada", token=token), await Stream.open(server, token, client_id="s1")
    for _ in range(30):
        await ada.send_text({"type": "refresh_token"})
        assert (await stream.post({"type": "refresh_token"}, token=token)).status_code == 200
    words = "Too many new reconnection tokens asked for, try again in "
    for take in (lambda kind: ada.text(lambda t: t.get("type") == kind), stream.control):
        made = [await take("reconnection_token") for _ in range(4)]
        assert all(tokens.claims(t["reconnection_token"])["exp"] <= tokens.claims(token)["exp"] for t in made)
        told = [(await take("error"))["message"] for _ in range(20)]
        assert all(t.startswith(words) and 0 < int(t.removeprefix(words).split()[0]) <= 10 for t in told), told
    assert await ada.manage("echo", 1) == 1
    assert server.metric("hyphad_refreshes_refused_total") >= 40
    other = await hub.raw("other", token=login("ada"))
    await other.send_text({"type": "refresh_token"})
    assert await other.text(lambda t: t.get("type") == "reconnection_token")
    await stream.close()


@pytest.mark.differs("the original renews what root came by for ever")
@pytest.mark.req("S-128")
async def test_root_does_not_come_again_by_a_root_token_that_was_changed(start_server):
    """Three servers that share a secret, as one before and after a restart."""
    first, other = "0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c", "f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c5"
    hub = Hub(start_server("--root-token", first))
    root = await hub.raw("operator", token=first)
    shown = await refreshed(root)
    await root.shut()
    changed = Hub(start_server("--root-token", other))
    refused = await changed.refused({"client_id": "operator", "reconnection_token": shown})
    assert "root token" in refused.message
    again = await Hub(start_server("--root-token", first)).raw("operator", reconnection_token=shown, is_registered=False)
    assert again.info["user"]["id"] == "root"
    await again.shut()
