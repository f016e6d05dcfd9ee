"""Every option does what its row says: it is read, or it is marked; and no text of the server sends people to one that is not.

The rows of src/*/options*.def are compared with the sources that read the fields: those of a room are read there, or by server/,
which hands a room what it does not ask for itself; those of config/ are not the business of one other room alone. The same for the
figures of src/*/metrics.def and the lines of src/*/log_events.def. A hint that names an option this build
does not have must say so. A refusal that the log names a rule of is named by config_names, so its option exists; a name that is
written out is one of the reasons below, which are no limits, or a limit's option in access_rules.def.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
ROW = re.compile(r'^OPTION(_IDLE)?\((\w+),\s+(\w+),\s+"([^"]+)",\s*(?:NULL|(?:"(?:[^"\\]|\\.)*"\s*)+),\s+(\w+),\s+([^,]+),(.*?)\)\n(?=\n|OPTION|/\*|$|#)',
                 re.M | re.S)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"(?:\s*(?:[A-Z]+_FMT\s*)?"((?:[^"\\\n]|\\.)*)")*')
# Read before the rest of the configuration is there, by their number.
SOURCES = {"env-file", "no-env", "config"}
# Options of other programs that code blocks of the documents run.
OTHER_PROGRAMS = {"redis-cli": {"scan", "pattern"}}
# Not options of the server but of a sub-command, of pytest, of others.
FOREIGN = {"help", "version", "online", "strict", "force", "server", "token", "json", "workspace", "expires-in", "client-id",
           "user-id", "role", "email", "scope", "permission", "name", "no-name", "all", "changed"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def rows():
    for path in sorted(SRC.glob("*/options*.def")):
        text = without_comments(path.read_text()) + "\n"
        found = list(ROW.finditer(text))
        if len(found) != len(re.findall(r"^OPTION(?!_GROUP)", text, re.M)):
            sys.exit(f"tests/options.py cannot read every row of {path}: {len(found)} of "
                     f"{len(re.findall(r'^OPTION(?!_GROUP)', text, re.M))}")
        if not re.match(r"\s*OPTION_GROUP\(", text):
            sys.exit(f"{path}: its first row is no OPTION_GROUP, so help lists its options under the title of another file")
        for m in found:
            yield {"idle": bool(m[1]), "field": m[3], "name": m[4], "status": m[5], "marks": m[6], "rest": m[7],
                   "home": path.parent.name}


def literals(text):
    """Texts of the source, adjacent ones joined, with the line they begin on."""
    for m in LITERAL.finditer(text):
        whole = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', m.group()))
        yield text[:m.start()].count("\n") + 1, whole


def is_read(row, sources):
    reads = re.compile(rf"(?:->|\.){row['field']}\b(?!\s*=[^=])")
    return any(reads.search(text) for path, text in sources.items() if "config" not in path.parts
               or re.search(rf"database_path = .*{row['field']}", text))


def check_row(row, sources, existing_rooms):
    name, status, rest = row["name"], row["status"], row["rest"]
    help_text = re.search(r'"((?:[^"\\]|\\.)*)"', rest)[1]
    room = re.search(r'\.room = "([^"]+)"', rest)
    if status == "CORE":
        if row["idle"]:
            return None if "changes nothing" in help_text else "nothing reads it, and it is not marked"
        if name in SOURCES:
            used = any(f"OPTION_ID_{row['field']}" in text for text in sources.values())
        else:
            used = is_read(row, sources)
        return None if used else "nothing reads it, and it is not marked"
    if not row["idle"]:
        return f"{status}, but it has a field"
    if status == "ACCEPT":
        return None if help_text.startswith("no effect") else "its help does not say that it has no effect"
    if status == "REFUSE":
        return None if ".hint" in rest else "it is refused without a word on what to do instead"
    if not room:
        return "it is of a room that is not named"
    return f"the room {room[1]} exists" if room[1] in existing_rooms else None


def rooms_by(pattern, sources):
    """{what the pattern's group finds: the rooms where}."""
    places = {}
    for path, text in sources.items():
        for name in set(re.findall(pattern, text)) if path.suffix in (".c", ".h") else ():
            places.setdefault(name, set()).add(path.relative_to(SRC).parts[0])
    return places


def check_home(row, places):
    """Whether a row stands in the room that reads it. config/ has those of the server as a whole."""
    if row["idle"] or row["name"] in SOURCES:
        return None
    readers = set(places.get(row["field"], ()))
    if row["home"] != "config":
        return None if readers & {row["home"], "server"} else f"its row stands in {row['home']}/, which does not read it"
    return f"its row belongs in {readers.pop()}/, which alone reads it" if len(readers - {"config"}) == 1 \
        and not readers & {"config", "server"} else None


def check_metrics(sources):
    """A figure stands in the room that counts it; in base/ those of rooms that do not see each other. All are gathered."""
    page, places = (ROOT / "docs/METRICS.md").read_text(), rooms_by(r"\bMETRIC_(\w+)", sources)
    for path in sorted(SRC.glob("*/metrics.def")):
        home = path.parent.name
        for ident, name in re.findall(r'^METRIC\((\w+), \w+, "([^"]+)"', path.read_text(), re.M):
            users = places.get(ident, set()) - {"base"}
            if home not in users and (home != "base" or len(users) < 2):
                yield f"{path.relative_to(ROOT)}: {ident} is counted by {', '.join(sorted(users)) or 'nobody'}"
            if f"| `{name}` |" not in page:
                yield f"{path.relative_to(ROOT)}: {name} is not in docs/METRICS.md: run ./dev docs, with the build configured again"


def check_log_events(sources):
    """The row of a line stands in the room that writes it."""
    places = rooms_by(r"\bEVENT_(\w+)", sources)
    for path in sorted(SRC.glob("*/log_events.def")):
        for ident in re.findall(r"^EVENT\((\w+),", path.read_text(), re.M):
            if places.get(ident) != {path.parent.name}:
                yield f"{path.relative_to(ROOT)}: {ident} is written by {', '.join(sorted(places.get(ident, ()))) or 'nobody'}"


def check_texts(status_of, sources):
    for path, text in sources.items():
        for line, literal in literals(text):
            named = [n for n in re.findall(r"--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)", literal) if n not in FOREIGN]
            named = [n.removesuffix("-file") if n not in status_of else n for n in named]
            for n in named:
                if n not in status_of and n.removeprefix("no-") not in status_of:
                    yield f"{path.relative_to(ROOT)}:{line}: there is no option --{n}"
            absent = [n for n in named if status_of.get(n) in ("ABSENT", "SWITCH", "REFUSE")]
            is_hint = re.search(r"\b(use|write|give|see|need|needs|try|set)\b[^.;]*--", literal)
            is_about_it = named and named[0] in absent and not re.search(r"\b(use|write|give|see|try|set) --", literal)
            if absent and not is_about_it and "not built in" not in literal and (is_hint or named[0] not in absent):
                yield f"{path.relative_to(ROOT)}:{line}: points to --{absent[0]}, which is not built in"


# What refuses and is no limit an operator sets.
REASONS = {"", "memory", "malformed", "body-of-this-path", "permission", "provider", "another-speaker", "query-credentials", "first-message", "drain", "exchanges"}


def check_rules(status_of, sources):
    """Names that stand in the log as `rule=`."""
    for path, text in sources.items():
        places = re.findall(r'(?:refused_by|\.rule) = ([^;,}]*)', text) + re.findall(r'log_text\("rule", ([^;,]*)', text)
        if path.name == "login_queue.c":
            places += re.findall(r"\brefuse\(req, ([^,]*),", text)
        for name in re.findall(r'"([^"]*)"', " ".join(places)):
            if name not in REASONS:
                yield f"{path.relative_to(ROOT)}: rule {name} is no reason tests/options.py knows; a limit is named by config_names"
        if path.name == "access_rules.def":
            limits = re.findall(r'ACCESS_RULE\((\w+), "([^"]+)"', text[text.index("ACCESS_RULE(USER_LIMIT"):])
            for ident, name in limits:
                if ident != "CLOSING" and status_of.get(name) != "CORE":
                    yield f"{path.relative_to(ROOT)}: {ident} is a limit, and there is no option --{name}"


def options_in(text):
    return set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]+)", text))


def without_other_programs(text):
    """The text without the commands of other programs in its code blocks, and the options of theirs that OTHER_PROGRAMS does not have.
    A command begins with its program, behind assignments and words of the shell."""
    kept, unknown, is_code = [], [], False
    for line in text.splitlines():
        if line.strip().startswith("```"):
            is_code = not is_code
        for command in re.split(r"[|;&]", line) if is_code else [line]:
            begin = re.match(r"\s*(?:(?:do|then|else|while|if|exec|sudo|[A-Z_]+=\S*)\s+)*([\w./-]+)", command)
            program = begin[1].rsplit("/", 1)[-1] if is_code and begin else None
            if program not in OTHER_PROGRAMS:
                kept.append(command)
            unknown += [(program, name) for name in options_in(command) - OTHER_PROGRAMS.get(program, options_in(command))]
    return "\n".join(kept), unknown


def check_migrating(status_of):
    """docs/MIGRATING.md says of options what their rows say."""
    text, unknown = without_other_programs((ROOT / "docs/MIGRATING.md").read_text())
    for program, name in unknown:
        yield f"docs/MIGRATING.md: OTHER_PROGRAMS has no --{name} of {program}"
    kinds = {"Not built in": {"SWITCH", "ABSENT"}, "No effect": {"ACCEPT"}, "Refused": {"REFUSE"}}
    for word, statuses in kinds.items():
        row = re.search(rf"^- \*\*{word}\*\*.*?(?=^- |^$)", text, re.M | re.S)
        if not row:
            yield f"docs/MIGRATING.md: there is no item \"{word}\""
        for name in re.findall(r"`--([a-z0-9-]+)`", row[0] if row else ""):
            if status_of.get(name) not in statuses:
                yield f"docs/MIGRATING.md: --{name} is not of those that are \"{word}\""
    for name in options_in(text) - FOREIGN:
        if name.removesuffix("-file") not in status_of:
            yield f"docs/MIGRATING.md: there is no option --{name}"


def main():
    sources = {p: without_comments(p.read_text()) for ext in ("c", "h", "def", "js", "html") for p in SRC.rglob(f"*.{ext}")}
    existing = {line.split()[1] for line in (SRC / "ROOMS").read_text().splitlines() if line.strip() and not line.startswith("#")}
    all_rows = list(rows())
    status_of = {row["name"]: row["status"] for row in all_rows}
    status_of.update({m: "CORE" for m in re.findall(r'\.other_name = "([^"]+)"', "".join(p.read_text() for p in SRC.glob("*/options.def")))})
    problems = [f"--{row['name']}: {problem}" for row in all_rows if (problem := check_row(row, sources, existing))]
    places = rooms_by(r"(?:->|\.)(\w+)\b(?!\s*=[^=])", sources)
    problems += [f"--{row['name']}: {problem}" for row in all_rows if (problem := check_home(row, places))]
    page = (ROOT / "docs/OPTIONS.md").read_text()
    problems += [f"--{row['name']} is not in docs/OPTIONS.md: run ./dev docs, with the build configured again"
                 for row in all_rows if f"| `--{row['name']}` |" not in page]
    problems += check_metrics(sources)
    problems += check_log_events(sources)
    problems += check_texts(status_of, sources)
    problems += check_rules(status_of, sources)
    problems += check_migrating(status_of)
    print(f"options: {len(all_rows)} rows, {len(problems)} problems")
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
