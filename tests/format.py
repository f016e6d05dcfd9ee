#!/usr/bin/env python3
"""Format: every C file is as clang-format writes it, and no line has more than 100 columns, comments
included (which clang-format leaves alone). Usage: format.py CLANG-FORMAT [--write]
"""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 100
OURS = ("src/*.[ch]", "include/*.h", "tests/*.[ch]", "bench/*.[ch]")


def our_files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *OURS],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def long_lines(names):
    for name in names:
        for n, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            if len(line) > COLUMNS:
                yield f"{name}:{n}: {len(line)} columns"


def main():
    tool, *options = sys.argv[1:]
    names = our_files()
    how = ["-i"] if "--write" in options else ["--dry-run", "--Werror"]
    formatted = subprocess.run([tool, *how, *names], cwd=ROOT).returncode == 0
    problems = list(long_lines(names))
    for problem in problems:
        print(problem)
    print(f"format: {len(names)} files, {len(problems)} lines too long")
    return not formatted or bool(problems) or not names


if __name__ == "__main__":
    sys.exit(main())
