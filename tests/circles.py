#!/usr/bin/env python3
"""Circles: within a room, arrows point one way too. Reads the objects of a build (.build/debug) and the headers of src.

One file points to another of its room when its object uses a symbol which the other's object defines: nm knows exactly. Who
includes a header and calls nothing takes only types; circles of those are circles of headers, which tests/layers.py finds.

Fails on: a circle that no arrow of CIRCLES breaks, an arrow there that is gone or breaks nothing, a function that is declared
in another header than that of the file which defines it, unless SHARED says why, and a line of SHARED that is not true any
more. So both lists can only shrink.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
OBJECT = re.compile(r"lib(\w+)\.a\.p/\1_(\w+)\.c\.o$")

# Arrows that close a circle and stay: "room: from -> to", and why.
CIRCLES = {
    "http: request -> sender": "who sent a request is read out of its headers, and kept in it",
    "loop: loop -> offload": "a loop set owns its threads, and what they have done comes back as mail of a loop",
    "loop: loop -> timer": "a loop owns its timers, and they run as items of its turn",
    "registry: query -> service": "a walk starts in the list of a name, and steps on when a service leaves that list",
    "registry: query -> workspace": "a walk starts in a workspace's list, and leaves it when the workspace goes",
    "rpc: rpc_call -> host": "a host runs its calls, and each holds a reference to it while its handler runs",
    "rpc: chunks_out -> pending": "a call too large for a frame is several calls, which are pending themselves",
    "rpc: host -> built_in": "every host carries the built-in service, whose methods are run as any other's",
    "rpc: host -> rpc_dispatch": "what is delivered to a host is dispatched, and may let go of the host",
    "rpc: pending -> host": "a host ends what it waits for, and each end holds a reference to it while it is told",
    "server: admin_port -> wiring": "the admin port is a second listener, wired as the first and by it",
    "server: drain -> server": "the main loop takes steps of the drain, and the last of them waits as the main loop waits",
    "server: hub_life -> server": "the main thread opens the hub, and the hub's loop wakes the main thread when it is open",
    "server: reload -> server": "the main loop reloads, and log options are made of a config in one place",
    "store: op -> journal": "records and rows are one queue of operations, and each kind delivers its own",
    "ws: ws_conn -> liveness": "one connection, a state machine in four files (conn.h): a timer starts with it",
    "ws: ws_inbound -> liveness": "as conn: how long a message may take is a window of the same timer",
    "ws: outbound -> ws_conn": "as conn: after our close frame the rest is read and dropped",
    "ws: outbound -> ws_inbound": "as conn: who is sent a close frame has its partial message given up",
    "ws: outbound -> liveness": "as conn: the timer becomes the timeout for the peer's close frame",
}

# Headers that declare what several files of their room define: the header, these files, and why.
SHARED = {
    "admin/admin_internal.h": (
        "blocking explain statistics admin_clients admin_table unloading",
        "the methods of the service, a file each, all of one type and listed in the table of the room"),
    "api/api_internal.h": (
        "assets service_call health api_listing metrics_page front_page",
        "the handlers of routes, a file or two each, all of one type and listed in the feature file"),
    "auth/user_make.h": ("user", "a user never changes for those who see user.h; who makes one may fill it in"),
    "base/memory_raw.h": ("memory", "what only this room may call of memory.c is kept out of memory.h"),
    "config/config.h": (
        "load option config_reload rule",
        "what the rooms above see of configuration, and nothing of how it is read"),
    "login/local_internal.h": (
        "local_login local_profile local_reset local_signup",
        "the functions of accounts, a file each, all of one type and listed in local_table.c"),
    "login/login_internal.h": (
        "login_calls login_report",
        "the functions of the service, all of one type and listed in login_table.c"),
    "manager/manager_internal.h": (
        "bookmarks cleanup creation deletion workspace_env event_log service_listing lookup workspace_clients search "
        "service_types services echo subscribe_calls manager_table tokens workspace_list workspaces",
        "the methods of the service, a file each, all of one type and listed in the table of the room"),
    "net/redis_format.h": ("redis_try", "what the room's files need of redis_try.c and nobody else may call"),
    "net/redis_link.h": ("redis_reply redis_try", "what the rooms above see of Redis"),
    "queue/queue_internal.h": ("queue_calls queue_store pop queue", "the inside of struct queues, which its files change together"),
    "registry/records.h": (
        "client creator going query roster service workspace",
        "what record files need of each other and nobody else may call"),
    "registry/registry.h": (
        "client commit creator query roster service workspace",
        "one registry, a file for each kind of record: the rooms above see it whole"),
    "rpc/rpc.h": (
        "rpc_call host pending schema",
        "what the rooms above see of RPC; hosts, calls and chunks are hidden behind it"),
    "server/wiring.h": ("hub_life server", "struct server, and what its files do to it"),
    "store/engines.h": ("store_memory redis sqlite", "the constructors of the engines, which only open.c calls"),
    "store/op.h": ("journal", "what an engine calls, in one header for its author"),
    "store/op_journal.h": ("journal", "the journal's half of an operation, which only engines see"),
    "store/sqlite_file.h": (
        "sqlite_open",
        "one database file: opening it (sqlite_open.c) and using it are two files for their size"),
    "store/store.h": ("open", "the contract of stores; which engine it is decides open.c alone"),
    "store/text_engine.h": (
        "text_memory text_sqlite",
        "the constructors of the engines, which only text_index.c calls"),
    "wire/address.h": ("service_id", "one grammar: addresses, and the service ids that begin with one"),
    "wire/json.h": ("json_read json_write", "one format, read and written"),
    "wire/mp.h": ("mp_read mp_write", "one format, read and written"),
    "wire/mp_head.h": ("mp_read", "one format: its inlined hot path, and the slow one in mp_read.c"),
    "wire/rpc_header.h": ("rpc_tail", "one format: a frame's header and its tail"),
    "ws/ws_conn.h": ("outbound", "what the rooms above see of a WebSocket; its files are hidden behind it"),
    "ws/outbound.h": ("ws_conn", "what the room's files need of conn.c and nobody else may call"),
}


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def declared_words(path):
    """The words of a header outside of braces and directives: what it declares is among them."""
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", without_comments(path.read_text(errors="replace")), flags=re.M)
    outside, depth = [], 0
    for piece in re.split(r"([{}])", text):
        depth += {"{": 1, "}": -1}.get(piece, 0)
        if not depth:
            outside.append(piece)
    return set(re.findall(r"\w+", " ".join(outside)))


def objects(build):
    """{part: its object}, of the sources there are: a build folder keeps the objects of deleted ones."""
    found = {}
    for path in sorted((build / "src").glob("lib*.a.p/*.o")):
        named = OBJECT.search(path.as_posix())
        if named and (SRC / named[1] / f"{named[2]}.c").is_file():
            found[f"{named[1]}/{named[2]}"] = path
    return found


def symbols(paths):
    """{object: (defined, used)}, its global symbols."""
    listing = subprocess.run(["nm", "-g", "-A", *paths], capture_output=True, text=True, check=True).stdout
    found = {str(path): (set(), set()) for path in paths}
    for line in listing.splitlines():
        path, _, rest = line.rpartition(":")
        kind, name = rest.split()[-2:]
        found[path][kind in "Uw"].add(name)
    return found


def read_build(build):
    """({part: {other: the names that tie them}}, {symbol: part that defines it})."""
    parts = objects(build)
    of_object = symbols(list(parts.values()))
    tables = {part: of_object[str(path)] for part, path in parts.items()}
    home = {name: part for part, (defined, _) in tables.items() for name in defined}
    arrows = {}

    for part, (_, used) in tables.items():
        for name in used & home.keys():
            if home[name] != part and home[name].split("/")[0] == part.split("/")[0]:
                arrows.setdefault(part, {}).setdefault(home[name], set()).add(name)
    return arrows, home


def arrow_name(part, other):
    room, name = part.split("/")
    return f"{room}: {name} -> {other.split('/')[1]}"


def way(arrows, start, goal):
    """The shortest way from one part to another, or None."""
    ways = [[start]]
    seen = {start}
    for path in ways:
        if path[-1] == goal:
            return path
        for other in sorted(arrows.get(path[-1], ())):
            if other not in seen:
                seen.add(other)
                ways.append([*path, other])
    return None


def circle_problems(arrows):
    """One circle through each part that still has one, told once, and the lines of CIRCLES that are not needed."""
    kept = {part: {o: names for o, names in others.items() if arrow_name(part, o) not in CIRCLES}
            for part, others in arrows.items()}
    told = set()
    for part in sorted(kept):
        for other in sorted(kept[part]):
            back = way(kept, other, part)
            if back and not told.intersection(back):
                told.update(back)
                steps = "".join(f"\n    {a} -> {b}: {', '.join(sorted(kept[a][b]))}" for a, b in zip([part, *back], back))
                yield f"a circle:{steps}"
    known = {arrow_name(part, other): (part, other) for part in arrows for other in arrows[part]}
    for line in CIRCLES:
        if line not in known:
            yield f"CIRCLES: there is no arrow {line!r} any more"
        elif not way(kept, *reversed(known[line])):
            yield f"CIRCLES: without {line!r} there is no circle less"


def contract_problems(home):
    """Functions and tables that are declared elsewhere than beside their definition."""
    where = {}
    for header in sorted(SRC.glob("*/*.h")):
        for word in declared_words(header) & home.keys():
            where.setdefault(word, set()).add(header.relative_to(SRC).as_posix())
    found = {}
    for name, part in sorted(home.items()):
        for header in where.get(name, ()):
            if header != f"{part}.h" and f"{part}.h" not in where[name]:
                found.setdefault(header, {}).setdefault(part.split("/")[1], []).append(name)
    for header, files in sorted(found.items()):
        allowed = SHARED.get(header, ("", ""))[0].split()
        for file in sorted(files.keys() - set(allowed)):
            yield f"src/{header} declares what {file}.c defines: {', '.join(files[file])}"
    for header, (files, _) in SHARED.items():
        for file in sorted(set(files.split()) - found.get(header, {}).keys()):
            yield f"SHARED: {header} declares nothing of {file}.c any more"


def main(args):
    build = Path(args[0]) if args else ROOT / ".build" / "debug"
    if len(args) > 1 or not objects(build):
        sys.exit(f"{__doc__}\nusage: circles.py [BUILD]; {build} holds no objects: ./dev build debug")
    arrows, home = read_build(build)
    problems = [*circle_problems(arrows), *contract_problems(home)]
    for problem in problems:
        print(problem)
    print(f"circles: {len(home)} symbols, {len(CIRCLES)} arrows and {len(SHARED)} headers allowed, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
