"""Exchanges recorded from the original's service proxy, replayed against ours, and what no recording shows."""
import msgpack
import pytest

from kit.http_golden import Golden

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
    "manager-service-id-stripped": (200, '{"id":"cap-main/cap:svc"'),
    "manager-list-services": (200, b"[]"),
    "generator-json": (200, b"data: 0\n\ndata: 1\n\ndata: [DONE]\n\n"),
    "generator-msgpack": (200, b"\x00\x01"), "method-head": (200, b""),
}
# What belongs to rooms that are not there: apps, agent skills, login, dashboard, static mounts.
NO_PAGES = {"workspace-redirect", "login", "config", "config-token", "apps-list", "login-start", "login-check-unknown", "login-logout",
            "login-generate-url-dead"}


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
    assert not golden.problems, "\n".join(golden.problems)


@pytest.mark.req("H-055", "H-056", "H-057", "H-059", "H-139")
@pytest.mark.differs("hyphad allows more request headers")
async def test_recorded_cors(hub, start_server, public_headers):
    golden = await Golden(hub, start_server()).start()
    golden.own_headers = public_headers
    skip = {"preflight-app", "preflight-function", "preflight-a2a"}
    assert await golden.replay("cors", skip=skip) == 11
    assert not golden.problems, "\n".join(golden.problems)


@pytest.mark.req("H-006", "H-112", "H-114", "H-156")
@pytest.mark.differs("hyphad has no dashboard")
async def test_recorded_pages(hub, start_server):
    golden = await Golden(hub, start_server()).start()
    skip = {row for row in NO_PAGES} | {i for i in golden.row_ids("pages") if i.startswith(("skills-", "mount-"))}
    liveness = (200, '{"status":"OK","detail":{"store":"ready","event_bus_failures":0,"circuit_breaker":"closed","pubsub":"healthy",')
    assert await golden.replay("pages", skip=skip, own={"liveness": liveness}) == 11
    assert not golden.problems, "\n".join(golden.problems)
