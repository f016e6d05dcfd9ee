"""Each line of the tables in docs/THREATS.md names what shows that it is true, and what it names is there.

The last column of a table holds names between commas: a requirement (`S-60`, `S-60 to S-62`), which must be in tests/requirements and
not open, a file of scenes (`test_sockets`), one scene (`test_an_address_has_a_share`), a unit test (`net/shares`), a fuzz target
(`fuzz_http`) or a check beside this one (`lifetimes`). Requirements alone do not do: a line names a test too. So that a test cannot
be renamed or removed while a sentence still leans on it.
"""
import re
import sys
from pathlib import Path

import conformance

TESTS = Path(__file__).resolve().parent
DOCUMENT = TESTS.parent / "docs" / "THREATS.md"
RANGE = re.compile(r"([A-Z])-(\d+) to \1-(\d+)")


def known_tests():
    names = {p.stem for folder in ("scenes", "fuzz") for p in (TESTS / folder).iterdir() if p.stem.startswith(("test_", "fuzz_"))}
    for path in (TESTS / "scenes").glob("test_*.py"):
        names |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M))
    names |= {f"{p.parent.name}/{p.stem.removeprefix('test_')}" for p in (TESTS / "unit").glob("*/test_*.c")}
    return names | {p.stem for p in TESTS.glob("*.py")}


def ids_of(name):
    """The requirements a name stands for; none when it is no requirement."""
    found = RANGE.fullmatch(name)
    if found:
        family, first, last = found.groups()
        return [f"{family}-{n:0{len(first)}d}" for n in range(int(first), int(last) + 1)]
    return [name] if conformance.ID.fullmatch(name) else []


def problems_of(text, states, tests):
    for n, line in enumerate(text.splitlines(), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("| ") or cells[0] in ("Threat", "Table", "---"):
            continue
        names = [name.strip() for name in cells[-1].split(",")]
        ids = [i for name in names for i in ids_of(name)]
        for i in ids:
            if states.get(i, "open") == "open":
                yield f"{n}: {i} is {'open' if i in states else 'no requirement'}"
        rest = [name for name in names if not ids_of(name)]
        for name in rest:
            if name not in tests:
                yield f"{n}: there is no test {name!r}"
        if not rest:
            yield f"{n}: no test is named: {cells[0]}"


def main():
    states = {i: state for rows in conformance.read_tables().values() for i, (_, state) in rows.items()}
    problems = list(problems_of(DOCUMENT.read_text(), states, known_tests()))
    for problem in problems:
        print(f"docs/THREATS.md:{problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
