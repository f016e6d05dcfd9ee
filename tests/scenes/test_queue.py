"""The queue service: order, waiting, who may, what is refused, what survives, what a caller that leaves takes with it."""
import asyncio
import contextlib
import re
import sqlite3
import time

import pytest

from kit import tokens
from kit.golden import ROOT_TOKEN
from kit.hub import until
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.raw import RpcError
from kit.waiting import turn
from kit.web import client_for


class Queue:
    """`public/queue` as one raw client sees it."""

    def __init__(self, raw, server):
        self.raw, self.server = raw, server

    async def find(self):
        self.address = (await self.raw.manage("get_service_info", "public/queue"))["id"].split(":")[0]
        return self

    def call(self, name, *args, **more):
        return self.raw.call(f"services.queue.{name}", *args, to=self.address, **more)

    def push(self, name, task):
        return self.call("push", name, task)

    def pop(self, name, timeout=0, **more):
        return self.call("pop", name, timeout, **more)

    def peek(self, name, n=1):
        return self.call("peek", name, n)

    def length(self, name):
        return self.call("get_length", name)


def queue_of(raw, server=None):
    return Queue(raw, server).find()


@pytest.mark.req("S-141")
@pytest.mark.differs("the original lets anybody in")
async def test_a_full_workspace_lets_nobody_in(hub, start_server):
    server = hub.server = start_server("--workspace-bytes", "1M")
    ada = await user(hub, "ada")
    q = await queue_of(ada)
    token = await ada.manage("generate_token", {"permission": "read_write", "expires_in": 1000})
    first = {"token": token, "workspace": ada.workspace}
    gone = await hub.raw("back", **first)
    await gone.leave()
    members = [await hub.raw(**first) for _ in range(10)]
    for n_bytes in (100_000, 10_000, 1000):
        with contextlib.suppress(RpcError):
            while True:
                await q.push("jobs", {"x": "x" * n_bytes})
    refused = await hub.refused({"client_id": "new", **first})
    assert refused.code == 1013 and "no room for the client (--workspace-bytes, 1048576 bytes), please retry" in refused.message, refused
    assert server.metric("hyphad_workspace_limit_refused_total") == 1
    assert re.search('"client refused" .*rule=workspace-bytes', server.log_text())
    again = {"client_id": "back", "reconnection_token": gone.info["reconnection_token"]}
    for _ in range(2):
        refused = await hub.refused(again)
        assert refused.texts == [] and refused.code == 1013 and "no room for the client (--workspace-bytes, " in refused.reason, refused
    for one in members:
        await one.leave()

    async def is_let_in(first):
        with contextlib.suppress(ConnectionError):
            return (await (await hub.raw_open(first)).joined()).workspace == ada.workspace
    for first in ({"client_id": "new", **first}, again):
        assert await until(lambda: is_let_in(first))


@pytest.mark.req("A-177", "A-235", "D-27")
@pytest.mark.differs("the original's peek shows the newest, and its pop(timeout=0) waits for ever")
async def test_first_in_first_out(hub, server):
    q = await queue_of(await user(hub, "ada177"))
    assert await q.pop("jobs") is None, "at once"
    for n in (1, 2, 3):
        assert await q.push("jobs", {"n": n}) is None
    await q.push("others", {"n": 9})
    assert await q.length("jobs") == 3 and await q.length("nothing") == 0
    assert await q.peek("jobs") == [{"n": 1}]
    assert await q.peek("jobs", 2) == [{"n": 1}, {"n": 2}]
    assert await q.peek("jobs", 100) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [await q.pop("jobs") for _ in range(4)] == [{"n": 1}, {"n": 2}, {"n": 3}, None]
    assert await q.length("jobs") == 0 and await q.length("others") == 1
    assert await q.peek("jobs") == []
    began = time.monotonic()
    assert await q.pop("jobs", 0.5) is None
    assert 0.4 < time.monotonic() - began < 5


@pytest.mark.req("A-177")
async def test_workspaces_are_separate(hub, server):
    ada, bob = await queue_of(await user(hub, "ada-sep")), await queue_of(await user(hub, "bob-sep"))
    await ada.push("jobs", {"n": 1})
    assert await bob.length("jobs") == 0
    assert await ada.pop("jobs", 5) == {"n": 1}


@pytest.mark.req("A-177")
async def test_bad_names_are_refused(hub, server):
    q = await queue_of(await user(hub, "ada-names"))
    for name in ("bad name", "", "-x", ".x", "_x", "a/b", "ä", "a\0b", "a" * 129, "a:b", "a*"):
        for call in (q.push(name, {}), q.call("pop", name, 1), q.length(name), q.call("peek", name)):
            text = await refusal_of(call)
            assert "Queue names must be 1-128 characters, start with alphanumeric, and contain only " \
                   "alphanumeric, hyphens, underscores, and dots." in text and "ValueError" in text
    assert "Invalid queue name: 'bad name'." in await refusal_of(q.length("bad name"))
    for name in ("a", "0", "a" * 128, "a.b_c-D9"):
        assert await q.length(name) == 0


@pytest.mark.req("D-27")
@pytest.mark.differs("ranges and kinds are enforced here")
async def test_what_is_out_of_range_is_refused(hub, server):
    q = await queue_of(await user(hub, "ada-range"))
    for n in (0, 101, -1):
        assert "ValueError" in await refusal_of(q.peek("q", n)), n
    for timeout in (-1, 300.5, float("nan"), 1e300):
        assert "ValueError" in await refusal_of(q.pop("q", timeout)), timeout
    for task in ("text", 5, None, [1], b"x", {"a": b"bytes"}, {1: 2}, {"a": float("inf")}):
        text = await refusal_of(q.push("q", task))
        assert "ValueError" in text, (task, text)
    assert "bytes of a task" in await refusal_of(q.push("q", {"a": "x" * 300000}))
    assert "TypeError" in await refusal_of(q.call("pop", "q", "soon"))
    assert await q.length("q") == 0


@pytest.mark.req("D-27")
@pytest.mark.differs("the original asks for no permission")
async def test_who_may(hub, server):
    ada = await user(hub, "ada-may")
    owner, reader = await queue_of(ada), await queue_of(await member(hub, ada, "read"))
    writer = await queue_of(await member(hub, ada, "read_write"))
    await owner.push("jobs", {"n": 1})
    assert await reader.length("jobs") == 1 and await reader.peek("jobs") == [{"n": 1}]
    for call in (reader.push("jobs", {}), reader.pop("jobs"), reader.pop("jobs", 5)):
        assert f"Permission denied for workspace {ada.workspace}" in await refusal_of(call)
    assert await writer.pop("jobs") == {"n": 1}


@pytest.mark.differs("reads our own figures")
async def test_a_waiting_pop_gets_what_is_pushed(hub, server):
    ada = await user(hub, "ada-wait")
    one, two = await queue_of(ada), await queue_of(await member(hub, ada))
    first = asyncio.create_task(one.pop("jobs", 60))
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 1)
    second = asyncio.create_task(two.pop("jobs", 60))
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 2)
    await two.push("jobs", {"n": 1})
    assert await first == {"n": 1}, "who waits longest is served first"
    await two.push("jobs", {"n": 2})
    assert await second == {"n": 2}
    assert server.metric("hyphad_queue_waiting_pops") == 0
    assert await one.length("jobs") == 0


@pytest.mark.differs("the original gives the task to the connection that is gone")
async def test_a_waiting_pop_ends_when_its_caller_leaves(hub, server):
    ada = await user(hub, "ada-leave")
    one, two = await queue_of(ada), await queue_of(await member(hub, ada))
    waiting = asyncio.create_task(two.pop("jobs", 60))
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 1)
    await two.raw.shut()
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 0)
    waiting.cancel()
    await one.push("jobs", {"n": 1})
    assert await one.pop("jobs") == {"n": 1}


@pytest.mark.differs("tasks are durable here")
async def test_callers_that_leave_in_the_middle_double_and_reorder_nothing(hub, start_server, tmp_path):
    server = hub.server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada")
    q = await queue_of(ada)
    token = await ada.manage("generate_token", {"permission": "read_write"})
    await asyncio.gather(*(q.push("jobs", {"n": i}) for i in range(60)))
    got = []

    async def hasty(i):
        raw = await hub.raw_open({"client_id": f"hasty-{i}", "token": token, "workspace": ada.workspace})
        await raw.joined()
        taker = Queue(raw, server)
        taker.address = q.address
        async def pop():
            got.append((await taker.pop("jobs"))["n"])
        pops = [asyncio.create_task(pop()) for _ in range(3)]
        await turn()        # the frames are on their way
        if i % 2:
            await raw.shut()
        await asyncio.gather(*pops, return_exceptions=True)

    await asyncio.gather(*(hasty(i) for i in range(16)))
    # Who left may have asked in time all the same: its pops end first.
    await until(lambda: server.metric("hyphad_peers") == 9)

    async def agreed():
        tasks = [t["n"] for t in await q.peek("jobs", 100)]
        return (tasks,) if server.metric("hyphad_queue_tasks") == len(tasks) else None
    (left,) = await until(agreed)
    assert len(set(got)) == len(got) and not set(got) & set(left) and left == sorted(left)
    server.stop()
    hub.server = start_server(data_dir=tmp_path)
    q = await queue_of(await user(hub, "ada"))
    assert [t["n"] for t in await q.peek("jobs", 100)] == left, "memory and store agree"


@pytest.mark.differs("limits of our own")
async def test_limits(hub, start_server):
    server = hub.server = start_server("--max-queues", "3", "--max-queue-tasks", "5", "--max-queue-waiters", "2",
                                       "--max-queue-bytes", "64K", "--max-task", "32K")
    ada, bob = await user(hub, "ada"), await queue_of(await user(hub, "bob"))
    q = await queue_of(ada)
    for i in range(5):
        await q.push("a", {"n": i})
    assert "tasks in this queue (max 5)" in await refusal_of(q.push("a", {}))
    await q.push("b", {"x": "y" * 30000})
    await q.push("c", {"x": "y" * 30000})
    assert "bytes in the queues of this workspace (max 65536)" in await refusal_of(q.push("b", {"x": "y" * 9000}))
    assert "queues of this workspace (max 3)" in await refusal_of(q.push("d", {}))
    assert "queues of this workspace (max 3)" in await refusal_of(q.pop("d", 5))
    await bob.push("d", {"free": True})
    assert server.metric("hyphad_queue_tasks") == 8
    assert (await q.pop("b"))["x"] and (await q.pop("c"))["x"]     # an empty queue is none
    waiting = [asyncio.create_task(q.pop("d", 60)) for _ in range(2)]
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 2)
    assert "pops that wait in this workspace (max 2)" in await refusal_of(q.pop("e", 5))
    await q.push("d", {})
    await q.push("d", {})
    assert await asyncio.gather(*waiting) == [{}, {}]
    assert server.metric("hyphad_queue_refused_total") == 5


@pytest.mark.differs("tasks are durable here")
async def test_what_was_acknowledged_survives_kill_9(hub, start_server, tmp_path):
    server = hub.server = start_server(data_dir=tmp_path)
    q = await queue_of(await user(hub, "ada"))
    await asyncio.gather(*(q.push("old", {"n": i}) for i in range(50)))
    pushed, popped = [], []

    async def push(i):
        await q.push("jobs", {"n": i})
        pushed.append(i)

    async def pop():
        task = await q.pop("old")
        popped.append(task["n"])
        if len(popped) == 20:
            server.kill()

    await asyncio.gather(*(push(i) for i in range(300)), *(pop() for _ in range(50)), return_exceptions=True)
    hub.server = start_server(data_dir=tmp_path)
    q = await queue_of(await user(hub, "ada"))
    kept = [t["n"] for t in [await q.pop("jobs") for _ in range(await q.length("jobs"))]]
    assert set(pushed) <= set(kept) and kept == sorted(kept)
    left = [t["n"] for t in [await q.pop("old") for _ in range(await q.length("old"))]]
    assert left == sorted(left) and not set(left) & set(popped), "no task is given twice"


@pytest.mark.differs("tasks are durable here")
async def test_a_restart_keeps_the_order_and_drops_what_is_nobodys(hub, start_server, tmp_path):
    server = hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    ada, boss = await user(hub, "ada"), await root(hub)
    await ada.manage("create_workspace", {"name": "ada-kept", "persistent": True})
    await ada.manage("create_workspace", {"name": "ada-gone", "persistent": True})
    for workspace in ("ada-kept", "ada-gone"):
        q = await queue_of(await member_of(hub, ada, workspace))
        for n in range(3):
            await q.push("jobs", {"n": n})
        assert await q.pop("jobs") == {"n": 0}
    await (await queue_of(boss)).push("roots", {"n": 1})
    await ada.manage("delete_workspace", "ada-gone")
    server.stop()
    server = hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    ada = await user(hub, "ada")
    q = await queue_of(await member_of(hub, ada, "ada-kept"))
    await q.push("jobs", {"n": 3})
    assert await q.peek("jobs", 9) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert await (await queue_of(await root(hub))).pop("roots") == {"n": 1}
    await ada.manage("create_workspace", {"name": "ada-gone", "persistent": True})
    assert await (await queue_of(await member_of(hub, ada, "ada-gone"))).length("jobs") == 0


@pytest.mark.differs("tasks are durable here")
@pytest.mark.parametrize("persistent", (True, False))
async def test_the_tasks_of_a_workspace_that_goes_are_not_those_of_one_made_again(hub, server, persistent):
    """They are freed over turns: many enough for some, and looked for at once."""
    ada, name = await user(hub, "ada"), f"ada-again-{str(persistent).lower()}"
    before = server.metric("hyphad_queue_tasks")
    for n in range(2):
        await ada.manage("create_workspace", {"id": name, "name": name, "persistent": persistent})
        q = await queue_of(await member_of(hub, ada, name))
        assert await q.length("jobs") == 0
        await asyncio.gather(*(q.push("jobs", {"n": i}) for i in range(1000)))
        await q.push("more", {"n": n})
        await ada.manage("delete_workspace", name)
    await ada.manage("create_workspace", {"id": name, "name": name, "persistent": persistent})
    q = await queue_of(await member_of(hub, ada, name))
    await q.push("jobs", {"n": "new"})
    assert await q.peek("jobs", 9) == [{"n": "new"}]
    assert await q.length("more") == 0
    await ada.manage("delete_workspace", name)
    async with asyncio.timeout(30):
        while server.metric("hyphad_queue_tasks") != before:
            await ada.manage("echo", 1)


def database_below(folder):
    return contextlib.closing(sqlite3.connect(next(folder.rglob("hyphad.db"))))


async def killed_and_started(hub, start_server, folder):
    if hub.server:
        hub.server.kill()
    hub.server = start_server(data_dir=folder)
    return await user(hub, "ada")


@pytest.mark.differs("tasks are durable here")
@pytest.mark.req("S-129")
async def test_what_a_crash_leaves_of_a_deleted_workspace_is_nobodys(hub, start_server, tmp_path):
    """Tasks and subscriptions that the store has still are put back there by hand."""
    left = "FROM records WHERE bucket IN ('queues', 'subscriptions') AND instr(CAST(key AS TEXT), 'ada-gone') = 1"
    ada = await killed_and_started(hub, start_server, tmp_path)
    await ada.manage("create_workspace", {"id": "ada-gone", "persistent": True})
    inside = await member_of(hub, ada, "ada-gone")
    await inside.manage("subscribe", "noise")
    q = await queue_of(inside)
    for n in range(3):
        await q.push("jobs", {"n": n})
    await until(lambda: hub.server.metric("hyphad_subscriptions_stored") == 1)
    await ada.manage("set_env", "fence", "1")       # the store answers in order: what it was given before is written
    ada = await killed_and_started(hub, start_server, tmp_path)
    assert hub.server.metric("hyphad_subscriptions_kept") == 1, "of the workspace itself they are back"
    q = await queue_of(await member_of(hub, ada, "ada-gone"))
    assert await q.length("jobs") == 3
    with database_below(tmp_path) as db:
        rows = db.execute(f"SELECT * {left}").fetchall()
    assert len(rows) == 4
    await ada.manage("delete_workspace", "ada-gone")
    await ada.manage("create_workspace", {"id": "ada-gone", "persistent": True})
    await (await queue_of(await member_of(hub, ada, "ada-gone"))).push("jobs", {"n": "new"})
    hub.server.kill()
    with database_below(tmp_path) as db, db:
        db.executemany("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)", rows)
    ada = await killed_and_started(hub, start_server, tmp_path)
    assert hub.server.metric("hyphad_queue_tasks") == 1
    assert hub.server.metric("hyphad_subscriptions_kept") == 0
    q = await queue_of(await member_of(hub, ada, "ada-gone"))
    assert await q.peek("jobs", 9) == [{"n": "new"}]

    def n_left():
        with database_below(tmp_path) as db:
            return db.execute(f"SELECT count(*) {left}").fetchone()[0]
    await until(lambda: n_left() == 1)


async def member_of(hub, owner, workspace):
    token = await owner.manage("generate_token", {"workspace": workspace, "permission": "read_write"})
    return await hub.raw(hub.name("in"), token=token, workspace=workspace)


async def test_tasks_end_with_their_workspace(hub, server):
    ada = await user(hub, "ada-end")
    await ada.manage("create_workspace", {"name": "ada-tmp"})
    before = server.metric("hyphad_queue_tasks")
    inside = await member_of(hub, ada, "ada-tmp")
    q = await queue_of(inside)
    await q.push("jobs", {"n": 1})
    await inside.shut()
    await until(lambda: server.metric("hyphad_queue_tasks") == before)
    await ada.manage("create_workspace", {"name": "ada-tmp"}, True)
    assert await (await queue_of(await member_of(hub, ada, "ada-tmp"))).length("jobs") == 0


@pytest.mark.differs("the original goes on waiting")
async def test_a_waiting_pop_ends_with_its_workspace_and_with_the_server(hub, start_server):
    server = hub.server = start_server()
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"name": "ada-p", "persistent": True})
    q = await queue_of(ada)
    # The caller is in its own workspace and asks for nothing here but time.
    waiting = asyncio.create_task(q.pop("jobs", 300))
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 1)
    began = time.monotonic()
    await asyncio.to_thread(server.stop)
    assert time.monotonic() - began < 20
    with pytest.raises((RpcError, ConnectionError)):
        await waiting


@pytest.mark.differs("D-27")
@pytest.mark.req("A-177")
async def test_over_http(hub, server):
    ada = await user(hub, "ada-http")
    token = await ada.manage("generate_token", {"permission": "read_write"})
    async with client_for(server, token) as http:
        async def ask(name, **body):
            answer = await http.post(f"/public/services/queue/{name}", json=body)
            return answer.status_code, answer.json()
        assert await ask("push", queue_name="jobs", task={"n": 1}) == (200, None)
        assert await ask("get_length", queue_name="jobs") == (200, 1)
        assert await ask("peek", queue_name="jobs", n=5) == (200, [{"n": 1}])
        answer = await http.get("/public/services/queue/pop?queue_name=jobs&timeout=0")
        assert (answer.status_code, answer.json()) == (200, {"n": 1})
        assert await ask("pop", queue_name="jobs", timeout=0) == (200, None)
        assert (await ask("push", queue_name="a b", task={}))[0] == 400
    async with client_for(server, None) as http:
        answer = await http.post("/public/services/queue/push", json={"queue_name": "q", "task": {}})
        assert answer.status_code == 403


@pytest.mark.differs("reads our own figures")
async def test_a_pop_over_http_ends_with_its_connection(hub, server):
    ada = await user(hub, "ada-http-gone")
    token = await ada.manage("generate_token", {"permission": "read_write"})
    async with client_for(server, token) as http:
        waiting = asyncio.create_task(http.get("/public/services/queue/pop?queue_name=jobs&timeout=60"))
        await until(lambda: server.metric("hyphad_queue_waiting_pops") == 1)
        waiting.cancel()
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 0)
    q = await queue_of(ada)
    await q.push("jobs", {"n": 1})
    assert await q.length("jobs") == 1


async def test_the_published_clients_queue(hub, server):
    api = await hub.py()
    queue = await api.get_service("public/queue")
    await queue.push("jobs", {"from": "python"})
    js = await hub.js(beside=api)
    other = await js.service("public/queue")
    assert await other.call("pop", "jobs", 5) == {"from": "python"}
    waiting = asyncio.ensure_future(queue.pop("jobs", timeout=60))
    await other.call("push", "jobs", {"from": "javascript"})
    assert await waiting == {"from": "javascript"}
    info = await api.get_service_info("public/queue")
    assert (info["name"], info["type"]) == ("Task Queue Service", "generic")
    assert info["config"]["require_context"] is True and info["config"]["visibility"] == "public"
    assert list(info["service_schema"]) == ["push", "pop", "get_length", "peek"]


@pytest.mark.req("S-67")
@pytest.mark.differs("queues of the original have no limits")
async def test_one_user_leaves_room_for_the_others(hub, start_server, tmp_path):
    """Of tasks, names, bytes and pops; who has made the workspace may fill it. A restart gives nobody a second share."""
    args = ("--max-queues", "4", "--max-queue-tasks", "8", "--max-queue-waiters", "4", "--max-queue-bytes", "64K",
            "--max-task", "40K", "--queue-user-share", "50")
    server = hub.server = start_server(*args, data_dir=tmp_path)

    async def guest(name):
        token = login(name, "ws:ws-user-ada#rw")
        return await queue_of(await hub.raw(hub.name(name), token=token, workspace="ws-user-ada"), server)
    ada = await queue_of(await user(hub, "ada"), server)
    bob, eve = await guest("bob"), await guest("eve")
    for n in range(4):
        await bob.push("jobs", {"n": n})
    share = "of one user, by --queue-user-share"
    assert f"tasks in this queue {share} (max 4)" in await refusal_of(bob.push("jobs", {}))
    assert f"tasks in this queue {share} (max 4)" in await refusal_of((await guest("bob")).push("jobs", {}))
    await eve.push("jobs", {"of": "eve"})
    for n in range(2):
        await ada.push("jobs", {"of": "ada"})
    await bob.push("more", {"filling": "x" * 26_000})
    assert f"queues of this workspace {share} (max 2)" in await refusal_of(bob.push("third", {}))
    assert f"bytes in the queues of this workspace {share}" in await refusal_of(bob.push("more", {"filling": "x" * 9000}))
    await eve.push("third", {"filling": "x" * 9000})
    await hub.close()
    server.stop()
    server = hub.server = start_server(*args, data_dir=tmp_path)
    ada, bob, eve = await queue_of(await user(hub, "ada"), server), await guest("bob"), await guest("eve")
    assert f"{share} (max 4)" in await refusal_of(bob.push("jobs", {}))
    await ada.push("jobs", {"of": "ada"})
    assert "tasks in this queue (max 8)" in await refusal_of(ada.push("jobs", {}))
    assert (await ada.pop("jobs"))["n"] == 0
    await bob.push("jobs", {"n": 4})
    waiting = [asyncio.create_task(ada.pop("idle", 60))]
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 1)
    waiting += [asyncio.create_task(bob.pop("idle", 60)) for _ in range(2)]
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 3)
    assert f"pops that wait in this workspace {share} (max 2)" in await refusal_of(bob.pop("idle", 60))
    waiting.append(asyncio.create_task(eve.pop("idle", 60)))
    await until(lambda: server.metric("hyphad_queue_waiting_pops") == 4)
    for n in range(4):
        await ada.push("idle", {"n": n})
    got = await asyncio.gather(*waiting)
    assert got[0] == {"n": 0} and got[3] == {"n": 3}
