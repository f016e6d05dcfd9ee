"""Handshakes that are refused: the exact texts and codes."""
import json
import re
import signal

import pytest
from websockets.exceptions import InvalidStatus

from kit import tokens
from kit.hub import until
from kit.node import JsError
from kit.people import refusal_of
from kit.raw import Refusal
from kit.tcp import Tcp

FEC = "Failed to establish connection: "
FAU = FEC + "Failed to authenticate user: "
LEGACY = ("Connection rejected, please  upgrade to `hypha-rpc` which pass the authentication "
          "information in the first message")


def told(refusal, text, code, exact=True):
    """The error text says `text`; the close frame has the code and the text cut to 123 bytes."""
    assert refusal.message is not None, refusal
    said = re.sub(r" \[rule: [a-z-]+\]", "", refusal.message)       # our own word behind a denial
    assert said == text if exact else said.startswith(text), refusal
    if code is None:
        return
    assert refusal.code == code, refusal
    reason = refusal.reason.encode()
    assert len(reason) <= 123 and refusal.message.encode().startswith(reason), refusal
    assert len(reason) == min(len(refusal.message.encode()), 123) or len(reason) > 119, refusal


async def refused(hub, target, first, **options):
    """The original leaves the socket open after a long text: there the text is all there is."""
    raw = await hub.raw_open(first, **options)
    if target == "original":
        message = await raw.text(lambda t: t["type"] == "error")
        return Refusal([message], None, None)
    return await raw.refused()


def expect(target, code):
    return None if target == "original" else code


@pytest.mark.req("W-004")
@pytest.mark.parametrize("query", ["workspace=public", "token=x", "reconnection_token=x",
                                   "client_id=&workspace=b&token=c"])
async def test_query_credentials(hub, server, query):
    refusal = await hub.refused(None, query="?" + query)
    assert (refusal.code, refusal.reason, refusal.texts) == (1008, LEGACY, [])


@pytest.mark.req("W-121")
@pytest.mark.differs("the original accepts it and closes it at once: imjoy-rpc 0.5.59 tries again at once, for ever")
@pytest.mark.parametrize("query", ["client_id=a", "client_id=a&workspace=b&token=c", "x=1&client_id=%61"])
async def test_a_client_id_in_the_query_is_refused_before_the_upgrade(hub, server, query):
    """Only imjoy-rpc 0.5 sends one: 403 is what it takes for a refusal."""
    before = server.metric("websocket_connections_established_total")
    for _ in range(2):
        async with await Tcp.open(server) as tcp:
            head = await tcp.upgrade(f"/ws?{query}")
            assert head.startswith("HTTP/1.1 403 ") and "upgrade: websocket" not in head.lower()
            length = int(re.search(r"(?i)content-length: (\d+)", head).group(1))
            text = (await tcp.reader.readexactly(length)).decode()
            assert "please upgrade to `hypha-rpc`" in text
    assert server.metric("websocket_connections_established_total") == before
    async with await Tcp.open(server) as tcp:
        assert (await tcp.upgrade("/ws?client_id=")).startswith("HTTP/1.1 101 ")


@pytest.mark.req("W-012")
@pytest.mark.differs("the original takes any length")
async def test_too_long_ids_are_called_too_long(hub, server, target):
    refusal = await hub.refused({"client_id": "a" * 256})
    told(refusal, f"{FEC}Invalid client id: it is too long (256 bytes, at most 255 are allowed)", 1008)
    assert (await hub.raw("a" * 255)).client_id == "a" * 255
    refusal = await hub.refused({"client_id": "a", "token": tokens.mint("u" * 200)})
    told(refusal, f"{FEC}Invalid workspace name: ws-user-{'u' * 192} is too long "
         "(208 characters, at most 128 are allowed)", 1001)
    refusal = await hub.refused({"client_id": "a", "token": tokens.mint("u" * 256)})
    assert "id: it is too long (at most 255 bytes are allowed)" in refusal.message
    alice = await hub.raw("alice")
    assert "Invalid client id: it is too long (300 bytes, at most 255 are allowed)" in await refusal_of(
        alice.manage("generate_token", {"client_id": "c" * 300}))
    bob = await hub.raw("bob", token=tokens.mint("bob"))
    assert "Workspace name must have at most 128 characters" in await refusal_of(
        bob.manage("create_workspace", {"id": "w-" + "w" * 130}))


@pytest.mark.req("W-005", "A-066")
async def test_no_first_message(hub, server):
    refusal = await hub.refused(None)
    told(refusal, "Authentication payload timeout", 1008)


@pytest.mark.req("W-006", "A-066")
async def test_first_message_is_not_json(hub, server):
    told(await hub.refused("hello"), "Failed to decode authentication information", 1003)


@pytest.mark.req("W-006")
@pytest.mark.differs("the original's handler crashes")
@pytest.mark.parametrize("first", ["[]", "7", "null", '"x"', b"\x81\xa1a\x01", b"{}"])
async def test_first_message_is_not_an_object(hub, server, first):
    told(await hub.refused(first), "Failed to decode authentication information", 1003)
    await hub.raw("survivor")


@pytest.mark.differs("the original has no limit for the first message")
async def test_first_message_is_too_long(hub, server):
    refusal = await hub.refused(json.dumps({"client_id": "a", "pad": "x" * 70_000}))
    assert refusal.code == 1009, refusal


@pytest.mark.req("W-007", "S-14")
@pytest.mark.parametrize("token,detail", [
    ("garbage", "Error decoding token headers."),
    ("a.b.c", "Error decoding token headers."),
    (tokens.mint("u", ttl=-10), "The token has expired. Please fetch a new one"),
    (tokens.mint("u", secret="another-secret-another-secret-xx"), "Signature verification failed"),
    (tokens.mint("u", aud="elsewhere"), "Invalid audience"),
    (tokens.mint("u", iss="elsewhere"), "Invalid issuer"),
    (tokens.mint("u", alg="none"), "Invalid algorithm"),
    (tokens.mint("u", alg="HS512"), "Invalid algorithm"),
])
async def test_bad_token(hub, server, target, token, detail):
    refusal = await refused(hub, target, {"client_id": "a", "token": token})
    assert refusal.message.startswith("Authentication error: "), refusal
    if not (target == "original" and detail.startswith("Invalid a")):
        assert detail in refusal.message, refusal
    if target == "hyphad":
        told(refusal, refusal.message, 1008)


@pytest.mark.req("W-007")
async def test_bad_reconnection_token(hub, server, target):
    refusal = await refused(hub, target, {"client_id": "a", "reconnection_token": "garbage"})
    assert "Error decoding token headers." in refusal.message, refusal


@pytest.mark.req("W-008", "A-064")
async def test_token_names_its_workspace(hub, server, target):
    alice = await hub.raw("alice")
    token = await alice.manage("generate_token")
    refusal = await refused(hub, target, {"client_id": "b", "token": token, "workspace": "public"})
    told(refusal, f"{FAU}Current workspace encoded in the token ({alice.workspace}) does not match "
         "the specified workspace (public)", expect(target, 1001))
    bob = await hub.raw("bob", token=token)
    assert bob.workspace == alice.workspace
    assert bob.info["user"]["parent"] == alice.info["user"]["id"]
    tolerated = await hub.raw("carl", token="Bearer " + token)
    assert tolerated.workspace == alice.workspace


@pytest.mark.req("W-009", "S-34")
async def test_token_for_one_client_only(hub, server, target):
    alice = await hub.raw("alice")
    token = await alice.manage("generate_token", {"client_id": "dup2"})
    refusal = await refused(hub, target, {"client_id": "other", "token": token})
    told(refusal, f"{FAU}Client id mismatch: this token is restricted to client with "
         "client_id='dup2'", expect(target, 1001))
    assert (await hub.raw("dup2", token=token)).workspace == alice.workspace


@pytest.mark.req("W-010", "S-33")
async def test_specialised_token(hub, server, target):
    token = tokens.mint("u", "ws:ws-user-u#a wid:ws-user-u files:read")
    refusal = await refused(hub, target, {"client_id": "a", "token": token})
    told(refusal, f"{FAU}Specialized token with scopes [files:read] cannot be used for general "
         "workspace access. This token can only be used for its intended purpose.",
         expect(target, 1001))
    plain = await hub.raw("a", token=tokens.mint("u", "ws:ws-user-u#a openid profile"))
    assert plain.workspace == "ws-user-u"


@pytest.mark.req("W-011", "S-54", "S-45")
@pytest.mark.parametrize("workspace", ["public", "ws-anonymous", "ws-user-root"])
async def test_anonymous_client_asks_for_a_named_workspace(hub, server, target, workspace):
    refusal = await refused(hub, target, {"client_id": "a", "workspace": workspace})
    told(refusal, f"{FEC}Permission denied for workspace: {workspace}", expect(target, 1001))


@pytest.mark.req("W-011", "A-062")
async def test_anonymous_client_asks_for_anothers_workspace(hub, server, target):
    alice = await hub.raw("alice")
    refusal = await refused(hub, target, {"client_id": "a", "workspace": alice.workspace})
    told(refusal, f"{FEC}Permission denied for workspace: {alice.workspace}", expect(target, 1001))


@pytest.mark.req("W-011", "A-061")
async def test_unknown_workspace(hub, server, target):
    refusal = await refused(hub, target, {"client_id": "a", "workspace": "no-such-place"})
    told(refusal, f"{FEC}'Workspace no-such-place does not exist or is not accessible'",
         expect(target, 1001))


async def test_workspace_star(hub, server, target):
    refusal = await refused(hub, target, {"client_id": "a", "workspace": "*"})
    told(refusal, f"{FEC}Dynamic workspace is not allowed for this endpoint", expect(target, 1001))


@pytest.mark.req("W-012")
async def test_client_id_with_a_slash(hub, server, target):
    refusal = await refused(hub, target, {"client_id": "a/b"})
    assert "Invalid client id: a/b" in refusal.message, refusal


@pytest.mark.req("W-012")
@pytest.mark.parametrize("first", [{}, {"client_id": None}, {"client_id": ""}])
async def test_client_id_missing(hub, server, target, first):
    refusal = await refused(hub, target, {**first, "workspace": None})
    told(refusal, f"{FEC}Failed to authenticate user to workspace: ws-user-anonymouz-",
         expect(target, 1001), exact=False)


@pytest.mark.req("W-012")
@pytest.mark.differs("the original accepts them and later cannot clean them up")
@pytest.mark.parametrize("client_id", ["a:b", "a@b", "a*", "a b", "a\tb", "a?", "[a]", "x" * 256,
                                       "a\u0001", "é" * 128, 7, ["a"], "a\u00a0b"])
async def test_client_id_with_other_bad_content(hub, server, client_id):
    refusal = await hub.refused({"client_id": client_id})
    code = 1008 if isinstance(client_id, str) else 1001         # what is no text counts as absent
    assert refusal.code == code and refusal.message.startswith(FEC), refusal


@pytest.mark.req("W-012")
@pytest.mark.parametrize("client_id", ["x" * 255, "é.~-_|", "日本"])
async def test_client_id_with_good_content(hub, server, client_id):
    if not client_id.isascii() and server.target == "original":
        pytest.skip("the original cannot clean such ids up")
    assert (await hub.raw(client_id)).client_id == client_id


@pytest.mark.req("W-015")
async def test_reconnection_token_is_bound(hub, server, target):
    alice = await hub.raw("alice")
    token = alice.info["reconnection_token"]
    other = await refused(hub, target, {"client_id": "bob", "reconnection_token": token})
    told(other, f"{FAU}Client id mismatch, disconnecting", expect(target, 1001))
    elsewhere = await refused(hub, target, {"client_id": "alice", "reconnection_token": token,
                                            "workspace": "public"})
    told(elsewhere, f"{FAU}Invalid scope, workspace mismatch: public != {alice.workspace}",
         expect(target, 1001))


@pytest.mark.req("W-017")
@pytest.mark.differs("the original sends no close frame after a long text")
async def test_close_reason_is_cut_at_a_character(hub, server):
    for length in range(90, 100):
        workspace = "x" * length + "ééé"
        refusal = await hub.refused({"client_id": "a", "workspace": workspace})
        assert refusal.code == 1001
        assert len(refusal.reason.encode()) <= 123
        assert refusal.message.startswith(refusal.reason)
        assert workspace in refusal.message


@pytest.mark.req("W-018")
@pytest.mark.differs("the original stops at once")
@pytest.mark.allow_warn("drain|deadline|cut")
async def test_draining_server_answers_503_before_the_upgrade(hub, start_server):
    server = start_server("--lame-duck-duration=20", "--drain-deadline=5", "--drain-duration=1")
    for _ in range(40):     # one or two go at a time: the drain takes a while
        await hub.raw(server=server)
    server.process.send_signal(signal.SIGUSR2)

    async def is_refused():
        try:
            await hub.raw_open({"client_id": hub.name("late")}, server=server)
        except InvalidStatus as answer:
            return answer
    answer = await until(is_refused)
    assert answer.response.status_code == 503
    assert int(answer.response.headers["Retry-After"]) >= 1


@pytest.mark.req("S-35")
async def test_revoked_token(hub, server, target):
    alice = await hub.raw("alice")
    token = await alice.manage("generate_token")
    assert await alice.manage("revoke_token", token) is None
    refusal = await refused(hub, target, {"client_id": "b", "token": token})
    told(refusal, f"{FAU}Token has been revoked", expect(target, 1001))


@pytest.mark.req("S-47", "A-069")
async def test_refused_clients_leave_nothing_behind(hub, server, target):
    alice = await hub.raw("alice")
    for first in ({"client_id": "b", "workspace": alice.workspace},
                  {"client_id": "c", "token": "x"}):
        await refused(hub, target, first)
    assert [c["id"] for c in await alice.manage("list_clients")] == [alice.address]


@pytest.mark.differs("the original shows the message only to some clients")
async def test_real_clients_see_the_reason(hub, server):
    with pytest.raises(Exception, match="does not exist or is not accessible"):
        await hub.py("a", workspace="no-such-place")
    with pytest.raises(JsError, match="does not exist or is not accessible"):
        await hub.js("a", workspace="no-such-place")
