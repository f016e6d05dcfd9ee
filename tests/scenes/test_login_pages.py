"""The login page in a real browser, on a desktop and on a phone."""
import asyncio
import html
import http.server
import json
import re
import threading
import urllib.parse

import hypha_rpc
import pytest

from kit import people, tokens
from kit.browser import DESKTOP, PHONE, PROGRAM, Browser
from kit.waiting import until
from kit.web import client_for
from test_login import Login

PAGE = "/public/apps/hypha-login/"
pytestmark = pytest.mark.differs("the pages are our own")
in_a_browser = [pytest.mark.timeout(180),
                pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")]
screens = pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])


def chromium(test):
    for mark in in_a_browser:
        test = mark(test)
    return test


# ---- what is served ----

@pytest.mark.req("A-186", "H-116", "A-078", "D-35")
async def test_pages_answer(server):
    async with client_for(server) as web:
        answer = await web.get("/login")
        assert (answer.status_code, answer.headers["location"]) == (307, PAGE)
        answer = await web.get(PAGE)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
        assert "Hypha Account" in answer.text and "{{" not in answer.text
        answer = await web.get(f"{PAGE[:-1]}?key=1")
        assert (answer.status_code, answer.headers["location"]) == (307, f"{PAGE}?key=1")
        answer = await web.get(f"{PAGE}profile")
        assert (answer.status_code, answer.headers["location"]) == (302, server.url + PAGE[:-1])
        index = await web.get("/public/services/hypha-login/index")
        assert index.json()["status"] == 200 and "Hypha Account" in index.json()["body"]
        assert (await web.get("/public/services/hypha-login/profile")).json()["status"] == 302
        old = tokens.mint("alice", "ws:ws-user-alice#a", ttl=-100)
        for cookie in old, "nonsense":
            for path in "/", PAGE, f"{PAGE}assets/login.js":
                answer = await web.get(path, headers={"Cookie": f"access_token={cookie}"})
                assert answer.status_code == 200, path


@pytest.mark.req("S-51")
async def test_only_the_pages_own_files_are_served(server):
    async with client_for(server) as web:
        for path in ("../login.html", "..%2Flogin.html", "login.html", "nothing.js", "%2e%2e/kit.js",
                     "embed.py", "..%2f..%2f..%2f..%2fetc%2fpasswd", ""):
            answer = await web.get(f"{PAGE}assets/{path}")
            assert answer.status_code == 404, path


async def test_policy_allows_only_the_servers_own_scripts(start_server):
    server = start_server("--allow-origins", "https://app.example.org,https://other.example.org")
    async with client_for(server) as web:
        answer = await web.get(PAGE)
        policy = dict(p.strip().split(" ", 1) for p in
                      answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == \
            "'self' https://app.example.org https://other.example.org"
        assert answer.headers["referrer-policy"] == "no-referrer", "the key stands in the URL"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|javascript:", answer.text)
        told = re.search(r'<meta name="hypha-login" content="([^"]*)">', answer.text)[1]
        assert json.loads(html.unescape(told))["origins"] == [
            "https://app.example.org", "https://other.example.org"]


@pytest.mark.allow_warn("no mail transport|public-base-url")
@pytest.mark.req("A-180")
@pytest.mark.parametrize("args, base", [
    ((), None), (("--base-path", "/hub"), None), (("--enable-local-auth",), None),
    (("--host", "0.0.0.0"), None), (("--public-base-url", "https://hub.example.org/a/"), "https://hub.example.org/a"),
    (("--enable-local-auth", "--public-base-url", "http://hub.example.org"), "http://hub.example.org")], ids=str)
async def test_urls_of_a_login_are_absolute(start_server, args, base):
    server = start_server(*args)
    base = base or server.url
    async with Login(server) as login:
        begun = await login.value("start")
        assert begun["login_url"].startswith(f"{base}{PAGE}?key=")
        for name in begun.keys() - {"login_url", "key"}:
            assert begun[name].startswith(f"{base}/public/services/hypha-login/"), name
        assert (await login.value("logout"))["logout_url"].startswith(f"{base}{PAGE}?logout=true")


async def test_pages_stand_below_a_base_path(start_server):
    server = start_server("--base-path", "/my/engine")
    async with Login(server) as login:
        answer = await login.web.get("/login")
        assert answer.headers["location"] == f"/my/engine{PAGE}"
        assert (await login.web.get(PAGE)).status_code == 200
        assert (await login.value("start"))["login_url"].startswith(server.url + PAGE)


# ---- logging in ----

@chromium
@screens
@pytest.mark.req("A-180", "A-181", "A-186", "D-43")
async def test_a_person_signs_in_for_a_program(start_server, tmp_path, screen):
    server = start_server()
    token = people.login("alice")
    shown = asyncio.get_running_loop().create_future()

    async def show(context):
        shown.set_result(context["login_url"])

    async with Browser(tmp_path) as browser:
        waiting = asyncio.create_task(hypha_rpc.login(
            {"server_url": server.url, "login_callback": show, "profile": True}))
        page = await browser.page(await shown, screen)
        await page.sees("An application asks you to sign in")
        await page.photograph("login-sign-in-" + ("phone" if screen is PHONE else "desktop"))
        await page.is_accessible()
        await page.fill("#token", token)
        await page.click("#token-form button")
        profile = await asyncio.wait_for(waiting, 30)
        assert profile["token"] == token and profile["email"] == "alice@example.org"
        assert profile["user_id"] == "alice"
        await page.sees("can close this window")
        await page.is_accessible()
        assert not any(token in r["url"] for r in page.requests)
        assert [r["method"] for r in page.requests if r["url"].endswith("/report")] == ["POST"]
        page.is_quiet()


@chromium
@screens
async def test_the_page_is_usable_by_keyboard_alone(start_server, tmp_path, screen):
    server = start_server()
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE, screen)
        await page.sees("Sign in")
        await page.tab_to("#token")
        await page.type(people.login("alice"))
        await page.tab_to("#token-form button")
        await page.press("Enter")
        await page.sees("You are signed in")
        assert await page.eval("document.activeElement.id") == "account-title"
        await page.tab_to("#generate summary")
        await page.press("Enter")
        await page.tab_to("#generate-form button")
        await page.press("Enter")
        await page.until("document.getElementById('generated-token').value.length > 100")
        assert await page.eval("document.activeElement.id") == "generated-token"
        await page.is_accessible()
        await page.photograph("login-account-" + ("phone" if screen is PHONE else "desktop"))
        token = await page.eval("document.getElementById('generated-token').value")
        assert tokens.claims(token)["https://amun.ai/parent"] == "alice"
        await page.tab_to("#sign-out-form button")
        await page.press("Enter")
        await page.sees("You are signed out.")
        assert await page.cookie("access_token") is None
        page.is_quiet()


@chromium
async def test_workspace_and_token_are_shown_unless_a_program_waits(start_server, tmp_path):
    server = start_server()
    token = people.login("alice")
    async with Login(server) as login, Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE)
        await page.set_cookie(server.url, "access_token", token)
        await page.open(server.url + PAGE)
        await page.sees("ws-user-alice")
        await page.click("#own summary")
        assert await page.shows("#own-token")
        assert await page.eval("document.getElementById('own-token').value") == token
        await page.is_accessible()
        await page.open((await login.value("start"))["login_url"])
        await page.sees("You are signed in")
        assert not await page.shows("#own summary")
        assert await page.eval("document.getElementById('own-token').value") == ""
        await page.click("#continue-form button")
        await page.sees("can close this window")
        await page.click("#done-link")
        await page.until("!location.search")
        await page.sees("You are signed in")
        await page.click("#sign-out-form button")
        await page.sees("You are signed out.")
        assert await page.eval("document.getElementById('own-token').value") == ""
        page.is_quiet()


@chromium
async def test_generated_token_is_what_was_asked_for(hub, start_server, tmp_path):
    server = start_server()
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE)
        await page.set_cookie(server.url, "access_token", people.login("alice"))
        await page.open(server.url + PAGE)
        await page.sees("You are signed in")
        await page.click("#generate summary")
        await page.eval("document.getElementById('generate-permission').value = 'read'")
        await page.fill("#generate-days", "3")
        await page.fill("#generate-scopes", "files:read")
        await page.click("#generate-form button")
        token = await page.until("document.getElementById('generated-token').value")
        claims = tokens.claims(token)
        assert claims["scope"] == "ws:ws-user-alice#r wid:ws-user-alice files:read"
        assert claims["exp"] - claims["iat"] == 3 * 86400
        await page.fill("#generate-workspace", "somebody-elses")
        await page.click("#generate-form button")
        await page.sees("Workspace not found: somebody-elses")


@chromium
async def test_who_is_signed_in_confirms_before_a_program_gets_the_token(start_server, tmp_path):
    server = start_server()
    token = people.login("alice")
    async with Login(server) as login, Browser(tmp_path) as browser:
        begun = await login.value("start")
        page = await browser.page(server.url + PAGE)
        await page.set_cookie(server.url, "access_token", token)
        await page.open(begun["login_url"])
        await page.sees("alice@example.org")
        assert await login.value("check", key=begun["key"], timeout=0) is None
        await page.click("#continue-form button")
        await page.sees("can close this window")
        assert await login.value("check", key=begun["key"], timeout=0) == token


@chromium
@pytest.mark.allow_warn("401")
async def test_what_goes_wrong_is_said(start_server, tmp_path):
    server = start_server()
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE)
        await page.fill("#token", "nonsense")
        await page.click("#token-form button")
        await page.sees("Error decoding token headers.")
        assert await page.cookie("access_token") is None
        assert await page.eval("document.getElementById('message').getAttribute('role')") == "status"
        await page.is_accessible()
        page = await browser.page(f"{server.url}{PAGE}?key=unknown")
        await page.fill("#token", people.login("alice"))
        await page.click("#token-form button")
        await page.sees("Invalid key, key does not exist or expired")
        await page.photograph("login-expired-key")


# ---- the cookie ----

@chromium
@pytest.mark.req("A-078", "D-35")
async def test_an_expired_cookie_breaks_no_page(start_server, tmp_path):
    server = start_server()
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE)
        old = tokens.mint("alice", "ws:ws-user-alice#a", ttl=-100)
        await page.set_cookie(server.url, "access_token", old)
        await page.open(server.url + PAGE)
        assert await page.shows("#token")
        assert await page.cookie("access_token") is None, "what is over is thrown away"
        await page.fill("#token", people.login("alice"))
        await page.click("#token-form button")
        await page.sees("You are signed in")
        cookie = await page.cookie("access_token")
        assert (cookie["path"], cookie["sameSite"]) == ("/", "Lax")
        page.is_quiet()


@chromium
@pytest.mark.parametrize("how", ["logout=true", "logout=true&close=true", "clear=true",
                                 "logout=true&close_after_logout=true"])
async def test_sign_out_by_address(start_server, tmp_path, how):
    server = start_server()
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE)
        await page.set_cookie(server.url, "access_token", people.login("alice"))
        await page.open(f"{server.url}{PAGE}?{how}")
        await page.sees("Sign in" if how == "clear=true" else "You are signed out")
        assert await page.cookie("access_token") is None
        await page.is_accessible()


# ---- where a login leads ----

class Elsewhere:
    """A site of another origin: it frames the login page and keeps what that one posts to it."""

    def __init__(self):
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = (b"<!doctype html><title>elsewhere</title><p>elsewhere</p><script>"
                        b"const heard = []; onmessage = (e) => heard.push([e.origin, e.data]);"
                        b"const frame = document.createElement('iframe'); frame.onload = () => { window.isFramed = true; };"
                        b"frame.src = new URLSearchParams(location.search).get('frame');"
                        b"if (frame.src) document.body.append(frame);</script>")
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=site.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


async def signed_in(browser, server, query):
    page = await browser.page(server.url + PAGE)
    await page.set_cookie(server.url, "access_token", people.login("alice"))
    await page.open(f"{server.url}{PAGE}?{query}")
    await page.sees("You are signed in")
    return page


@chromium
@pytest.mark.req("A-187", "D-42")
async def test_redirects_stay_here_or_go_where_the_operator_allows(start_server, tmp_path):
    with Elsewhere() as allowed, Elsewhere() as foreign:
        server = start_server("--allow-origins", allowed.origin)
        async with Browser(tmp_path) as browser:
            for target in (f"{foreign.origin}/", "javascript:document.title='owned'", "//[::1]:1/",
                           "data:text/html,x", "http://alice:x@127.0.0.1:1/", "https://",
                           f"{allowed.origin}.evil.example/", f"{allowed.origin}@evil.example/"):
                page = await signed_in(browser, server,
                                       "redirect=" + urllib.parse.quote(target, safe=""))
                assert not await page.shows("#continue-form"), target
                assert await page.eval("document.title") == "Hypha Account"
            for target, start in (("/health", f"{server.url}/health"),
                                  (f"{allowed.origin}/x", f"{allowed.origin}/x")):
                page = await signed_in(browser, server,
                                       "redirect=" + urllib.parse.quote(target, safe=""))
                await page.click("#continue-form button")
                await page.until(f"location.href.startsWith({json.dumps(start)})")


@chromium
@pytest.mark.req("D-42")
async def test_profile_is_shown_as_text(start_server, tmp_path):
    server = start_server()
    name = "<img src=x onerror=document.title='owned'>"
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE)
        token = tokens.mint("alice", "ws:ws-user-alice#a", name=name, email="<b>@example.org")
        await page.set_cookie(server.url, "access_token", token)
        await page.open(server.url + PAGE)
        await page.sees(name)
        assert await page.eval("document.querySelectorAll('dd img, dd b').length") == 0
        assert await page.eval("document.title") == "Hypha Account"
        page.is_quiet()


@chromium
async def test_in_a_frame_the_owner_is_told_and_gets_no_token(start_server, tmp_path):
    with Elsewhere() as owner, Elsewhere() as stranger:
        server = start_server("--allow-origins", owner.origin)
        async with Login(server) as login, Browser(tmp_path) as browser:
            begun = await login.value("start")
            frame = urllib.parse.quote(begun["login_url"], safe="")
            page = await browser.page(f"{owner.origin}/?frame={frame}")
            await page.until("window.isFramed")
            await page.tab_to("iframe, #none", most=1)
            await page.type(people.login("alice"))
            await page.press("Tab")
            await page.press("Enter")
            heard = await page.until("heard.length && heard")
            assert heard == [[server.url, {"type": "hypha-login-complete", "key": begun["key"]}]]
            page = await browser.page(f"{stranger.origin}/?frame={frame}")
            await page.until("!!document.querySelector('iframe')")
            await until(lambda: any("frame-ancestors" in str(c) for c in page.complaints))
