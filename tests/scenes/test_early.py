"""Clients that are there before the server has read its records."""
import asyncio
import sqlite3
import urllib.error
import urllib.request

import pytest

from kit.people import login
from kit.waiting import until

N_RECORDS = 30_000      # so that reading them takes a while, on any machine


def multiply(database):
    """Copies a workspace's record, under other ids, until reading all takes a while."""
    with sqlite3.connect(database) as db:
        (record,) = db.execute("SELECT bytes FROM records WHERE bucket = 'workspaces' AND key = ?", (b"ada-many",)).fetchone()
        db.executemany("INSERT INTO records VALUES ('workspaces', ?, ?, 0)",
                       ((b"ada-%04x" % n, record.replace(b"ada-many", b"ada-%04x" % n)) for n in range(N_RECORDS)))
    db.close()


def is_starting(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/readiness", timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.code == 503
    return False


@pytest.mark.req("S-163")
async def test_who_comes_while_the_server_starts_is_judged_when_it_knows(hub, start_server, tmp_path):
    hub.server = first = start_server(data_dir=tmp_path / "data")
    ada = await hub.raw("ada", token=login("ada"))
    await ada.manage("create_workspace", {"id": "ada-many", "persistent": True})
    await ada.manage("set_env", "kept", "as it was")
    revoked = await ada.manage("generate_token")
    await ada.manage("revoke_token", revoked)
    port = first.port
    await asyncio.to_thread(first.stop)
    multiply(tmp_path / "data" / "state" / "hyphad.db")

    starting = asyncio.create_task(asyncio.to_thread(start_server, data_dir=tmp_path / "data", port=port))
    await until(lambda: asyncio.to_thread(is_starting, port), timeout=60, step=0, not_yet=(OSError,))
    early = asyncio.create_task(hub.raw("early", server=first, token=login("ada")))
    refused = await hub.refused({"client_id": "revoked", "workspace": ada.workspace, "token": revoked}, server=first)
    assert not refused.texts or "revoked" in refused.message.lower(), refused
    hub.server = await starting
    assert await (await early).manage("get_env", "kept") == "as it was"
