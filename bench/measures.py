"""What is measured, a row each: the figure that counts, and how hyphad-bench is called for each server. What needs more than
one call of it is a function of the row instead."""
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass

import servers


@dataclass
class Measure:
    name: str
    figure: str                        # key of the sample
    runs: dict                         # server -> arguments of hyphad-bench
    is_quick: bool = False
    is_fresh: bool = False             # needs a server that has done nothing else
    take: object = None                # (args, server, arguments) -> sample; None: one call of hyphad-bench


def bench_command(args, server, arguments):
    cores = f"{args.server_core},{args.generator_core}" if server.name == "hyphad-2" else str(args.generator_core)
    command = ["taskset", "-c", cores, args.bench, "--json", "--url", server.url, "--pid", str(server.pid),
               "--seconds", str(args.seconds), "--warmup", str(args.warmup), *arguments]
    if server.name in servers.WITH_LOGIN:
        command += ["--jwt-secret", servers.SECRET]
    return command


def load(args, server, arguments, before=()):
    """The sample of one call of hyphad-bench, or None with the reason on stderr."""
    done = subprocess.run([*before, *bench_command(args, server, arguments)], stdout=subprocess.PIPE, timeout=600, text=True)
    if done.returncode != 0:
        print(f"{server.name}, {' '.join(arguments)}: {done.stdout} {server.tail()}", file=args.messages)
        return None
    return json.loads(done.stdout)


def take_memory(args, server, arguments):
    """Memory and CPU of clients that are only there; what is left when they are gone."""
    sample = load(args, server, arguments)
    if sample:
        sample["rss_after_share"] = sample["rss_after"] / sample["rss_before"]
    return sample


def take_reconnect(args, server, arguments):
    return load(args, server, [*arguments, "--restart", server.restart_command()])


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def take_start(args, server, arguments):
    """Starts of a server with an empty folder, and how large it is, on disk and in memory."""
    times, sizes = [], []
    for _ in range(int(arguments[0])):
        again = servers.START[server.name](args, args.server_core)
        times.append(again.start_seconds * 1000)
        sizes.append(resident_bytes(again.pid))
        again.stop()
    folder = tempfile.mkdtemp(prefix="bench-strip-")
    try:
        stripped = os.path.join(folder, "stripped")
        subprocess.run(["strip", "-o", stripped, args.hyphad], check=True)
        return {"start_ms": statistics.median(times), "start_ms_max": max(times),
                "rss_at_start": statistics.median(sizes), "stripped_bytes": os.path.getsize(stripped)}
    finally:
        shutil.rmtree(folder)


def take_fairness(args, server, arguments):
    """A pair's latency when all is quiet, and beside a client that sends as fast as it can."""
    # The measuring process goes before the noise on their common core: the noise is for the server.
    first = ["chrt", "-f", "10"]
    if subprocess.run([*first, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        first = []
    quiet = load(args, server, arguments, first)
    noise = subprocess.Popen(bench_command(args, server, ["flood", "--warmup", "0", "--seconds",
                             str(args.seconds + args.warmup + 2)]), stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    loud = load(args, server, arguments, first)
    noise_sample = json.loads(noise.communicate(timeout=60)[0])
    if not quiet or not loud:
        return None
    return {"p50_ratio": loud["p50"] / quiet["p50"], "p99_ratio": loud["p99"] / quiet["p99"],
            "quiet_p50": quiet["p50"], "quiet_p99": quiet["p99"], "loud_p50": loud["p50"], "loud_p99": loud["p99"],
            "flood_per_second": noise_sample["messages_per_second"], "errors": noise_sample["errors"]}


SMALL = ["--pairs", "64", "--size", "128"]


def calls(inflight):
    common = SMALL + ["--inflight", str(inflight)]
    return Measure(f"call-{inflight}", "messages_per_cpu_second",
                   {"hyphad": ["call", *common], "relay": ["echo", *common], "nats": ["nats", *common],
                    "original": ["call", *common]}, is_quick=True)


def same(name, figure, *arguments, fresh=False, original=None, take=None):
    """One line for hyphad and the original; `original` is added for it, where the same would take it too long."""
    runs = {"hyphad": [*arguments]}
    if original is not None:
        runs["original"] = [*arguments, *original]
    return Measure(name, figure, runs, is_fresh=fresh, take=take)


def against_nginx(name, path, *extra):
    few = ["--connections", "16"]
    return Measure(name, "requests_per_cpu_second",
                   {"hyphad": ["http", *few, *extra], "nginx": ["http", *few, "--path", path],
                    "original": ["http", *few, *extra]})


def registry(op):
    # The original cuts a list of more into chunks, for clients that offer more of a built-in service than ours do.
    n = "550" if op == "list" else "1000"
    return same(f"registry-{op}", "questions_per_cpu_second", "registry", "--op", op, "--connections", n,
                "--inflight", "8", fresh=True, original=["--seconds", "5"])


# A repeated option counts as given last.
FEW = ["--connections", "100"]
MANY = ["--connections", "10000", "--parallel", "64"]
ONE = ["--pairs", "1", "--inflight", "1"]
CROWD = ["--pairs", "5000", "--inflight", "1", "--parallel", "64", "--warmup", "2"]
MEASURES = [
    calls(1),
    calls(16),
    Measure("one-call", "p50", {"hyphad": ["call", *ONE], "relay": ["echo", *ONE]}),
    Measure("crowd", "messages_per_cpu_second", {"hyphad": ["call", *CROWD], "relay": ["echo", *CROWD]}, is_fresh=True),
    Measure("loops-1", "messages_per_cpu_second", {"hyphad": ["call", *SMALL], "hyphad-2": ["call", *SMALL]}),
    Measure("loops-16", "messages_per_cpu_second",
            {n: ["call", *SMALL, "--inflight", "16"] for n in ("hyphad", "hyphad-2")}),
    same("logins", "logins_per_cpu_second", "connect", "--connections", "2000", "--parallel", "16", original=FEW),
    same("idle", "rss_per_connection", "idle", *MANY, "--seconds", "10", fresh=True, take=take_memory),
    same("idle-service", "rss_per_connection", "idle", *MANY, "--service", fresh=True, take=take_memory),
    same("reconnect", "seconds_to_last", "reconnect", *MANY, "--service", fresh=True, take=take_reconnect),
    same("fanout", "messages_per_cpu_second", "fanout", *FEW, original=[]),
    same("large", "bytes_per_cpu_second", "large", "--size", "67108864", fresh=True, original=[]),
    same("dead", "p50", "dead", fresh=True, original=[]),
    against_nginx("http-health", "/health/liveness"),
    against_nginx("http-service", "/proxy", "--service"),
    same("start", "start_ms", "9", take=take_start),
    same("mixed", "actions_per_cpu_second", "mixed", "--pairs", "32", original=[]),
    same("fairness", "p99_ratio", "call", *ONE, fresh=True, take=take_fairness),
    registry("get"),
    registry("register"),
    registry("list"),
]
