#!/usr/bin/env python3
"""Writes the files of a page as one C table: embed.py OUT FILE..."""
import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def main(out, paths):
    lines = ['#include "login/login_page.h"', ""]
    rows = []
    for i, path in enumerate(map(Path, paths)):
        data = path.read_bytes()
        lines.append(f"static const unsigned char file_{i}[] = {{")
        for at in range(0, len(data), 24):
            lines.append("    " + "".join(f"{byte}," for byte in data[at:at + 24]))
        lines.append("};")
        rows.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", file_{i}, sizeof(file_{i})}},')
    lines += ["const struct login_file login_files[] = {", *rows, "};",
              f"const size_t login_n_files = {len(rows)};"]
    Path(out).write_text("\n".join(lines) + "\n")


main(sys.argv[1], sys.argv[2:])
