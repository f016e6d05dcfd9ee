"""Whoever is refused for want of room reads which option stands in the way, and so does the operator."""
import asyncio
import re

import pytest
from websockets.exceptions import ConnectionClosed

from kit.hub import Hub
from kit.people import login, user
from kit.raw import RpcError
from kit.tcp import Tcp
from kit.waiting import until
from kit.web import client_for

MB = 1 << 20
CAP = 1 << 20
FEW = ["--peer-bytes=4M", "--sendq-bytes=4M", "--max-message=1M", "--max-frame=1M", "--pressure-high=2M", "--ws-msg-rate-limit=none"]
pytestmark = [pytest.mark.differs("the original has no accounts"), pytest.mark.timeout(120)]


def named(text):
    """The options a refusal names, with what they allow."""
    return re.findall(r"\((--[a-z-]+), (\d+) bytes\)", text)


async def attempt(raw, said, call):
    """What it was refused with goes into said; a connection that has been closed, with its reason, too."""
    try:
        await call
        return True
    except RpcError as refused:
        said.append(str(refused))
    except (ConnectionError, ConnectionClosed):
        said.append((await raw.closed())[1])
    return False


async def fill(raw, said, size):
    """Registers services of that length until one does not fit."""
    n = 0
    while await attempt(raw, said, raw.register(f"big-{size}-{n}", {}, docs="d" * size)):
        n += 1
    return n


async def push(raw, said, queue):
    """Tasks of ever smaller sizes, each until one is refused: sometimes the message finds room and the task does not."""
    for size in (60_000, 40_000, 25_000, 15_000, 9_000, 5_000):
        while raw.is_open and await attempt(raw, said, raw.call("services.queue.push", "jobs", {"x": "x" * size}, to=queue)):
            pass


async def everything(raw, said, queue, size):
    """What takes room of a workspace or of who is in it."""
    text, to_queue = "x" * size, {"to": queue}
    for call in (lambda: raw.call("services.queue.push", "jobs", {"x": text}, **to_queue),
                 lambda: raw.call("services.queue.push", "others", {"x": text}, **to_queue),
                 lambda: raw.manage("set_env", "KEY", text),
                 lambda: raw.manage("register_service_type", {"id": f"type-{size}", "name": "T", "definition": {"x": text}}),
                 lambda: raw.manage("bookmark", {"bookmark_type": "workspace", "id": raw.workspace}),
                 lambda: raw.manage("create_workspace", {"id": f"{raw.workspace[8:]}-lab-{size}", "description": text}),
                 lambda: raw.manage("subscribe", [f"{size}-{n}-{'x' * 150}" for n in range(40)]),
                 lambda: raw.manage("list_services"),
                 lambda: raw.call("services.built-in.message_cache.create", f"k-{size}", to=raw.manager),
                 lambda: raw.register(f"more-{size}", {}, docs=text)):
        if raw.is_open:
            await attempt(raw, said, call())


async def walk(server, option, cap):
    """Who has made a workspace fills it up to the cap, by all that takes room."""
    hub, said, limit = Hub(server), [], [("--" + option, str(cap))]
    try:
        ada = await user(hub, "ada")
        token = await ada.manage("generate_token", {"permission": "read_write", "expires_in": 1000})
        back = await hub.raw("back", token=token, workspace=ada.workspace)
        await back.leave()
        queue = (await ada.manage("get_service_info", "public/queue"))["id"].split(":")[0]
        await ada.register("s", {"f": len})
        asker = await user(hub, "ada")
        for size in (100_000, 10_000, 300):
            n = await fill(ada, said, size)
            if option != "user-bytes" and size == 100_000:
                await ada.manage("unregister_service", f"{ada.address}:big-{size}-{n - 1}")
                await push(ada, said, queue)
                assert f"RuntimeError: There is no room for the task (--{option}, {cap} bytes)" in said, said
            await everything(asker, said, queue, size // 3)
        assert said[0].startswith("RuntimeError: No room for service 'big-100000-"), said
        assert [text for text in said if named(text) != limit] == []
        # Whose frame cannot be held is told by the close frame.
        async with client_for(server, login("ada"), "127.0.0.2") as http:
            sizes = iter(range(200, 300))

            async def refused():    # what was under way while it was filled has left room since
                await fill(ada, said, next(sizes))
                answer = await http.post(f"/{ada.workspace}/services/{ada.client_id}:s/f", json=["x" * 100_000])
                return answer if answer.status_code == 503 else None

            answer = await until(refused)
            assert named(answer.text) == limit, answer.text
        await until(lambda: re.search(f'"request refused" .*status=503 .*rule={option}', server.log_text()))
        await attempt(asker, said, asker.manage("echo", "x" * 400_000))
        assert not asker.is_open and said[-1].startswith("Too many bytes under way") and named(said[-1]) == limit, said[-1]
        await until(lambda: f"there was no room for its message (--{option})" in server.log_text())
        # Who would come in is told before, kindly, and who comes back so that it tries again.
        await fill(ada, said, 100)
        refused = await hub.refused({"client_id": "new", "token": token, "workspace": ada.workspace})
        assert refused.code == 1013 and named(refused.message) == limit, refused
        assert "There is no room for the client" in refused.message and "please retry" in refused.message
        again = await hub.refused({"client_id": "back", "reconnection_token": back.info["reconnection_token"]})
        assert again.texts == [] and again.code == 1013 and named(again.reason) == limit, again
        await until(lambda: len(re.findall(f'"client refused" .*rule={option}', server.log_text())) == 2)
        assert server.metric("hyphad_workspace_limit_refused_total") == 2
        await ada.leave()
        await until(lambda: comes_in(hub, token, ada.workspace))
    finally:
        await hub.close()


async def comes_in(hub, token, workspace):
    try:
        await hub.raw(token=token, workspace=workspace)
        return True
    except ConnectionError:
        return False


@pytest.mark.req("S-160", "S-161")
async def test_every_refusal_names_what_is_full(start_server):
    """The server with a small user, workspace, person, or with little memory in all: a refusal of whatever kind names that one."""
    clients = 4 * MB // 8 * 7
    small = {option: start_server(*FEW, f"--{option}={CAP}") for option in ("user-bytes", "workspace-bytes", "person-bytes")}
    everybody = start_server(*FEW, *(f"--{who}-bytes={4 * MB}" for who in ("process", "person", "workspace", "user")))
    await asyncio.gather(walk(everybody, "process-bytes", clients), *(walk(server, option, CAP) for option, server in small.items()))


@pytest.mark.req("S-160")
async def test_what_strangers_are_refused_names_what_is_full(start_server):
    """Bodies, by one address and by many; the figures have a row of what strangers hold, and at the door."""
    server = start_server("--http-bytes=2M", "--http-address-bytes=512K", "--min-body-rate=none", "--head-timeout=60",
                          "--trusted-proxies=203.0.113.0/24")
    body = b"POST /public/services/s/f HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    sockets = []

    async def refusal(sock):
        return (await asyncio.wait_for(sock.reader.readuntil(b"}"), 15)).decode()

    async def begin(address, n_bytes):
        sock = await Tcp.open(server, address=address)
        sockets.append(sock)
        await sock.send(body + b"a" * n_bytes)
        return sock
    try:
        greedy = await begin("127.0.0.2", 600_000)
        text = await refusal(greedy)
        assert text.startswith("HTTP/1.1 503 ") and f"There is no room for the request (--http-address-bytes, {MB // 2} bytes)" in text
        await until(lambda: re.search('"request refused" .*status=503 .*rule=http-address-bytes', server.log_text()))
        for n in range(6):
            await begin(f"127.3.0.{n + 1}", 240_000)
        strangers = 'hyphad_account_bytes{account="strangers"}'
        await until(lambda: server.metric(strangers) > MB)
        late = await begin("127.0.0.3", 400_000)
        text = await refusal(late)
        assert text.startswith("HTTP/1.1 503 ") and f"There is no room for the request (--http-bytes, {2 * MB // 4 * 3} bytes)" in text, text
        await until(lambda: re.search('"request refused" .*status=503 .*rule=http-bytes', server.log_text()))
        assert server.metric(strangers) <= server.metric('hyphad_account_bytes{account="http"}')
        assert server.metric('hyphad_account_bytes{account="door"}') >= 0
    finally:
        for sock in sockets:
            sock.reset()
