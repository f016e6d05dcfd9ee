"""Tokens: what a minted one says, what a revoked one cannot do, what is never logged."""
import asyncio
import base64
import re
import subprocess
import os

import pytest

from kit import tokens
from kit.golden import ROOT_TOKEN
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.raw import RpcError
from kit.web import client_for

B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def respelled(token):
    """The same signature bytes in other letters: the last one carries two spare bits."""
    return token[:-1] + B64[B64.index(token[-1]) ^ 1]


async def http_status(server, token, path="/public/services/"):
    async with client_for(server, token) as http:
        answer = await http.get(path)
    return answer.status_code, answer.text


@pytest.mark.differs("the original revokes by spelling, and answers 500 over HTTP")
@pytest.mark.req("A-039", "A-040", "D-09", "D-36", "S-35")
async def test_a_revoked_token_is_refused_in_every_spelling(hub, server):
    ada = await user(hub, "ada")
    token = await ada.manage("generate_token")
    assert (await http_status(server, token))[0] == 200
    assert await ada.manage("revoke_token", token) is None
    other = respelled(token)
    assert base64.urlsafe_b64decode(token.split(".")[2] + "==")[:32] == \
        base64.urlsafe_b64decode(other.split(".")[2] + "==")[:32]
    for spelling in (token, f"Bearer {token}", f"  {token} ", other):
        refusal = await hub.refused({"client_id": "late", "token": spelling})
        words = "Signature verification failed" if spelling == other else "Token has been revoked"
        assert words in refusal.message
        assert words in await refusal_of(ada.manage("parse_token", spelling))
        status, text = await http_status(server, spelling.removeprefix("Bearer ").strip())
        assert status == 401 and words in text


@pytest.mark.req("A-042")
async def test_what_cannot_be_revoked(hub, server):
    ada = await user(hub, "ada")
    spent = tokens.mint("kid", "ws:ws-user-ada#r", ttl=-5, parent="ada")
    assert "expired" in await refusal_of(ada.manage("revoke_token", spent))
    for garbage in ("nonsense", "a.b.c", ""):
        assert "Invalid token" in await refusal_of(ada.manage("revoke_token", garbage)), garbage


@pytest.mark.req("A-043", "A-092")
async def test_revoking_needs_admin_on_the_context(hub, server):
    ada = await user(hub, "ada")
    token = await ada.manage("generate_token")
    for permission in ("read", "read_write"):
        weak = await member(hub, ada, permission)
        assert f"Permission denied for workspace {ada.workspace}" in \
            await refusal_of(weak.manage("revoke_token", token))
    strong = await member(hub, ada, "admin")
    assert await strong.manage("revoke_token", token) is None


@pytest.mark.differs("a child's own id is no person here (3.6)")
@pytest.mark.req("A-044", "S-53")
async def test_parse_token_reads_tokens_of_the_context_only(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    child = await ada.manage("parse_token", await ada.manage("generate_token"))
    assert child["parent"] == "ada" and child["id"] != "ada"
    assert child["scope"]["workspaces"] == {ada.workspace: "rw"}
    assert "is not authorized for workspace 'ws-user-ada'" in \
        await refusal_of(ada.manage("parse_token", await bob.manage("generate_token")))


@pytest.mark.req("A-045", "D-08")
@pytest.mark.differs("the original takes specialised tokens on service routes")
async def test_a_specialised_token_opens_nothing(hub, server):
    ada = await user(hub, "ada")
    await ada.register("open", {"f": lambda: 1}, visibility="public")
    token = await ada.manage("generate_token", {"extra_scopes": ["get_file:art:a.txt"]})
    refusal = await hub.refused({"client_id": "late", "token": token})
    assert "Specialized token" in refusal.message
    for path in (f"/{ada.workspace}/services/open/f", f"/{ada.workspace}/services/",
                 f"/{ada.workspace}/services/open", f"/{ada.workspace}/info"):
        status, text = await http_status(server, token, path)
        assert status == 403 and "Specialized token" in text, path


@pytest.mark.req("A-046", "S-33")
async def test_plain_oauth_scopes_do_not_specialise(hub, server):
    ada = await user(hub, "ada")
    token = await ada.manage("generate_token", {"extra_scopes": ["openid", "profile"]})
    client = await hub.raw("late", token=token)
    assert client.info["user"]["scope"]["extra_scopes"] == ["openid", "profile"]


@pytest.mark.differs("the original leaves the socket open after a long text (W-017)")
@pytest.mark.req("A-047", "A-048", "S-34")
async def test_a_bound_client_id_is_the_only_one(hub, server):
    ada = await user(hub, "ada")
    token = await ada.manage("generate_token", {"client_id": "c1"})
    client = await hub.raw("c1", token=token)
    assert client.info["user"]["scope"]["client_id"] == "c1"
    refusal = await hub.refused({"client_id": "c2", "token": token})
    assert "this token is restricted to client with client_id='c1'" in refusal.message
    assert ada.info["user"]["scope"]["client_id"] == ada.client_id


@pytest.mark.differs("D-28")
@pytest.mark.req("A-049", "A-002", "A-051", "D-28", "S-45")
async def test_root_is_root_and_its_token_is_never_logged(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS, "--loglevel", "debug")
    boss = await root(hub)
    assert boss.workspace == "ws-user-root"
    assert boss.info["user"]["id"] == "root" and boss.info["user"]["roles"] == ["admin"]
    made = await boss.manage("create_workspace", {"id": "plainname"})
    assert made["id"] == "plainname"
    ada = await user(hub, "ada")
    assert "must contain at least one hyphen" in \
        await refusal_of(ada.manage("create_workspace", {"id": "foo"}))
    await http_status(server, ROOT_TOKEN, f"/public/services/?token={ROOT_TOKEN}")
    for guess in (ROOT_TOKEN[:-1] + "x", ROOT_TOKEN[1:], ROOT_TOKEN.lower()):
        refusal = await hub.refused({"client_id": "guess", "token": guess})
        assert refusal.code == 1008
    refusal = await hub.refused({"client_id": "anon", "workspace": "ws-user-root"})
    assert "Permission denied for workspace" in refusal.message
    log = server.log_text(10_000_000)
    assert "listening" in log
    leaks = [ROOT_TOKEN[i:i + 8] for i in range(len(ROOT_TOKEN) - 7) if ROOT_TOKEN[i:i + 8] in log]
    assert not leaks


@pytest.mark.req("A-050", "S-45")
@pytest.mark.parametrize("token, words", [
    ("k" + "C7wPzqL9vRj2mXfT5nYb8sHd4gUe6K", "at least 32 characters"),
    ("password" + "C7wPzqL9vRj2mXfT5nYb8sHd4gUe6Ka3", "too simple")])
def test_weak_root_tokens_stop_the_start(token, words, tmp_path):
    if "HYPHAD_BIN" not in os.environ:
        pytest.skip("starts hyphad itself")
    done = subprocess.run([os.environ["HYPHAD_BIN"], "--port", "0", "--data-dir", str(tmp_path),
                           "--root-token", token], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and words in done.stderr
    assert token[:9] not in done.stderr


@pytest.mark.req("A-050")
async def test_a_long_random_root_token_works(hub, start_server):
    strong = "vT9xQmLr4WzKpYc7NdJh2GsBf8UeRw3ZkXq5MyPnDgH"
    hub.server = start_server("--root-token", strong)
    assert (await hub.raw("boss", token=strong)).workspace == "ws-user-root"


@pytest.mark.differs("3.9: the short words count only where there is little variety")
@pytest.mark.req("A-050")
async def test_a_random_root_token_may_hold_short_words(hub, start_server):
    strong = "4f123d0e9a8b7c6f5e4dabc3f2e1d0c9b8a7f6e5d4c3b2a1"
    hub.server = start_server("--root-token", strong)
    assert (await hub.raw("boss", token=strong)).workspace == "ws-user-root"


@pytest.mark.differs("the original takes any id and name")
@pytest.mark.req("D-30")
async def test_no_id_holds_what_nobody_sees(hub, server):
    ada = await user(hub, "ada")
    for name in ("pay\u202elap", "a\u200bb"):
        assert "invisible" in await refusal_of(ada.register(name, {"f": lambda: 1}))
        assert "invisible" in await refusal_of(ada.manage("log_event", name))
    named = {"id": f"{ada.address}:plain", "name": "a\u202eb", "config": {}}
    assert "direction" in await refusal_of(ada.manage("register_service", named))
    await ada.manage("register_service", {**named, "name": "\u2764\ufe0f \U0001f469\u200d\U0001f4bb"})
    assert "direction" in await refusal_of(
        ada.manage("create_workspace", {"id": "ada-turned", "name": "a\u2067b"}))
    refusal = await hub.refused({"client_id": "late", "token": tokens.mint("eve\u202e")})
    assert "UserInfo" in refusal.message


@pytest.mark.req("A-052", "A-053")
async def test_a_reconnection_token_is_for_one_client_after_a_restart_too(hub, start_server, tmp_path):
    hub.server = server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada", "mine")
    token = ada.info["reconnection_token"]
    await hub.close()
    server.stop()
    hub.server = start_server(data_dir=tmp_path)
    again = await hub.raw("mine", reconnection_token=token)
    assert (again.workspace, again.client_id) == ("ws-user-ada", "mine")
    await again.leave()
    for first in ({"client_id": "other"}, {"client_id": "mine", "workspace": "ws-user-bob"}):
        refusal = await hub.refused({**first, "reconnection_token": token})
        assert "Failed to authenticate user" in refusal.message
        assert "mismatch" in refusal.message


@pytest.mark.differs("runs our own program")
@pytest.mark.req("A-054")
async def test_a_token_made_on_the_command_line_is_accepted(hub, server):
    done = subprocess.run(
        [os.environ["HYPHAD_BIN"], "generate-token", "--workspace", "w-x", "--expires-in", "60",
         "--user-id", "u"], env={**os.environ, "HYPHA_JWT_SECRET": tokens.SECRET},
        capture_output=True, text=True, timeout=30, check=True)
    token, = done.stdout.split()
    assert "user u " in done.stderr and "role anonymous" in done.stderr
    claims = tokens.claims(token)
    assert claims["sub"] == "u" and claims["exp"] - claims["iat"] == 60
    assert claims["scope"].split()[0] == "ws:w-x#rw"
    ada = await hub.raw("ada-x", token=login("ada"))
    await ada.manage("create_workspace", {"id": "w-x"})
    assert (await hub.raw("cli", token=token)).workspace == "w-x"
    await ada.manage("delete_workspace", "w-x")


@pytest.mark.differs("the original leaves the socket open after a long text (W-017)")
@pytest.mark.req("S-15", "A-064")
async def test_a_token_for_one_workspace_enters_no_other(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-b"})
    token = await ada.manage("generate_token", {"workspace": "ada-b"})
    refusal = await hub.refused({"client_id": "x", "token": token, "workspace": ada.workspace})
    assert "ada-b" in refusal.message and ada.workspace in refusal.message
    assert (await hub.raw("x", token=token)).workspace == "ada-b"
    await ada.manage("delete_workspace", "ada-b")


@pytest.mark.req("S-36", "A-032")
async def test_only_admins_set_the_email_of_a_token(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss, ada = await root(hub), await user(hub, "ada")
    config = {"email": "some@one.org", "workspace": "ws-user-ada"}
    claims = tokens.claims(await boss.manage("generate_token", config))
    assert claims["https://amun.ai/email"] == "some@one.org"
    assert "admin" in await refusal_of(ada.manage("generate_token", config))


@pytest.mark.req("S-32")
async def test_wildcard_and_specific_grants_do_not_shadow_each_other(hub, server):
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-s"})
    for scope, letter in (("ws:*#r ws:ada-s#a", "a"), ("ws:*#a ws:ada-s#r", "a"),
                          ("ws:*#r ws:ada-s#rw", "rw"), ("ws:*#rw", "rw")):
        guest = await hub.raw(hub.name("guest"), token=tokens.mint("guest", scope),
                              workspace="ada-s", is_registered=False)
        status = await guest.manage("check_status")
        assert status["user_permission"] == letter, scope
    await ada.manage("delete_workspace", "ada-s")


@pytest.mark.req("D-29")
@pytest.mark.differs("the original's ids have about 40 random bits")
async def test_made_identities_are_not_guessed(hub, server):
    ada = await user(hub, "ada")
    made = [tokens.claims(await ada.manage("generate_token"))["sub"] for _ in range(40)]
    anons = [(await hub.raw(hub.name("anon"), is_registered=False)).info["user"]["id"]
             for _ in range(40)]
    for ids in (made, anons):
        assert len(set(ids)) == len(ids)
        digits = [re.fullmatch(r"(?:anonymouz-)?([0-9a-z]{19})", i).group(1) for i in ids]
        assert all(int(d, 36) < 2 ** 96 for d in digits)
        # No bit is always the same: that would take a chance of 2 ** -39 for one of 96.
        for at in range(96):
            assert len({int(d, 36) >> at & 1 for d in digits}) == 2


@pytest.mark.req("D-30", "A-013")
@pytest.mark.differs("the original takes any client id")
@pytest.mark.parametrize("client_id", ["a:b", "a@b", "*", "a*", "a b", "a/b", "a\tb", "x?", "[x]",
                                       "abc\u202egpj", "\u2066a", "a\u2069", "a\u200f", "\u061ca",
                                       "a\u200bb", "\ufeffa", "a\u00adb"])
async def test_client_ids_that_could_be_taken_for_something_else(hub, server, client_id):
    refusal = await hub.refused({"client_id": client_id})
    assert refusal.code == 1008 and "Invalid client id" in refusal.message


@pytest.mark.req("A-038")
async def test_a_token_without_scope_has_the_personal_workspace_only(hub, server):
    client = await hub.raw("plain", token=tokens.mint("ada", **{"scope": None}) if False else
                           tokens.mint("ada", ""))
    assert client.info["user"]["scope"]["workspaces"] == {"ws-user-ada": "a"}


async def test_two_at_a_time(hub, server):
    """One token may be used by many clients at once."""
    ada = await user(hub, "ada")
    token = await ada.manage("generate_token")
    clients = await asyncio.gather(*(hub.raw(hub.name("many"), token=token) for _ in range(5)))
    assert len({c.address for c in clients}) == 5
    with pytest.raises(RpcError):
        await clients[0].manage("generate_token", {"permission": "admin"})
