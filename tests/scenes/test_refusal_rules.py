"""A refusal for a limit names the option of that limit."""
import gzip

import pytest

from kit.hub import until
from kit.people import ROOT_ARGS, login, user
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
    assert lines_of(server, "request refused", status=429)[0]["user"] == "ada"


@pytest.mark.differs("hyphad's own log")
@pytest.mark.req("S-100")
async def test_a_refused_call_names_the_permission_and_the_user(hub, start_server):
    server = hub.server = start_server(*ROOT_ARGS)
    ada = await user(hub, "ada")
    await ada.register("closed", {"f": lambda: 1})
    api = await hub.py("provider", token=login("ada"))

    def refuse():
        raise PermissionError("Permission denied for a reason of its own [rule: no-grant]")
    await api.register_service({"id": "open", "config": {"visibility": "public"}, "f": refuse})

    async def refused(path, token, who, rule, method="POST", status=403, **request):
        async with client_for(server, token) as http:
            answer = await http.request(method, path, **request)
        assert answer.status_code == status, answer.text
        found = await until(lambda: lines_of(server, "request refused", path=path, user=who, status=status))
        assert [line["rule"] for line in found] == [rule]

    of_ada = f"/{ada.workspace}/services/{ada.client_id}"
    await refused(f"{of_ada}:closed/f", login("bob"), "bob", "no-grant")
    await refused(f"{of_ada}:closed", login("bob"), "bob", "no-grant", "GET")
    await refused(f"{of_ada}:closed/f", None, "anonymouz-http", "no-grant")
    await refused(f"/{ada.workspace}/info", login("bob"), "bob", "no-grant", "GET")
    await refused("/public/services/ws/delete_workspace", login("bob"), "bob", "no-grant", json={"workspace": ada.workspace})
    await refused("/public/services/ws/create_workspace", login("bob"), "bob", "permission", json={"config": {"id": "ws-user-nobody"}})
    # What a provider says is its own, in whatever words.
    await refused(f"/{ada.workspace}/services/provider:open/f", login("bob"), "bob", "provider")
