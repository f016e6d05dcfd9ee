"""A configuration that changes while everything is under way."""
import asyncio
import signal

import pytest

from kit.hub import until
from kit.people import user
from kit.web import client_for

pytestmark = pytest.mark.differs("the original reads its options once")


def options(n):
    return (f"log-rate: {n + 10}\nexpose-detailed-errors: {str(n % 2 == 0).lower()}\n"
            f"allow-origins: [http://o{n}, http://always]\nauth-token-headers: [X-Token-{n}]\n"
            f"trusted-proxies: [127.0.0.0/8, 10.{n}.0.0/16]\nmax-subscriptions: {n + 100}\n")


@pytest.mark.req("S-86")
async def test_options_change_under_load(hub, start_server, tmp_path):
    """No loop reads what another loop's turn may free, and what was replaced is freed when the last has left it.
    The thread and address sanitizers see the rest."""
    file = tmp_path / "hyphad.yaml"
    file.write_text(options(0))
    hub.server = server = start_server("--config", str(file), "--threads", "4", "--http-rate-limit", "none",
                                       "--http-authenticated-rate-limit", "none", "--ws-msg-rate-limit", "none")
    people = [await user(hub, f"ada{i}") for i in range(6)]
    await people[0].register("adder", {"add": lambda *args: 2}, visibility="public")
    is_over, n_done = asyncio.Event(), 0

    async def talk(who):
        nonlocal n_done
        while not is_over.is_set():
            assert await who.manage("echo", 1) == 1
            n_done += 1

    async def call():
        nonlocal n_done
        async with client_for(server, None) as http:
            while not is_over.is_set():
                for path, status in (("adder/add?a=1", 200), ("none/f", 404)):
                    answer = await http.get(f"/ws-user-ada0/services/{path}", headers={"Origin": "http://always"})
                    assert answer.status_code == status, answer.text
                    assert answer.headers["access-control-allow-origin"] == "http://always"
                n_done += 1

    async def is_taken(n):
        async with client_for(server, None) as http:    # a connection of its own: any loop may have it
            answer = await http.get("/health/liveness", headers={"Origin": f"http://o{n}"})
        return answer.headers.get("access-control-allow-origin") == f"http://o{n}"

    work = [asyncio.create_task(t) for t in (*map(talk, people), call(), call(), call())]
    for n in range(1, 13):
        file.write_text(options(n))
        before = n_done
        server.process.send_signal(signal.SIGHUP)
        await until(lambda: is_taken(n))
        await until(lambda: n_done > before + 5)
        assert not any(t.done() for t in work)
    is_over.set()
    await asyncio.gather(*work)
    await until(lambda: server.metric("hyphad_configurations") == 1)
    assert server.metric("hyphad_config_last_reload_success") == 1
