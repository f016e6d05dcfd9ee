"""A refusal for a limit names the option of that limit."""
import gzip

import pytest

from kit.hub import until
from kit.people import login
from kit.web import client_for
from test_logs import lines_of

MB = 1 << 20
CALL = "/public/services/ws/echo"


@pytest.mark.differs("hyphad's own log")
@pytest.mark.req("S-100")
async def test_a_refused_request_names_the_option_that_refused_it(hub, start_server):
    server = start_server("--max-body=3M", "--max-anonymous-body=2M", "--max-anonymous-inflation=2", "--max-head=4K", "--max-headers=30",
                          "--http-authenticated-rate-limit=0.001", "--http-authenticated-burst-limit=1")
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    async def refused(rule, status, token=None, method="POST", **request):
        async with client_for(server, token) as http:
            answer = await http.request(method, CALL, **request)
        assert answer.status_code == status, answer.text
        await until(lambda: lines_of(server, "request refused", status=status, rule=rule))

    await refused("max-anonymous-body", 413, content=b"x" * (5 * MB // 2))
    await refused("max-anonymous-inflation", 413, content=gzip.compress(b'"' + b" " * (3 * MB // 2) + b'"'), headers=packed)
    await refused("max-head", 431, method="GET", headers={"X-Long": "x" * 5000})
    await refused("max-headers", 431, method="GET", headers={f"X-{i}": "x" for i in range(40)})
    await refused("max-body", 413, token=login("ada"), content=b"x" * (7 * MB // 2))
    await refused("http-authenticated-rate-limit", 429, token=login("ada"), method="GET")
