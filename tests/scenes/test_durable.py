"""What was acknowledged is kept: over a restart, over kill -9 at any moment, with a full disk and
with one that takes no writes. What was not acknowledged is there as a whole or not at all.
"""
import os
import resource
import sqlite3
import subprocess

import pytest

from kit import tokens
from kit.people import ROOT_ARGS, login, refusal_of, root, user

FULL = "could not be stored; its changes have been taken back"
pytestmark = pytest.mark.differs("the original keeps workspaces in Redis and object storage")


def database(server):
    return server.data_dir / "state" / "hyphad.db"


@pytest.mark.req("A-041", "A-109", "A-175")
async def test_a_restart_keeps_what_is_persistent(hub, start_server, tmp_path):
    server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    admin = await root(hub, server=server)
    await admin.manage("set_env", "ROOTS", 1)
    await admin.manage("create_workspace", {"id": "root-made", "persistent": True})
    ada = await user(hub, "ada", server=server)
    lent = tokens.mint("ada", "ws:ws-user-ada#a", ttl=7200)
    await ada.manage("create_workspace", {
        "id": "ada-kept", "description": "stays", "persistent": True, "owners": ["ada", "uma"],
        "config": {"colour": "blue"}})
    await ada.manage("create_workspace", {"id": "ada-temp", "persistent": False})
    inside = await hub.raw("in", server=server, token=login("ada"), workspace="ada-kept")
    await inside.manage("set_env", "KEY", "value")
    await inside.manage("set_env", "N", 7)
    await inside.manage("register_service_type", {
        "id": "calc", "name": "Calculator", "definition": {"add": {"type": "function"}}})
    await inside.register("calc", {"add": lambda a, b: a + b})
    await ada.manage("bookmark", {"bookmark_type": "workspace", "id": "ada-kept"})
    await ada.manage("revoke_token", lent)
    server.kill()

    second = start_server(*ROOT_ARGS, data_dir=tmp_path)
    uma = await hub.raw("uma", server=second, token=tokens.mint("uma", ""), workspace="ada-kept")
    info = await uma.manage("get_workspace_info", "ada-kept")
    assert info["owners"] == ["ada", "uma"] and info["persistent"] is True
    assert info["description"] == "stays" and info["config"]["colour"] == "blue"
    assert await uma.manage("get_env") == {"KEY": "value", "N": 7}
    kept = await uma.manage("get_service_type", "calc")
    assert kept["name"] == "Calculator" and kept["definition"] == {"add": {"type": "function"}}
    assert [s for s in await uma.manage("list_services") if s["id"].endswith(":calc")] == []
    again = await user(hub, "ada", server=second)
    home = await again.manage("get_workspace_info", "ws-user-ada")
    assert [b["id"] for b in home["config"]["bookmarks"]] == ["ada-temp", "ada-kept"]
    assert "ada-temp" not in [w["id"] for w in await again.manage("list_workspaces")]
    refused = await hub.refused({"client_id": "lent", "token": lent}, second)
    assert "revoked" in refused.message
    admin = await root(hub, server=second)
    assert await admin.manage("get_env") == {"ROOTS": 1}
    mine = await admin.manage("get_workspace_info", "ws-user-root")
    assert [b["id"] for b in mine["config"]["bookmarks"]] == ["root-made"]
    assert mine["owners"] == ["root"] and mine["persistent"] is True


@pytest.mark.req("A-156", "S-41")
@pytest.mark.allow_warn("workspace record does not parse")
async def test_a_corrupt_record_costs_itself_only(hub, start_server, tmp_path):
    server = start_server(data_dir=tmp_path)
    ada = await user(hub, "ada", server=server)
    for name in ("ada-a", "ada-b", "ada-c"):
        await ada.manage("create_workspace", {"id": name, "persistent": True})
    server.stop()
    with sqlite3.connect(database(server)) as db:
        changed = db.execute("UPDATE records SET bytes = substr(bytes, 1, 20) "
                             "WHERE bucket = 'workspaces' AND key = ?", (b"ada-b",)).rowcount
        db.execute("INSERT INTO records VALUES ('workspaces', x'00ff', x'c1', 0)")
    db.close()
    assert changed == 1
    second = start_server(data_dir=tmp_path)
    again = await user(hub, "ada", server=second)
    listed = {w["id"] for w in await again.manage("list_workspaces")}
    assert {"ada-a", "ada-c"} <= listed and "ada-b" not in listed
    await again.manage("create_workspace", {"id": "ada-b", "persistent": True})
    second.stop()
    with sqlite3.connect(database(server)) as db:
        kept = {key for key, in db.execute("SELECT key FROM records WHERE bucket = 'workspaces'")}
        aside = {key for key, in db.execute("SELECT key FROM records WHERE bucket = 'unreadable'")}
    db.close()
    assert kept == {b"ada-a", b"ada-b", b"ada-c", b"ws-user-ada"}
    assert aside == {b"ada-b", b"\0\xff"}


def test_a_database_that_is_none_is_named_and_left_alone(tmp_path):
    (tmp_path / "hyphad.db").write_text("precious " * 1000)
    done = subprocess.run([os.environ["HYPHAD_BIN"], "--port=0", f"--data-dir={tmp_path}"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "hyphad.db: file is not a database" in done.stderr
    assert (tmp_path / "hyphad.db").read_text() == "precious " * 1000


class FileLimit:
    """No file of the server may grow: what a full disk is to SQLite, without the right to mount."""

    def __init__(self, server):
        self.server = server

    def fill(self):
        # The log of the database may not grow; that of the server is short, and still may.
        size = max(os.path.getsize(f"{database(self.server)}-wal"), 100_000)
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def clear(self):
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class SmallDisk:
    """A file system of 2 MiB, filled to the last byte."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)],
                              capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"cannot mount: {made.stderr.strip()}")

    def fill(self):
        with open(self.folder / "ballast", "ab", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass

    def clear(self):
        (self.folder / "ballast").unlink()

    def remove(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class Immutable:
    """Files that refuse every write, through descriptors that are open already too."""

    def __init__(self, server):
        # Not the index in shared memory: it is mapped, and a mapping cannot say no.
        self.files = [f"{database(server)}{end}" for end in ("", "-wal")]

    def _set(self, how):
        done = subprocess.run(["chattr", how, *self.files], capture_output=True, text=True)
        return done.returncode == 0 or pytest.skip(f"chattr: {done.stderr.strip()}")

    def fill(self):
        self._set("+i")

    def clear(self):
        self._set("-i")


async def refuses_and_recovers(hub, server, fill, clear):
    """Every kind of change is refused by name and taken back, reads go on, and all works again."""
    ada = await user(hub, "ada", server=server)
    await ada.manage("create_workspace", {"id": "ada-w", "persistent": True})
    inside = await hub.raw("in", server=server, token=login("ada"), workspace="ada-w")
    await inside.manage("set_env", "A", "before")
    lent = [tokens.mint("ada", "ws:ws-user-ada#a", ttl=7000 + i) for i in range(2)]
    fill()
    assert FULL in await refusal_of(inside.manage("set_env", "A", "x" * 200_000))
    assert FULL in await refusal_of(ada.manage("create_workspace", {
        "id": "ada-new", "persistent": True, "description": "y" * 200_000}))
    assert FULL in await refusal_of(inside.manage("register_service_type", {
        "id": "t", "name": "T", "definition": {"doc": "z" * 200_000}}))
    assert "RuntimeError" in await refusal_of(ada.manage("create_workspace", {
        "id": "ada-w", "persistent": True, "overwrite": True, "description": "y" * 200_000}, True))
    assert await inside.manage("get_env") == {"A": "before"}
    assert await inside.manage("list_service_types") == []
    assert "not found" in await refusal_of(ada.manage("get_workspace_info", "ada-new"))
    assert (await ada.manage("get_workspace_info", "ada-w"))["description"] is None
    assert await inside.manage("echo", 1) == 1
    await hub.raw("late", server=server, token=login("ada"), workspace="ada-w")
    clear()
    await inside.manage("set_env", "A", "after")
    await ada.manage("create_workspace", {"id": "ada-new", "persistent": True})
    await ada.manage("bookmark", {"bookmark_type": "workspace", "id": "ada-w"})
    await ada.manage("revoke_token", lent[0])
    await ada.manage("delete_workspace", "ada-new")
    server.kill()
    return lent


async def is_as_acknowledged(hub, second, lent):
    inside = await hub.raw("in2", server=second, token=login("ada"), workspace="ada-w")
    assert await inside.manage("get_env") == {"A": "after"}
    assert "ada-new" not in [w["id"] for w in await inside.manage("list_workspaces")]
    assert "revoked" in (await hub.refused({"client_id": "l", "token": lent[0]}, second)).message
    await hub.raw("l1", server=second, token=lent[1])


NOISE = pytest.mark.allow_error("the database refused|workspace record not stored")


@NOISE
async def test_files_that_may_not_grow(hub, start_server, tmp_path):
    server = start_server(data_dir=tmp_path)
    disk = FileLimit(server)
    lent = await refuses_and_recovers(hub, server, disk.fill, disk.clear)
    await is_as_acknowledged(hub, start_server(data_dir=tmp_path), lent)


@NOISE
@pytest.mark.skipif(os.geteuid() != 0, reason="chattr +i needs root")
async def test_files_that_may_not_be_written(hub, start_server, tmp_path):
    server = start_server(data_dir=tmp_path)
    files = Immutable(server)
    try:
        lent = await refuses_and_recovers(hub, server, files.fill, files.clear)
    finally:
        files.clear()
    await is_as_acknowledged(hub, start_server(data_dir=tmp_path), lent)


@NOISE
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_a_full_disk(hub, start_server, tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    try:
        server = start_server("--data-dir", str(disk.folder / "state"))
        lent = await refuses_and_recovers(hub, server, disk.fill, disk.clear)
        second = start_server("--data-dir", str(disk.folder / "state"))
        await is_as_acknowledged(hub, second, lent)
        second.stop()
    finally:
        disk.remove()
