"""What is measured, a row each: the figure that counts, and how hyphad-bench is called for each server. What needs more than
one call of it is a function of the row instead."""
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
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
    cores = {"hyphad-1": str(args.server_core), "hyphad-2": f"{args.server_core},{args.generator_core}"}.get(
        server.name, str(args.generator_core))
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


def figures(server):
    """What the server says of itself."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        rows = [line.split() for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {row[0]: float(row[1]) for row in rows if len(row) == 2}


def charged_and_resident(server):
    return figures(server)["hyphad_charged_bytes"], resident_bytes(server.pid)


def when_all_are_there(server, n, process):
    """Both figures once n clients are in and quiet, or None when the load ends before. A peer that has just sent something holds
    a grant of its user's bytes for a second: they are quiet when the charges stay as they are."""
    before = None
    while process.poll() is None:
        if figures(server)["hyphad_peers"] >= n:
            now = charged_and_resident(server)
            if before == now[0]:
                return now
            before = now[0]
            time.sleep(1.5)
        else:
            time.sleep(0.3)
    return None


def take_memory(args, server, arguments):
    """Memory and CPU of clients that are only there; how much of it the server's accounts know; what is left when they are gone."""
    charged_first, resident_first = charged_and_resident(server)
    process = subprocess.Popen(bench_command(args, server, arguments), stdout=subprocess.PIPE, text=True)
    held = when_all_are_there(server, int(arguments[arguments.index("--connections") + 1]), process)
    said = process.communicate(timeout=600)[0]
    if process.returncode != 0 or not held:
        print(f"{server.name}, {' '.join(arguments)}: {said} {server.tail()}", file=args.messages)
        return None
    sample = json.loads(said)
    sample["rss_after_share"] = sample["rss_after"] / sample["rss_before"]
    sample["charged_share"] = (held[0] - charged_first) / (held[1] - resident_first)
    sample["charged_off"] = abs(1 - sample["charged_share"])
    sample["charged_left"] = charged_and_resident(server)[0] - charged_first
    return sample


def take_reconnect(args, server, arguments):
    return load(args, server, [*arguments, "--restart", server.restart_command()])


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def take_start(args, server, arguments):
    """Starts of a server with an empty folder, and how large it is, on disk and in memory."""
    times, sizes = [], []
    for _ in range(int(arguments[-1])):
        again = servers.START[server.name](args, args.server_core)
        times.append(again.start_seconds * 1000)
        sizes.append(resident_bytes(again.pid))
        again.stop()
    sample = {"start_ms": statistics.median(times), "start_ms_max": max(times),
              "rss_at_start": statistics.median(sizes)}
    if server.name != "hyphad":
        return sample
    folder = tempfile.mkdtemp(prefix="bench-strip-")
    try:
        stripped = os.path.join(folder, "stripped")
        subprocess.run(["strip", "-o", stripped, args.hyphad], check=True)
        return {**sample, "stripped_bytes": os.path.getsize(stripped)}
    finally:
        shutil.rmtree(folder)


def first_in_line():
    """The measuring process goes before the noise on their common core: the noise is for the server."""
    first = ["chrt", "-f", "10"]
    return first if subprocess.run([*first, "true"], stderr=subprocess.DEVNULL).returncode == 0 else []


def beside(args, server, arguments, noise):
    """A pair's latency in short slices, by turns alone and beside the noise: what else the machine does meets both alike."""
    slices, seconds, first = 5, 1.0, first_in_line()
    short = [*arguments, "--seconds", str(seconds), "--warmup", "0.3"]
    quiet, loud, noises = [], [], []
    for _ in range(slices):
        quiet.append(load(args, server, short, first))
        command = bench_command(args, server, [*noise, "--warmup", "0", "--seconds", str(seconds + 1.2)])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(0.4)
        loud.append(load(args, server, short, first))
        noises.append(json.loads(process.communicate(timeout=60)[0]))
    if not all(quiet) or not all(loud):
        return None, noises
    sample = {}
    for percentile in ("p50", "p99"):
        alone, with_it = (statistics.median(s[percentile] for s in runs) for runs in (quiet, loud))
        sample |= {f"quiet_{percentile}": alone, f"loud_{percentile}": with_it, f"{percentile}_ratio": with_it / alone}
    return sample, noises


def take_fairness(args, server, arguments):
    sample, noises = beside(args, server, arguments, ["flood"])
    if sample:
        sample["flood_per_second"] = statistics.median(n["messages_per_second"] for n in noises)
        sample["errors"] = sum(n["errors"] for n in noises)
    return sample


def take_stall(args, server, arguments):
    """The noise is a client that stops reading what is sent to it, until the server cuts it."""
    sample, noises = beside(args, server, arguments, ["flood", "--stall", "--size", "4096"])
    if not sample or not all(n["was_cut"] for n in noises):
        print(f"{server.name}: a reader that stopped was not cut", file=args.messages)
        return None
    sample["stalled_seconds"] = statistics.median(n["stalled"] for n in noises)
    return sample


SMALL = ["--pairs", "64", "--size", "128"]
# Each of two loops has as many pairs as the one loop: less to do in a turn would be less done per wake-up.
TWICE = ["--pairs", "128", "--size", "128"]


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
    Measure("loops-1", "messages_per_cpu_second", {"hyphad-1": ["call", *SMALL], "hyphad-2": ["call", *TWICE]}),
    Measure("loops-16", "messages_per_cpu_second",
            {"hyphad-1": ["call", *SMALL, "--inflight", "16"], "hyphad-2": ["call", *TWICE, "--inflight", "16"]}),
    same("logins", "logins_per_cpu_second", "connect", "--connections", "2000", "--parallel", "16", original=FEW),
    same("idle", "rss_per_connection", "idle", *MANY, "--seconds", "10", fresh=True, take=take_memory),
    same("idle-service", "rss_per_connection", "idle", *MANY, "--service", fresh=True, take=take_memory),
    same("reconnect", "seconds_to_last", "reconnect", *MANY, "--service", fresh=True, take=take_reconnect),
    same("fanout", "messages_per_cpu_second", "fanout", *FEW, original=[]),
    same("large", "bytes_per_cpu_second", "large", "--size", "67108864", fresh=True, original=[]),
    same("dead", "p50", "dead", fresh=True, original=[]),
    against_nginx("http-health", "/health/liveness"),
    against_nginx("http-service", "/proxy", "--service"),
    same("idle-beside", "rss_per_connection", "idle", "--connections", "1000", "--parallel", "16", "--seconds", "5", fresh=True,
         original=[]),
    same("start", "start_ms", "9", take=take_start, original=["3"]),
    same("mixed", "actions_per_cpu_second", "mixed", "--pairs", "32", original=[]),
    same("fairness", "p99_ratio", "call", *ONE, fresh=True, take=take_fairness),
    Measure("stalled-reader", "p99_ratio", {"hyphad-cut": ["call", *ONE]}, is_fresh=True, take=take_stall),
    registry("get"),
    registry("register"),
    registry("list"),
]
