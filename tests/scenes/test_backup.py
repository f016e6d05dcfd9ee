"""hyphad backup: a copy of the database of one moment, of a server that runs and of one that is stopped."""
import asyncio
import os
import sqlite3
import subprocess

import pytest

from kit.people import login, user

pytestmark = pytest.mark.differs("a command of our own")


def backup(*args, cwd="/"):
    done = subprocess.run([os.environ["HYPHAD_BIN"], "backup", *map(str, args)], cwd=cwd,
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def records(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {key.decode() for key, in db.execute("SELECT key FROM records WHERE bucket = 'workspaces'")}
    finally:
        db.close()


async def test_a_backup_while_clients_write_is_whole_and_restores(hub, start_server, tmp_path):
    server = start_server(data_dir=tmp_path / "a")
    state = server.data_dir / "state"
    ada = await user(hub, "ada", server=server)
    await ada.manage("create_workspace", {"id": "ada-first", "persistent": True})
    n_made = n_set = 0

    async def write():
        nonlocal n_made, n_set
        while True:
            await ada.manage("set_env", "N", n_set + 1)
            n_set += 1
            if n_set % 20 == 0 and n_made < 60:
                await ada.manage("create_workspace", {"id": f"ada-{n_made}", "persistent": True})
                n_made += 1

    task = asyncio.create_task(write())
    copies = []
    for i in range(5):
        before = n_made, n_set
        path = tmp_path / f"copy-{i}.db"
        status, text = await asyncio.to_thread(backup, path, "--data-dir", state)
        assert status == 0 and f"{path}: {path.stat().st_size} bytes" in text
        assert path.stat().st_mode & 0o777 == 0o600
        copies.append((before, path))
        assert not task.done(), task.exception()
    task.cancel()
    for before, path in copies:
        assert {"ada-first", "ws-user-ada"} | {f"ada-{i}" for i in range(before[0])} <= records(path)
    assert [f.name for f in tmp_path.glob("*.part-*")] == []
    server.stop()

    restored = tmp_path / "b" / "state"
    restored.mkdir(parents=True, mode=0o700)
    (restored / "hyphad.db").write_bytes(copies[-1][1].read_bytes())
    second = start_server(data_dir=tmp_path / "b")
    again = await hub.raw("again", server=second, token=login("ada"), workspace="ws-user-ada")
    assert copies[-1][0][1] <= await again.manage("get_env", "N") <= n_set + 1
    await hub.raw("first", server=second, token=login("ada"), workspace="ada-first")


async def test_a_backup_of_a_stopped_and_of_a_killed_server(hub, start_server, tmp_path):
    server = start_server(data_dir=tmp_path / "a")
    state = server.data_dir / "state"
    ada = await user(hub, "ada", server=server)
    await ada.manage("create_workspace", {"id": "ada-first", "persistent": True})
    server.kill()
    assert (state / "hyphad.db-wal").stat().st_size > 0
    assert backup(tmp_path / "killed.db", f"--data-dir={state}")[0] == 0
    assert "ada-first" in records(tmp_path / "killed.db")
    start_server(data_dir=tmp_path / "a").stop()
    assert backup("--data-dir", state, "stopped.db", cwd=tmp_path)[0] == 0
    assert "ada-first" in records(tmp_path / "stopped.db")


def test_what_a_backup_refuses(start_server, tmp_path):
    server = start_server(data_dir=tmp_path / "a")
    state, there = server.data_dir / "state", tmp_path / "there"
    there.write_text("mine")
    status, text = backup(there, "--data-dir", state)
    assert status == 1 and "File exists" in text and "--force" in text and there.read_text() == "mine"
    assert backup(there, "--force", "--data-dir", state)[0] == 0 and records(there) is not None
    assert backup("--data-dir", state)[0] == 2                      # no file
    assert backup(there, there, "--data-dir", state)[0] == 2        # two
    status, text = backup(tmp_path / "no" / "folder", "--data-dir", state)
    assert status == 1 and "No such file" in text
    empty = tmp_path / "empty"
    empty.mkdir()
    status, text = backup(tmp_path / "x", "--data-dir", empty)
    assert status == 1 and "hyphad.db: No such file" in text and not (tmp_path / "x").exists()
    assert list(empty.iterdir()) == []
    db = sqlite3.connect(empty / "hyphad.db")
    db.execute("CREATE TABLE recipes (name)")
    db.commit()
    db.close()
    status, text = backup(tmp_path / "x", "--data-dir", empty)
    assert status == 1 and "no database of hyphad" in text
    (empty / "hyphad.db").write_bytes(b"no database " * 1000)
    status, text = backup(tmp_path / "x", "--data-dir", empty)
    assert status == 1 and "not a database" in text
    assert backup(tmp_path / "x", "--data-dir", ":memory:")[0] == 78
    assert [f.name for f in tmp_path.glob("*.part-*")] == []
