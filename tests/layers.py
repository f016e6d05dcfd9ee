#!/usr/bin/env python3
"""Layers: arrows point down. Reads src/ROOMS and every #include below src/.

Fails on: a room that includes a room of its own or a higher rank, a room or header that does not
exist, a circle of headers, a foreign library's header outside its home, a file over the ceiling of
lines, options of a loop that are read past loop_config(), a request's token that is read past asker_of(), scratch that outlives its turn, time and randomness
past base/. `--headers CC [BUILD]` compiles each header of ours alone instead.
"""
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
MAX_LINES = 600
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)

# Each foreign library has one home: header pattern -> the rooms (with /) or files that may see it.
HOMES = [
    (r"uv(/.*)?\.h", ["loop/", "net/"]),
    (r"(llhttp/)?llhttp\.h", ["http/http_conn.c", "http/http_conn.h", "http/parse.c", "ws/handshake.c"]),
    (r"wslay/.*", ["ws/ws_inbound.c"]),
    (r"hiredis/.*", ["net/redis_link.c", "net/redis_reply.c", "net/redis_try.c"]),
    (r"(mbedtls|psa)/.*", ["net/tls.c", "wire/digest.c", "wire/rsa.c", "base/random.c"]),
    (r"jwt\.h", ["auth/token.c"]),
    (r"jansson\.h", []),            # the oracle of a test; libjwt's own
    (r"msgpack(/.*|\.h)", ["wire/"]),
    (r"sqlite3\.h", ["store/"]),
    (r"libpq-fe\.h", ["store/"]),
    (r"curl/.*", ["net/libcurl.h"]),
    (r"argon2\.h", ["login/password.c"]),
    (r"zlib\.h", ["http/", "wire/"]),
    (r"archive(_entry)?\.h", ["artifact/"]),
    (r"yaml\.h", ["config/"]),
    (r"urcu.*", ["router/", "base/"]),
    (r"base/memory_raw\.h", ["base/"]),     # ours: bytes without a charge
]


# A loop's options are read through the function that knows whose thread may: loop_config().
CONFIG_OF_LOOP = re.compile(r"\bloops?(\[[^\]]*\])?(->|\.)config\b")
CONFIG_WRITERS = ("loop/loop.h", "server/reload.c", "server/wiring.c")


# Whom an HTTP request is from is found out once, by peer/asker.h; what a post has shown is compared as bytes.
TOKEN_OF_REQUEST = re.compile(r"\bhttp_request_token\(")
TOKEN_READERS = ("http/request.c", "http/request.h", "peer/asker.c", "peer/speaker.c")


def token_problems(path, relative):
    """Tokens of requests that are read past asker_of()."""
    if relative in TOKEN_READERS:
        return
    for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if TOKEN_OF_REQUEST.search(line):
            yield f"src/{relative}:{n}: whom a request is from is asked of asker_of()"


def config_problems(path, relative):
    """Reads of a loop's options past loop_config()."""
    if relative in CONFIG_WRITERS:
        return
    for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if CONFIG_OF_LOOP.search(line):
            yield f"src/{relative}:{n}: a loop's options are read by loop_config()"


# Time and randomness come from one place each, so that a simulation (tests/harness/sim.h) replaces what is below it. libuv's own timers
# are the loop's and the fetcher's. Records come and go by changes, which one function applies.
SOURCES = [
    (re.compile(r"\b(clock_gettime|gettimeofday|uv_hrtime|timespec_get|uv_clock_gettime|time)\("), ("base/clock.c",), "the time is told by base/clock.h"),
    (re.compile(r"\b(getrandom|getentropy|arc4random\w*|rand|random|rand_r|uv_random)\("), ("base/random.c",),
     "random bytes are made by base/random.h"),
    (re.compile(r"\b((?:workspace|client|service)_(?:come|become|go))\("),
     ("registry/records.h", "registry/change.c", "registry/registry.c", "registry/client.c", "registry/going.c", "registry/service.c",
      "registry/workspace.c"), "the registry is changed by registry_apply() alone"),
    (re.compile(r"\buv_timer_init\("), ("loop/timer.c", "net/fetch.c"), "deadlines are loop/timer.h's"),
]
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"", re.S)


def source_problems(relative, text):
    """Calls of what has one place, past it."""
    code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    for pattern, homes, why in SOURCES:
        if relative not in homes:
            for found in pattern.finditer(code):
                yield f"src/{relative}:{code.count(chr(10), 0, found.start()) + 1}: {found[1] if found.groups() else 'uv_timer_init'}: {why}"


# A struct buf is scratch, gone at the end of the turn: what outlives one is a held_buf, which carries its charge. Structs that
# may hold a struct buf, and why.
SCRATCH = {
    "api/args.h: api_args": "on the stack while the arguments of one request are read",
    "http/location.h: location": "on the stack, taken over by the redirect that is sent at once",
    "login/local_task.h: yes": "on the stack while one answer is written",
    "login/login_report.c: report": "on the stack while one report is read",
    "manager/service_info.h: service_draft": "on the stack while one registration is checked",
    "manager/workspace_draft.h: workspace_draft": "on the stack while one creation is checked",
    "net/fetch_once.h: fetch_once": "of a command of the command line, which has no clients",
    "peer/workspace_persistence.c: record": "while one stored record is read",
    "rpc/host.h: rpc_loop": "one a loop, for the heads of frames: it keeps its room, which the header caps bound",
    "store/redis_layout.h: redis_scratch": "on the stack while one command is written",
    "wire/json_read.c: reader": "while one text is read",
    "wire/rpc_value.c: ref_walk": "on the stack while one value is walked",
}
STRUCT = re.compile(r"^(?:static )?(?:const )?struct (\w+) \{\n(.*?)^\}", re.S | re.M)
SCRATCH_MEMBER = re.compile(r"^\s+struct buf\s+[^*(]*;", re.M)


def scratch_problems(relative, text):
    """Members of type struct buf in a struct that is not known to be scratch."""
    if relative.startswith("base/"):
        return
    for found in STRUCT.finditer(text):
        name = f"{relative}: {found[1]}"
        if SCRATCH_MEMBER.search(found[2]) and name not in SCRATCH:
            yield f"src/{name}: a struct buf is scratch; what outlives a turn is a struct held_buf (base/buf.h)"


def rooms():
    """{room: rank} of src/ROOMS."""
    ranks = {}
    for n, line in enumerate((SRC / "ROOMS").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3 or not words[0].isdigit():
            sys.exit(f"src/ROOMS:{n}: expected '<rank> <room> <what it is for>'")
        ranks[words[1]] = int(words[0])
    return ranks


def includes(path):
    """(line number, is it quoted, name) of each #include in a file."""
    text = path.read_text(errors="replace")
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start(2)) + 1, found.group(1) == '"', found.group(2)


def home_problem(relative, name):
    for pattern, homes in HOMES:
        if re.fullmatch(pattern, name):
            if not any(relative == h or (h.endswith("/") and relative.startswith(h)) for h in homes):
                return f"<{name}> may be seen by {', '.join(homes)} only"
    return None


def arrow_problem(relative, name, ranks):
    """Why the file `relative` (below src/) may not include `name`, or None."""
    target = name.split("/", 1)[0]
    if target not in ranks:
        return f'"{name}" names no room of src/ROOMS'
    if not (SRC / name).is_file():
        return f'"{name}" does not exist'
    if "/" not in relative:
        return None
    source = relative.split("/", 1)[0]
    if source == target or ranks[target] < ranks[source]:
        return None
    way = "sideways" if ranks[target] == ranks[source] else "up"
    return f"an arrow {way}: {source} (rank {ranks[source]}) includes {name} (rank {ranks[target]})"


def circles(graph):
    """Each circle of headers, once, as a list of names."""
    state, found = {}, []

    def walk(node, path):
        state[node] = "open"
        for other in graph.get(node, ()):
            if state.get(other) == "open":
                found.append(path[path.index(other):] + [other])
            elif other not in state:
                walk(other, path + [other])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            walk(node, [node])
    return found


def check_arrows():
    ranks, problems, graph, n_files = rooms(), [], {}, 0
    for path in sorted(SRC.rglob("*.[ch]")):
        relative = path.relative_to(SRC).as_posix()
        n_files += 1
        if "/" in relative and relative.split("/", 1)[0] not in ranks:
            problems.append(f"src/{relative}: its folder is no room of src/ROOMS")
            continue
        problems += scratch_problems(relative, path.read_text(errors="replace"))
        problems += source_problems(relative, path.read_text(errors="replace"))
        for line, quoted, name in includes(path):
            problem = home_problem(relative, name)
            if quoted and not problem and "/" in name and not name.startswith("hyphad/"):
                problem = arrow_problem(relative, name, ranks)
                if relative.endswith(".h"):
                    graph.setdefault(relative, []).append(name)
            if problem:
                problems.append(f"src/{relative}:{line}: {problem}")
        problems += config_problems(path, relative)
        problems += token_problems(path, relative)
    problems += ["a circle of headers: " + " -> ".join(c) for c in circles(graph)]
    for folder in ("src", "bench", "tests", "include"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            n_lines = path.read_text(errors="replace").count("\n")
            if n_lines > MAX_LINES:
                problems.append(f"{path.relative_to(ROOT)}: {n_lines} lines, the ceiling is {MAX_LINES}")
    return problems, f"{n_files} files in {len(ranks)} rooms"


def check_headers(compiler, build):
    """Compiles each header of ours with nothing before it."""
    headers = sorted([*SRC.rglob("*.h"), *(ROOT / "include").rglob("*.h"), *(ROOT / "tests").rglob("*.h")])
    base = shlex.split(compiler) + ["-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                                    "-Wno-unused-function", "-Wno-missing-field-initializers", f"-I{SRC}", f"-I{ROOT / 'include'}", f"-I{ROOT / 'tests'}", f"-I{build}", f"-I{build}/src",
                                    "-I/usr/include/llhttp", "-I/usr/share/include/llhttp", "-xc", "-"]

    def compile_one(header):
        text = f'#include "{header}"\nextern int translation_units_are_not_empty;\n'
        run = subprocess.run(base, input=text, capture_output=True, text=True)
        return f"{header.relative_to(ROOT)} does not compile alone:\n{run.stderr}" if run.returncode else None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(compile_one, headers) if p]
    return problems, f"{len(headers)} headers"


def main(args):
    if args[:1] == ["--headers"]:
        problems, seen = check_headers(args[1] if len(args) > 1 else "cc", args[2] if len(args) > 2 else ".")
    elif args:
        sys.exit(__doc__)
    else:
        problems, seen = check_arrows()
    for problem in problems:
        print(problem)
    print(f"layers: {seen}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
