"""The login page of a server whose operator names a provider: people are sent there and come back."""
import asyncio
import base64
import hashlib
import json
import urllib.parse

import pytest

from kit.browser import DESKTOP, PHONE, PROGRAM, Browser
from kit.issuer import AUDIENCE, Issuer
from kit.web import client_for
from test_login import Login

PAGE = "/public/apps/hypha-login/"
pytestmark = pytest.mark.differs("the page is our own, and so is an authority that is named")


class Provider(Issuer):
    """An issuer with a page where people agree, and an exchange of codes for tokens."""

    def __init__(self, folder):
        self.codes = {}             # code -> the query it was given for
        self.forms = []
        self.refusal = None
        super().__init__(folder)

    def answer(self, path):
        where, _, query = path.partition("?")
        if where != "/authorize":
            return super().answer(path)
        asked = dict(urllib.parse.parse_qsl(query))
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        back = {"state": asked["state"], **({"error": "access_denied", "error_description": self.refusal}
                                            if self.refusal else {"code": code})}
        url = f"{asked['redirect_uri']}?{urllib.parse.urlencode(back)}"
        return f'<!doctype html><title>provider</title><link rel="icon" href="data:,"><a id="agree" href="{url}">agree</a>'.encode()

    def take(self, path, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        self.forms.append(form)
        asked = self.codes.pop(form.get("code"), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if path != "/oauth/token" or not asked or asked["code_challenge"] != proof:
            return 403, json.dumps({"error": "invalid_grant", "error_description": "No such code"}).encode()
        return 200, json.dumps({"access_token": self.token("auth0|eve"),
                                "id_token": self.token("auth0|eve", name="Eve Example")}).encode()


@pytest.fixture
def provider(tmp_path):
    one = Provider(tmp_path)
    yield one
    one.stop()


def start(start_server, provider):
    return start_server("--auth0-domain", provider.domain, "--auth0-client-id", "the-page",
                        "--ca-file", provider.ca_file)


def chromium(test):
    test = pytest.mark.timeout(180)(test)
    return pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")(test)


async def test_authorize_leads_to_the_provider_only(start_server, provider):
    async with client_for(start(start_server, provider)) as web:
        answer = await web.get("/oauth/authorize?client_id=x&redirect_uri=https%3A%2F%2Fevil.example")
        assert answer.status_code == 307
        assert answer.headers["location"] == \
            f"https://{provider.domain}/authorize?client_id=x&redirect_uri=https%3A%2F%2Fevil.example"


async def test_without_a_provider_there_is_nothing_to_lead_to(server):
    async with client_for(server) as web:
        assert (await web.get("/oauth/authorize?x=1")).status_code == 404
        assert (await web.post("/oauth/token", data={"code": "x"})).status_code == 404


async def test_codes_are_exchanged_and_refusals_passed_on(start_server, provider):
    server = start(start_server, provider)
    async with client_for(server) as web:
        answer = await web.post("/oauth/token", data={"code": "wrong", "code_verifier": "v"})
        assert answer.status_code == 403 and answer.json()["error"] == "invalid_grant"
        assert provider.forms == [{"code": "wrong", "code_verifier": "v"}]
        answer = await web.post("/oauth/token", content=b"x", headers={"Content-Type": "text/plain"})
        assert answer.status_code == 415
        answer = await web.post("/oauth/token", data={"code": "x" * 20000})
        assert answer.status_code == 413
        provider.stop()
        answer = await web.post("/oauth/token", data={"code": "x"})
        assert answer.status_code == 502
        assert answer.json()["detail"] == "The login provider cannot be reached"
        assert server.metric("hyphad_login_exchanges_refused_total") == 1
        assert server.metric("hyphad_login_exchanges") == 0


@pytest.mark.req("S-69")
async def test_an_address_exchanges_thirty_codes_a_minute(start_server, provider):
    """A hundred may be under way, and each may take the provider seconds: nobody holds them all."""
    server = start(start_server, provider)
    async with client_for(server) as web:
        answers = await asyncio.gather(*(web.post("/oauth/token", data={"code": "wrong"}) for _ in range(90)))
        statuses = [a.status_code for a in answers]
        assert statuses.count(403) >= 30 and statuses.count(429) >= 1 and len(statuses) == statuses.count(403) + statuses.count(429)
        assert all(int(a.headers["Retry-After"]) >= 1 for a in answers if a.status_code == 429)
        answer = await web.post("/oauth/token", data={"code": "wrong"}, headers={"X-Forwarded-For": "203.0.113.9"})
        assert answer.status_code == 403


@chromium
@pytest.mark.req("A-186", "A-181")
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_person_signs_in_at_the_provider(hub, start_server, provider, tmp_path, screen):
    server = start(start_server, provider)
    async with Login(server) as login, Browser(tmp_path, "--ignore-certificate-errors") as browser:
        key = await login.key()
        page = await browser.page(f"{server.url}{PAGE}?key={key}&redirect=%2Fhealth", screen)
        await page.sees(f"You will be sent to {provider.domain}")
        await page.is_accessible()
        await page.photograph("login-provider-" + ("phone" if screen is PHONE else "desktop"))
        await page.click("#provider-form button")
        await page.click("#agree")
        await page.until("location.pathname === '/health'")
        profile = await login.value("check", key=key, timeout=0, profile=True)
        assert profile["user_id"] == "auth0|eve" and profile["name"] == "Eve Example"
        assert profile["email"] == "auth0|eve@example.org"
        assert provider.forms[0]["client_id"] == "the-page"
        client = await hub.raw(server=server, token=profile["token"])
        assert client.info["user"]["id"] == "auth0|eve"
        urls = [r["url"] for r in page.requests]
        assert any(AUDIENCE in urllib.parse.unquote(u) for u in urls if "/oauth/authorize" in u)
        assert not any(profile["token"] in url for url in urls)
        page.is_quiet()


@chromium
async def test_what_the_provider_refuses_is_said(start_server, provider, tmp_path):
    server = start(start_server, provider)
    provider.refusal = "Eve said <b>no</b>"
    async with Browser(tmp_path, "--ignore-certificate-errors") as browser:
        page = await browser.page(f"{server.url}{PAGE}?workspace=ws-user-eve")
        await page.click("#provider-form button")
        await page.click("#agree")
        await page.sees("Eve said <b>no</b>")
        assert await page.eval("location.search") == "?workspace=ws-user-eve", "it can be tried again"
        assert provider.forms == []
        page.is_quiet()


@chromium
async def test_a_code_that_this_tab_did_not_ask_for_is_not_used(start_server, provider, tmp_path):
    server = start(start_server, provider)
    async with Browser(tmp_path, "--ignore-certificate-errors") as browser:
        page = await browser.page(f"{server.url}{PAGE}?code=stolen&state=forged")
        await page.sees("This sign-in was not begun here")
        assert provider.forms == [] and await page.cookie("access_token") is None
        assert "stolen" not in await page.eval("location.href")
        page.is_quiet()
