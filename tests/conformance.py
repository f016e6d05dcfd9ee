#!/usr/bin/env python3
"""Which requirements have a passing test. `./dev conformance [--check] [--update] [FAMILY ...]`

tests/requirements/<FAMILY>.tsv holds a line per requirement: id, statement, state (`open`, `tested`,
`later:<reason>`). Proof comes from two places: the scenes' report ({id: [{test, outcome}]}, at
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
TABLES = ROOT / "tests" / "requirements"
FAMILIES = {"W": "wire protocol", "A": "workspaces and authentication", "S": "security properties",
            "D": "defects not repeated", "H": "HTTP", "C": "configuration"}
ID = re.compile(r"\b([WASDHC]-\d{2,3})\b")


def read_table(family):
    """{id: [statement, state]} in the order of the file."""
    rows = {}
    path = TABLES / f"{family}.tsv"
    for n, line in enumerate(path.read_text().splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 3 or not ID.fullmatch(fields[0]) or fields[0][0] != family:
            sys.exit(f"{path}:{n}: expected id, statement and state between tabs")
        if fields[0] in rows:
            sys.exit(f"{path}:{n}: {fields[0]} stands twice")
        if fields[2] not in ("open", "tested") and not fields[2].startswith("later:"):
            sys.exit(f"{path}:{n}: state {fields[2]!r} is none of open, tested, later:<reason>")
        rows[fields[0]] = fields[1:]
    return rows


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


def write_table(family, rows):
    text = "".join("\t".join([i, *fields]) + "\n" for i, fields in rows.items())
    (TABLES / f"{family}.tsv").write_text(text)


def show_family(family, rows, passed, failed, sums_only):
    later = {i for i, (_, state) in rows.items() if state.startswith("later:")} - passed
    print(f"{family}  {FAMILIES[family]}: {len(rows)} ids, {len(passed)} with a passing test, "
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
    families = [a for a in args if not a.startswith("-")] or list(FAMILIES)
    if options - {"--check", "--update"} or set(families) - set(FAMILIES):
        sys.exit(__doc__)
    results = scene_results()
    for requirement, entries in unit_results().items():
        results.setdefault(requirement, []).extend(entries)
    problems, known = [], set()
    for family in FAMILIES:
        rows = read_table(family)
        known |= set(rows)
        if family not in families:
            continue
        tried = {i: [ok for _, ok in results.get(i, [])] for i in rows}
        passed = {i for i, oks in tried.items() if oks and all(oks)}
        failed = {i for i, oks in tried.items() if not all(oks)}
        if "--update" in options:
            for i in passed:
                rows[i][1] = "tested"
            write_table(family, rows)
        show_family(family, rows, passed, failed, "--check" in options)
        problems += [f"{i} has a failing test" for i in sorted(failed)]
        problems += [f"{i} is called tested and has no passing test" for i, (_, state) in rows.items()
                     if state == "tested" and i not in passed | failed]
    problems += [f"{i} is named by a test and does not exist" for i in sorted(set(results) - known)]
    for problem in problems:
        print(f"conformance: {problem}")
    return 1 if problems and "--check" in options else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
