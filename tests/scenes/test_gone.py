"""Whoever asked has gone before the answer: nobody notices but the metrics.

Every kind of request is hung up on by a reset at random moments, hundreds of times, because what is
asked goes through other loops, the worker pool, the store and other people's programs, and must find
out on its way back that nobody is there. And thousands who wait for a place to log in are refused at
once, on a server with a small stack.
"""
import asyncio
import gzip
import json
import os
import resource
import struct

import msgpack
import pytest

from kit.accounts import DEV_WARNINGS, Accounts
from kit.hangup import hang_up, request, upgrade
from kit.http_stream import Stream
from kit.hub import until
from kit.tcp import TEXT, Tcp
from kit.web import client_for, provider_of
from test_login_provider import Provider

pytestmark = [pytest.mark.differs("options and figures of our own"),
              pytest.mark.allow_warn("", DEV_WARNINGS), pytest.mark.timeout(180)]
NO_RATES = ("--http-rate-limit=1000000", "--http-burst-limit=1000000",
            "--http-authenticated-rate-limit=1000000", "--http-authenticated-burst-limit=1000000")
LOGIN = "/public/services/hypha-login"
N = int(os.environ.get("HYPHAD_GONE", "120"))      # connections of each kind


def form(path, body, kind="application/json", **headers):
    return request(path, "POST", body, Content_Type=kind, **headers)


def masked(opcode, payload):
    """A WebSocket frame of a client, its mask all zeros."""
    n = len(payload)
    return bytes([0x80 | opcode, 0x80 | (n if n < 126 else 126)]) \
        + (struct.pack(">H", n) if n >= 126 else b"") + bytes(4) + payload


def kinds(ws, token, key):
    service, auth = f"/{ws}/services/prov:calc", {"Authorization": f"Bearer {token}"}
    stream = f"/rpc?workspace={ws}&client_id=posting"
    big = gzip.compress(json.dumps({"value": os.urandom(40000).hex()}).encode())
    return {
        "info": [request("/public/info"), request(f"/{ws}/info", **auth)],
        "listings": [request("/public/services/"), request(f"/{ws}/services/", **auth),
                     request(service, **auth), request(f"/{ws}/services/ws", **auth),
                     request(f"/{ws}/services/nobody:there", **auth)],
        "calls": [request(f"{service}/add?a=1&b=2", **auth), request(f"{service}/never", **auth),
                  form(f"{service}/echo", b'{"value": [1, 2, 3]}', **auth),
                  form(f"{service}/echo", big, Content_Encoding="gzip", **auth),
                  request(f"{service}/boom", **auth), request(f"{service}/constant", **auth)],
        "generators": [request(f"{service}/count?n=2000", **auth), request(f"{service}/stuck", **auth)],
        "logins": [form(f"{LOGIN}/start", b"{}"), request("/public/apps/hypha-login/"),
                   request(f"{LOGIN}/check?key={key}&timeout=20"), request(f"{LOGIN}/profile"),
                   form(f"{LOGIN}/report", b'{"key": "x", "token": "y"}')],
        "oauth": [form("/oauth/token", b"code=nobodys&code_verifier=v", "application/x-www-form-urlencoded"),
                  request("/oauth/authorize?client_id=x")],
        "streams": [request("/rpc?client_id=s1"), request(f"/rpc?workspace={ws}&client_id=s2", **auth),
                    form(stream, msgpack.packb({"type": "ping"}), "application/msgpack", **auth),
                    form("/rpc?client_id=nobody", b"\x80", "application/msgpack")],
        "health": [request(f"/health{rest}") for rest in ("", "/liveness", "/readiness")]
        + [request("/metrics"), request("/"), request("/no/such/page"), request("/public/services")],
        "accounts": [form(f"{LOGIN}/{name}", json.dumps(args).encode()) for name, args in (
            ("signup", {"name": "Eve", "email": "eve@example.org", "password": "password1"}),
            ("login", {"email": "amy@example.org", "password": "password1"}),
            ("resend_code", {"email": "eve@example.org"}),
            ("request_reset", {"email": "amy@example.org"}),
            ("reset_password", {"email": "amy@example.org", "code": "1", "new_password": "password2"}))],
        "sockets": [upgrade(first=masked(TEXT, b"{}")), upgrade(first=masked(TEXT, b"no")), upgrade(),
                    upgrade("/ws?token=x"), upgrade(first=masked(TEXT, json.dumps(
                        {"client_id": "w", "workspace": ws, "token": token}).encode()))],
    }


@pytest.mark.req("S-94")
async def test_whoever_asks_may_hang_up_at_any_moment(hub, start_server, tmp_path):
    authority = Provider(tmp_path)
    server = start_server("--enable-local-auth", "--auth0-domain", authority.domain, "--auth0-client-id",
                          "the-page", "--ca-file", authority.ca_file, "--threads=2", *NO_RATES)
    try:
        provider = await provider_of(hub, server=server)
        ws, token = provider.config.workspace, await provider.generate_token()
        async with Accounts(server) as accounts, client_for(server, token) as http:
            await accounts.make("Amy")
            posting = await Stream.open(server, token=token, workspace=ws, client_id="posting")
            key = (await http.post(f"{LOGIN}/start", json={})).json()["key"]
            for seed, (kind, requests) in enumerate(kinds(ws, token, key).items()):
                # An answer by way of another program takes longer.
                far = kind in ("calls", "generators", "logins", "oauth", "accounts", "sockets")
                await hang_up(server, requests, N, seed, within_s=0.006 if far else 0.002)
                assert server.is_running(), f"{kind} ended it:\n{server.log_text(8000)}"
            await posting.close()
            # Those who stay are served, and nothing is left of those who left.
            assert (await http.get(f"/{ws}/services/prov:calc/add?a=1&b=2")).json() == 3

            async def no_call_runs():
                return (await http.get("/health")).json()["tasks"]["active"] == 0
            await until(no_call_runs, timeout=30)
            await until(lambda: server.metric("hyphad_login_exchanges") == 0
                        and server.metric("hyphad_login_waiters") == 0
                        and server.metric("hyphad_logins_waiting") == 0
                        and server.metric("hyphad_connections_open") <= 4, timeout=20)
    finally:
        authority.stop()


# ---- waiting for a place to log in ------------------------------------------------------------

def start_small(start_server, *options, stack_bytes=512 * 1024):
    """A server whose threads have a small stack, as on systems where that is the default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (stack_bytes, hard))
    try:
        return start_server("--threads=1", "--max-concurrent-connections=1", *options)
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


async def open_waiters(server, n, what):
    """n connections whose requests wait, besides the one that has the place."""
    first = await Tcp.open(server)
    assert " 101 " in await first.upgrade()
    waiters = []
    for _ in range(n):
        tcp = await Tcp.open(server)
        await tcp.send(what)
        waiters.append(tcp)
    await until(lambda: server.metric("hyphad_logins_waiting") == n, timeout=60)
    return first, waiters


@pytest.mark.req("S-95")
async def test_thousands_who_wait_are_refused_in_a_row(start_server):
    """Each is refused the moment it gets its place, which is then the next one's."""
    server = start_small(start_server, "--login-queue=2000", "--login-timeout=60",
                         "--max-connections-per-address=5000", stack_bytes=256 * 1024)
    first, waiters = await open_waiters(server, 1500, upgrade("/ws?token=x"))
    first.reset()

    async def refused(tcp):
        await tcp.reader.readuntil(b"\r\n\r\n")
        return await tcp.close_code(60)
    codes = await asyncio.gather(*(refused(tcp) for tcp in waiters))
    assert set(codes) == {1008}, server.log_text(4000)
    assert server.metric("hyphad_logins_waiting") == 0
    for tcp in waiters:
        tcp.reset()


@pytest.mark.req("S-95", "W-018")
async def test_the_queue_for_logins_has_an_end(hub, start_server):
    server = start_small(start_server, "--login-queue=3", "--login-timeout=60")
    first, waiters = await open_waiters(server, 3, upgrade())
    async with client_for(server) as http:
        for path in ("/rpc?client_id=x", "/ws"):
            answer = await http.get(path, headers={
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="} if path == "/ws" else {})
            assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
            assert "Server busy, please retry" in answer.text
    assert server.metric("hyphad_logins_shed_total") == 2
    waiters[0].reset()      # whoever leaves gives up the place in the queue
    await until(lambda: server.metric("hyphad_logins_waiting") == 2)
    first.reset()
    answer = await asyncio.wait_for(waiters[1].reader.readuntil(b"\r\n\r\n"), 15)
    assert b" 101 " in answer
    assert server.metric("hyphad_logins_waiting") == 1
    for tcp in waiters[1:]:
        tcp.reset()
    await until(lambda: server.metric("hyphad_logins_waiting") == 0)
    assert (await hub.py(server=server)).config["workspace"]


@pytest.mark.req("S-95")
async def test_an_http_stream_waits_for_its_place_too(start_server):
    server = start_small(start_server, "--login-timeout=60", "--login-queue-timeout=1")
    first, waiters = await open_waiters(server, 1, request("/rpc?client_id=x"))
    answer = await asyncio.wait_for(waiters[0].reader.readuntil(b"\r\n\r\n"), 15)
    assert b" 503 " in answer and b"retry-after: 1" in answer.lower()
    for tcp in (first, *waiters):
        tcp.reset()
