"""The event log: who may write and read, what comes back, what is kept over a crash, what is refused."""
import asyncio
import contextlib
import sqlite3
from datetime import datetime, timedelta, timezone

import pytest

from kit.hub import until
from kit.people import member, refusal_of, user
from kit.raw import RpcError

FIRST = ("log_event", "first", {"k": [1, None, "ä"]})


def brief(rows):
    return [(row["event_type"], row["data"]) for row in rows]


@pytest.mark.req("A-093")
async def test_one_reads_back_what_one_wrote(hub, server):
    ada, bob = await user(hub, "ada93"), await user(hub, "bob93")
    assert "Event type must not contain spaces" in await refusal_of(ada.manage("log_event", "a b"))
    assert await ada.manage("log_event", "x", {"k": 1}) is None
    assert await ada.manage("log", "text") is None
    assert await ada.manage("log_event", "bare") is None
    rows = await ada.manage("get_events")
    assert brief(rows) == [("x", {"k": 1}), ("log", "text"), ("bare", None)]
    assert [set(row) for row in rows] == [
        {"id", "event_type", "workspace", "user_id", "timestamp", "data"}] * 3
    assert {(row["workspace"], row["user_id"]) for row in rows} == {(ada.workspace, "ada93")}
    assert sorted(row["id"] for row in rows) == [row["id"] for row in rows]
    assert await bob.manage("get_events") == []
    # Members of the same workspace do not read each other's rows either.
    mate = await member(hub, ada)
    await mate.manage("log_event", "mates")
    assert brief(await mate.manage("get_events")) == [("mates", None)]
    assert len(await ada.manage("get_events")) == 3


@pytest.mark.differs("the original's statistics do not heed the end of the window")
@pytest.mark.req("A-094")
async def test_types_are_counted_and_times_filter(hub, server):
    ada = await user(hub, "ada94")
    for kind in ("b", "a", "b"):
        await ada.manage("log_event", kind)
    assert await ada.manage("get_event_stats") == [{"event_type": "a", "count": 1},
                                                   {"event_type": "b", "count": 2}]
    assert brief(await ada.manage("get_events", "b")) == [("b", None)] * 2
    first = (await ada.manage("get_events"))[0]["timestamp"]
    assert abs(datetime.fromisoformat(first) - datetime.now(timezone.utc).replace(tzinfo=None)) \
        < timedelta(minutes=1)
    stamp = datetime.fromisoformat(first).replace(tzinfo=timezone.utc)
    later, earlier = stamp + timedelta(hours=1), stamp - timedelta(hours=1)
    assert await ada.manage("get_events", start_time=later.replace(tzinfo=None).isoformat()) == []
    assert await ada.manage("get_event_stats", end_time=earlier.replace(tzinfo=None).isoformat()) == []
    # Both ends belong to the window.
    assert len(await ada.manage("get_events", "b", first, first)) >= 1


@pytest.mark.differs("numbers filter nothing in the original, and zones are not read")
@pytest.mark.req("A-094")
async def test_times_have_several_forms(hub, server):
    ada = await user(hub, "ada94b")
    await ada.manage("log_event", "x")
    at = datetime.fromisoformat((await ada.manage("get_events"))[0]["timestamp"])
    at = at.replace(tzinfo=timezone.utc)
    later, earlier = at + timedelta(hours=1), at - timedelta(hours=1)
    east = timezone(timedelta(hours=9))
    for before, after in ((earlier.timestamp(), later.timestamp()),
                          (int(earlier.timestamp()), int(later.timestamp())),
                          (earlier.astimezone(east).isoformat(), later.astimezone(east).isoformat()),
                          (earlier.strftime("%Y-%m-%dT%H:%M:%SZ"), later.strftime("%Y-%m-%d %H:%M:%SZ"))):
        assert len(await ada.manage("get_events", None, before, after)) == 1, before
        assert await ada.manage("get_events", None, after) == []
        assert await ada.manage("get_events", None, None, before) == []
    for wrong in ("yesterday", "2026-13-01", "", 1e300, float("nan")):
        assert "ValueError" in await refusal_of(ada.manage("get_events", start_time=wrong)), wrong
    for wrong in (True, {}, [1]):
        assert "TypeError" in await refusal_of(ada.manage("get_event_stats", end_time=wrong)), wrong


@pytest.mark.req("A-238")
async def test_a_reader_reads_and_does_not_write(hub, server):
    ada = await user(hub, "ada238")
    reader = await member(hub, ada, "read")
    assert await reader.manage("get_events") == []
    assert await reader.manage("get_event_stats") == []
    for call in (reader.manage("log_event", "x"), reader.manage("log", "x"),
                 reader.manage("register_service", {"id": f"{reader.address}:s"})):
        assert f"Permission denied for workspace {ada.workspace}" in await refusal_of(call)


async def test_changes_of_the_environment_are_noted_without_values(hub, server):
    ada = await user(hub, "ada-env")
    await ada.manage("set_env", "key", "s3cret")
    await ada.manage("set_env", "key", None)
    await ada.manage("set_env", "key", None)    # is not there: nothing to note
    assert brief(await ada.manage("get_events")) == [("env_set", {"key": "key"}),
                                                     ("env_removed", {"key": "key"})]


@pytest.mark.differs("limits of our own")
async def test_what_is_no_event_is_refused_and_not_written(hub, server):
    ada = await user(hub, "ada-bad")
    for kind, error in (("", "ValueError"), ("a\nb", "ValueError"), ("x" * 257, "ValueError"),
                        (5, "TypeError"), (None, "TypeError")):
        assert error in await refusal_of(ada.manage("log_event", kind)), kind
    deep = None
    for _ in range(60):
        deep = [deep]
    for data in (b"bytes", {"a": {1: 2}}, deep, float("nan")):
        assert "TypeError" in await refusal_of(ada.manage("log_event", "x", data)), data
    assert "larger than 65536 bytes" in await refusal_of(ada.manage("log_event", "x", "y" * 70000))
    assert await ada.manage("get_events") == []


@pytest.mark.differs("limits of our own")
async def test_the_log_is_bounded(hub, start_server):
    server = hub.server = start_server("--event-log-max-rows", "20", "--event-log-answer", "15")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await bob.manage("log_event", "bobs")
    await asyncio.gather(*(ada.manage("log_event", "n", i) for i in range(50)))
    assert await ada.manage("get_event_stats") == [{"event_type": "n", "count": 20}]
    rows = await ada.manage("get_events")
    assert [row["data"] for row in rows] == list(range(35, 50)), "the newest, oldest first"
    older = await ada.manage("get_events", "n", None, rows[0]["timestamp"])
    assert rows[0]["data"] in [row["data"] for row in older]
    assert len(await bob.manage("get_events")) == 1, "nobody pays for another workspace"
    assert server.metric("hyphad_event_log_rows_total") == 51
    assert server.metric("hyphad_event_log_dropped_total") == 30


@pytest.mark.differs("limits of our own")
async def test_many_questions_at_once_are_answered_or_refused(hub, server):
    ada = await user(hub, "ada-many")
    await ada.manage("log_event", "x", "y" * 60000)
    answers = await asyncio.gather(*(ada.manage("get_events") for _ in range(200)),
                                   return_exceptions=True)
    refused = [a for a in answers if isinstance(a, RpcError)]
    assert all("Too many questions" in str(a) for a in refused)
    assert len(answers) - len(refused) >= 16
    assert all(brief(a) == [("x", "y" * 60000)] for a in answers if not isinstance(a, RpcError))
    assert len(await ada.manage("get_events")) == 1


@pytest.mark.differs("the original's log is lost at exit unless it has a database")
async def test_what_was_acknowledged_survives_kill_9(hub, start_server, tmp_path):
    server = hub.server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada")
    done = []

    async def write(i):
        await ada.manage("log_event", "n", i)
        done.append(i)
        if len(done) == 120:
            server.kill()

    await asyncio.gather(*(write(i) for i in range(400)), return_exceptions=True)
    hub.server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada")
    kept = [row["data"] for row in await ada.manage("get_events")]
    assert 120 <= len(done) and set(done) <= set(kept), sorted(set(done) - set(kept))
    assert len(kept) == len(set(kept))
    await ada.manage("log_event", "after")
    assert (await ada.manage("get_events"))[-1]["event_type"] == "after"


@pytest.mark.differs("limits of our own")
async def test_what_is_too_old_goes(hub, start_server, tmp_path):
    server = hub.server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada")
    for i in range(4):
        await ada.manage("log_event", "n", i)
    server.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "hyphad.db")) as db, db:
        db.execute("UPDATE event_logs SET timestamp = timestamp - 120000000 WHERE id <= 3")
    server = hub.server = start_server("--event-log-keep", "1m", data_dir=tmp_path)
    ada = await user(hub, "ada")
    assert brief(await ada.manage("get_events")) == [("n", 3)], "gone for readers at once"
    assert await ada.manage("get_event_stats", start_time=0) == [{"event_type": "n", "count": 1}]
    await until(lambda: server.metric("hyphad_event_log_dropped_total") == 3)


@pytest.mark.req("A-093")
async def test_the_published_client_logs(hub, server):
    api = await hub.py()
    await api.log_event("started", {"version": 2})
    await api.log("hello")
    assert brief(await api.get_events()) == [("started", {"version": 2}), ("log", "hello")]
    assert await api.get_event_stats(event_type="log") == [{"event_type": "log", "count": 1}]


async def test_the_javascript_client_logs(hub, server):
    js = await hub.js()
    await js.manage("logEvent", "started", {"version": 2})
    assert brief(await js.manage("getEvents")) == [("started", {"version": 2})]


@pytest.mark.differs("the original lets everybody wait for everybody")
@pytest.mark.req("S-140")
async def test_a_flood_of_events_has_a_share_of_the_queue(hub, start_server):
    """Strangers who write events faster than the disk are refused some; who is known writes on meanwhile."""
    hub.server = server = start_server("--event-log-queue=100", "--ws-msg-rate-limit=none")
    ada, flooder = await user(hub, "ada"), await hub.raw("flooder")
    flood = [flooder.call("services.default.log_event", "e", {"pad": "x" * 500}, timeout=60) for _ in range(3000)]
    answers = asyncio.gather(*flood, return_exceptions=True)
    while not server.metric("hyphad_event_log_refused_total") and not answers.done():
        await ada.manage("log_event", "mine")
    for i in range(10):
        await ada.manage("log_event", "mine")
        await ada.manage("set_env", f"k{i}", "v")
    refused = [str(a) for a in await answers if isinstance(a, Exception)]
    assert refused and all(text.startswith("RuntimeError: Too many events wait to be written") for text in refused), refused[:3]
    assert len(refused) < 3000
    await until(lambda: server.metric("hyphad_store_waiting") == 0)
