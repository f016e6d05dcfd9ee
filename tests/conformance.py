#!/usr/bin/env python3
"""Which requirements have a passing test. `./dev conformance [--check] [--update] [FAMILY ...]`

tests/requirements/<FAMILY>.tsv holds a line per requirement: id, statement, state (`open`, `tested`,
`later:<reason>`). A room can hold its own, src/<ROOM>/requirements.tsv, of any family. A family is the letter that ids begin with;
those that have no table yet have no requirements, which is no error. Proof comes from two places: the scenes' report ({id: [{test, outcome}]}, at
$HYPHAD_REQ_REPORT or .build/requirements.json) and unit tests that name ids in a comment
`req: W-036 W-037`, whose outcome is read from the JUnit report of the last unit run.

--check   shows the sums only, and exits 1 when an id called `tested` has no passing test, when a test that ran for an id
          failed, or when a test names an id that does not exist
--update  writes `tested` into the tables for the ids that passed
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the letters stand for. R: their specification counts them as S-001 and on, a letter that security has. Another letter is a
# family too, as soon as a table has it.
TITLES = {"W": "wire protocol", "A": "workspaces and authentication", "S": "security properties", "D": "defects not repeated",
          "H": "HTTP", "C": "configuration", "R": "artifacts and files", "P": "server apps and workers", "M": "mirror",
          "G": "hypergolix", "I": "imjoy"}
ID = re.compile(r"\b([A-Z]-\d{2,3})\b")


def table_paths(root=ROOT):
    return sorted((root / "tests" / "requirements").glob("*.tsv")) + sorted((root / "src").glob("*/requirements.tsv"))


def read_table(path):
    """{id: [statement, state]} in the order of the file."""
    rows = {}
    for n, line in enumerate(path.read_text().splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 3 or not ID.fullmatch(fields[0]):
            sys.exit(f"{path}:{n}: expected id, statement and state between tabs")
        if path.parent.name == "requirements" and fields[0][0] != path.stem:
            sys.exit(f"{path}:{n}: {fields[0]} is not of the family {path.stem}")
        if fields[0] in rows:
            sys.exit(f"{path}:{n}: {fields[0]} stands twice")
        if fields[2] not in ("open", "tested") and not fields[2].startswith("later:"):
            sys.exit(f"{path}:{n}: state {fields[2]!r} is none of open, tested, later:<reason>")
        rows[fields[0]] = fields[1:]
    return rows


def read_tables(root=ROOT):
    """{family: {id: [statement, state]}}: all families that have a letter here, and what all tables hold."""
    families = {letter: {} for letter in TITLES}
    for path in table_paths(root):
        for i, fields in read_table(path).items():
            rows = families.setdefault(i[0], {})
            if i in rows:
                sys.exit(f"{path}: {i} stands in another table too")
            rows[i] = fields
    return families


def scene_results():
    """{id: [(test, did it pass)]} of the scenes."""
    path = Path(os.environ.get("HYPHAD_REQ_REPORT", ROOT / ".build" / "requirements.json"))
    if not path.is_file():
        return {}
    record = json.loads(path.read_text() or "{}")
    return {i: [(e["test"], e["outcome"] == "passed") for e in entries if e["outcome"] != "skipped"]
            for i, entries in record.items()}


def unit_outcomes():
    """{room/file: did every case pass}, over all builds whose reports exist."""
    outcomes = {}
    for path in sorted((ROOT / ".build" / "reports").glob("unit-*.xml")):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            names = [suite.get("name", "")] + [case.get("name", "") for case in suite.iter("testcase")]
            broken = any(child.tag in ("failure", "error") for case in suite.iter("testcase") for child in case)
            for name in names:
                # A report names a TAP program `project:suite / room/file` or `room/file`.
                found = re.search(r"([a-z_]+/[a-z0-9_]+)(?:\.\S+)?$", name.strip())
                if found:
                    outcomes[found.group(1)] = outcomes.get(found.group(1), True) and not broken
    return outcomes


def unit_results():
    """{id: [(test, did it pass)]} of the unit tests' `req:` comments; a test that did not run has no entry."""
    outcomes, results = unit_outcomes(), {}
    for path in sorted((ROOT / "tests" / "unit").glob("*/test_*.c")):
        test = f"{path.parent.name}/{path.stem.removeprefix('test_')}"
        for comment in re.findall(r"\breq:([^\n*]*)", path.read_text()):
            for requirement in ID.findall(comment):
                entry = (test, outcomes.get(test))
                if entry[1] is not None and entry not in results.setdefault(requirement, []):
                    results[requirement].append(entry)
    return results


def write_tables(states, root=ROOT):
    """Writes the states of ids ({id: state}) where they stand."""
    for path in table_paths(root):
        rows = read_table(path)
        text = "".join("\t".join([i, statement, states.get(i, state)]) + "\n" for i, (statement, state) in rows.items())
        if text != path.read_text():
            path.write_text(text)


def show_family(family, rows, passed, failed, sums_only):
    later = {i for i, (_, state) in rows.items() if state.startswith("later:")} - passed
    print(f"{family}  {TITLES.get(family, 'of a room')}: {len(rows)} ids, {len(passed)} with a passing test, "
          f"{len(failed)} failing, {len(later)} later")
    if sums_only:
        return
    for i in sorted(failed):
        print(f"   {i}  FAILS  {rows[i][0]}")
    for i in sorted(set(rows) - passed - failed - later):
        print(f"   {i}  no test  {rows[i][0]}")
    for i in sorted(later):
        print(f"   {i}  {rows[i][1]}  {rows[i][0]}")


def main(args):
    options = {a for a in args if a.startswith("-")}
    tables = read_tables()
    families = [a for a in args if not a.startswith("-")] or [family for family, rows in tables.items() if rows]
    if options - {"--check", "--update"} or set(families) - set(tables):
        sys.exit(__doc__)
    results = scene_results()
    for requirement, entries in unit_results().items():
        results.setdefault(requirement, []).extend(entries)
    problems = []
    for family in families:
        rows = tables[family]
        tried = {i: [ok for _, ok in results.get(i, [])] for i in rows}
        passed = {i for i, oks in tried.items() if oks and all(oks)}
        failed = {i for i, oks in tried.items() if not all(oks)}
        if "--update" in options:
            for i in passed:
                rows[i][1] = "tested"
            write_tables({i: "tested" for i in passed})
        show_family(family, rows, passed, failed, "--check" in options)
        problems += [f"{i} has a failing test" for i in sorted(failed)]
        problems += [f"{i} is called tested and has no passing test" for i, (_, state) in rows.items()
                     if state == "tested" and i not in passed | failed]
    problems += [f"{i} is named by a test and does not exist" for i in sorted(set(results) - {i for rows in tables.values() for i in rows})]
    for problem in problems:
        print(f"conformance: {problem}")
    return 1 if problems and "--check" in options else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
