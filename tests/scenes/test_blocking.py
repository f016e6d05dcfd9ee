"""Users and addresses that are kept out, and tokens that are taken back."""
import asyncio

import pytest

from kit import tokens
from kit.golden import ROOT_TOKEN
from kit.http_stream import Stream
from kit.hub import until
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.waiting import turn
from kit.web import client_for

from test_admin import admin_call

THIRTY_DAYS = 30 * 24 * 3600


def from_address(address):
    """What a trusted proxy on this machine says of its client."""
    return {"additional_headers": {"X-Forwarded-For": address}}


async def http_answer(server, token=None, address=None, path="/public/services/"):
    headers = {"X-Forwarded-For": address} if address else {}
    async with client_for(server, token) as http:
        answer = await http.get(path, headers=headers)
    return answer.status_code, answer.json()


@pytest.fixture
def started(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    return hub.server


@pytest.mark.differs("the original blocks one id and not the children of its tokens")
@pytest.mark.req("A-203", "S-42", "D-11")
async def test_a_blocked_user_is_out_with_all_children(hub, started):
    boss, dave, erin = await root(hub), await user(hub, "dave"), await user(hub, "erin")
    child = await member(hub, dave)
    call = admin_call(boss)
    token, child_token = login("dave"), await dave.manage("generate_token")
    assert (await http_answer(started, token))[0] == 200
    assert await call("block_user", "dave", 60, "spam") == "Blocked user dave, kicked 2 connections"
    for gone in (dave, child):
        assert await gone.closed() == (1008, "User blocked: spam")
    for credential in (token, child_token):
        refusal = await hub.refused({"client_id": "late", "token": credential})
        assert (refusal.message, refusal.code) == ("User is blocked: spam", 1008)
        for path in ("/public/services/", "/public/info", "/public/services/hypha-login/logout"):
            assert await http_answer(started, credential, path=path) == \
                (403, {"detail": "User is blocked: spam"}), path
    assert erin.is_open and (await http_answer(started, login("erin")))[0] == 200
    assert started.metric("hyphad_blocked_refused_total") == 8
    listed = await call("list_blocked")
    assert listed["ips"] == [] and len(listed["users"]) == 1
    row = listed["users"][0]
    assert (row["id"], row["reason"]) == ("dave", "spam") and 55 <= row["ttl_seconds"] <= 60
    assert await call("unblock_user", "dave") == "Unblocked user dave"
    assert await call("list_blocked") == {"users": [], "ips": []}
    assert (await http_answer(started, token))[0] == 200
    assert await user(hub, "dave")


@pytest.mark.differs("the original ends WebSockets only")
@pytest.mark.req("A-203", "S-42")
async def test_a_block_ends_http_streams_too(hub, started):
    boss = await root(hub)
    stream = await Stream.open(started, login("dave"), client_id="s1")
    text = await admin_call(boss)("block_user", "dave", 60, "spam")
    assert text == "Blocked user dave, kicked 1 connections"
    await stream.ended()
    token = stream.info["reconnection_token"]
    for query in ({}, {"reconnection_token": token}):
        refused = await Stream.open(started, login("dave"), client_id="s1", **query)
        assert (refused.status_code, refused.json()) == \
            (403, {"detail": "User is blocked: spam"})
    await stream.close()


@pytest.mark.differs("the original keeps blocks in a database only when it is given one")
@pytest.mark.req("A-203", "S-42")
async def test_blocks_survive_a_kill_and_end_by_themselves(hub, start_server, tmp_path):
    server = hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    call = admin_call(await root(hub))
    await call("block_user", "dave", 0)
    await call("block_user", "erin", -1, "for good")
    await call("block_user", "fred", 2, "a moment")
    await call("block_ip", "198.51.100.7", 600, "noise")
    await call("block_user", "gina", 600)
    await call("unblock_user", "gina")
    server.kill()
    server = hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    call = admin_call(await root(hub))
    listed = await call("list_blocked")
    rows = {r["id"]: (r["reason"], r["ttl_seconds"]) for r in listed["users"]}
    assert rows["dave"][0] == "blocked" and THIRTY_DAYS - 60 < rows["dave"][1] <= THIRTY_DAYS
    assert rows["erin"] == ("for good", -1)
    assert "gina" not in rows
    assert [r["id"] for r in listed["ips"]] == ["198.51.100.7"]
    for name in ("dave", "erin"):
        refusal = await hub.refused({"client_id": "late", "token": login(name)})
        assert refusal.message.startswith("User is blocked: ")

    async def is_over():
        return "fred" not in {r["id"] for r in (await call("list_blocked"))["users"]}
    await until(is_over)
    assert await user(hub, "fred")


@pytest.mark.differs("the original does not look at the address of anonymous requests")
@pytest.mark.req("A-203", "D-11", "S-42", "A-209", "D-14")
async def test_a_blocked_address_is_out_whoever_comes_from_it(hub, started):
    boss = await root(hub)
    call = admin_call(boss)
    bad, good = from_address("198.51.100.7"), from_address("198.51.100.8")
    ada = await hub.raw_open({"client_id": "a", "token": login("ada")}, **bad)
    await ada.joined()
    bob = await hub.raw_open({"client_id": "b", "token": login("bob")}, **good)
    await bob.joined()
    assert await call("block_ip", "198.51.100.7", 60, "noise") == "Blocked IP 198.51.100.7"
    assert await ada.closed() == (1008, "IP blocked: noise")
    for first in ({"client_id": "late"}, {"client_id": "late", "token": login("eve")}):
        refusal = await hub.refused(first, **bad)
        assert (refusal.message, refusal.code) == ("IP is blocked: noise", 1008)
    for token in (None, login("eve")):
        assert await http_answer(started, token, "198.51.100.7") == \
            (403, {"detail": "IP is blocked: noise"})
        assert (await http_answer(started, token, "198.51.100.8"))[0] == 200
        assert (await http_answer(started, token))[0] == 200
    assert bob.is_open
    assert (await http_answer(started, ROOT_TOKEN, "198.51.100.7"))[0] == 200
    assert await call("unblock_ip", "::ffff:198.51.100.7") == "Unblocked IP 198.51.100.7"
    assert (await http_answer(started, None, "198.51.100.7"))[0] == 200


@pytest.mark.req("A-203", "S-62")
async def test_of_ipv6_the_network_is_blocked(hub, started):
    """As everything else that is counted by address: who has one address of a /64 has all."""
    boss = await root(hub)
    call = admin_call(boss)
    ada = await hub.raw_open({"client_id": "a", "token": login("ada")}, **from_address("2001:db8:1:2::5"))
    bob = await hub.raw_open({"client_id": "b", "token": login("bob")}, **from_address("2001:db8:1:3::5"))
    await ada.joined()
    await bob.joined()
    assert await call("block_ip", "2001:db8:1:2:ffff::9", 60, "noise") == "Blocked IP 2001:db8:1:2::/64"
    assert await ada.closed() == (1008, "IP blocked: noise")
    assert (await hub.refused({"client_id": "late"}, **from_address("2001:db8:1:2::1"))).message == "IP is blocked: noise"
    assert await http_answer(started, None, "2001:db8:1:2::2") == (403, {"detail": "IP is blocked: noise"})
    assert (await http_answer(started, None, "2001:db8:1:3::2"))[0] == 200 and bob.is_open
    assert [row["id"] for row in (await call("list_blocked"))["ips"]] == ["2001:db8:1:2::/64"]
    assert await call("unblock_ip", "2001:db8:1:2::/64") == "Unblocked IP 2001:db8:1:2::/64"
    assert (await http_answer(started, None, "2001:db8:1:2::2"))[0] == 200


@pytest.mark.differs("the original believes everybody about addresses")
@pytest.mark.req("A-209", "D-14")
async def test_an_untrusted_peer_cannot_borrow_an_address(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS, "--trusted-proxies", "192.0.2.0/24")
    call = admin_call(await root(hub))
    await call("block_ip", "198.51.100.7", 60)
    other = from_address("198.51.100.7")
    ada = await hub.raw_open({"client_id": "a", "token": login("ada")}, **other)
    await ada.joined()
    assert (await http_answer(server, None, "198.51.100.7"))[0] == 200
    await call("block_ip", "127.0.0.1", 60)
    assert (await ada.closed())[0] == 1008
    for lie in (None, "198.51.100.9"):
        assert (await http_answer(server, None, lie))[0] == 403
        options = from_address(lie) if lie else {}
        assert (await hub.refused({"client_id": "late"}, **options)).message == \
            "IP is blocked: blocked"
    # Whoever can lift a block is let in, from any address.
    assert await admin_call(await root(hub))("unblock_ip", "127.0.0.1") == "Unblocked IP 127.0.0.1"
    assert (await http_answer(server))[0] == 200


@pytest.mark.differs("the original takes anything")
@pytest.mark.req("A-203")
async def test_bad_blocks_are_refused_and_change_nothing(hub, started):
    call = admin_call(await root(hub))
    for name, args in (("block_user", ("",)), ("block_user", ("x" * 300,)),
                       ("block_user", ("root",)), ("block_user", ("a\0b",)),
                       ("block_user", ("a", -2)), ("block_user", ("a", 10**15)),
                       ("block_user", ("a", 60, "r" * 1000)), ("block_ip", ("nonsense",)),
                       ("block_ip", ("10.0.0.0/8",)), ("block_ip", ("",)),
                       ("unblock_ip", ("1.2.3",)), ("unblock_user", ("",))):
        assert "ValueError" in await refusal_of(call(name, *args)), (name, args)
    for name, args in (("block_user", (1,)), ("block_user", ("a", "long")),
                       ("block_ip", (None,))):
        assert "TypeError" in await refusal_of(call(name, *args)), (name, args)
    assert await call("list_blocked") == {"users": [], "ips": []}
    assert await call("unblock_user", "never-blocked") == "Unblocked user never-blocked"


@pytest.mark.differs("an option of ours")
async def test_there_is_an_end_to_blocks(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS, "--max-blocks", "2")
    call = admin_call(await root(hub))
    await call("block_user", "a")
    await call("block_user", "b")
    assert "Too many blocks" in await refusal_of(call("block_user", "c"))
    assert "Too many blocks" in await refusal_of(call("block_ip", "198.51.100.7"))
    assert await call("block_user", "b", 60, "again") == "Blocked user b, kicked 0 connections"
    assert server.metric("hyphad_blocks") == 2


@pytest.mark.req("A-203")
async def test_a_block_during_a_flood_of_logins_lets_nobody_in(hub, started):
    call = admin_call(await root(hub))

    async def knock(i):
        raw = await hub.raw_open({"client_id": f"k{i}", "token": login("dave")})
        return raw, (await raw.closed())[0]
    knocking = [asyncio.create_task(knock(i)) for i in range(30)]
    await turn()
    await call("block_user", "dave", 60, "spam")
    for done in await asyncio.gather(*knocking):
        assert done[1] == 1008
    usage = await call("get_resource_usage")
    assert "dave" not in usage["connections_per_user"]


@pytest.mark.differs("the original leaves open connections alone")
@pytest.mark.req("A-040")
async def test_a_revoked_token_closes_what_it_opened(hub, started):
    ada = await user(hub, "ada")
    token, other = await ada.manage("generate_token"), await ada.manage("generate_token")
    first = await hub.raw("first", token=token, workspace=ada.workspace)
    second = await hub.raw("second", token=f"Bearer {token}", workspace=ada.workspace)
    third = await hub.raw("third", token=other, workspace=ada.workspace)
    back = await hub.raw("back", token=token, workspace=ada.workspace)
    await back.leave()
    for i in range(2):      # however often it has come back since
        back = await hub.raw("back", reconnection_token=back.info["reconnection_token"])
        await back.send_text({"type": "refresh_token"})
        back.info.update(await back.text(lambda t: t["type"] == "reconnection_token"))
        if i == 0:
            await back.leave()
    assert await ada.manage("revoke_token", token) is None
    for gone in (first, second, back):
        assert await gone.closed() == (1008, "Token has been revoked")
    assert third.is_open and ada.is_open
    for gone in (first, back):
        refusal = await hub.refused({"client_id": gone.client_id,
                                     "reconnection_token": gone.info["reconnection_token"]})
        assert "Token has been revoked" in refusal.message
        assert (await http_answer(started, gone.info["reconnection_token"]))[0] == 401
    listed = {c["id"] for c in await ada.manage("list_clients")}
    assert listed == {ada.address, third.address}
    own = tokens.mint("ada", "ws:ws-user-ada#a", nonce="own")
    last = await hub.raw("last", token=own)
    assert await last.manage("revoke_token", own) is None
    assert (await last.closed())[0] == 1008
