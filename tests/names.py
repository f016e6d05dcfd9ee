#!/usr/bin/env python3
"""Names: each names its place. No two source files have one name, and no two files of src/ have a
static function of one name, nor one of a single word: a backtrace or a profile shows the function
alone. Nothing cites documents that are not in the repository.
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ABSENT = re.compile(r"wire-protocol|workspaces-and-auth|\bhttp\.md|configuration\.md|artifacts-and-s3|server-apps-and-workers|"
                    r"hypergolix\.md|imjoy\.md|real-programs\.md|style-anchors|cluster-design|\.\./shared")
FUNCTION = re.compile(r"^static [^;{}=]*?\b(\w+)\((?:[^;{}])*\)[^;{}=]*\n?\{", re.M)


def sources(*folders):
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.[ch]") if "/." not in path.as_posix())


def twin_problems(paths):
    by_name = defaultdict(list)
    for path in paths:
        by_name[path.name].append(path.relative_to(ROOT).as_posix())
    for name, found in sorted(by_name.items()):
        if len(found) > 1:
            yield f"{' and '.join(found)} have one name"


def title_problems(paths):
    """A file that begins with a title begins with its own."""
    for path in paths:
        title = re.match(r"/\* (\w+): ", path.read_text(errors="replace"))
        if title and title[1] != path.stem:
            yield f"{path.relative_to(ROOT)}: it calls itself {title[1]}"


def static_functions(paths):
    """{name: the files that define a static function of it}"""
    found = defaultdict(set)
    for path in paths:
        text = re.sub(r"/\*.*?\*/", "", path.read_text(errors="replace"), flags=re.S)
        for name in FUNCTION.findall(text):
            found[name].add(path.relative_to(ROOT).as_posix())
    return found


def static_problems(functions):
    for name, files in sorted(functions.items()):
        if "_" not in name:
            yield f"{min(files)}: static function {name} names nothing: it needs its noun"
        if len(files) > 1:
            yield f"static function {name} is in {' and '.join(sorted(files))}: each needs its noun"


def absent_references(paths):
    for path in paths:
        for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if found := ABSENT.search(line):
                yield f"{path.relative_to(ROOT)}:{n}: {found[0]} is not in the repository"


def texts():
    yield ROOT / "README.md"
    for folder in ("src", "include", "bench", "tests", "docs", "deploy"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".c", ".h", ".def", ".md", ".py", ".js", ".html", ".tsv", ".sh"} and path != Path(__file__).resolve():
                yield path


def main():
    functions = static_functions(sources("src"))
    problems = list(twin_problems(sources("src", "include", "bench", "tests/unit", "tests/harness")))
    problems += title_problems(sources("src", "bench"))
    problems += static_problems(functions)
    problems += absent_references(texts())
    for problem in problems:
        print(problem)
    print(f"names: {len(functions)} static functions, {len(problems)} problems")
    return bool(problems) or len(functions) < 1000      # a pattern that finds none proves nothing


if __name__ == "__main__":
    sys.exit(main())
