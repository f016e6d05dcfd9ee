"""A server starts with whatever it has let people store, a bounded piece at a time."""
import asyncio

import pytest

from kit.people import ROOT_ARGS, refusal_of, root, user
from kit.raw import RpcError

pytestmark = pytest.mark.differs("stores of our own")
ARGS = (*ROOT_ARGS, "--max-revocations-per-user", "400", "--max-workspaces-per-user", "8", "--max-blocks", "300",
        "--max-queue-tasks", "400", "--max-workspace-record", "128K", "--event-log-user-rows", "300")


async def all_of(calls, at_once=50):
    calls = list(calls)
    for i in range(0, len(calls), at_once):
        await asyncio.gather(*(call() for call in calls[i:i + at_once]))


@pytest.mark.req("S-83", "A-041", "A-203")
async def test_a_server_full_of_everything_starts_again(hub, start_server, tmp_path):
    """Each bucket at its cap, and each longer than what is read in one piece (256 rows, 256 KB)."""
    server = hub.server = start_server(*ARGS, data_dir=tmp_path)
    boss, ada = await root(hub), await user(hub, "ada")
    large = {"filling": "x" * 60_000}
    for i in range(7):      # the personal one counts
        await ada.manage("create_workspace", {"id": f"ada-{i}", "persistent": True, "config": large})
    await all_of(lambda i=i: boss.manage("create_workspace", {"id": f"boss-{i}", "persistent": True})
                 for i in range(300))
    n_variables = 0
    with pytest.raises(RpcError, match="--max-workspace-record"):
        while True:
            await ada.manage("set_env", f"KEY_{n_variables}", "x" * 10_000)
            n_variables += 1
    assert "already owns 8 workspaces" in await refusal_of(ada.manage("create_workspace", {"id": "ada-8"}))
    tokens = []

    async def log(i):
        await ada.manage("log_event", "full", {"n": i})

    async def revoke():
        tokens.append(await ada.manage("generate_token"))
        await ada.manage("revoke_token", tokens[-1])

    async def push(i):
        await boss.call("services.queue.push", "work", {"n": i}, to="public/" + boss.info["manager_id"][8:])

    async def block(i):
        await boss.call("services.admin-utils.block_user", f"nobody-{i}", 3600, "full",
                        to="ws-user-root/" + boss.info["manager_id"][8:])
    await all_of(revoke for _ in range(400))
    await all_of((lambda i=i: log(i)) for i in range(320))
    await all_of((lambda i=i: push(i)) for i in range(400))
    await all_of((lambda i=i: block(i)) for i in range(300))
    figures = {name: server.metric(name) for name in ("hyphad_workspaces", "hyphad_revocations", "hyphad_blocks",
                                                      "hyphad_queue_tasks")}
    assert figures["hyphad_revocations"] == 400 and figures["hyphad_blocks"] == 300
    await hub.close()
    server.stop()
    server = hub.server = start_server(*ARGS, data_dir=tmp_path)
    boss, ada = await root(hub), await user(hub, "ada")
    assert len(await ada.manage("get_env")) == n_variables
    assert "already owns 8 workspaces" in await refusal_of(ada.manage("create_workspace", {"id": "ada-8"}))
    rows = await ada.manage("get_events", "full")
    assert 200 <= len(rows) <= 300 and max(row["data"]["n"] for row in rows) == 319
    for name, figure in figures.items():
        assert server.metric(name) == figure, name
    ada = await user(hub, "ada", workspace="ada-6")
    assert (await ada.manage("get_workspace_info"))["config"]["filling"] == large["filling"]
    for token in (tokens[0], tokens[-1]):
        assert "revoked" in (await hub.refused({"client_id": "late", "token": token})).message
    at = "public/" + boss.info["manager_id"][8:]
    for i in range(3):      # in the order they were pushed in
        assert (await boss.call("services.queue.pop", "work", 1, to=at))["n"] is not None
