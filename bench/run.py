#!/usr/bin/env python3
"""Runs the load program against hyphad and its controls, interleaved, and writes a table and a results file.

quick   calls through hyphad and the bare relay
full    every measure; also nats-server, nginx and the original server, where they are there
check   quick (or, with --all, full), then compares with floors.toml and exits 1 below a floor

Times on one machine do not travel; ratios between servers measured in turn on it do. So each round measures every server
once, ratios are taken within a round, and the table shows their median and spread."""
import argparse
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys

import floors
import servers
from floors import spread
from measures import MEASURES, load

HERE = os.path.dirname(os.path.abspath(__file__))


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mode", choices=["quick", "full", "check"])
    p.add_argument("--all", action="store_true", help="check: every measure, not only the quick ones")
    p.add_argument("--hyphad", help="server to measure; left out when not given")
    p.add_argument("--bench", required=True, help="the hyphad-bench program")
    p.add_argument("--relay", required=True, help="the hyphad-relay program")
    p.add_argument("--original", help="Python that has the original server installed (full)")
    p.add_argument("--nats", default=shutil.which("nats-server"), help="nats-server (full)")
    p.add_argument("--nginx", default=shutil.which("nginx", path="/usr/sbin:/usr/bin"), help="nginx (full)")
    p.add_argument("--only", nargs="+", metavar="MEASURE", help="names of measures, instead of the mode's choice")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--warmup", type=float, default=1)
    p.add_argument("--server-core", type=int, default=0)
    p.add_argument("--generator-core", type=int, default=1)
    p.add_argument("--results", default=os.path.join(HERE, "results"), help="folder of the results file; '' for none")
    p.add_argument("--merge", action="store_true", help="keep the other measures of a results file of this day and commit")
    args = p.parse_args()
    args.messages = sys.stderr
    args.is_full = args.mode == "full" or args.all
    for name in ("hyphad", "bench", "relay"):
        path = getattr(args, name)
        if path:
            setattr(args, name, os.path.abspath(path))
    return args


def choose(args):
    """The measures of this run, and the servers that are there and have a part in one of them."""
    known = {m.name for m in MEASURES}
    if unknown := set(args.only or []) - known:
        raise SystemExit(f"no measure named {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    chosen = [m for m in MEASURES
              if (m.name in args.only if args.only else m.is_quick or args.is_full)]
    names = [n for n in servers.START if getattr(args, n.partition("-")[0]) and (args.is_full or n in ("hyphad", "relay"))]
    return chosen, [n for n in names if any(n in m.runs for m in chosen)]


def measure(args, server, row):
    return (row.take or load)(args, server, row.runs[server.name])


def visit(args, name, rows, take):
    """One round of one server: rows that need it fresh get a process of their own."""
    groups = [[m for m in rows if not m.is_fresh]] + [[m] for m in rows if m.is_fresh]
    for group in filter(None, groups):
        server = servers.START[name](args, args.server_core)
        try:
            for row in group:
                take(row, measure(args, server, row))
        finally:
            server.stop()


def run_rounds(args, chosen, names):
    """samples[measure][server]: one result a round, None where the run failed."""
    samples = {m.name: {n: [] for n in names if n in m.runs} for m in chosen}
    failures = []
    for number in range(args.rounds):
        for name in names:
            def take(row, sample):
                value = sample and sample.get(row.figure)
                samples[row.name][name].append(sample if value is not None else None)
                if value is None:
                    failures.append(f"{name}, {row.name}")
                    return
                print(f"round {number + 1}/{args.rounds} {name}, {row.name}: {floors.number(value)} {row.figure}", file=sys.stderr)
            visit(args, name, [m for m in chosen if name in m.runs], take)
    return samples, failures


def ratios(subject, other, figure):
    pairs = [(a.get(figure), b.get(figure)) for a, b in zip(subject, other) if a and b]
    good = [a / b for a, b in pairs if a is not None and b]
    return spread(good) if good else None


def summarize(samples, chosen):
    """Per measure and server: the figure itself, and hyphad's ratio to it round by round."""
    rows = []
    for m in chosen:
        by_server = samples[m.name]
        for name, rounds in by_server.items():
            runs = [s for s in rounds if s]
            if not runs:
                continue
            row = {"measure": m.name, "server": name, "figure": m.figure, "value": spread([s[m.figure] for s in runs])}
            for key in ("p50", "p99"):
                if all(key in s for s in runs):
                    row[f"{key}_us"] = statistics.median(s[key] for s in runs)
            if name != "hyphad" and by_server.get("hyphad"):
                row["ratio"] = ratios(by_server["hyphad"], rounds, m.figure)
                row["p50_ratio"] = ratios(by_server["hyphad"], rounds, "p50")
                row["p99_ratio"] = ratios(by_server["hyphad"], rounds, "p99")
            rows.append(row)
    return rows


def table(rows):
    out = ["| measure | server | figure | median | spread | hyphad / this | p50 us | p99 us |",
           "|---|---|---|---:|---:|---:|---:|---:|"]
    for r in rows:
        v = r["value"]
        ratio = f"{r['ratio']['median']:.2f}" if r.get("ratio") else ""
        p50, p99 = (f"{r[k]:,.0f}" if k in r else "" for k in ("p50_us", "p99_us"))
        out.append(f"| {r['measure']} | {r['server']} | {r['figure']} | {floors.number(v['median'])} | {v['spread']:.0%} "
                   f"| {ratio} | {p50} | {p99} |")
    return "\n".join(out)


def git(*words):
    done = subprocess.run(["git", "-C", HERE, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def built_from(hyphad):
    """The commit that the server under test names, which is not always the work tree's."""
    if not hyphad:
        return None
    said = subprocess.run([hyphad, "--version"], stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"\b[0-9a-f]{7,12}\b", said)
    return found and found.group(0)


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "system": platform.machine(), "load": os.getloadavg()[0]}


def write_results(args, samples, rows, lines):
    """The JSON holds every sample; the Markdown beside it is for people."""
    commit = built_from(args.hyphad) or git("rev-parse", "--short", "HEAD") or "nocommit"
    changed = git("status", "--porcelain", "--", ":/src", ":/bench/load", ":/bench/control")
    now = datetime.datetime.now(datetime.timezone.utc)
    path = os.path.join(args.results, f"{now:%Y-%m-%d}-{commit}")
    about = {"at": now.isoformat(timespec="seconds"), "commit": commit, "sources_changed": bool(changed),
             "machine": machine(), "rounds": args.rounds, "seconds": args.seconds}
    if args.merge and os.path.exists(f"{path}.json"):
        with open(f"{path}.json") as f:
            old = json.load(f)
        samples = {**old["samples"], **samples}
        names = {r["measure"] for r in rows}
        rows = [r for r in old["summary"] if r["measure"] not in names] + rows
        lines = floors.compare(samples)
    os.makedirs(args.results, exist_ok=True)
    with open(f"{path}.json", "w") as f:
        json.dump({**about, "lines": lines, "summary": rows, "samples": samples}, f, indent=1)
        f.write("\n")
    with open(f"{path}.md", "w") as f:
        m = about["machine"]
        f.write(f"# {about['at']}, {commit}{', with changes' if changed else ''}\n\n"
                f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']} {m['system']}; load average at the end {m['load']:.1f}\n\n"
                f"{floors.table(lines)}\n\n{table(rows)}\n")
    return f"{path}.md"


def main():
    args = options()
    chosen, names = choose(args)
    samples, failures = run_rounds(args, chosen, names)
    rows = summarize(samples, chosen)
    lines = floors.compare(samples)
    print(f"{table(rows)}\n\n{floors.table(lines)}")
    if args.results:
        print(f"\nwritten: {os.path.relpath(write_results(args, samples, rows, lines))}")
    n_missed = sum(line["verdict"] == "MISSED" for line in lines) if args.mode == "check" else 0
    if failures:
        print(f"failed: {'; '.join(failures)}")
    sys.exit(1 if failures or n_missed else 0)


if __name__ == "__main__":
    main()
