"""What somebody has opened ends with the token it came by, with a block, and when the token expires."""
import asyncio
import json
import time

import pytest

from kit.hub import until
from kit.http_stream import Stream
from kit.golden import ROOT_TOKEN
from kit.people import ROOT_ARGS, login, root, user
from kit.tcp import Tcp
from kit.waiting import pace
from kit.web import client_for
from test_admin import admin_call

N_LISTED = 1010         # a listing of more than 1000 is written as it is read
ADDRESS = "192.0.2.7"   # what a trusted proxy says

pytestmark = pytest.mark.differs("the original lets everything go on")


async def provide(hub, name, n_services=0):
    """Functions that do not end, and a workspace with a long listing."""
    provider = await user(hub, name, client_id="prov")
    api = await hub.py("gen", token=login(name))
    closed = []

    async def endless():
        try:
            while True:
                yield "item"
                await pace(0.05, "items come one by one")
        finally:
            closed.append(name)
    await api.register_service({"id": "g", "endless": endless, "never": asyncio.Event().wait,
                                "config": {"visibility": "public"}})
    done = await asyncio.gather(*(provider.manage("register_service", {
        "id": f"{provider.address}:many{i}", "name": f"many{i}", "docs": "d" * 4000,
        "config": {"visibility": "public"}}) for i in range(n_services)))
    assert len(done) == n_services
    provider.closed_generators = closed
    return provider


class Opened:
    """One of each kind, opened by a token (or by nobody) from an address."""

    def __init__(self, hub, server, workspace, token, address=None):
        self.hub, self.server, self.workspace, self.token = hub, server, workspace, token
        self.headers = {"X-Forwarded-For": address} if address else {}
        self.http = client_for(server, token)
        self.http.headers.update(self.headers)
        self.base = f"/{workspace}/services"

    async def stream(self):
        """GET /rpc; how it ended."""
        async with self.http.stream("GET", "/rpc", params={"client_id": f"opened-{id(self)}"}) as answer:
            assert answer.status_code == 200, await answer.aread()
            self.ready("stream")
            return b"".join([piece async for piece in answer.aiter_raw()])

    async def events(self):
        lines = []
        async with self.http.stream("GET", f"{self.base}/gen:g/endless") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    self.ready("events")
                    lines.append(line)
        return lines

    async def call(self):
        return await self.http.get(f"{self.base}/gen:g/never", timeout=60)

    async def pop(self):
        return await self.http.get("/public/services/queue/pop?queue_name=q&timeout=60", timeout=90)

    async def listing(self):
        """Reads the beginning of a long listing, and the rest when it is told to."""
        tcp = await Tcp.open(self.server, receive_buffer=4096)
        extra = "".join(f"{k}: {v}\r\n" for k, v in self.headers.items())
        extra += f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        await tcp.send(f"GET {self.base}/ HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode())
        await tcp.reader.readuntil(b"\r\n\r\n")
        tcp.writer.transport.pause_reading()
        self.ready("listing")
        await self.go_on.wait()
        tcp.writer.transport.resume_reading()
        try:
            text = await tcp.reader.read()
            return b"0\r\n\r\n" in text[-10:]
        except ConnectionError:
            return False

    def ready(self, what):
        self.waiting.discard(what)

    async def start(self, *kinds):
        self.waiting = set(kinds) & {"stream", "events", "listing"}
        self.go_on = asyncio.Event()
        self.tasks = {kind: asyncio.ensure_future(getattr(self, kind)()) for kind in kinds}

        def is_open():
            for kind, task in self.tasks.items():
                assert not task.done(), (kind, task)
            return not self.waiting
        await until(is_open, timeout=30)
        return self

    def open_kinds(self):
        return {kind for kind, task in self.tasks.items() if not task.done()}

    async def end(self):
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        await self.http.aclose()

    async def all_ended(self, status, text, but=()):
        """Each has ended, in its own way, and said why."""
        await until(lambda: self.open_kinds() == set(but), timeout=10)
        if "stream" in self.tasks:
            assert text.encode() in self.tasks["stream"].result()[-200:]
        if "events" in self.tasks:
            lines = self.tasks["events"].result()
            assert json.loads(lines[0][5:]) == "item"
            assert text in lines[-2] and lines[-1] == "data: [DONE]"
        for kind in ("call", "pop"):
            if kind in self.tasks:
                answer = self.tasks[kind].result()
                assert (answer.status_code, answer.json()) == (status, {"detail": text}), kind


@pytest.fixture
def started(hub, start_server):
    hub.server = start_server(*ROOT_ARGS, env={"HYPHA_MAX_SERVICES_PER_CLIENT": "5000",
                                               "HYPHA_HTTP_RATE_LIMIT": "none"})
    return hub.server


@pytest.mark.req("S-72", "A-040")
async def test_a_revoked_token_ends_all_it_has_opened(hub, started):
    """Streams, event streams, calls, pops, listings, connections, and those of its children."""
    ada = await provide(hub, "ada", N_LISTED)
    bob = await user(hub, "bob")
    parent = await ada.manage("generate_token", {"expires_in": 900})
    kinds = ("stream", "events", "call", "pop", "listing")
    async with client_for(started, parent) as http:
        child = (await http.post("/ws-user-ada/services/ws/generate_token", json={})).json()
    mine = await Opened(hub, started, "ws-user-ada", parent).start(*kinds)
    childs = await Opened(hub, started, "ws-user-ada", child).start("events", "call")
    others = await Opened(hub, started, "ws-user-ada", login("bob")).start("stream", "events", "call")
    socket = await hub.raw("by-child", token=child)
    await until(lambda: started.metric("hyphad_queue_waiting_pops") == 1)
    await ada.manage("revoke_token", parent)
    assert await socket.closed() == (1008, "Token has been revoked")
    await childs.all_ended(401, "Token has been revoked")
    await mine.all_ended(401, "Token has been revoked", but=("listing",))
    mine.go_on.set()
    assert await asyncio.wait_for(mine.tasks["listing"], 10) is False, "the listing went on"
    await until(lambda: started.metric("hyphad_queue_waiting_pops") == 0)
    assert started.metric("hyphad_http_calls_ended_total") == 6
    assert bob.is_open and ada.is_open
    await until(lambda: len(ada.closed_generators) == 2)
    assert others.open_kinds() == {"stream", "events", "call"}
    for one in (mine, childs, others):
        await one.end()


@pytest.mark.req("S-72", "A-040", "A-203")
async def test_who_revokes_by_the_token_itself_is_answered(hub, started):
    ada = await provide(hub, "ada")
    token = await ada.manage("generate_token", {"permission": "admin"})
    mine = await Opened(hub, started, "ws-user-ada", token).start("events", "call")
    async with client_for(started, token) as http:
        url = "/ws-user-ada/services/ws/revoke_token"
        answer = await http.post(url, json={"token": token})
        assert (answer.status_code, answer.json()) == (200, None)
        await mine.all_ended(401, "Token has been revoked")
        assert (await http.post(url, json={"token": token})).status_code == 401
    await mine.end()


@pytest.mark.req("S-72", "A-203", "D-11")
@pytest.mark.parametrize("kind", ("user", "address"))
async def test_a_block_ends_all_that_is_open(hub, started, kind):
    boss = await root(hub)
    ada, bob = await provide(hub, "ada"), await user(hub, "bob")
    child = await bob.manage("generate_token")
    kinds = ("stream", "events", "call")
    mine = [await Opened(hub, started, "ws-user-ada", login("bob"), ADDRESS).start(*kinds),
            await Opened(hub, started, "ws-user-ada", child, ADDRESS).start("pop", *kinds)]
    others = await Opened(hub, started, "ws-user-ada", login("eve")).start("events", "call")
    if kind == "user":
        said, block, lift = "User blocked: spam", ("block_user", "bob"), ("unblock_user", "bob")
    else:
        mine.append(await Opened(hub, started, "ws-user-ada", None, ADDRESS).start("events", "call"))
        said, block, lift = "IP blocked: spam", ("block_ip", ADDRESS), ("unblock_ip", ADDRESS)
    await admin_call(boss)(*block, 60, "spam")
    for one in mine:
        await one.all_ended(403, said)
    assert others.open_kinds() == {"events", "call"}
    await admin_call(boss)(*lift)
    for one in (*mine, others):
        await one.end()


@pytest.mark.req("S-72", "A-035")
async def test_what_a_token_has_opened_ends_when_it_expires(hub, started):
    ada = await provide(hub, "ada")
    mine = await Opened(hub, started, "ws-user-ada", login("bob", ttl=4)).start("stream", "events", "call")
    await mine.all_ended(401, "The token has expired. Please fetch a new one")
    assert ada.is_open
    await mine.end()


@pytest.mark.req("S-72", "A-203")
async def test_an_upgrade_that_waits_is_refused_by_a_block(hub, start_server):
    """The only place is taken by somebody who says nothing."""
    hub.server = server = start_server(*ROOT_ARGS, "--threads", "1", env={
        "HYPHA_MAX_CONCURRENT_CONNECTIONS": "1", "HYPHA_LOGIN_TIMEOUT": "60"})
    boss = await root(hub)
    async with await Tcp.open(server) as silent, await Tcp.open(server) as waiting:
        assert "101" in await silent.upgrade()
        asking = asyncio.ensure_future(waiting.upgrade(headers=f"X-Forwarded-For: {ADDRESS}\r\n"))
        await boss.manage("echo", 1)
        assert not asking.done()
        await admin_call(boss)("block_ip", ADDRESS, 60, "spam")
        assert " 403 " in await asyncio.wait_for(asking, 15)


@pytest.mark.req("S-71", "A-203")
async def test_nobody_posts_from_a_blocked_address_into_a_stream_opened_elsewhere(hub, started):
    boss = await root(hub)
    ada = login("ada")
    stream = await Stream.open(started, ada, client_id="flow")
    roots = await Stream.open(started, ROOT_TOKEN, client_id="roots")

    async def post(address, into=stream, token=ada):
        answer = await into.post({"type": "ping"}, token=token, address=address)
        return answer.status_code, answer.json() if answer.content else None
    assert await post("127.0.0.2") == (200, None)
    await admin_call(boss)("block_ip", "127.0.0.2", 60, "spam")
    assert await post("127.0.0.2") == (403, {"detail": "IP is blocked"})
    assert await post("127.0.0.1") == await post("127.0.0.2", roots, ROOT_TOKEN) == (200, None)
    assert not stream.is_over
    await admin_call(boss)("unblock_ip", "127.0.0.2")
    await until(lambda: lifted(post))
    began = time.monotonic()
    await admin_call(boss)("block_ip", "127.0.0.2", 2, "short")
    status = (await post("127.0.0.2"))[0]
    assert status == 403 or time.monotonic() - began > 1     # a second is what a wall clock may cut off
    await until(lambda: lifted(post))
    await stream.close()
    await roots.close()


async def lifted(post):
    return (await post("127.0.0.2"))[0] == 200


@pytest.mark.req("S-72", "A-203")
async def test_a_socket_that_has_not_said_who_it_is_ends_with_a_block_of_its_address(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS, env={"HYPHA_LOGIN_TIMEOUT": "60"})
    boss = await root(hub)
    async with await Tcp.open(server) as mine, await Tcp.open(server) as others:
        for tcp, address in ((mine, ADDRESS), (others, "192.0.2.8")):
            assert "101" in await tcp.upgrade(headers=f"X-Forwarded-For: {address}\r\n")
        await admin_call(boss)("block_ip", ADDRESS, 60, "spam")
        opcode, payload = await mine.next_frame()
        assert opcode == 1 and json.loads(payload) == {"type": "error", "message": "IP blocked: spam"}
        assert await mine.close_code() == 1008
        await others.frame(1, b'{"client_id": "late"}')
        assert json.loads((await others.next_frame())[1])["type"] == "connection_info"
