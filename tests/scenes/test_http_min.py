"""Services over plain HTTP: calls with JSON and MessagePack, lists, info, health, the page."""
import msgpack
import numpy as np
import pytest

from kit import services, tokens
from kit.web import client_for, provider_of


async def test_health_and_page(server):
    async with client_for(server) as http:
        for path in ("/health/readiness", "/health/liveness"):
            answer = await http.get(path)
            assert answer.status_code == 200 and answer.json()["status"] == "OK"
            assert answer.json()["detail"]["store"] == "ready"
        answer = await http.get("/")
        assert answer.status_code == 200 and "text/html" in answer.headers["content-type"]
        assert (await http.get("/no/such/path/at/all")).status_code == 404


@pytest.mark.differs("the original serves its dashboard there")
async def test_page_says_what_this_is(server):
    async with client_for(server) as http:
        page = (await http.get("/")).text
        assert "hypha" in page.lower() and "connect_to_server" in page


async def test_metrics(server):
    async with client_for(server) as http:
        answer = await http.get("/metrics")
        assert answer.status_code == 200 and "text/plain" in answer.headers["content-type"]
        assert "# HELP" in answer.text and "# TYPE" in answer.text


@pytest.mark.req("H-009", "H-010", "H-011", "H-014", "H-015", "H-016", "H-017", "H-018",
                 "H-019", "H-031")
async def test_get_call(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        async def get(query):
            answer = await http.get(f"{base}/{query}")
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].startswith("application/json")
            return answer.json()
        assert await get("add?a=1&b=2") == 3
        assert await get("nested.deep.negate?x=4") == -4
        assert await get("nothing") is None
        assert await get("add_later?a=1.5&b=2") == 3.5
        got = await get("keywords?i=5&z=007&f=3.14&neg=-5&s=true&l=[1,2]&q=%22x%22&e="
                        "&o=%7B%22k%22:1%7D&plus=a+b&u=%C3%A9&twice=1&twice=2&bare")
        assert got == {"i": 5, "z": 7, "f": 3.14, "neg": -5.0, "s": "true", "l": "[1,2]",
                       "q": '"x"', "e": "", "o": {"k": 1}, "plus": "a b", "u": "é", "twice": 2,
                       "bare": ""}
        short = f"/{provider.config.workspace}/services/calc/add?a=1&b=2"
        assert (await http.get(short)).json() == 3
        bad = await http.get(f"{base}/echo?value=%7Bx")
        assert bad.status_code == 400
        assert bad.json()["detail"].startswith("Invalid request body: ")


@pytest.mark.req("H-032", "H-033")
async def test_members_that_are_not_functions(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        assert (await http.get(f"{base}/constant")).json() == 5
        assert (await http.get(f"{base}/name")).json() == "Calc"
        config = (await http.get(f"{base}/config")).json()
        assert config["visibility"] == "public"
        nested = (await http.get(f"{base}/nested")).json()
        assert nested["flag"] is True and nested["deep"]["negate"]["type"] == "function"
        missing = await http.get(f"{base}/nosuch")
        assert missing.status_code == 404 and missing.json()["success"] is False
        assert "nosuch not found" in missing.json()["detail"]


@pytest.mark.differs("the original takes falsy members for missing ones and walks into texts")
async def test_falsy_members_exist(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        assert (await http.get(f"{base}/zero")).json() == 0
        assert (await http.get(f"{base}/name.x")).status_code == 404


@pytest.mark.req("H-022", "H-024", "H-026", "H-028", "H-030")
async def test_post_call(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        assert (await http.post(f"{base}/add", json={"a": 2, "b": 3})).json() == 5
        assert (await http.post(f"{base}/nothing")).json() is None
        value = {"deep": [1, None, {"é": 1.5}], "big": 2 ** 53}
        assert (await http.post(f"{base}/echo", json={"value": value})).json() == value
        packed = await http.post(f"{base}/echo", content=msgpack.packb({"value": b"\x00\xff"}),
                                 headers={"Content-Type": "application/msgpack"})
        assert packed.headers["content-type"] == "application/msgpack"
        assert msgpack.unpackb(packed.content) == b"\x00\xff"
        array = await http.post(f"{base}/array", headers={"Content-Type": "application/msgpack"})
        assert msgpack.unpackb(array.content) == {
            "_rtype": "ndarray", "_rvalue": np.arange(6, dtype="float32").tobytes(),
            "_rshape": [2, 3], "_rdtype": "float32"}
        for body, kind in ((b"{", "json"), (b'{"a":1} x', "json"), (b"\x81\xa1", "msgpack"),
                           (b"\x80\x80", "msgpack"), (b"\xff\xfe", "json")):
            bad = await http.post(f"{base}/echo", content=body,
                                  headers={"Content-Type": f"application/{kind}"})
            assert bad.status_code == 400, (body, bad.text)
            assert bad.json()["detail"].startswith("Invalid request body: ")


@pytest.mark.req("H-023", "H-026", "H-027", "H-137")
@pytest.mark.differs("the original answers these with a plain 500, or with numbered keywords")
async def test_post_call_in_forms_the_original_refuses(hub, server):
    provider = await provider_of(hub)
    base = f"/{provider.config.workspace}/services/prov:calc"
    async with client_for(server) as http:
        answer = await http.post(f"{base}/add", content=b'{"a":1,"b":2}',
                                 headers={"Content-Type": "Application/JSON; charset=utf-8"})
        assert answer.json() == 3
        assert (await http.post(f"{base}/add", json=[4, 5])).json() == 9
        assert (await http.post(f"{base}/echo", json="alone")).json() == "alone"
        form = await http.post(f"{base}/add", data={"a": 1})
        assert form.status_code == 415
        forged = {"value": {"_rtype": "method", "_rtarget": "x/y", "_rmethod": "a.b"}}
        assert (await http.post(f"{base}/echo", json=forged)).status_code == 400
        deep = b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        answer = await http.post(f"{base}/echo", content=deep,
                                 headers={"Content-Type": "application/json"})
        assert answer.status_code == 400


@pytest.mark.req("S-08", "S-09", "S-11", "H-030", "H-034", "H-035", "H-036")
async def test_error_mapping(hub, server):
    provider = await provider_of(hub)
    workspace = provider.config.workspace
    base = f"/{workspace}/services/prov:calc"
    async with client_for(server) as http:
        for kind, status, text in (("key", 404, "KeyError: 'told you'"),
                                   ("type", 400, "TypeError: told you"),
                                   ("value", 400, "ValueError: told you"),
                                   ("assert", 400, "AssertionError: told you"),
                                   ("deny", 403, "PermissionError: told you"),
                                   ("run", 500, "RuntimeError: told you")):
            answer = await http.get(f"{base}/raw_error?kind={kind}")
            assert answer.status_code == status, answer.text
            assert answer.json() == {"success": False, "detail": f"RemoteException: {text}"}
        answer = await http.get(f"{base}/add?a=1&zz=2")
        assert answer.status_code == 400 and "unexpected keyword" in answer.json()["detail"]
        answer = await http.get(f"/{workspace}/services/nosuch/f")
        assert answer.status_code == 404
        assert "Service not found" in answer.json()["detail"]
        answer = await http.get(f"{base}/array")
        assert answer.status_code == 500 and "not JSON serializable" in answer.json()["detail"]
        answer = await http.get(f"{base}/hand_out")
        assert answer.status_code == 500
        for path in (f"{base}/raw_error?kind=run", f"/{workspace}/services/nosuch/f"):
            text = (await http.get(path)).text
            assert "Traceback" not in text and 'File "' not in text


@pytest.mark.req("S-29", "S-12", "S-37", "S-38", "H-043", "H-050", "A-075")
async def test_protected_services(hub, server):
    owner = tokens.mint("gina")
    provider = await provider_of(hub, "protected", token=owner)
    path = "/ws-user-gina/services/prov:calc/add?a=1&b=2"
    async with client_for(server) as http:
        answer = await http.get(path)
        assert answer.status_code == 403 and "Permission denied" in answer.json()["detail"]
        listed = await http.get("/ws-user-gina/services/")
        assert [s["id"] for s in listed.json()] == ["prov:built-in"]
    async with client_for(server, owner) as http:
        assert (await http.get(path)).json() == 3
    async with client_for(server, await provider.generate_token()) as http:
        assert (await http.get(path)).json() == 3
    async with client_for(server, tokens.mint("henry")) as http:
        assert (await http.get(path)).status_code == 403
    async with client_for(server, "garbage") as http:
        answer = await http.get(path)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Error decoding token headers."}
    async with client_for(server, tokens.mint("gina", ttl=-5)) as http:
        answer = await http.get(path)
        assert answer.status_code == 401 and "expired" in answer.json()["detail"]


@pytest.mark.req("S-05", "H-044")
async def test_context_of_an_http_call(hub, server):
    provider = await hub.py("prov")
    await provider.register_service(services.context_service(visibility="public"))
    workspace = provider.config.workspace
    async with client_for(server) as http:
        who = (await http.get(f"/{workspace}/services/prov:ctx/who")).json()
        assert who["ws"] == "ws-anonymous" and who["user"]["id"] == "anonymouz-http"
        assert who["from"].startswith("ws-anonymous/client-")
        forged = await http.post(f"/{workspace}/services/prov:ctx/seen",
                                 json={"value": 1, "context": {"from": "root"}})
        if server.target == "hyphad":
            assert forged.status_code == 200
        assert forged.status_code != 200 or forged.json()["from"].startswith("ws-anonymous/client-")
    async with client_for(server, await provider.generate_token()) as http:
        who = (await http.get(f"/{workspace}/services/prov:ctx/who")).json()
        assert who["ws"] == workspace


@pytest.mark.req("H-001", "H-002", "H-005", "H-006", "H-008")
async def test_service_list_and_info(hub, server):
    provider = await provider_of(hub)
    workspace = provider.config.workspace
    async with client_for(server) as http:
        moved = await http.get(f"/{workspace}/services")
        assert moved.status_code == 307
        assert moved.headers["location"].endswith(f"/{workspace}/services/")
        listed = (await http.get(f"/{workspace}/services/")).json()
        record = next(s for s in listed if s["id"] == "prov:calc")
        assert record["config"]["workspace"] == workspace and record["app_id"] == "*"
        assert record["service_schema"]["add"]["type"] == "function"
        info = (await http.get(f"/{workspace}/services/prov:calc")).json()
        assert info["id"] == f"{workspace}/prov:calc"
        manager = (await http.get(f"/{workspace}/services/~")).json()
        assert manager["id"] == "~"
        assert (await http.get("/no-such-ws/services/")).status_code == 404
        assert (await http.get(f"/{workspace}/services/nosuch")).status_code == 404
    async with client_for(server, await provider.generate_token()) as http:
        assert len((await http.get(f"/{workspace}/services/")).json()) == 2


@pytest.mark.req("A-082")
async def test_workspace_info(hub, server):
    provider = await hub.py("prov")
    workspace = provider.config.workspace
    async with client_for(server) as http:
        answer = await http.get(f"/{workspace}/info")
        assert answer.status_code == 403
        assert answer.json()["detail"] == f"anonymouz-http has no permission to access {workspace}"
    async with client_for(server, await provider.generate_token()) as http:
        answer = await http.get(f"/{workspace}/info")
        assert answer.status_code == 200 and answer.json()["id"] == workspace


@pytest.mark.req("H-024", "H-053", "A-091")
async def test_manager_over_http(hub, server):
    provider = await provider_of(hub)
    workspace = provider.config.workspace
    async with client_for(server) as http:
        answer = await http.get("/public/services/~/check_status")
        assert answer.status_code == 200 and answer.json()["status"] == "ready"
        assert (await http.get(f"/{workspace}/services/ws/list_services")).json() == []
    async with client_for(server, await provider.generate_token()) as http:
        assert (await http.get(f"/{workspace}/services/ws/echo?data=7")).json() == 7
        listed = (await http.get(f"/{workspace}/services/~/list_services")).json()
        assert len(listed) == 2


async def test_javascript_provider_over_http(hub, server):
    provider = await hub.js("jsp")
    await provider.register("calc", "calc", visibility="public")
    base = f"/{provider.workspace}/services/jsp:calc"
    async with client_for(server) as http:
        assert (await http.get(f"{base}/add?a=1&b=2")).json() == 3
        answer = await http.get(f"{base}/boom")
        assert answer.status_code == 500
        if server.target == "hyphad":   # the original shows the last line of the stack
            assert answer.json()["detail"] == "RemoteException: Error: jsboom"
