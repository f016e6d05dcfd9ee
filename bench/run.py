#!/usr/bin/env python3
"""Runs the load program against hyphad and its controls, interleaved, and writes a table and a results file.

quick   hyphad and the bare relay
full    also nats-server and the original server, where they are given
check   quick, then compares with floors.toml and exits 1 below a floor

Times on one machine do not travel; ratios between servers measured in turn on it do. So each round measures every server
once, ratios are taken within a round, and the table shows their median and spread."""
import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tomllib

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
FIGURE = "messages_per_cpu_second"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mode", choices=["quick", "full", "check"])
    p.add_argument("--hyphad", help="server to measure; left out when not given")
    p.add_argument("--bench", required=True, help="the hyphad-bench program")
    p.add_argument("--relay", required=True, help="the hyphad-relay program")
    p.add_argument("--original", help="Python that has the original server installed (full)")
    p.add_argument("--nats", default=shutil.which("nats-server"), help="nats-server (full)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--warmup", type=float, default=1)
    p.add_argument("--pairs", type=int, default=64)
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--inflight", type=int, nargs="+", default=[1, 16])
    p.add_argument("--server-core", type=int, default=0)
    p.add_argument("--generator-core", type=int, default=1)
    p.add_argument("--results", default=os.path.join(HERE, "results"), help="folder for the results file; '' for none")
    args = p.parse_args()
    for name in ("hyphad", "bench", "relay"):
        path = getattr(args, name)
        if path:
            setattr(args, name, os.path.abspath(path))
    return args


def chosen(args):
    names = ["relay"]
    if args.hyphad:
        names.insert(0, "hyphad")
    if args.mode == "full":
        names += [n for n in ("nats", "original") if getattr(args, n)]
    return names


def measure(args, server, inflight):
    _, scenario, takes_secret = servers.SERVERS[server.name]
    command = ["taskset", "-c", str(args.generator_core), args.bench, scenario, "--json", "--url", server.url,
               "--pid", str(server.pid), "--pairs", str(args.pairs), "--inflight", str(inflight),
               "--size", str(args.size), "--seconds", str(args.seconds), "--warmup", str(args.warmup)]
    if takes_secret:
        command += ["--jwt-secret", servers.SECRET]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=300 + args.seconds + args.warmup, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{server.name}, {inflight} in flight: {done.stdout} {server.tail()}")
    return json.loads(done.stdout)


def run_rounds(args, names):
    samples = {n: {i: [] for i in args.inflight} for n in names}
    for number in range(args.rounds):
        for name in names:
            server = servers.SERVERS[name][0](args, args.server_core)
            try:
                for inflight in args.inflight:
                    sample = measure(args, server, inflight)
                    samples[name][inflight].append(sample)
                    print(f"round {number + 1}/{args.rounds} {name}, {inflight} in flight: "
                          f"{sample[FIGURE]:,.0f} messages per CPU second", file=sys.stderr)
            finally:
                server.stop()
    return samples


def spread(values):
    middle = statistics.median(values)
    return {"median": middle, "min": min(values), "max": max(values),
            "spread": (max(values) - min(values)) / middle if middle else 0}


def summarize(samples, subject):
    """Per server and number in flight: the figure itself, and the subject's ratio to it round by round."""
    rows = []
    for name, by_inflight in samples.items():
        for inflight, runs in by_inflight.items():
            row = {"server": name, "inflight": inflight, FIGURE: spread([s[FIGURE] for s in runs]),
                   "p50_us": statistics.median(s["p50"] for s in runs),
                   "p99_us": statistics.median(s["p99"] for s in runs)}
            if subject in samples and name != subject:
                pairs = list(zip(samples[subject][inflight], runs))
                row["ratio"] = spread([a[FIGURE] / b[FIGURE] for a, b in pairs])
                row["p50_ratio"] = spread([a["p50"] / b["p50"] for a, b in pairs])
                row["p99_ratio"] = spread([a["p99"] / b["p99"] for a, b in pairs])
            rows.append(row)
    return rows


def table(rows):
    out = ["| server | in flight | messages per CPU second | spread | hyphad / this | p50 us | p99 us |",
           "|---|---:|---:|---:|---:|---:|---:|"]
    for r in rows:
        f = r[FIGURE]
        ratio = f"{r['ratio']['median']:.2f}" if "ratio" in r else ""
        out.append(f"| {r['server']} | {r['inflight']} | {f['median']:,.0f} | {f['spread']:.0%} | {ratio} "
                   f"| {r['p50_us']:,.0f} | {r['p99_us']:,.0f} |")
    return "\n".join(out)


def git(*words):
    done = subprocess.run(["git", "-C", HERE, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "system": platform.machine()}


def write_results(args, samples, rows):
    commit = git("rev-parse", "--short", "HEAD") or "nocommit"
    now = datetime.datetime.now(datetime.timezone.utc)
    path = os.path.join(args.results, f"{now:%Y-%m-%d}-{commit}.json")
    os.makedirs(args.results, exist_ok=True)
    with open(path, "w") as f:
        json.dump({"at": now.isoformat(timespec="seconds"), "commit": commit,
                   "sources_changed": bool(git("status", "--porcelain", "--", ":/src", ":/bench/load", ":/bench/control")),
                   "machine": machine(), "rounds": args.rounds, "seconds": args.seconds, "pairs": args.pairs,
                   "size": args.size, "summary": rows, "samples": samples}, f, indent=1)
        f.write("\n")
    return path


def below_floors(rows):
    """Lines of floors.toml that the summary misses. A floor whose server was not measured does not count."""
    with open(os.path.join(HERE, "floors.toml"), "rb") as f:
        floors = tomllib.load(f)["floor"]
    by_key = {(r["server"], r["inflight"]): r for r in rows if "ratio" in r}
    missed = []
    for floor in floors:
        row = by_key.get((floor["against"], floor["inflight"]))
        if row is None:
            continue
        value = row[floor["figure"]]["median"]
        is_met = value >= floor["floor"] if floor["better"] == "more" else value <= floor["floor"]
        print(f"{floor['figure']} against {floor['against']}, {floor['inflight']} in flight: "
              f"{value:.2f}, floor {floor['floor']}, goal {floor['goal']}{'' if is_met else '  MISSED'}")
        if not is_met:
            missed.append(floor)
    return missed


def main():
    args = options()
    samples = run_rounds(args, chosen(args))
    rows = summarize(samples, "hyphad")
    print(table(rows))
    if args.results:
        print(f"\nwritten: {os.path.relpath(write_results(args, samples, rows))}")
    if args.mode == "check" and below_floors(rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
