"""Where an HTTP request may hold its token, and which place wins."""
import base64

import httpx
import pytest

from kit import tokens
from kit.web import client_for


async def who(server, workspace, headers=None, cookies=None):
    """The user a service sees behind a request, or the status of a refusal."""
    async with client_for(server) as http:
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in (cookies or {}).items())} if cookies else {}
        answer = await http.get(f"/{workspace}/services/whoami/me", headers={**(headers or {}), **cookie})
        return answer.json() if answer.status_code == 200 else answer.status_code


@pytest.fixture
def asks(hub):
    """asks(server): who() against a public service that names its caller."""
    async def make(server):
        api = await hub.py("prov", server=server)
        await api.register_service({"id": "whoami", "config": {"visibility": "public", "require_context": True},
                                    "me": lambda context: context["user"]["id"]})
        workspace = api.config["workspace"]

        async def ask(headers=None, cookies=None):
            return await who(server, workspace, headers, cookies)
        return ask
    return make


def basic(password, user="x"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.req("A-076")
async def test_basic_is_equivalent_to_bearer(asks, start_server):
    ask = await asks(start_server())
    ann = tokens.mint("ann")
    for value in (f"Bearer {ann}", f"bearer {ann}", ann, basic(ann), basic(ann, "someone-else")):
        assert await ask({"Authorization": value}) == "ann", value.split()[0]
    for value, who in ((basic(""), "anonymouz-http"), ("Basic !!!!", "anonymouz-http"), ("Basic", 401)):
        assert await ask({"Authorization": value}) == who, value
    assert await ask({"Authorization": basic("no token")}) == 401
    assert await ask() == "anonymouz-http"


@pytest.mark.req("A-077", "D-26")
@pytest.mark.differs("the original lets the order of headers decide")
async def test_the_header_wins_over_the_cookie(asks, start_server):
    server = start_server()
    ask = await asks(server)
    ann, bob = tokens.mint("ann"), tokens.mint("bob")
    assert await ask(cookies={"access_token": bob}) == "bob"
    assert await ask({"Authorization": f"Bearer {ann}"}, {"access_token": bob}) == "ann"
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        for order in (1, -1):
            headers = [("Authorization", f"Bearer {ann}"), ("Cookie", f"access_token={bob}")][::order]
            answer = await http.get("/ws-user-ann/info", headers=headers)
            assert answer.status_code == 200, answer.text
    assert await ask({"Authorization": "Bearer no.such.token"}, {"access_token": bob}) == 401


@pytest.mark.req("D-25")
@pytest.mark.differs("our own options; the original needs a Python function")
async def test_places_the_operator_names_come_first_and_leave_the_usual_ones(asks, start_server):
    server = start_server("--auth-token-headers", "X-Mine,X-Other", "--auth-token-cookies", "mine")
    ask = await asks(server)
    ann, bob, eve = (tokens.mint(name) for name in ("ann", "bob", "eve"))
    assert await ask({"X-Mine": ann}) == "ann"
    assert await ask({"x-other": f"Bearer {ann}"}) == "ann"
    assert await ask({"X-Other": basic(ann), "X-Mine": bob}) == "bob"
    assert await ask(cookies={"mine": ann, "access_token": eve}) == "ann"
    assert await ask({"X-Mine": ann, "Authorization": f"Bearer {eve}"}, {"mine": bob}) == "ann"
    assert await ask({"Authorization": f"Bearer {eve}"}, {"mine": bob}) == "bob"
    assert await ask({"X-Mine": "", "Authorization": f"Bearer {eve}"}, {"mine": ""}) == "eve"
    assert await ask({"X-Mine": basic(""), "Authorization": f"Bearer {eve}"}) == "eve"
    assert await ask({"Authorization": f"Bearer {eve}"}) == "eve"
    assert await ask(cookies={"access_token": eve}) == "eve"
    assert await ask({"X-Mine": "no.such.token", "Authorization": f"Bearer {eve}"}) == 401
    assert await ask() == "anonymouz-http"


@pytest.mark.differs("our own option")
async def test_browsers_may_send_the_named_header_from_elsewhere(start_server):
    async def preflight(server, header):
        async with client_for(server) as http:
            answer = await http.options("/public/services/", headers={
                "Origin": "http://o", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": header})
            return answer.status_code, answer.headers["access-control-allow-headers"]
    named = start_server("--auth-token-headers", "X-Mine")
    status, allowed = await preflight(named, "x-mine, authorization")
    assert status == 200 and allowed.endswith(", X-Mine")
    assert (await preflight(named, "x-other"))[0] == 400
    assert (await preflight(start_server(), "x-mine"))[0] == 400


@pytest.mark.req("D-25", "A-195")
@pytest.mark.allow_warn("no mail transport")
@pytest.mark.differs("the original forgets the usual places")
async def test_local_accounts_have_places_of_their_own(asks, start_server):
    ann, bob = tokens.mint("ann"), tokens.mint("bob")
    ask = await asks(start_server("--enable-local-auth"))
    assert await ask({"X-Local-Auth": ann}) == "ann"
    assert await ask(cookies={"hypha_local_token": ann}) == "ann"
    assert await ask({"X-Local-Auth": ann, "Authorization": f"Bearer {bob}"}) == "ann"
    assert await ask({"Authorization": f"Bearer {bob}"}) == "bob"
    assert await ask(cookies={"access_token": bob}) == "bob"
    ask = await asks(start_server())
    assert await ask({"X-Local-Auth": ann}, {"hypha_local_token": ann}) == "anonymouz-http"
