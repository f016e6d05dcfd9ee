"""--store redis://: records in a Redis, in the original's form, through restarts and outages."""
import asyncio
import json
import os
import signal
import subprocess
import urllib.request

import pytest

from kit import tokens
from kit.hub import until
from kit.people import login, refusal_of, user
from kit.raw import RpcError
from kit.redis import PASSWORD, Redis

pytestmark = pytest.mark.differs("an option of our own")
NOISE = pytest.mark.allow_warn("no connection to Redis")
KEYS = {"type", "id", "name", "description", "persistent", "owners", "read_only", "icon", "covers", "docs",
        "service_types", "config", "status"}


@pytest.fixture
def redis(tmp_path):
    one = Redis(tmp_path / "redis").start()
    yield one
    one.kill()


def options(redis):
    return "--store", redis.uri, "--redis-timeout", "1"


async def test_records_survive_in_the_form_of_the_original(hub, start_server, redis, tmp_path):
    server = start_server(*options(redis), data_dir=tmp_path / "a")
    ada = await user(hub, "ada", server=server)
    lent = tokens.mint("ada", "ws:ws-user-ada#a", ttl=7200)
    await ada.manage("create_workspace", {"id": "ada-w", "persistent": True, "description": "d\u00e9j\u00e0",
                                          "config": {"n": 1.5, "deep": [1, {"a": None}]}})
    inside = await hub.raw("in", server=server, token=login("ada"), workspace="ada-w")
    await inside.manage("set_env", "K", "v")
    await inside.manage("set_env", "BYTES", 1)
    await ada.manage("revoke_token", lent)
    kept = redis.workspace("ada-w")
    assert KEYS <= set(kept) and kept["id"] == "ada-w" and kept["owners"] == ["ada"]
    assert kept["config"]["environs"] == {"K": "v", "BYTES": 1} and kept["description"] == "d\u00e9j\u00e0"
    await ada.manage("create_workspace", {"id": "ada-gone", "persistent": True})
    await ada.manage("delete_workspace", "ada-gone")
    assert redis.workspace("ada-gone") is None
    server.kill()

    # A record the original wrote: its model as JSON, with blanks.
    redis.ask("HSET", "workspaces", "uma-old", json.dumps({
        "type": "workspace", "id": "uma-old", "name": "old", "description": None, "persistent": True,
        "owners": ["uma"], "read_only": False, "icon": None, "covers": None, "docs": None,
        "service_types": {}, "config": {"environs": {"OLD": "yes"}}, "status": {"ready": True, "errors": None}}))
    second = start_server(*options(redis), data_dir=tmp_path / "a")
    again = await hub.raw("again", server=second, token=login("ada"), workspace="ada-w")
    assert await again.manage("get_env") == {"K": "v", "BYTES": 1}
    config = (await again.manage("get_workspace_info", "ada-w"))["config"]
    assert config["n"] == 1.5 and config["deep"] == [1, {"a": None}]
    uma = await hub.raw("uma", server=second, token=login("uma"), workspace="uma-old")
    assert await uma.manage("get_env", "OLD") == "yes"
    assert "revoked" in (await hub.refused({"client_id": "l", "token": lent}, second)).message
    assert PASSWORD not in second.log_text() and redis.uri not in second.log_text()
    second.stop()
    assert redis.ask("EXISTS", "hyphad:owner") == "0"


def readiness(server):
    """What it says of the Redis; it is ready with it and without it."""
    with urllib.request.urlopen(f"{server.url}/health/readiness", timeout=10) as answer:
        return json.load(answer)["detail"]["redis"]


@NOISE
@pytest.mark.allow_error("Redis refused|workspace record not stored")
async def test_an_outage_is_said_and_passes(hub, start_server, redis, tmp_path):
    server = start_server(*options(redis), data_dir=tmp_path / "a")
    ada = await user(hub, "ada", server=server)
    await ada.manage("create_workspace", {"id": "ada-w", "persistent": True})
    inside = await hub.raw("in", server=server, token=login("ada"), workspace="ada-w")
    await inside.manage("set_env", "A", "before")
    assert readiness(server) == "connected" and server.metric("hyphad_redis_connected") == 1
    redis.pause()
    assert "could not be stored" in await refusal_of(inside.manage("set_env", "B", "lost?"))
    assert await inside.manage("echo", 1) == 1      # what needs no store goes on
    redis.go_on()

    async def works():
        try:
            await inside.manage("set_env", "A", "after")
            return True
        except RpcError:
            return False
    await until(works, timeout=20)
    redis.kill()
    await until(lambda: readiness(server) == "disconnected")
    assert server.metric("hyphad_redis_connected") == 0
    asked = asyncio.create_task(inside.manage("set_env", "C", "sent again"))
    redis.start()
    said, = await asyncio.gather(asked, return_exceptions=True)
    assert said is None or "could not be stored" in str(said), "a slow machine: the time for an answer has passed"
    await until(works, timeout=20)
    assert readiness(server) == "connected"
    await inside.manage("set_env", "D", "last")
    server.kill()
    second = start_server(*options(redis), data_dir=tmp_path / "a")
    again = await hub.raw("again", server=second, token=login("ada"), workspace="ada-w")
    kept = await again.manage("get_env")
    assert kept["A"] == "after" and kept["D"] == "last"
    assert said or kept["C"] == "sent again", "what was answered is kept"


@NOISE
@pytest.mark.req("A-213", "S-46")
async def test_who_may_not_start(start_server, redis, tmp_path):
    def start(*args):
        done = subprocess.run([os.environ["HYPHAD_BIN"], "--port=0", f"--data-dir={tmp_path / 'b'}", *args],
                              capture_output=True, text=True, timeout=30)
        return done.returncode, done.stderr

    first = start_server(*options(redis), "--server-id=first", data_dir=tmp_path / "a")
    status, text = start(*options(redis), "--server-id=second")
    assert status == 1 and "in use by the server first" in text
    status, text = start(*options(redis), "--server-id=first")
    assert status == 1 and "in use by the server first" in text
    kept = redis.ask("HGETALL", "workspaces")
    status, text = start(*options(redis), "--reset-redis")
    assert status != 0 and redis.ask("HGETALL", "workspaces") == kept
    status, text = start("--store", f"redis://:wrong@127.0.0.1:{redis.port}")
    assert status == 1 and "WRONGPASS" in text and "wrong@" not in text
    status, text = start("--store", "redis://127.0.0.1:1")
    assert status == 1 and "Connection refused" in text
    for bad in ("http://x", "redis:", "mysql://h"):
        assert start("--store", bad)[0] == 2
    status, text = start("--store", "rediss://h")
    assert status == 78 and "not built in" in text
    assert start("--store", "redis://h:nonsense")[0] == 1
    first.stop()
    second = start_server(*options(redis), "--server-id=second", data_dir=tmp_path / "b")
    second.kill()
    start_server(*options(redis), "--server-id=second", data_dir=tmp_path / "b").stop()


@NOISE
@pytest.mark.allow_error("Redis refused|workspace record not stored|cannot go on|another server has taken over")
@pytest.mark.req("S-84")
async def test_a_server_that_was_paused_too_long_writes_nothing(hub, start_server, redis, tmp_path):
    """Its lease has run out, another has had the records, and what it still has under way is refused."""
    old = start_server(*options(redis), "--server-id=old", data_dir=tmp_path / "a")
    ada = await user(hub, "ada", server=old)
    await ada.manage("create_workspace", {"id": "ada-w", "persistent": True})
    inside = await hub.raw("in", server=old, token=login("ada"), workspace="ada-w")
    await inside.manage("set_env", "K", "old")
    os.kill(old.pid, signal.SIGSTOP)
    late = asyncio.create_task(inside.call("services.default.set_env", "K", "late", timeout=60))
    redis.ask("DEL", "hyphad:owner")        # as it does by itself after 30 seconds
    new = start_server(*options(redis), "--server-id=new", data_dir=tmp_path / "b")
    there = await hub.raw("in", server=new, token=login("ada"), workspace="ada-w")
    await there.manage("set_env", "K", "new")
    os.kill(old.pid, signal.SIGCONT)
    with pytest.raises((RpcError, ConnectionError)):       # refused, or ended with the server
        await late
    assert old.process.wait(30) == 1
    old.kill()
    assert "another server has taken over the records" in old.log_text()
    assert redis.workspace("ada-w")["config"]["environs"] == {"K": "new"}
    assert await there.manage("get_env", "K") == "new"


@NOISE
@pytest.mark.allow_error("Redis refused|cannot go on")
@pytest.mark.req("S-83")
def test_a_start_that_fails_says_why(redis, tmp_path):
    redis.ask("SET", "hyphad:revoked", "no hash")
    done = subprocess.run([os.environ["HYPHAD_BIN"], "--port=0", f"--data-dir={tmp_path / 'a'}", *options(redis)],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "the records of revoked tokens cannot be read from the store" in done.stderr
    assert "WRONGTYPE" in done.stderr


@pytest.mark.req("C-034")
async def test_check_online_tries_the_redis_and_takes_nothing(redis, tmp_path):
    def check(uri):
        done = subprocess.run([os.environ["HYPHAD_BIN"], "check", "--online", "--store", uri, "--redis-timeout", "1"],
                              cwd=tmp_path, capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr
    assert check(redis.uri) == (0, "ok\n", "")
    assert redis.ask("DBSIZE") == "0", "no lease"
    code, out, err = check("redis://:wrong@127.0.0.1:%d" % redis.port)
    assert (code, out) == (1, "") and err.startswith("hyphad: check: Redis at 127.0.0.1: WRONGPASS") and "wrong@" not in err
    redis.kill()
    code, out, err = check(redis.uri)
    assert (code, out) == (1, "") and "Redis at 127.0.0.1" in err and PASSWORD not in err
