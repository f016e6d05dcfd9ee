"""Runs each scenario for a moment: is what it counts there, and is nothing wrong? Speed is not looked at.

    smoke.py BENCH RELAY [HYPHAD]"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import servers  # noqa: E402

SMALL = ["--pairs", "4", "--seconds", "0.3", "--warmup", "0.1", "--connections", "8"]
PROFILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "profiles", "production")
RELAY_RUNS = [
    ("echo", [], "messages"),
    ("echo", ["--inflight", "16"], "messages"),
    ("echo", ["--size", "300000"], "messages"),
]
HUB_RUNS = [
    ("call", [], "messages"),
    ("call", ["--inflight", "16", "--workspaces", "2"], "messages"),
    ("connect", ["--service"], "logins"),
    ("idle", [], "connections"),
    ("fanout", [], "messages"),
    ("dead", [], "p50"),
    ("large", ["--size", "1000000"], "transfers"),
    ("registry", ["--op", "get"], "questions_per_second"),
    ("registry", ["--op", "register"], "questions_per_second"),
    ("registry", ["--op", "list", "--connections", "300"], "questions_per_second"),
    ("mixed", [], "calls"),
    ("mixed", ["--profile", PROFILE], "calls"),
    ("flood", [], "messages"),
    ("http", [], "messages"),
    ("http", ["--service"], "messages"),
]


def check(bench, server, scenario, extra, figure, secret):
    command = [bench, scenario, "--json", "--url", server.url, "--pid", str(server.pid), *SMALL, *extra]
    if secret:
        command += ["--jwt-secret", servers.SECRET]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True)
    what = f"{server.name}: {scenario} {' '.join(extra)}"
    if not secret and scenario == "call":
        what += " (asks for its token)"
    is_good = False
    try:
        result = json.loads(done.stdout)
        is_good = done.returncode == 0 and result["errors"] == 0 and result.get(figure, 0) > 0
    except ValueError:
        pass
    print(f"{'ok' if is_good else 'not ok'} - {what}", flush=True)
    if not is_good:
        print(f"# exit {done.returncode} {done.stdout} {done.stderr} {server.tail()}")
    return is_good


def check_page(bench, server):
    """The page holds every plot, and nothing that a browser would have to fetch."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "page.html")
        subprocess.run([bench, "call", "--url", server.url, "--pid", str(server.pid), *SMALL, "--html", path,
                        "--jwt-secret", servers.SECRET], stdout=subprocess.DEVNULL, timeout=120)
        with open(path) as f:
            page = f.read()
    is_good = page.count("<svg") == 5 and "nan" not in page and "src=" not in page and page.endswith("</html>\n")
    print(f"{'ok' if is_good else 'not ok'} - a run as a page", flush=True)
    return is_good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("relay")
    p.add_argument("hyphad", nargs="?")
    args = p.parse_args()
    for name, path in vars(args).items():
        setattr(args, name, path and os.path.abspath(path))
    results = []
    relay = servers.start_relay(args, 0)
    try:
        results += [check(args.bench, relay, *run, False) for run in RELAY_RUNS]
    finally:
        relay.stop()
    if args.hyphad:
        hub = servers.start_hyphad(args, 0)
        try:
            results += [check(args.bench, hub, *run, True) for run in HUB_RUNS]
            results.append(check(args.bench, hub, "call", [], "messages", False))
            results.append(check_page(args.bench, hub))
        finally:
            hub.stop()
    print(f"1..{len(results)}")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
