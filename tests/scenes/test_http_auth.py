"""Who may call what over plain HTTP: exchanges recorded from the original, replayed against ours."""
import json

import httpx
import pytest

from kit import tokens
from kit.golden import ROOT_TOKEN
from kit.http_golden import Golden
from kit.web import client_for

OWN_AUTH = {"cookie-before-header": (200, b"1")}


@pytest.mark.req("H-004", "H-043", "H-044", "H-045", "H-046", "H-047", "H-048", "H-050", "H-051", "H-136")
@pytest.mark.differs("D10: the header comes before the cookie")
async def test_recorded_auth(hub, start_server):
    golden = await Golden(hub, start_server()).start()
    assert await golden.replay("auth", skip={"expired-app"}, own=OWN_AUTH) == 27
    assert not golden.problems, "\n".join(golden.problems)


@pytest.mark.differs("the original does not upgrade a generic token where it lists")
@pytest.mark.req("H-003", "H-007", "H-138")
async def test_what_is_listed_for_whom(hub, start_server):
    server = start_server("--root-token", ROOT_TOKEN)
    golden = await Golden(hub, server).start()
    golden.tokens["root"] = ROOT_TOKEN

    async def ask(target, *token):
        headers = [["Authorization", "Bearer {{token:%s}}" % t] for t in token]
        status, _, body = await golden.ask("GET", target, *headers)
        return status, json.loads(body)

    async def names(*token):
        status, listed = await ask("/cap-main/services/", *token)
        assert status == 200
        return {s["id"] for s in listed}
    assert "cap:svc-protected" in await names("cap-main")
    assert "cap:svc-protected" in await names("owner")
    for stranger in ((), ("stranger",)):
        listed = await names(*stranger)
        assert "cap:svc" in listed and not listed & {"cap:svc-protected", "cap:svc-unlisted"}
    status, answer = await ask("/cap-main/services/svc-protected")
    assert status == 403 and answer["success"] is False
    assert 'File "/' not in answer["detail"] and "Traceback" not in answer["detail"]
    assert await ask("/cap-main/services/svc-protected/echo?data=1", "root") == (200, 1)


@pytest.mark.req("H-140")
async def test_refusals_carry_cors_headers(server):
    async with client_for(server, "x") as http:
        answer = await http.get("/public/services/", headers={"Origin": "http://o"})
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "http://o"


@pytest.mark.req("H-058")
async def test_origins_that_are_not_listed(start_server):
    server = start_server("--allow-origins", "http://a")
    async with client_for(server) as http:
        for origin, allowed in (("http://a", "http://a"), ("http://b", None)):
            answer = await http.get("/health", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.req("H-061", "H-062")
async def test_only_verified_tokens_lift_the_rate(start_server):
    server = start_server(env={"HYPHA_HTTP_RATE_LIMIT": "0.01", "HYPHA_HTTP_BURST_LIMIT": "3"})
    async with client_for(server) as http:
        codes = [(await http.get("/metrics")).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        refused = await http.get("/metrics", headers={"Origin": "http://o"})
        assert refused.json() == {"detail": "Rate limit exceeded. Please slow down."}
        assert int(refused.headers["retry-after"]) >= 1
        assert "access-control-allow-origin" not in refused.headers
        assert (await http.get("/health/liveness")).status_code == 200
        for token, status in ((tokens.mint("ann"), 200), (tokens.mint("ann", secret="x" * 32), 429)):
            answer = await http.get("/metrics", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


@pytest.mark.differs("the original limits health under a base path")
@pytest.mark.req("H-141")
async def test_health_under_a_base_path_is_never_limited(start_server):
    server = start_server("--base-path", "/e", env={"HYPHA_HTTP_RATE_LIMIT": "0.01", "HYPHA_HTTP_BURST_LIMIT": "3"})
    host = "http://{}:{}".format(*server.address)
    async with httpx.AsyncClient(base_url=host, trust_env=False) as http:
        codes = {(await http.get("/e/health/liveness")).status_code for _ in range(10)}
        assert codes == {200}
