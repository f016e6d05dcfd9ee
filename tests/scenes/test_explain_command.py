"""`hyphad explain`: the same question from the command line."""
import json
import os
import subprocess

import pytest

from kit import tokens
from kit.golden import ROOT_TOKEN
from kit.people import ROOT_ARGS, login, root, user

pytestmark = pytest.mark.differs("the original has no explain")


def run_explain(server, *words, token=ROOT_TOKEN, stdin=None):
    environment = {"PATH": os.environ["PATH"], **({"HYPHA_TOKEN": token} if token else {})}
    return subprocess.run([os.environ["HYPHAD_BIN"], "explain", "--server", server.url, *words],
                          capture_output=True, text=True, timeout=30, input=stdin, env=environment)


async def test_the_command(hub, start_server):
    hub.server = start_server(*ROOT_ARGS)
    boss = await root(hub)
    admin_utils = "ws-user-root/" + boss.info["manager_id"].removeprefix("manager-")
    ada = await user(hub, "ada")
    await ada.register("closed", {"f": lambda: 1})
    done = run_explain(hub.server, "bob", "ws-user-ada", "closed")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("denied: get_service") and "protected-service" in done.stdout
    done = run_explain(hub.server, "--json", "bob", "ws-user-ada", "closed", "call_service")
    assert json.loads(done.stdout) == await boss.call(
        "services.admin-utils.explain", "bob", "ws-user-ada", "closed", "call_service", to=admin_utils)
    done = run_explain(hub.server, "-", "ws-user-ada", stdin=login("ada") + "\n")
    assert done.returncode == 0 and done.stdout.startswith("allowed: join"), done.stdout + done.stderr
    done = run_explain(hub.server, "ada", "ws-user-ada", "", "set_env")
    assert done.returncode == 0 and "set_env" in done.stdout
    done = run_explain(hub.server, "bob", "ws-user-ada", token=tokens.mint("eve", "ws:ws-user-eve#a"))
    assert done.returncode == 2 and "Permission denied" in done.stderr
    done = run_explain(hub.server, "bob", token=None)
    assert done.returncode == 2 and done.stderr
    done = run_explain(hub.server, "--token", ROOT_TOKEN, "bob", "ws-user-ada", token=None)
    assert done.returncode == 1 and ROOT_TOKEN not in done.stdout + done.stderr
