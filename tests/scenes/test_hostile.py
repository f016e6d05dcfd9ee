"""The worst of all kinds at once against one server, while a well-behaved client goes on as if nothing were.

The loops have a core of their own. The client that is measured (kit/steady.py, a program of its own) runs on the core of the
attackers (kit/hostile.py), before them in real time, so that what is measured is how long the server takes and not whom the scheduler
prefers.
"""
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kit.hub import until
from kit.waiting import pace

PATIENCE_S = 60
PROCESS_BYTES, SLACK_BYTES = 256 << 20, 32 << 20
ARGS = ("--threads=1", f"--process-bytes={PROCESS_BYTES}", "--trusted-proxies=10.0.0.0/8")
pytestmark = [pytest.mark.differs("the original does not survive this"), pytest.mark.timeout(240),
              pytest.mark.allow_warn("")]


def program(name, *args, **more):
    return subprocess.Popen([sys.executable, "-m", name, *map(str, args)], cwd=Path(__file__).parent,
                            stdout=subprocess.PIPE, **more)


def try_to(system_call, *args):
    """Without the right to, the scheduler decides."""
    try:
        system_call(*args)
    except PermissionError:
        pass


class Places:
    """The loops and the accept thread have the first core; what works beside them shares the last with the attackers, as it would
    have cores of its own on a larger machine."""
    def __init__(self, server):
        self.server, self.cores = server, sorted(os.sched_getaffinity(0))
        self.placed = set()
        for thread in self._threads():
            if thread == server.pid or self._name(thread).startswith("loop-"):
                self._put(thread, self.cores[0], -20)
        self.place_workers()

    def place_workers(self):
        """Those that were started since, too: a worker begins where the loop runs that wants it."""
        for thread in self._threads() - self.placed:
            try:
                self._put(thread, self.cores[-1], 0 if self._name(thread) in ("bulk", "crypto") else -10)
            except (ProcessLookupError, FileNotFoundError):
                pass        # it has ended

    def _threads(self):
        return set(map(int, os.listdir(f"/proc/{self.server.pid}/task")))

    def _name(self, thread):
        return Path(f"/proc/{self.server.pid}/task/{thread}/comm").read_text().strip()

    def _put(self, thread, core, nice):
        os.sched_setaffinity(thread, {core})
        try_to(os.setpriority, os.PRIO_PROCESS, thread, nice)
        self.placed.add(thread)


class Steady:
    def __init__(self, server, core):
        self.process = program("kit.steady", server.ws_url, stdin=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        os.sched_setaffinity(self.process.pid, {core})
        try_to(os.sched_setscheduler, self.process.pid, os.SCHED_FIFO, os.sched_param(1))

    def begin(self):
        self._say("begin")

    def end(self):
        self._say("end")
        return json.loads(self.process.stdout.readline())

    def _say(self, word):
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


async def use_everything(server, caller, is_over):
    """What a client does beside its calls: each must be answered as on a quiet day."""
    n = 0
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
        while not is_over():
            for path in ("/health/liveness", "/health/readiness", "/public/services/hypha-login"):
                answer = await http.get(path)
                assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
            await caller.call("services.default.log_event", "note", {"n": n}, timeout=PATIENCE_S)
            services = await caller.call("services.default.list_services", timeout=PATIENCE_S)
            assert [s for s in services if s["id"].endswith(":default")]
            n += 1
            await pace(0.2, "a client that does other things too")
    return n


async def watch(server, places, is_over, samples):
    while not is_over():
        samples.append(server.rss_bytes())
        places.place_workers()
        await pace(0.05, "between two samples")


def p99(times):
    return times[int(len(times) * 0.99)]


class Outcome:
    """Of `seconds` of attacks: times of calls before and during them, sorted, and the server's memory."""
    def __init__(self, server):
        self.server = server
        self.base = server.rss_bytes()
        self.samples, self.n_used = [], 0
        self.quiet, self.busy, self.rounds = [], [], {}

    def __str__(self):
        turns = [int(self.server.metric(f"hyphad_loop_{name}")) for name in
                 ("longest_turn_us", "longest_turn_cpu_us", "turns_above_1ms_total", "turns_above_5ms_total")]
        return (f"quiet p99 {p99(self.quiet) * 1e3:.2f} ms, busy {p99(self.busy) * 1e3:.2f} ms of {len(self.busy)}, "
                f"worst {self.busy[-1] * 1e3:.1f} ms; RSS {self.base >> 20} -> {max(self.samples) >> 20} MiB; "
                f"longest turn {turns[0]} us, {turns[1]} us of CPU time, {turns[2]} above 1 ms, {turns[3]} above 5 ms; "
                f"used {self.n_used} times; {self.rounds}")


async def attack(hub, server, seconds):
    """All kinds at once. What must hold however busy the machine is, holds."""
    user = await hub.raw("user", server=server)
    await user.register("default", {})
    places = Places(server)
    last = places.cores[-1]
    steady = Steady(server, last)
    outcome = Outcome(server)
    try:
        steady.begin()
        await pace(max(2, seconds / 10), "calls of a quiet day are measured")
        outcome.quiet = steady.end()
        attackers = program("kit.hostile", server.port, seconds)
        os.sched_setaffinity(attackers.pid, {last})

        def is_over():
            return attackers.poll() is not None
        try:
            steady.begin()
            outcome.n_used, _ = await asyncio.gather(use_everything(server, user, is_over),
                                                     watch(server, places, is_over, outcome.samples))
            outcome.busy = steady.end()
        finally:
            attackers.kill()
            outcome.rounds = json.loads(attackers.communicate()[0] or b"{}")
    finally:
        steady.stop()
    print(outcome)
    assert len(outcome.rounds) == 18 and all(outcome.rounds.values())
    assert server.is_running()
    if not server.is_sanitized():
        assert max(outcome.samples) < outcome.base + PROCESS_BYTES + SLACK_BYTES
        await until(lambda: server.rss_bytes() <= outcome.base * 1.1 + (4 << 20), timeout=60, step=0.5)
    return outcome


async def test_all_is_answered_beside_the_worst_of_all_kinds(hub, start_server):
    await attack(hub, start_server(*ARGS), 8)


@pytest.mark.stress
async def test_a_client_that_behaves_well_hardly_notices_the_worst_of_all_kinds(hub, start_server):
    """On a release build and a machine that does nothing else."""
    server = start_server(*ARGS)
    await attack(hub, server, 4)        # what runs for the first time is loaded, and stays
    outcome = await attack(hub, server, 60)
    if not server.is_sanitized():
        assert p99(outcome.busy) < 3 * p99(outcome.quiet)
        assert server.metric("hyphad_loop_turns_above_5ms_total") == 0
