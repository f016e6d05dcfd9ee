"""SIGTERM while each kind of thing is open or under way: the server ends with exit code 0, whatever waits in it."""
import asyncio
import json
import struct

import pytest

from kit.accounts import DEV_WARNINGS
from kit.hangup import request, upgrade
from kit.http_stream import Stream
from kit.hub import until
from kit.people import ROOT_ARGS, login, root, user
from kit.tcp import TEXT, Tcp
from kit.waiting import pace
from kit.web import client_for
from test_admin import admin_call
from test_queue import queue_of

NOW = ("--drain-duration=0", "--drain-deadline=1", "--workspace-unload-grace-period=30", "--threads=2")
LOGIN = "/public/services/hypha-login"
pytestmark = [pytest.mark.differs("options of our own"), pytest.mark.timeout(120),
              pytest.mark.allow_warn("drain deadline passed", DEV_WARNINGS)]


async def ends(server, tasks):
    """By SIGTERM, which asks for exit code 0; what was open hears of it, one way or another."""
    await asyncio.to_thread(server.stop)
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)


async def sip(server, path, token):
    """Takes the first bytes of an answer and no more."""
    tcp = await Tcp.open(server, receive_buffer=4096)
    await tcp.send(request(path, Authorization=f"Bearer {token}"))
    await tcp.reader.read(1)
    tcp.writer.transport.pause_reading()
    return tcp


@pytest.mark.req("S-91")
async def test_the_server_ends_with_one_of_each_kind_open(hub, start_server, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "big").write_bytes(bytes(8 << 20))
    hub.server = server = start_server(*NOW, *ROOT_ARGS, f"--static-mounts=/files:{tmp_path / 'site'}",
                                       "--max-concurrent-connections=6", "--login-timeout=60", "--enable-local-auth")
    boss, ada, silent = await root(hub), await user(hub, "ada", client_id="ada"), await user(hub, "ada", client_id="silent")
    silent.is_mute = True
    queue = await queue_of(ada)
    api = await hub.py("gen", token=login("ada"))

    async def endless():
        while True:
            yield "item"
            await pace(0.05, "items come one by one")
    await api.register_service({"id": "g", "endless": endless, "never": asyncio.Event().wait, "config": {"visibility": "public"}})
    http = client_for(server, await ada.manage("generate_token"))
    key = (await http.post(f"{LOGIN}/start", json={})).json()["key"]
    service = "/ws-user-ada/services/gen:g"
    asked = [asyncio.ensure_future(one) for one in (
        http.get(f"{service}/never", timeout=60), http.get(f"{service}/endless", timeout=60),
        http.get("/public/services/queue/pop?queue_name=q&timeout=60", timeout=60),
        http.get(f"{LOGIN}/check?key={key}&timeout=60", timeout=60),
        queue.pop("p", 60), ada.manage("ping", silent.address, 60),
        admin_call(boss)("unload_workspace", "ws-user-ada", True, 60))]
    stream = await Stream.open(server, token=login("ada"), client_id="stream")
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 2 and server.metric("hyphad_login_waiters") == 1)
    sockets = [await sip(server, "/files/big", login("ada")), await sip(server, f"{service}/endless", login("ada"))]
    # An upload half way, a call that nobody answers, and frames to somebody who does not read.
    await ada.post("services.built-in.message_cache.create", "k", to=boss.manager)
    await ada.post("services.g.never", to="ws-user-ada/gen")
    for data in (b"", b"GET / HT", b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nhalf"):
        tcp = await Tcp.open(server)
        await tcp.send(data)
        sockets.append(tcp)
    for _ in range(12):     # six of them have a place to log in, the others wait for one
        tcp = await Tcp.open(server)
        await tcp.send(upgrade())
        sockets.append(tcp)
    await until(lambda: server.metric("hyphad_logins_waiting") >= 5)
    await ends(server, asked)
    for tcp in sockets:
        tcp.writer.transport.abort()
    await asyncio.gather(stream.close(), http.aclose(), return_exceptions=True)


def masked(payload):
    return bytes([0x80 | TEXT, 0x80 | len(payload)]) + bytes(4) + payload if len(payload) < 126 else (
        bytes([0x80 | TEXT, 0xfe]) + struct.pack(">H", len(payload)) + bytes(4) + payload)


@pytest.mark.req("S-91")
async def test_the_server_ends_while_a_crowd_logs_in_and_asks(start_server):
    """What is on its way to the hub when the connections are cut finds it closing."""
    for round_ in range(2):
        server = start_server(*NOW, "--max-connections-per-address=5000", env={"HYPHA_HTTP_RATE_LIMIT": "none"})
        crowd = []

        async def come(n, what):
            tcp = await Tcp.open(server)
            crowd.append(tcp)
            for _ in range(n):
                await tcp.send(what)

        async def keep_coming(n):
            for i in range(n):
                try:
                    hello = masked(json.dumps({"client_id": f"c{round_}-{i}"}).encode())
                    await asyncio.gather(come(1, upgrade(first=hello)), come(4, request("/public/services/")))
                except OSError:
                    return
        coming = [asyncio.ensure_future(keep_coming(40)) for _ in range(4)]
        await until(lambda: len(crowd) > 60 + 40 * round_ or all(one.done() for one in coming))
        await ends(server, coming)
        for tcp in crowd:
            tcp.writer.transport.abort()
