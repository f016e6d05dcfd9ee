"""Tokens of another issuer: keys fetched over TLS, rotated, unreachable, and everything a forger would try."""
import asyncio
import hashlib
import hmac
import socket
import time

import pytest

from kit import tokens
from kit.issuer import Issuer, Key
from kit.web import client_for

pytestmark = pytest.mark.differs("the original knows the one issuer it was built for")


@pytest.fixture
def issuer(tmp_path):
    one = Issuer(tmp_path)
    yield one
    one.stop()


def options(issuer):
    return "--auth0-domain", issuer.domain, "--ca-file", issuer.ca_file


async def status(server, token):
    async with client_for(server, token) as http:
        answer = await http.get("/public/services/")
        return answer.status_code, answer.text


@pytest.mark.req("A-037", "D-38")
async def test_a_token_of_the_issuer_logs_in(hub, start_server, issuer):
    server = start_server(*options(issuer))
    token = issuer.token("ann|1", "openid profile", **{"https://amun.ai/roles": ["editor"]})
    api = await hub.py("c1", server=server, token=token)
    assert api.config["workspace"] == "ws-user-ann|1"
    user = api.config["user"]
    assert user["id"] == "ann|1" and user["email"] == "ann|1@example.org" and user["roles"] == ["editor"]
    parsed = await api.parse_token(token)
    assert parsed["id"] == "ann|1" and parsed["scope"]["extra_scopes"] == ["openid", "profile"]
    assert (await status(server, token))[0] == 200
    assert issuer.n_key_fetches() == 1
    await api.revoke_token(token)
    assert "Token has been revoked" in (await status(server, token))[1]


@pytest.mark.req("A-037")
async def test_an_issuer_without_discovery_has_its_keys_at_the_usual_place(hub, start_server, tmp_path):
    issuer = Issuer(tmp_path, has_discovery=False)
    server = start_server(*options(issuer))
    assert (await status(server, issuer.token("ann")))[0] == 200
    assert issuer.asked[-1] == "/.well-known/jwks.json"
    issuer.stop()


async def test_any_issuer_by_its_url_and_a_typ_of_its_own(hub, start_server, issuer):
    server = start_server("--oidc-issuer", issuer.url.rstrip("/"), "--ca-file", issuer.ca_file)
    assert (await status(server, issuer.token("ann", head={"typ": "at+jwt"})))[0] == 200


@pytest.mark.allow_warn("no keys from the token issuer")
async def test_an_issuer_whose_certificate_nobody_vouches_for_is_not_believed(hub, start_server, issuer):
    server = start_server("--auth0-domain", issuer.domain)
    code, text = await status(server, issuer.token("ann"))
    assert code == 401 and "cannot be fetched" in text
    assert issuer.asked == []


@pytest.mark.req("A-036", "D-38")
async def test_what_a_forger_would_try(hub, start_server, issuer):
    server = start_server(*options(issuer))
    good = issuer.keys[0]
    stranger = Key("first")
    now = int(time.time())

    def mac(secret):
        return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()

    forged = {
        "another key under the known id": (issuer.token("ann", key=stranger), "Signature verification failed"),
        "HS256 with the public key": (issuer.token("ann", head={"alg": "HS256"}, sign=mac(good.pem())),
                                      "Signature verification failed"),
        "RS256 with our secret": (issuer.token("ann", sign=mac(tokens.SECRET.encode())), "Signature verification failed"),
        "none": (issuer.token("ann", head={"alg": "none"}, sign=lambda signed: b"x"), "Invalid algorithm"),
        "RS512": (issuer.token("ann", head={"alg": "RS512"}), "Invalid algorithm"),
        "PS256": (issuer.token("ann", head={"alg": "PS256"}), "Invalid algorithm"),
        "no key id": (issuer.token("ann", head={"kid": None}), "Invalid algorithm"),
        "a demand we do not know": (issuer.token("ann", head={"crit": ["b64"], "b64": False}), "Error decoding token"),
        "expired": (issuer.token("ann", exp=now - 1), "The token has expired"),
        "no expiry": (issuer.token("ann", exp=None), "no expiration"),
        "not yet": (issuer.token("ann", nbf=now + 600), "not yet valid"),
        "another audience": (issuer.token("ann", aud="other"), "Invalid audience"),
        "another issuer": (issuer.token("ann", iss="https://amun.ai/"), "Invalid issuer"),
        "our issuer's name, signed by us for them": (tokens.mint("ann", iss=issuer.url), "Invalid issuer"),
        "a name that means something here": (issuer.token("root"), "reserved"),
        "somebody's parent": (issuer.token("ann", **{"https://amun.ai/parent": "root"}), "reserved"),
        "no subject": (issuer.token(None), "UserInfo"),
    }
    for name, (token, reason) in forged.items():
        code, text = await status(server, token)
        assert (code, reason in text) == (401, True), f"{name}: {code} {text}"
        seen = await hub.refused({"client_id": "x", "token": token}, server)
        assert reason in str(seen), f"{name}: {seen}"
    assert (await status(server, issuer.token("ann")))[0] == 200


@pytest.mark.req("A-036")
async def test_without_an_issuer_no_rs256(server, issuer):
    code, text = await status(server, issuer.token("ann"))
    assert code == 401 and "Invalid algorithm: RS256" in text


@pytest.mark.req("A-037", "D-38")
async def test_keys_rotate_without_restart_and_a_flood_of_unknown_ids_asks_once(hub, start_server, issuer):
    server = start_server(*options(issuer))
    assert (await status(server, issuer.token("ann")))[0] == 200
    issuer.keys.insert(0, Key("second"))
    assert (await status(server, issuer.token("ann")))[0] == 200
    assert issuer.n_key_fetches() == 2
    assert (await status(server, issuer.token("bob", key=issuer.keys[1])))[0] == 200

    async def try_one(n):
        return await status(server, issuer.token("eve", head={"kid": f"made-up-{n}"}))
    for code, text in await asyncio.gather(*(try_one(n) for n in range(40))):
        assert code == 401 and "no such key" in text
    assert issuer.n_key_fetches() == 2
    assert server.metric("hyphad_foreign_tokens_refused_total") == 40


@pytest.mark.req("D-38")
@pytest.mark.allow_warn("no keys from the token issuer")
async def test_an_outage_of_the_issuer_hurts_nobody_whose_key_is_known(hub, start_server, issuer):
    server = start_server(*options(issuer))
    assert (await status(server, issuer.token("ann")))[0] == 200
    issuer.stop()
    code, text = await status(server, issuer.token("eve", key=Key("other")))
    assert code == 401 and "no such key" in text
    assert (await status(server, issuer.token("bob")))[0] == 200
    assert server.metric("hyphad_issuer_failures_total") == 1


@pytest.mark.req("D-38")
async def test_what_is_no_rsa_signing_key_is_passed_over(hub, start_server, issuer):
    server = start_server(*options(issuer))
    good, small = issuer.keys[0], Key("small", 1024)
    issuer.key_set = {"keys": [{"kty": "EC", "kid": "first", "crv": "P-256"}, {"kty": "oct", "kid": "first", "k": "AAAA"},
                               good.jwk(kid="enc", use="enc"), good.jwk(kid="ps", alg="PS256"), small.jwk(), 7, None,
                               good.jwk()]}
    assert (await status(server, issuer.token("ann")))[0] == 200
    for kid, key in (("enc", good), ("ps", good), ("small", small)):
        code, text = await status(server, issuer.token("ann", key=key, head={"kid": kid}))
        assert code == 401 and "no such key" in text, kid


@pytest.mark.req("D-38")
@pytest.mark.allow_warn("no keys from the token issuer")
async def test_others_are_served_while_keys_are_waited_for(hub, start_server, issuer):
    """The issuer accepts connections and says nothing: logins by its tokens wait, nobody else does."""
    issuer.stop()
    silent = socket.create_server(("127.0.0.1", issuer.port))
    try:
        server = start_server(*options(issuer))
        waiting = asyncio.create_task(status(server, issuer.token("ann")))
        connection, _ = await asyncio.to_thread(silent.accept)
        assert (await status(server, tokens.mint("bob")))[0] == 200
        assert not waiting.done()
        connection.close()
        assert "cannot be fetched" in (await waiting)[1]
    finally:
        silent.close()


@pytest.mark.req("A-037")
async def test_a_page_may_report_a_token_of_the_issuer(hub, start_server, issuer):
    server = start_server(*options(issuer))
    async with client_for(server) as http:
        started = (await http.post("/public/services/hypha-login/start", json={})).json()

        async def report(token, **more):
            answer = await http.post("/public/services/hypha-login/report", json={"key": started["key"], "token": token, **more})
            return answer.status_code, answer.text
        code, text = await report(issuer.token("ann", key=Key("first")))
        assert code != 200 and "Signature verification failed" in text
        assert (await report(issuer.token("ann"), workspace="ws-user-ann"))[0] == 200
        checked = await http.get("/public/services/hypha-login/check", params={"key": started["key"]})
    api = await hub.py("c1", server=server, token=checked.json())
    assert api.config["workspace"] == "ws-user-ann" and api.config["user"]["id"] == "ann"


@pytest.mark.req("D-38")
@pytest.mark.allow_warn("drain deadline passed")
async def test_a_server_that_stops_lets_go_of_who_waits_for_keys(hub, start_server, issuer):
    issuer.stop()
    with socket.create_server(("127.0.0.1", issuer.port)) as silent:
        server = start_server(*options(issuer), "--drain-duration", "1", "--drain-deadline", "3")
        waiting = asyncio.create_task(hub.refused({"client_id": "x", "token": issuer.token("ann")}, server))
        over_http = asyncio.create_task(status(server, issuer.token("bob")))
        connection, _ = await asyncio.to_thread(silent.accept)
        began = time.monotonic()
        await asyncio.to_thread(server.stop)
        assert time.monotonic() - began < 8
        await asyncio.gather(waiting, over_http, return_exceptions=True)
        connection.close()
