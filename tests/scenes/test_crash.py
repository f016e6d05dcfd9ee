"""kill -9 at random moments while clients write: what was acknowledged is there after the next start,
what was not is there as a whole or not at all, and the server starts every time.
"""
import asyncio
import os
import random
import signal

import pytest
from websockets.exceptions import ConnectionClosed

from kit import tokens
from kit.people import login
from kit.raw import Raw, RpcError
from kit.redis import Redis
from kit.waiting import pace

pytestmark = [pytest.mark.differs("durability of our own"), pytest.mark.allow_warn("")]
ENDS = (OSError, EOFError, ConnectionClosed)
N_WRITERS = 5


def blob(n):
    """A value whose every byte follows from its number."""
    return f"{n}:" + str(n % 10) * (n * 37 % 900)


class Ledger:
    """What the server was asked, and what of it was acknowledged."""

    def __init__(self):
        self.asked_env, self.acked_env = {}, {}         # workspace -> {name: newest number}
        self.asked_types, self.acked_types = {}, {}     # workspace -> set of ids
        self.created, self.leaving, self.deleted = set(), set(), set()
        self.revoked = []
        self.n_acked = 0


class Writer:
    """One user who makes workspaces, fills them, deletes some, and revokes tokens; some calls at once."""

    def __init__(self, ledger, name, dice):
        self.ledger, self.name, self.dice = ledger, name, dice
        self.n = 0
        self.workspaces = [f"ws-user-{name}"]

    async def join(self, server):
        self.raw = await Raw.open(server, {"client_id": self.name, "token": login(self.name)})
        await self.raw.joined()
        await self.raw.register()
        return self

    async def run(self):
        while True:
            await asyncio.gather(*(self._step() for _ in range(self.dice.randint(1, 6))))

    async def _step(self):
        self.n += 1
        kind = self.dice.choices(["env", "create", "type", "delete", "revoke"], [60, 12, 8, 8, 12])[0]
        await getattr(self, "_" + kind)(self.n)
        self.ledger.n_acked += 1

    async def _env(self, n):
        ledger, home = self.ledger, self.workspaces[0]
        name = f"V{n % 7}"
        ledger.asked_env.setdefault(home, {})[name] = n
        await self.raw.manage("set_env", name, blob(n))
        acked = ledger.acked_env.setdefault(home, {})
        acked[name] = max(n, acked.get(name, 0))

    async def _create(self, n):
        name = f"{self.name}-{n}"
        await self.raw.manage("create_workspace", {
            "id": name, "persistent": True, "description": blob(n)})
        self.ledger.created.add(name)

    async def _type(self, n):
        home = self.workspaces[0]
        self.ledger.asked_types.setdefault(home, set()).add(f"t{n}")
        await self.raw.manage("register_service_type", {
            "id": f"t{n}", "name": blob(n), "definition": {"n": n}})
        self.ledger.acked_types.setdefault(home, set()).add(f"t{n}")

    async def _delete(self, n):
        mine = sorted(w for w in self.ledger.created - self.ledger.leaving
                      if w.rsplit("-", 1)[0] == self.name)
        if mine:
            name = self.dice.choice(mine)
            self.ledger.leaving.add(name)
            await self.raw.manage("delete_workspace", name)
            self.ledger.deleted.add(name)

    async def _revoke(self, n):
        token = tokens.mint(self.name, f"ws:ws-user-{self.name}#a", ttl=100_000 + n)
        await self.raw.manage("revoke_token", token)
        self.ledger.revoked.append((self.name, token))


async def write_until_killed(server, ledger, names, n_writes, dice):
    writers = [await Writer(ledger, name, dice).join(server) for name in names]
    tasks = [asyncio.create_task(w.run()) for w in writers]
    wanted = ledger.n_acked + n_writes
    while ledger.n_acked < wanted:
        done, _ = await asyncio.wait(tasks, timeout=0.002, return_when=asyncio.FIRST_COMPLETED)
        assert not done, [t.exception() for t in done]
    await pace(dice.random() * 0.004, "the moment of the kill is any")
    os.kill(server.pid, signal.SIGKILL)
    server.kill()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, ENDS), result
    for writer in writers:
        writer.raw._reader.cancel()
        writer.raw.ws.transport.abort()


async def verify(server, ledger, names):
    for name in names:
        home = f"ws-user-{name}"
        raw = await Raw.open(server, {"client_id": "reader-" + name, "token": login(name)})
        await raw.joined()
        env = await raw.manage("get_env")
        for key, value in env.items():
            assert value == blob(int(value.split(":")[0]))
            assert int(value.split(":")[0]) <= ledger.asked_env[home][key]
        for key, n in ledger.acked_env.get(home, {}).items():
            assert int(env[key].split(":")[0]) >= n, f"{home} lost {key}={n}"
        types = {t["id"]: t for t in await raw.manage("list_service_types")}
        assert ledger.acked_types.get(home, set()) <= set(types) <= ledger.asked_types.get(home, set())
        assert all(t["name"] == blob(t["definition"]["n"]) for t in types.values())
        listed = {w["id"]: w for w in await raw.manage("list_workspaces")}
        mine = {w for w in ledger.created if w.rsplit("-", 1)[0] == name}
        assert mine - ledger.leaving <= set(listed), "a created workspace is lost"
        assert not ledger.deleted & set(listed), "a deleted workspace is back"
        for one in listed.values():
            if one["id"] != home and one["id"].startswith(name + "-"):
                assert one["description"] == blob(int(one["id"].rsplit("-", 1)[1]))
        for _, token in (r for r in ledger.revoked if r[0] == name):
            with pytest.raises(RpcError, match="revoked"):
                await raw.manage("parse_token", token)
        raw._reader.cancel()
        raw.ws.transport.abort()


async def crash_rounds(start_server, folder, n_rounds, n_writes, *args):
    dice = random.Random()
    n_acked = 0
    for number in range(n_rounds):
        ledger = Ledger()
        names = [f"w{number}x{i}" for i in range(N_WRITERS)]
        server = start_server(*args, data_dir=folder, env={"HYPHA_MAX_WORKSPACES_PER_USER": "100000"})
        await write_until_killed(server, ledger, names, n_writes + dice.randint(0, n_writes // 2), dice)
        server = start_server(*args, data_dir=folder)
        await verify(server, ledger, names)
        server.kill()
        n_acked += ledger.n_acked
    return n_acked


async def test_what_was_acknowledged_survives_a_kill(start_server, tmp_path):
    assert await crash_rounds(start_server, tmp_path, 3, 80) >= 240


async def test_what_redis_acknowledged_survives_a_kill(start_server, tmp_path):
    redis = Redis(tmp_path / "redis").start()
    try:
        assert await crash_rounds(start_server, tmp_path, 2, 80, "--store", redis.uri) >= 160
    finally:
        redis.kill()


@pytest.mark.stress
@pytest.mark.timeout(600)
async def test_fifty_kills_in_ten_thousand_writes(start_server, tmp_path):
    scale = float(os.environ.get("HYPHAD_STRESS_SCALE", "1"))
    n_rounds = max(3, int(50 * scale))
    assert await crash_rounds(start_server, tmp_path, n_rounds, 200) >= n_rounds * 200
