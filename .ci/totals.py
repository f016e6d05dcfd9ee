"""Adds up the JUnit reports of one ./dev test and prints `N passed, N failed`.

Usage: totals.py FOLDER CODE, CODE being what ./dev test exited with: a failure no report knows of (a build,
a crash, a layer) counts as one. Exits 1 when something failed or nothing passed.
"""
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def count(path):
    """(passed, failed, skipped) test cases of one report."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(folder, code):
    totals = [0, 0, 0]
    for path in sorted(Path(folder).glob("*.xml")):
        try:
            counts = count(path)
        except ElementTree.ParseError as problem:
            print(f"{path.name}: unreadable: {problem}")
            counts = (0, 1, 0)
        print(f"{path.stem}: {counts[0]} ok, {counts[1]} not ok, {counts[2]} left out")
        totals = [a + b for a, b in zip(totals, counts)]
    if code != "0" and not totals[1]:
        totals[1] = 1
    print(f"{totals[0]} passed, {totals[1]} failed" + (f", {totals[2]} skipped" if totals[2] else ""))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
