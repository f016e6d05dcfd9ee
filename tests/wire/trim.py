"""Makes the golden files of this folder from full recordings: trim.py RECORDINGS_DIR OUT_DIR.

Keeps every WebSocket message (HTTP: stream chunk and request body) of at most 3 KB once, and the largest one of each file up to 60 KB,
as one JSON object per line with the keys dir, kind and hex or text.
"""
import json
import pathlib
import sys

SMALL, LARGE, N_LARGE = 3_000, 60_000, 1


def trim(lines):
    seen, kept, large = set(), [], []
    for line in lines:
        rec = json.loads(line)
        if rec["kind"] not in ("text", "binary", "http-chunk", "http-request"):
            continue
        body = rec.get("hex") or rec.get("text")
        if not body or (rec["dir"], body) in seen:
            continue
        seen.add((rec["dir"], body))
        size = len(body) // (2 if "hex" in rec else 1)
        row = {k: rec[k] for k in ("dir", "kind", "hex", "text") if k in rec}
        if size <= SMALL:
            kept.append(row)
        elif size <= LARGE:
            large.append((size, row))
    large.sort(key=lambda pair: pair[0], reverse=True)
    return kept + [row for _, row in large[:N_LARGE]]


def main(source, target):
    for path in sorted(pathlib.Path(source).glob("*.jsonl")):
        rows = trim(path.read_text().splitlines())
        if rows:
            out = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
            (pathlib.Path(target) / path.name).write_text(out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
