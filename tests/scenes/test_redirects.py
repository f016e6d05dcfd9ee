"""Where redirects lead: on this server, or to the host the operator has named, whatever the request holds."""
import asyncio

import pytest

from kit.tcp import Tcp

HOSTILE = ["/\\evil.example", "/%5cevil.example", "/%5C%5Cevil.example", "//evil.example", "/%2f%2fevil.example",
           "/%2fevil.example", "///evil.example", "/\t/evil.example", "/%09/evil.example", "/%0d%0aset-cookie:%20a=b",
           "/%0d%0a%0d%0a<script>", "/user:pw@evil.example", "/%40evil.example", "/https:%2f%2fevil.example",
           "/%e2%80%aeevil", "/\xef\xbc\x8fevil.example", "/%ff%fe", "/%00/evil.example", "/..%2f..%2f/evil.example",
           "/.%5c/evil.example", "/%2e%2e/%5cevil.example", "http://evil.example/\\evil.example", "/;@evil.example"]


async def answer(server, target):
    """Status and headers, read as bytes: a client library would tidy them up."""
    tcp = await Tcp.open(server)
    await tcp.send(b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: own\r\nConnection: close\r\n\r\n")
    head = (await asyncio.wait_for(tcp.reader.readuntil(b"\r\n\r\n"), 15)).decode("latin-1")
    tcp.writer.close()
    lines = head.split("\r\n")
    headers = [line.split(": ", 1) for line in lines[1:] if line]
    return int(lines[0].split()[1]), [(k.lower(), v) for k, v in headers]


def place(location):
    """What a browser makes of it: tabs and line ends are left out, a backslash is a slash."""
    for c in "\t\r\n":
        location = location.replace(c, "")
    return location.replace("\\", "/")


@pytest.mark.req("H-161")
@pytest.mark.differs("the original sends its paths as they came")
async def test_no_redirect_leads_away(hub, start_server):
    servers = [(start_server(), ""), (start_server("--base-path=/my/hub", "--auth0-domain=login.example"), "/my/hub")]
    seen = set()
    for server, base in servers:
        targets = [base + hostile + rest for hostile in HOSTILE for rest in ("/services", "", "/", "/apps/hypha-login")]
        targets += [f"{base}/login?x={h}" for h in HOSTILE] + [f"{base}/public/apps/hypha-login?{h}" for h in HOSTILE]
        targets += [base + "/login", base or "/", base + "/some-ws/services"]
        for target in targets:
            status, headers = await answer(server, target)
            assert "set-cookie" not in dict(headers) and status != 500, target
            for location in [v for k, v in headers if k == "location"]:
                seen.add(status)
                assert place(location).startswith("/") and not place(location).startswith("//"), (target, location)
                assert location.startswith(base + "/") and location.isascii(), (target, location)
        for query in HOSTILE if base else []:
            status, headers = await answer(server, f"{base}/oauth/authorize?{query}&a=b")
            assert status == 400 or [v for k, v in headers if k == "location" and v.startswith("https://login.example/authorize?")], headers
    assert seen == {307}, "the scene has seen redirects"


@pytest.mark.req("H-161")
async def test_a_redirect_keeps_what_was_asked_for(hub, server):
    for target, location in (("/some-ws/services", "/some-ws/services/"),
                             ("/public/apps/hypha-login?key=a%20b&x=%C3%A4", "/public/apps/hypha-login/?key=a%20b&x=%C3%A4")):
        assert (307, location) == ((await answer(server, target))[0], dict((await answer(server, target))[1])["location"])
