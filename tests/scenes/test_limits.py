"""Limits: each is an option, each refusal says who has met which, and is counted."""
import asyncio
import contextlib

import pytest

from kit.golden import ROOT_TOKEN
from kit.http_stream import Stream
from kit.hub import until
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.web import client_for

from test_admin import admin_call
from test_blocking import from_address


# ---- connections ------------------------------------------------------------------------------

@pytest.mark.req("A-204", "S-43")
async def test_the_201st_connection_of_a_user_is_refused(hub, server):
    token = login("crowd")
    for i in range(200):
        await hub.raw(f"c{i}", token=token, is_registered=False)
    refusal = await hub.refused({"client_id": "late", "token": token})
    text = "Connection limit exceeded: user crowd has 200/200 connections"
    assert (refusal.message, refusal.code, refusal.reason) == (text, 1008, text)
    assert await user(hub, "other")


@pytest.mark.differs("figures of ours")
@pytest.mark.req("A-204", "S-43")
async def test_the_1001st_client_of_a_workspace_is_refused(hub, start_server):
    server = hub.server = start_server(env={"HYPHA_MAX_CONNECTIONS_PER_USER": "100000"})
    token, text = login("crowd"), \
        "Connection limit exceeded: workspace ws-user-crowd has 1000/1000 clients"
    for first in range(0, 1000, 50):
        await asyncio.gather(*[hub.raw(f"c{i}", token=token, is_registered=False)
                               for i in range(first, first + 50)])
    refusal = await hub.refused({"client_id": "late", "token": token})
    assert (refusal.message, refusal.code) == (text, 1008)
    assert await user(hub, "other")
    assert server.metric("websocket_connections") == 1001


@pytest.mark.differs("the original counts children for themselves")
@pytest.mark.req("A-204", "D-11")
async def test_limits_are_options_and_children_count(hub, start_server):
    server = hub.server = start_server(env={"HYPHA_MAX_CONNECTIONS_PER_USER": "3",
                                            "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "2"})
    ada = await user(hub, "ada")
    await ada.manage("create_workspace", {"id": "ada-lab"})
    child = await member(hub, ada)
    refusal = await hub.refused({"client_id": "late", "token": login("ada")})
    assert refusal.message == \
        "Connection limit exceeded: workspace ws-user-ada has 2/2 clients"
    token = await ada.manage("generate_token", {"workspace": "ada-lab"})
    await hub.raw("inside", token=token, workspace="ada-lab")
    refusal = await hub.refused({"client_id": "late", "token": token, "workspace": "ada-lab"})
    assert refusal.message == "Connection limit exceeded: user ada has 3/3 connections"
    # Coming back in one's own place is no further connection.
    reconnect = child.info["reconnection_token"]
    again = await hub.raw(child.client_id, reconnection_token=reconnect, is_registered=False)
    assert again.workspace == ada.workspace
    assert (await child.closed())[0] == 1001
    assert server.metric("hyphad_user_limit_refused_total") == 1
    assert server.metric("hyphad_workspace_limit_refused_total") == 1


@pytest.mark.differs("the original answers 403, and 401 to who comes back")
@pytest.mark.req("A-204")
async def test_an_http_stream_without_a_place_is_told_when_to_come_back(hub, start_server):
    server = hub.server = start_server(env={"HYPHA_MAX_CONNECTIONS_PER_USER": "1"})
    token = login("ada")
    stream = await Stream.open(server, token, client_id="s1")
    refused = await Stream.open(server, token, client_id="s2")
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert refused.json()["detail"] == \
        "Connection limit exceeded: user ada has 1/1 connections"
    await stream.close()


@pytest.mark.differs("an option of ours")
@pytest.mark.req("S-43", "A-209", "D-14")
async def test_an_address_has_a_limit_of_its_own(hub, start_server):
    server = hub.server = start_server("--max-connections-per-address", "2")
    far = from_address("198.51.100.7")
    raws = []
    for name in ("a", "b"):
        raws.append(await hub.raw_open({"client_id": name}, **far))
        await raws[-1].joined()
    refusal = await hub.refused({"client_id": "c", "token": login("ada")}, **far)
    assert (refusal.message, refusal.code) == \
        ("Connection limit exceeded: address 198.51.100.7 has 2/2 connections", 1008)
    # The first elements are what anybody may write; the last is the proxy's word.
    lie = from_address("203.0.113.9, 198.51.100.7")
    assert "198.51.100.7 has 2/2" in (await hub.refused({"client_id": "c"}, **lie)).message
    for i in range(2):      # of IPv6 the /64 is one client
        other = await hub.raw_open({"client_id": f"d{i}"}, **from_address(f"2001:db8::{i + 1}"))
        await other.joined()
    assert "address 2001:db8::/64 has 2/2" in \
        (await hub.refused({"client_id": "d2"}, **from_address("2001:db8::3"))).message
    other = await hub.raw_open({"client_id": "d3"}, **from_address("2001:db8:0:1::1"))
    await other.joined()
    for i in range(4):      # what the proxy itself sends stands for nobody in particular
        await hub.raw(f"near{i}", is_registered=False)
    await raws[0].leave()

    async def has_room():
        raw = await hub.raw_open({"client_id": "e"}, **far)
        try:
            return await raw.joined()
        except ConnectionError:
            return None
    await until(has_room)
    assert server.metric("hyphad_address_limit_refused_total") >= 2


@pytest.mark.differs("an option of ours")
@pytest.mark.req("A-209", "D-14")
async def test_an_untrusted_peer_counts_for_itself(hub, start_server):
    hub.server = start_server("--max-connections-per-address", "2", "--trusted-proxies",
                              "192.0.2.0/24")
    for i in range(2):
        raw = await hub.raw_open({"client_id": f"c{i}"}, **from_address(f"198.51.100.{i}"))
        await raw.joined()
    refusal = await hub.refused({"client_id": "late"}, **from_address("198.51.100.9"))
    assert refusal.message == "Connection limit exceeded: address 127.0.0.1 has 2/2 connections"


@pytest.mark.differs("figures of ours")
@pytest.mark.req("S-43")
async def test_a_flood_of_connections_leaves_no_trace(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS)
    boss, bob = await root(hub), await user(hub, "bob")
    token = login("flood")
    before = server.metric("hyphad_charged_bytes")

    async def come_and_go(i):
        raw = await hub.raw_open({"client_id": f"f{i % 7}", "token": token})
        if i % 3:
            try:
                await raw.joined()
            except ConnectionError:
                return
        with contextlib.suppress(OSError):      # superseded meanwhile
            raw.cut()
    for first in range(0, 300, 30):
        await asyncio.gather(*[come_and_go(i) for i in range(first, first + 30)])
        assert await bob.manage("echo", first) == first

    async def is_clean():
        usage = await admin_call(boss)("get_resource_usage")
        return usage["connections_per_user"] == {"root": 1, "bob": 1} and \
            usage["connections_per_workspace"] == {"ws-user-root": 1, "ws-user-bob": 1}
    await until(is_clean)
    assert server.metric("websocket_connections") == 2
    await until(lambda: 0 <= server.metric("hyphad_charged_bytes") <= before + (64 << 10))


@pytest.mark.req("A-212")
@pytest.mark.differs("the original closes 1012 with an empty reason")
async def test_a_stopped_server_keeps_no_registration(hub, start_server, tmp_path):
    server = hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    ada = await user(hub, "ada")
    await ada.register("one", {"f": lambda: 1}, visibility="public")
    stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
    assert await ada.closed(30) == (1001, "Server is shutting down")
    await stopping
    hub.server = start_server(*ROOT_ARGS, data_dir=tmp_path)
    boss = await root(hub)
    usage = await admin_call(boss)("get_resource_usage")
    assert usage["connections_per_user"] == {"root": 1}
    assert await boss.manage("list_services", {"workspace": "ws-user-ada"}) == []


# ---- messages ---------------------------------------------------------------------------------

@pytest.mark.differs("the original always closes")
@pytest.mark.req("A-205")
async def test_a_burst_of_frames_closes_where_that_is_asked_for(hub, start_server):
    server = hub.server = start_server(
        "--ws-rate-action", "close",
        env={"HYPHA_WS_MSG_RATE_LIMIT": "1", "HYPHA_WS_MSG_BURST_LIMIT": "50"})
    eager, other = await user(hub, "ada"), await user(hub, "bob")
    for _ in range(200):
        await other.send_text({"type": "ping"})
    for _ in range(200):
        assert await other.text() == {"type": "pong"}
    for _ in range(60):
        await eager.post("services.default.echo", 1)
    text = "Rate limit exceeded: too many messages per second"
    assert await eager.closed() == (1008, text)
    assert {"type": "error", "message": text} in eager.texts
    assert await other.manage("echo", 7) == 7
    assert server.metric("websocket_rate_limited_disconnects_total") == 1


@pytest.mark.differs("the original closes; hyphad reads slower before it closes anybody")
@pytest.mark.req("A-205")
async def test_by_default_a_burst_is_read_slower_and_nothing_is_lost(hub, start_server):
    server = hub.server = start_server(
        env={"HYPHA_WS_MSG_RATE_LIMIT": "100", "HYPHA_WS_MSG_BURST_LIMIT": "20"})
    eager = await user(hub, "ada")
    started = asyncio.get_running_loop().time()
    sessions = [await eager.post("services.default.echo", i) for i in range(150)]
    assert [(await eager.settled(s))[1] for s in sessions] == list(range(150))
    assert await eager.manage("echo", "later") == "later"   # what one read held was served at once
    assert asyncio.get_running_loop().time() - started > 1.0
    assert server.metric("hyphad_ws_rate_slowed_total") >= 1
    assert server.metric("websocket_rate_limited_disconnects_total") == 0
    await until(lambda: server.metric("hyphad_ws_rate_held") == 0)


# ---- HTTP -------------------------------------------------------------------------------------

TIERS = {"HYPHA_HTTP_RATE_LIMIT": "0.01", "HYPHA_HTTP_BURST_LIMIT": "3",
         "HYPHA_HTTP_AUTHENTICATED_RATE_LIMIT": "0.01", "HYPHA_HTTP_AUTHENTICATED_BURST_LIMIT": "10"}


async def count_allowed(http, n, path="/public/services/", **options):
    """How many of n requests were not refused for their rate; checks those that were."""
    allowed = 0
    for _ in range(n):
        answer = await http.get(path, **options)
        if answer.status_code == 429:
            assert answer.json() == {"detail": "Rate limit exceeded. Please slow down."}
            assert int(answer.headers["retry-after"]) >= 1
        else:
            allowed += 1
    return allowed


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.req("A-207", "S-44")
async def test_an_http_flood_is_told_when_to_come_back(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS, env=TIERS)
    async with client_for(server) as http:
        assert await count_allowed(http, 6) == 3
        for path in ("/health", "/health/liveness", "/health/readiness"):
            assert await count_allowed(http, 20, path) == 20
        assert await count_allowed(http, 12, headers=bearer(login("ada"))) == 10
        assert await count_allowed(http, 12, headers=bearer(ROOT_TOKEN)) == 10
        for bad in (login("eve", secret="x" * 40), login("eve", ttl=-5), "nonsense",
                    login("eve", alg="RS256"), login("eve", alg="none")):
            assert await count_allowed(http, 2, headers=bearer(bad)) == 0
    assert await user(hub, "bob")       # upgrades are not counted


@pytest.mark.differs("the original has no bucket for all of a person's clients")
@pytest.mark.req("A-208", "D-34", "S-44", "D-11")
async def test_names_and_child_tokens_do_not_multiply_the_allowance(hub, start_server):
    server = hub.server = start_server(env=TIERS)
    ada = await user(hub, "ada")
    token = login("ada")
    children = [await ada.manage("generate_token") for _ in range(3)]
    async with client_for(server) as http:
        one = await count_allowed(http, 15, headers=bearer(token), params={"client_id": "c0"})
        assert one == 10
        more = 0
        for i in range(1, 5):
            more += await count_allowed(http, 11, headers=bearer(token),
                                        params={"client_id": f"c{i}", "workspace": f"w{i}"})
        assert more == 30       # four times the tier in all
        for child in children:
            assert await count_allowed(http, 2, headers=bearer(child)) == 0
        assert await count_allowed(http, 2, headers=bearer(login("bob"))) == 2


@pytest.mark.differs("the original believes everybody about addresses")
@pytest.mark.req("A-209", "D-14", "S-44")
@pytest.mark.parametrize("proxies, allowed", [("127.0.0.0/8", 10), ("192.0.2.0/24", 3)])
async def test_a_header_is_believed_of_proxies_only(start_server, proxies, allowed):
    server = start_server("--trusted-proxies", proxies, env=TIERS)
    n = 0
    async with client_for(server) as http:
        for i in range(10):
            n += await count_allowed(http, 1, headers={"X-Forwarded-For": f"198.51.100.{i}"})
        if allowed == 10:       # of IPv6 the /64 is one client
            assert sum([await count_allowed(http, 1, headers={"X-Forwarded-For": f"2001:db8::{i}"})
                        for i in range(1, 10)]) == 3
    # Where nobody is believed, asking for the figures counts for the same address.
    assert n == allowed


@pytest.mark.differs("an option of ours")
async def test_too_many_calls_at_once_are_told_when_to_come_back(hub, start_server):
    server = hub.server = start_server("--max-http-calls", "1")
    ada = await user(hub, "ada")
    release = asyncio.Event()
    await ada.register("slow", {"wait": release.wait}, visibility="public")
    async with client_for(server) as http:
        path = f"/{ada.workspace}/services/{ada.client_id}:slow/wait"
        waiting = asyncio.create_task(http.get(path))
        await until(lambda: server.metric("hyphad_http_calls_total") == 1)
        refused = await http.get(path)
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        assert refused.json()["detail"] == "Too many calls are running, please retry"
        assert server.metric("hyphad_http_calls_shed_total") == 1
        release.set()
        assert (await waiting).status_code == 200


@pytest.mark.differs("figures of ours")
@pytest.mark.req("A-204")
async def test_quotas_of_the_manager_are_counted(hub, start_server):
    server = hub.server = start_server(env={"HYPHA_MAX_SERVICES_PER_CLIENT": "1",
                                            "HYPHA_MAX_WORKSPACES_PER_USER": "1"})
    ada = await user(hub, "ada")
    await ada.register("one", {"f": lambda: 1})
    assert "Service quota exceeded" in await refusal_of(ada.register("two", {"f": lambda: 1}))
    assert "Workspace quota exceeded" in await refusal_of(
        ada.manage("create_workspace", {"id": "ada-lab"}))
    assert server.metric("hyphad_quota_refused_total") == 2


