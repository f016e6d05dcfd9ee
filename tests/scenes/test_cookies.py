"""Whom a cookie speaks for: not for a page of another site that makes the browser send it. And what browsers may keep."""
import http.server
import re
import threading
from pathlib import Path

import msgpack
import pytest

from kit.browser import PROGRAM, Browser
from kit.http_stream import Stream
from kit.people import ROOT_ARGS, login, user
from kit.hub import until
from kit.web import client_for

APP = "https://app.example"
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
# What a trusted proxy says that speaks TLS with the client.
BEHIND_TLS = {"X-Forwarded-Proto": "https", "Host": "hub.example"}
FROM_HERE = ({}, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, {**LINK, "Sec-Fetch-Site": "none"},
             {"Sec-Fetch-Site": "cross-site", "Origin": APP}, {"Origin": APP}, {"Origin": "SELF"}, {"Referer": "SELF/page?q"},
             {"Host": "hub.example", "Origin": "http://HUB.example:80"},
             {**BEHIND_TLS, "Origin": "https://hub.example"}, {**BEHIND_TLS, "Origin": "https://hub.example:443"},
             {**BEHIND_TLS, "X-Forwarded-Proto": "http, https", "Origin": "https://hub.example"},
             {"Host": "hub.example", "X-Forwarded-Proto": "https,http", "Origin": "http://hub.example"},
             {**BEHIND_TLS, "Host": "[::1]:443", "Referer": "https://[::1]/page"})
BY_LINK = (LINK, {**LINK, "Sec-Fetch-Site": "same-site"}, {"Referer": "http://evil.example/page"},
           {**BEHIND_TLS, "Referer": "http://hub.example/page"})
FROM_ELSEWHERE = ({"Sec-Fetch-Site": "cross-site"}, {**LINK, "Sec-Fetch-Dest": "iframe"}, {**LINK, "Origin": "null"},
                  {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"}, {"Origin": "http://evil.example"},
                  {"Origin": "null"}, {"Origin": APP + ".evil.example"}, {"Origin": "http://"},
                  # The same host by the other scheme, or by another port: whoever is in between may have written that page.
                  {"Origin": "SECURE_SELF"}, {"Host": "hub.example", "Origin": "https://hub.example"},
                  {**BEHIND_TLS, "Origin": "http://hub.example"}, {**BEHIND_TLS, "Origin": "http://hub.example:443"},
                  {**BEHIND_TLS, "Sec-Fetch-Site": "cross-site", "Origin": "http://hub.example"},
                  # What the browser says is not overridden by an origin that looks like ours.
                  {**BEHIND_TLS, "Sec-Fetch-Site": "same-site", "Origin": "https://hub.example"},
                  {"Sec-Fetch-Site": "cross-site", "Origin": "SELF"}, {"Sec-Fetch-Site": "", "Origin": "SELF"},
                  {**BEHIND_TLS, "X-Forwarded-Proto": "http,https", "Origin": "http://hub.example"},
                  {**BEHIND_TLS, "Origin": "https://hub.example:444"}, {**BEHIND_TLS, "Origin": "wss://hub.example"},
                  {"Host": "hub.example", "Origin": "http://hub.example:"}, {"Host": "", "Origin": "http://:80"})
HINT = "a cookie is not taken for who you are when another site makes the request"
CALL, READ = "/ws-user-ada/services/mine/touch", "/ws-user-ada/info"


async def with_mine(hub):
    """A protected function of ada's that counts its calls."""
    ada, calls = await user(hub, "ada"), []
    await ada.register("mine", {"touch": lambda *args: calls.append(args) or len(calls)})
    return ada, calls


def sent(server, headers):
    return {k: v.replace("SECURE_SELF", server.url.replace("http:", "https:")).replace("SELF", server.url) for k, v in headers.items()}


@pytest.mark.differs("the original takes a cookie from anywhere")
@pytest.mark.req("S-126")
async def test_a_cookie_does_nothing_for_another_site(hub, start_server):
    """A call by GET or POST, a read, and a stream; a token in the header is its page's own, wherever that is."""
    server = hub.server = start_server("--allow-origins", f"{APP},https://other.example")
    _, calls = await with_mine(hub)
    token = login("ada")
    cookie = {"Cookie": f"a=b; access_token={token}"}
    async with client_for(server) as http:
        async def ask(method, path, headers):
            return await http.request(method, path, headers={**cookie, **sent(server, headers)},
                                      **({"json": {}} if method == "POST" else {}))
        for headers in FROM_HERE:
            for method, path in (("GET", CALL), ("POST", CALL), ("GET", READ)):
                answer = await ask(method, path, headers)
                assert answer.status_code == 200, (headers, method, path, answer.text)
        n = len(calls)
        assert n == 2 * len(FROM_HERE)
        for headers in BY_LINK:
            assert (await ask("GET", READ, headers)).status_code == 200, headers
        for headers in BY_LINK + FROM_ELSEWHERE:
            for method in ("GET", "POST"):
                answer = await ask(method, CALL, headers)
                assert answer.status_code == 403 and HINT in answer.text, (headers, method, answer.text)
            answer = await ask("GET", "/rpc?client_id=theirs&workspace=ws-user-ada", headers)
            assert answer.status_code == 403, (headers, answer.text)
            answer = await ask("GET", CALL, {**headers, "Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, (headers, answer.text)
        for headers in FROM_ELSEWHERE:
            answer = await ask("GET", READ, headers)
            assert answer.status_code == 403 and HINT in answer.text, headers
        assert len(calls) == n + len(BY_LINK + FROM_ELSEWHERE)
        assert server.metric("hyphad_cookies_passed_over_total") >= 2 * len(BY_LINK + FROM_ELSEWHERE)
        missing = await http.get(CALL)
        assert missing.status_code == 403 and HINT not in missing.text


@pytest.mark.differs("the original has no such cookie")
@pytest.mark.req("S-126", "S-144")
async def test_the_cookie_of_a_stream_is_a_cookie_like_others(hub, start_server):
    """Whoever makes the browser send it, it posts and opens nothing for another site, whose own streams get none."""
    server = hub.server = start_server("--allow-origins", f"{APP},https://other.example")
    stream = await Stream.open(server, client_id="s1")
    (name, value), = stream.cookies.items()
    query = {"client_id": "s1", "workspace": stream.info["workspace"]}
    async with client_for(server) as http:
        async def post(headers):
            return (await http.post("/rpc", params=query, content=msgpack.packb({"type": "ping"}),
                                    headers={**sent(server, headers), "Cookie": f"a=b; {name}={value}"})).status_code
        for headers in FROM_HERE:
            assert await post(headers) == 200, headers
        refused = server.metric("hyphad_http_posts_refused_total")
        for headers in FROM_ELSEWHERE + BY_LINK:
            assert await post(headers) == 403, headers
        assert server.metric("hyphad_http_posts_refused_total") == refused + len(FROM_ELSEWHERE + BY_LINK)
        assert await post({}) == 200
        for headers in ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, {"Origin": "http://127.0.0.1:1"}):
            async with http.stream("GET", "/rpc", params={"client_id": "s2"}, headers=headers) as answer:
                assert answer.status_code == 200 and "set-cookie" not in answer.headers, headers
    await stream.close()


@pytest.mark.differs("the original takes a cookie from anywhere")
@pytest.mark.req("S-126")
async def test_with_a_public_url_its_pages_alone_count(hub, start_server):
    """Behind a proxy that speaks TLS and does not say so: a page of that name over plain http is none of ours."""
    base = "https://hub.example"
    server = hub.server = start_server("--public-base-url", base, "--allow-origins", f"{APP},https://other.example")
    _, calls = await with_mine(hub)
    here = ({}, {"Origin": base}, {"Origin": base + ":443"}, {"Origin": "https://HUB.example"}, {"Referer": base + "/x"},
            {"Sec-Fetch-Site": "same-origin", "Origin": base}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": APP},
            {"Sec-Fetch-Site": "cross-site", "Origin": APP}, {"Host": "inside:9527", "Origin": base})
    elsewhere = ({"Origin": "http://hub.example"}, {"Origin": "http://hub.example:443"}, {"Referer": "http://hub.example/x"},
                 {"Sec-Fetch-Site": "cross-site", "Origin": "http://hub.example"},
                 {"Sec-Fetch-Site": "same-site", "Origin": "http://hub.example"},
                 {"Sec-Fetch-Site": "cross-site", "Origin": base}, {"Sec-Fetch-Site": "cross-site", "Referer": base + "/x"},
                 {"Host": "evil.example", "Origin": "http://evil.example"}, {"Origin": "SELF", "Host": server.url[7:]},
                 *({"X-Forwarded-Proto": p, "Origin": "http://hub.example"} for p in ("http", "https", "https,http", "http,https")),
                 {"Host": "evil.example", "X-Forwarded-Proto": "https", "Origin": "https://evil.example"})
    async with client_for(server) as http:
        for headers, status in [(h, 200) for h in here] + [(h, 403) for h in elsewhere]:
            sender = {"Host": "hub.example", "Cookie": f"access_token={login('ada')}", **sent(server, headers)}
            for method in ("GET", "POST"):
                answer = await http.request(method, CALL, headers=sender, **({"json": {}} if method == "POST" else {}))
                assert answer.status_code == status, (headers, method, answer.text)
    assert len(calls) == 2 * len(here)


@pytest.mark.req("S-126")
@pytest.mark.skipif(not PROGRAM, reason="no Chromium")
async def test_a_link_on_another_site_changes_nothing(hub, server, tmp_path):
    """In a real browser: the cookie of the login page, a link on a page of another site, and a page of this site."""
    _, calls = await with_mine(hub)
    page_text = f'<a id="go" href="{server.url}{CALL}?by=link">go</a>'.encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page_text)))
            self.end_headers()
            self.wfile.write(page_text)

        def log_message(self, *args):
            pass
    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    try:
        async with Browser(tmp_path) as browser:
            page = await browser.page(f"{server.url}/public/apps/hypha-login/")
            await page.eval(f"document.cookie = 'access_token={login('ada')}; path=/; samesite=lax'")
            await page.open(f"http://localhost:{evil.server_address[1]}/")
            await page.click("#go")
            await page.sees(HINT)
            assert calls == []
            await page.open(f"{server.url}/public/apps/hypha-login/")
            assert await page.eval(f"fetch('{CALL}?by=page').then((r) => r.status)") == 200
            assert len(calls) == 1
            await page.open(f"{server.url}{CALL}")
            await until(lambda: len(calls) == 2)
    finally:
        evil.shutdown()
        evil.server_close()


@pytest.mark.differs("the original passes references in a query on")
@pytest.mark.req("S-124")
async def test_no_function_goes_in_by_a_query(hub, server):
    ada, _ = await with_mine(hub)
    seen = []
    await ada.register("open", {"take": lambda *args: seen.append(args)}, visibility="public")
    reference = '{"_rtype":"method","_rmethod":"services.ws.get_env","_rtarget":"ws-user-ada/ada"}'
    async with client_for(server) as http:
        for name, value in (("a", reference), ("a", f'{{"b":[1,{{"c":{reference}}}]}}'),
                            ("a", reference.replace('"method"', '"generator"'))):
            for answer in (await http.get("/ws-user-ada/services/open/take", params={name: value}),
                           await http.post("/ws-user-ada/services/open/take", content=f'{{"{name}":{value}}}',
                                           headers={"Content-Type": "application/json"})):
                assert answer.status_code == 400 and "function references" in answer.text, answer.text
        fields = {"_rtype": "method", "_rmethod": "services.ws.get_env", "_rtarget": "ws-user-ada/ada"}
        assert (await http.get("/ws-user-ada/services/open/take", params=fields)).status_code == 400
        assert (await http.get("/ws-user-ada/services/open/take", params={"a": '{"b":1}'})).status_code == 200
    assert len(seen) == 1


# ---- what may be kept ----

SOURCES = Path(__file__).parents[2] / "src"
ROUTE = re.compile(r'\{HTTP_M_[^"\n]*, "(/[^"]*)"')
FILES = {"/assets/hypha-rpc-websocket.mjs", "/assets/hypha-rpc-websocket.js", "/static/{file:path}",
         "/public/apps/hypha-login/assets/{file}"}
SAMPLES = {"{workspace}": "ws-user-ada", "{service_id}": "hypha-login", "{function}": "start", "{page:path}": "nothing/here",
           "{path:path}": "nothing", "{file:path}": "x", "{file}": "login.js"}


def routes():
    found = set()
    for file in SOURCES.glob("*/*.c"):
        found |= set(ROUTE.findall(file.read_text()))
    return found


@pytest.mark.differs("the original says nothing of it")
@pytest.mark.req("S-125")
async def test_nobody_keeps_what_may_be_a_secret(hub, start_server):
    """Every route there is, with and without a token; of files alone somebody may keep a copy."""
    server = hub.server = start_server(*ROOT_ARGS)
    ada = await user(hub, "ada")
    await ada.register("mine", {"touch": lambda *args: "a secret"})
    patterns = routes()
    assert len(patterns) > 20 and FILES | {"/rpc", "/ws", "/", "/{workspace}/info"} <= patterns, patterns
    for token in (None, login("ada"), login("ada", ttl=-5)):
        async with client_for(server, token) as http:
            for pattern in sorted(patterns):
                path = pattern
                for name, sample in SAMPLES.items():
                    path = path.replace(name, sample)
                for method in ("GET", "POST"):
                    if path == "/rpc" and method == "GET":
                        continue        # does not end: below
                    answer = await http.request(method, path)
                    kept = answer.headers.get("cache-control")
                    if pattern in FILES and method == "GET":
                        assert kept == ("no-cache" if answer.status_code == 200 else None), (method, path)
                    else:
                        assert kept == "no-store", (method, path, answer.status_code, kept)
    async with client_for(server, login("ada")) as http:
        for method, path in (("GET", "/ws-user-ada/services/mine/touch"), ("POST", "/ws-user-ada/services/ws/generate_token"),
                             ("POST", "/public/services/hypha-login/start")):
            answer = await http.request(method, path)
            assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store", path
    stream = await Stream.open(server, login("ada"), client_id="s1")
    assert "reconnection_token" in stream.info and stream.response.headers["cache-control"] == "no-store"
    await stream.close()
