"""Exchanges recorded from the original's service proxy, replayed against ours, and what no recording shows."""
import json
import re
import socket
from pathlib import Path

import msgpack
import pytest

from kit import wire
from kit.http_golden import Golden, functions
from kit.web import client_for, provider_of

BAD = '{"success":false,"detail":"Invalid request body: '
OWN_CALLS = {
    # Clients match the prefix of what a parser says.
    "get-arg-18": (400, BAD), "post-bad-json": (400, BAD), "post-msgpack-truncated": (400, BAD),
    "post-charset": (200, b'"123"'), "post-form": (415, '{"success":false,"detail":"Invalid content-type'),
    "post-array": (200, b'{"args":[2,3],"kwargs":{}}'), "post-scalar": (200, b'{"args":[5],"kwargs":{}}'),
    "result-callable": (500, '{"success":false,"detail":"TypeError: Functions cannot be returned over HTTP"}'),
    "accept-is-ignored": (200, b"\x05"), "member-falsy": (200, b"0"),
    "member-map-msgpack-request": (200, msgpack.packb({"title": "a title", "note": "a note", "count": 3})),
    "member-interface": (200, '{"add":{"type":"function","function":{"name":"add",'),
    "member-through-text": (404, b'{"success":false,"detail":"meta.title.x not found."}'),
    "error-no-app": (404, '{"success":false,"detail":"RemoteException: Exception: Failed to get application info'),
    "mode-ambiguous": (400, '{"success":false,"detail":"RemoteException: AssertionError: Multiple services found for cap-main/*:dup'),
    "manager-list-services": (200, b"[]"),
    "generator-json": (200, b"data: 0\n\ndata: 1\n\ndata: [DONE]\n\n"),
    "generator-msgpack": (200, b"\x00\x01"), "method-head": (200, b""),
}
# What belongs to rooms that are not there: apps, agent skills, dashboard.
NO_PAGES = {"workspace-redirect", "apps-list"}


@pytest.fixture
def public_headers():
    """Headers of hyphad's own in a preflight answer."""
    return {"Last-Event-ID", "Mcp-Protocol-Version", "Mcp-Session-Id", "X-Local-Auth"}


@pytest.mark.req("H-001", "H-005", "H-009", "H-010", "H-011", "H-012", "H-013", "H-014", "H-015", "H-016", "H-017", "H-018", "H-019",
                 "H-020", "H-021", "H-022", "H-023", "H-024", "H-025", "H-026", "H-027", "H-028", "H-029", "H-030", "H-031", "H-032",
                 "H-033", "H-034", "H-035", "H-036", "H-039", "H-040", "H-042", "H-052", "H-127", "H-128", "H-129", "H-130", "H-131",
                 "H-132", "H-135")
@pytest.mark.differs("D1, D2, D5, D6, D24, D31: rows compared with hyphad's own answers")
async def test_recorded_calls(hub, start_server):
    golden = await Golden(hub, start_server()).start()
    assert await golden.replay("services", own=OWN_CALLS) == 101
    status, _, body = await golden.ask("GET", "/cap-main/services/dup/echo?data=1&_mode=random")
    assert (status, body) == (200, b"1")
    assert not golden.problems, "\n".join(golden.problems)


@pytest.mark.req("H-055", "H-056", "H-057", "H-059", "H-139")
@pytest.mark.differs("hyphad allows more request headers")
async def test_recorded_cors(hub, start_server, public_headers):
    golden = await Golden(hub, start_server()).start()
    golden.own_headers = public_headers
    skip = {"preflight-app", "preflight-function", "preflight-a2a"}
    assert await golden.replay("cors", skip=skip) == 11
    stream = await golden.ask("GET", "/cap-main/services/svc/gen?n=500", ["Accept-Encoding", "gzip"])
    assert stream[0] == 200 and "content-encoding" not in dict(stream[1])
    assert not golden.problems, "\n".join(golden.problems)


@pytest.mark.req("H-112", "H-113", "H-118", "H-156", "H-157")
@pytest.mark.differs("hyphad has no dashboard, and the index of a mount is in its folder")
async def test_recorded_pages(hub, start_server, tmp_path):
    (tmp_path / "hello.txt").write_text("hello static\n")
    (tmp_path / "index.html").write_text("<h1>idx</h1>\n")
    golden = await Golden(hub, start_server(f"--static-mounts=/tests:{tmp_path}", "--auth0-domain=amun-ai.eu.auth0.com",
                                            "--auth0-client-id=paEagfNXPBVw8Ss80U5RAmAV4pjCPsD2")).start()
    skip = {row for row in NO_PAGES} | {i for i in golden.row_ids("pages") if i.startswith("skills-")}
    liveness = (200, '{"status":"OK","detail":{"store":"ready","event_bus_failures":0,"circuit_breaker":"closed","pubsub":"healthy",')
    start = (200, '{"login_url":"http://')     # its key is another one each time
    readiness = (200, '{"status":"OK","detail":{"store":"ready","redis":null,')
    own = {"liveness": liveness, "login-start": start, "readiness": readiness, "mount-index": (307, b"")}
    assert await golden.replay("pages", skip=skip, own=own) == 25
    for path in ("metrics/", "login/", "aa.php"):
        status, _, body = await golden.ask("GET", f"/{path}")
        assert (status, json.loads(body)) == (404, {"success": False, "detail": f"File not found: {path}"})
    assert not golden.problems, "\n".join(golden.problems)


# ---- what is kept between calls ----

def watched(provider):
    """The ids the provider's object is asked for from now on."""
    asked = []
    serve = provider._serve

    async def spy(main, extra):
        if main["method"] == "services.built-in.get_service":
            asked.append(extra["args"][0])
        return await serve(main, extra)
    provider._serve = spy
    return asked


@pytest.mark.differs("the original asks at every call")
async def test_calls_ask_for_a_service_once(hub, server):
    provider = await hub.raw("prov")
    await provider.register("s", {"one": lambda *a: 1}, visibility="public")
    asked = watched(provider)
    async with client_for(server) as http:
        url = f"/{provider.workspace}/services/prov:s"
        for _ in range(3):
            assert (await http.get(f"{url}/one")).json() == 1
        assert asked == ["s"]
        await provider.register("s", {"two": lambda *a: 2}, visibility="public")
        assert (await http.get(f"{url}/two")).json() == 2
        assert asked == ["s", "s"]
        await provider.register("s", {"two": lambda *a: 2}, visibility="protected")
        assert (await http.get(f"{url}/two")).status_code == 403
        await provider.register("s", {"two": lambda *a: 2}, visibility="public")
        assert (await http.get(f"{url}/two")).json() == 2
        await provider.manage("unregister_service", "prov:s")
        assert (await http.get(f"{url}/two")).status_code == 404
        await provider.leave()
        assert (await http.get(f"{url}/two")).status_code == 404


async def test_a_provider_that_comes_back_is_asked_anew(hub, server):
    first = await hub.raw("prov")
    workspace, token = first.workspace, await first.manage("generate_token")
    keeper = await hub.raw("keeper", workspace=workspace, token=token)
    await first.register("s", {"who": lambda *a: "first"}, visibility="public")
    async with client_for(server) as http:
        url = f"/{workspace}/services/prov:s"
        assert (await http.get(f"{url}/who")).json() == "first"
        await first.leave()
        second = await hub.raw("prov", workspace=workspace, token=token)
        await second.register("s", {"other": lambda *a: "second"}, visibility="public")
        assert (await http.get(f"{url}/other")).json() == "second"
        assert (await http.get(f"{url}/who")).status_code == 404
    assert keeper.is_open


async def test_connected_clients_always_ask(hub, server):
    provider, asker = await hub.raw_pair("prov", "client-0123456789abcdefghijkl")
    await provider.register("s", {"one": lambda *a: 1}, visibility="public")
    asked = watched(provider)
    async with client_for(server) as http:
        assert (await http.get(f"/{provider.workspace}/services/prov:s/one")).json() == 1
    for _ in range(2):
        assert (await asker.manage("get_service", "prov:s"))["id"].endswith("/prov:s")
    assert asked == ["s"] * 3


async def test_functions_of_one_answer_are_not_kept(hub, server):
    provider = await hub.raw("prov")
    await provider.register("s", {"one": lambda *a: 1}, visibility="public")
    asked, plain = watched(provider), provider._service_map

    def with_a_callback(service_id):
        made = wire.reference(provider.client_id, "session-1.callback", "*")
        return {**plain(service_id), "list": [{"deep": [made]}]}
    provider._service_map = with_a_callback
    async with client_for(server) as http:
        for _ in range(2):
            assert (await http.get(f"/{provider.workspace}/services/prov:s/one")).json() == 1
    assert asked == ["s", "s"]


# ---- the rest ----

@pytest.mark.req("H-134")
async def test_the_manager_takes_maps(hub, server):
    provider = await provider_of(hub)
    workspace = provider.config.workspace
    for kind in ("functions", "generic"):
        await provider.register_service({"id": kind, "type": kind, "index": functions()["plain"],
                                         "config": {"visibility": "public"}})
    async with client_for(server) as http:
        answer = await http.post("/public/services/~/list_services",
                                 json={"query": {"workspace": workspace, "type": "functions"}})
        assert [s["id"] for s in answer.json()] == [f"{workspace}/prov:functions"]


@pytest.mark.differs("our own figures are compared")
@pytest.mark.req("H-054")
async def test_calls_leave_nothing(hub, start_server):
    hub.server = server = start_server(env={"HYPHA_HTTP_RATE_LIMIT": "none"})
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"

    async def counted(http):
        health = (await http.get("/health")).json()
        return health["connections"]["active"], health["objects"]
    async with client_for(server) as http:
        assert (await http.get(f"{base}/echo?value=0")).json() == 0
        before = await counted(http)
        for i in range(1000):
            assert (await http.get(f"{base}/echo?value={i}")).json() == i
        assert await counted(http) == before


@pytest.mark.req("H-114")
async def test_health_has_the_known_keys(server):
    async with client_for(server) as http:
        health = (await http.get("/health")).json()
    assert set(health) >= {"timestamp", "status", "health_score", "issues", "memory", "connections", "objects", "event_bus", "system",
                           "tasks", "leak_monitor", "uptime_seconds"}
    assert set(health["memory"]) == {"rss_mb", "vms_mb", "percent"}
    assert set(health["system"]) == {"cpu_percent", "memory_percent", "disk_usage", "load_average"}
    assert len(health["system"]["load_average"]) == 3


@pytest.mark.req("H-037")
@pytest.mark.parametrize("is_detailed", (False, True))
async def test_tracebacks(hub, start_server, is_detailed):
    hub.server = start_server(env={"HYPHA_EXPOSE_DETAILED_ERRORS": "true"} if is_detailed else {})
    provider = await provider_of(hub)
    async with client_for(hub.server) as http:
        text = (await http.get(f"/{provider.config.workspace}/services/prov:calc/boom")).text
    assert ("Traceback" in json.loads(text)["detail"]) == is_detailed


@pytest.mark.req("H-142")
async def test_what_is_no_http(server):
    with socket.create_connection(server.address, timeout=10) as s:
        s.sendall(b"garbage\r\n\r\n")
        answer = b""
        while chunk := s.recv(4096):
            answer += chunk
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 400") and body == b"Invalid HTTP request received."


@pytest.mark.req("H-115")
async def test_metrics_has_the_known_families(server):
    async with client_for(server) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    types = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE "))
    bus = "redis_eventbus_{}_total"
    counters = {"websocket_connections_established_total", "websocket_rate_limited_disconnects_total", "rpc_call_total",
                "client_requests_total", "event_bus_total", "redis_rpc_connections_created_total",
                "redis_rpc_connections_closed_total", "process_cpu_seconds_total",
                *(bus.format(n) for n in ("messages_processed", "pubsub_connections_created", "pubsub_connections_closed",
                                          "patterns_subscribed", "patterns_unsubscribed", "reconnect_attempts"))}
    gauges = {"websocket_connections", "client_load_current", "redis_rpc_active_connections", "redis_pubsub_latency_seconds",
              "redis_eventbus_active_pubsub_connections", "redis_eventbus_local_clients", "redis_eventbus_active_patterns",
              "process_resident_memory_bytes"}
    assert {name: types.get(name) for name in counters} == dict.fromkeys(counters, "counter")
    assert {name: types.get(name) for name in gauges} == dict.fromkeys(gauges, "gauge")


@pytest.mark.differs("the page is this project's")
async def test_the_page_of_metrics_has_every_row_that_is_printed(server):
    async with client_for(server) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    printed = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE ")}
    samples = {re.split(r"[{ ]", line)[0] for line in lines if line and not line.startswith("#")}
    page = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", (Path(__file__).resolve().parents[2] / "docs/METRICS.md").read_text(), re.M))
    assert printed == page and samples <= printed.keys()


@pytest.mark.differs("the original has one, or imitates it")
@pytest.mark.req("A-210", "A-211")
async def test_no_redis_is_spoken_of_where_there_is_none(server):
    """Families that dashboards know are named; a sample, even of zero, would say that there is something to count."""
    async with client_for(server) as http:
        lines = (await http.get("/metrics")).text.splitlines()
        ready = (await http.get("/health/readiness")).json()
    assert not [line for line in lines if line.startswith(("redis_", "event_bus_"))]
    assert "hyphad_redis_connected 0" in lines
    assert ready == {"status": "OK", "detail": {"store": "ready", "redis": None, "event_bus": "ready",
                                                "pubsub": "healthy"}}


@pytest.mark.req("H-039")
@pytest.mark.differs("the original waits for ever")
async def test_a_generator_that_answers_nobody_is_not_waited_for(hub, server):
    raw = await hub.raw()
    await raw.register("calc", {"count": lambda: {"_rtype": "generator", "_rtarget": raw.client_id,
                                                 "_rmethod": "s.next", "_rpromise": False}}, visibility="public")
    async with client_for(server) as http:
        answer = await http.get(f"/{raw.workspace}/services/{raw.client_id}:calc/count")
    assert (answer.status_code, answer.json()["detail"]) == (500, "TypeError: The generator cannot be followed")
