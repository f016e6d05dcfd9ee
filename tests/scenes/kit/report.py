"""The record of which requirement each scene proves: {id: [{test, outcome}]} in one JSON file."""
import fcntl
import json
import os


def merge(path, results):
    """Adds {test: (ids, outcome)} to the file; a newer outcome of a test replaces its older one."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "a+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        text = f.read()
        record = json.loads(text) if text.strip() else {}
        for entries in record.values():
            entries[:] = [e for e in entries if e["test"] not in results]
        for test, (ids, outcome) in sorted(results.items()):
            for req in ids:
                record.setdefault(req, []).append({"test": test, "outcome": outcome})
        f.seek(0)
        f.truncate()
        json.dump({k: v for k, v in sorted(record.items()) if v}, f, indent=1)
