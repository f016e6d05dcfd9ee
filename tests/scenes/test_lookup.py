"""Services looked up by globs, several replicas under one id, and what is said when the id is not clear.

The ids and patterns are those of public pages: `ws/worker-prefix-*:id` with a mode, and worker ids read out of a refusal.
"""
import json
import re

import pytest
from hypha_rpc.rpc import RemoteException

from kit.node import VERSIONS, JsError
from kit.people import login, member, refusal_of, user
from kit.web import client_for

WORKERS = 6     # one more than a refusal shows
# How pages read the ids of workers out of it: over RPC, and over HTTP.
OVER_RPC = re.compile(r"services:public\|bioengine-worker:([^@']+)@\*")
OVER_HTTP = re.compile(r"b'services:[^:]+:([^@]+):bioengine-worker@\*'")


def worker(i, **config):
    def who():
        return i

    def get_load():
        return 1.0 if i == 3 else 5.0 + i

    return {"id": "bioengine-worker", "type": "bioengine-worker", "name": f"Worker {i}",
            "config": {"visibility": "public", **config}, "who": who, "get_load": get_load}


async def fleet(hub, owner="ada", **config):
    """Replicas of one service under one client-id prefix, and one that does not have the prefix."""
    token = login(owner)
    apis = []
    for i in range(WORKERS):
        apis.append(await hub.py(f"gpu-{i}", token=token, workspace=f"ws-user-{owner}"))
        await apis[-1].register_service(worker(i, **config))
    apis.append(await hub.py("other", token=token, workspace=f"ws-user-{owner}"))
    await apis[-1].register_service(worker(99, **config))
    return apis


@pytest.mark.req("D-18", "A-141", "A-142", "A-144", "H-042")
async def test_replicas_are_found_by_a_glob(hub, server):
    workers = await fleet(hub)
    pattern, ids = "ws-user-ada/gpu-*:bioengine-worker", {
        f"ws-user-ada/gpu-{i}:bioengine-worker" for i in range(WORKERS)}
    guest = await hub.py("guest")
    assert {s["id"] for s in await guest.list_services(pattern)} == ids

    for mode in ("first", "last", "random", "native:random", "min_load"):
        assert (await guest.get_service(pattern, {"mode": mode}))["id"] in ids, mode
        assert (await guest.get_service_info(pattern, {"mode": mode}))["id"] in ids, mode
    for criterion, wanted in (("min", {3}), ("max", {WORKERS - 1}), ("first_success", set(range(WORKERS)))):
        found = await guest.get_service(pattern, {"mode": f"select:{criterion}:get_load"})
        assert await found.who() in wanted, criterion
    # One that is meant is got without a mode, by every kind of pattern.
    for text in ("gpu-3*:bioengine-worker", "gpu?3:bio*", "?pu-3:bioengine-worker", "gpu-3:bioengine-w*r",
                 "gpu-3:bioengine-worke?"):
        assert await (await guest.get_service(f"ws-user-ada/{text}")).who() == 3, text
        assert await (await workers[0].get_service(text)).who() == 3, text
    assert await (await guest.get_service("ws-user-ada/oth*:bio*")).who() == 99
    for text in (pattern, "ws-user-ada/bioengine-worker", "ws-user-ada/*:bioengine-*"):
        for mode in (None, "exact"):
            refusal = await refusal_of_py(guest.get_service(text, {"mode": mode} if mode else {}))
            assert f"Multiple services found for {text.replace('ada/bio', 'ada/*:bio')}, e.g. ['services:public|" in refusal
    assert "Service not found: ws-user-ada/cpu-*:bioengine-worker@*" in await refusal_of_py(
        guest.get_service("ws-user-ada/cpu-*:bioengine-worker"))


async def refusal_of_py(call):
    with pytest.raises(RemoteException) as caught:
        await call
    return str(caught.value)


@pytest.mark.req("D-18")
@pytest.mark.parametrize("version", VERSIONS)
async def test_javascript_finds_replicas_by_a_glob(hub, server, version):
    workers = await fleet(hub)
    page = await hub.js("page", version=version)
    pattern = "ws-user-ada/gpu-*:bioengine-worker"
    for mode, wanted in (("select:min:get_load", {3}), ("select:max:get_load", {WORKERS - 1}),
                         ("random", set(range(WORKERS))), ("min_load", set(range(WORKERS)))):
        found = await page.service(pattern, mode=mode)
        assert await found.call("who") in wanted, mode
    assert await (await page.service("ws-user-ada/oth*:bioengine-worker")).call("who") == 99
    with pytest.raises(JsError, match="Multiple services found for ") as caught:
        await page.service(pattern)
    assert len(OVER_RPC.findall(str(caught.value))) >= 5
    beside = await hub.js("beside", version=version, beside=workers[0])
    assert await (await beside.service("gpu-*:bioengine-worker", mode="select:min:get_load")).call("who") == 3


@pytest.mark.req("D-18", "H-042")
async def test_replicas_are_found_by_a_glob_over_http(hub, server):
    await fleet(hub)
    async with client_for(server) as http:
        for service in ("gpu-*:bioengine-worker", "gpu-%2A:bioengine-worker", "gpu-%3F:bio*"):
            base = f"/ws-user-ada/services/{service}"
            assert (await http.get(f"{base}/who?_mode=select:min:get_load")).json() == 3
            answer = await http.post(f"{base}/who?_mode=random", json={})
            assert answer.json() in range(WORKERS)
            assert (await http.get(f"{base}?_mode=first")).json()["type"] == "bioengine-worker"
            answer = await http.get(f"{base}/who")
            assert answer.status_code == 400 and not answer.json()["success"]
            assert "Multiple services found for ws-user-ada/gpu-" in answer.json()["detail"]
        assert (await http.get("/ws-user-ada/services/oth*:bio*/who")).json() == 99
        assert (await http.get("/ws-user-ada/services/cpu-*:bio*/who")).status_code == 404


@pytest.mark.differs("the original names every match, also those the caller may not use")
@pytest.mark.req("A-141", "H-042")
async def test_pages_read_worker_ids_out_of_the_refusal(hub, server):
    workers = await fleet(hub)
    await workers[0].register_service({**worker(7, visibility="protected"), "id": "secret-worker"})
    await workers[1].register_service({**worker(7, visibility="protected"), "id": "secret-worker"})
    guest = await hub.py("guest")
    said = await refusal_of_py(guest.get_service("ws-user-ada/bioengine-worker"))
    ids = [f"ws-user-ada/gpu-{i}:bioengine-worker" for i in range(5)]
    assert (
        "AssertionError: Multiple services found for ws-user-ada/*:bioengine-worker, e.g. ["
        + ", ".join(f"'services:public|bioengine-worker:{i}@*'" for i in ids)
        + "]. You can either specify the mode as 'random', 'first', 'last', 'native:random', or use "
        "'select:criteria:function' format.") in said
    assert sorted(set(OVER_RPC.findall(said))) == ids
    # Who may not use what is protected is not shown it either.
    assert "secret" not in await refusal_of_py(guest.get_service("ws-user-ada/*:*-worker"))
    assert "'services:protected|bioengine-worker:ws-user-ada/gpu-0:secret-worker@*'" in await refusal_of_py(
        workers[2].get_service("*:secret-worker"))
    async with client_for(server) as http:
        for path in ("", "/who"):
            answer = await http.get(f"/ws-user-ada/services/bioengine-worker{path}")
            detail = answer.json()["detail"]
            assert answer.status_code == 400 and answer.json()["success"] is False
            assert detail.startswith("RemoteException: AssertionError: Multiple services found for "
                                     "ws-user-ada/*:bioengine-worker, e.g. [b'services:public|bioengine-worker:"), detail
            assert [f"{i}:bioengine-worker" for i in OVER_HTTP.findall(detail)] == ids
            assert OVER_RPC.findall(detail) == ids


@pytest.mark.differs("D-18")
@pytest.mark.req("D-18", "S-12")
async def test_a_glob_finds_what_a_listing_shows_and_no_more(hub, server):
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    second = await member(hub, ada)
    for client in (ada, second):
        await client.register("dark", {"f": lambda: 1}, visibility="unlisted")
        await client.register("shut", {"f": lambda: 1}, visibility="protected")
    await second.register("shared", {"f": lambda: 1}, authorized_workspaces=["ws-user-bob"])
    await ada.register("open", {"f": lambda: 1}, visibility="public")
    async with client_for(server) as http:
        for text in ("*:da*", "d?rk", "*:sh*t", f"{ada.client_id[:2]}*:dark", f"{ada.client_id}:shut*", "*:x*"):
            # What is there and hidden, and what is not there at all, look alike.
            for function in ("get_service", "get_service_info"):
                said = await refusal_of(bob.manage(function, f"ws-user-ada/{text}", {"mode": "first"}))
                assert "KeyError" in said and "Service not found: ws-user-ada/" in said, (text, said)
            answer = await http.get(f"/ws-user-ada/services/{text.replace('?', '%3F')}/f?_mode=first")
            assert answer.status_code == 404, text
    assert (await bob.manage("get_service", "ws-user-ada/*:sha*"))["id"] == f"{second.address}:shared"
    assert "authorized_workspaces" not in (await bob.manage("get_service_info", "ws-user-ada/sha*"))["config"]
    # By its own name an unlisted service is still there for who knows it; by a glob for nobody.
    assert (await bob.manage("get_service", "ws-user-ada/dark", {"mode": "first"}))["id"].endswith(":dark")
    assert "Service not found" in await refusal_of(ada.manage("get_service", "da*", {"mode": "first"}))
    assert (await ada.manage("get_service", "sh*t", {"mode": "last"}))["id"] == f"{second.address}:shut"
    # The workspace is never a pattern.
    for text in ("ws-user-a*/open", "ws-user-?da/open", "*/open"):
        assert await refusal_of(bob.manage("get_service", text, {"mode": "first"}))


@pytest.mark.req("A-135", "D-18")
async def test_types_and_applications_are_found_by_globs(hub, server):
    ada = await user(hub, "ada")
    for name, kind in (("a", "my-kind"), ("b", "my-other"), ("c", "their-kind")):
        await ada.register(name, {"f": lambda: 1}, type=kind)
    for query, wanted in (({"type": "my-*"}, "ab"), ({"type": "*-kind"}, "ac"), ({"type": "my-kind"}, "a"),
                          ({"type": "my"}, ""), ({"type": "my-*", "service_id": "b*"}, "b"),
                          ({"type": "*", "client_id": ada.client_id[:3] + "*", "app_id": "*"}, "abc")):
        found = await ada.manage("list_services", query)
        assert sorted(s["name"] for s in found if s["name"] != "built-in") == list(wanted), query


@pytest.mark.differs("the original passes nothing on either, and answers with the caller's context")
@pytest.mark.req("H-021", "A-136")
async def test_keys_of_the_route_are_never_arguments(hub, server):
    api = await hub.py("prov")
    workspace = api.config.workspace
    await api.register_service({"id": "all", "config": {"visibility": "public"},
                                "seen": lambda **kwargs: kwargs})
    async with client_for(server) as http:
        for base in ("/public/services/ws", "/public/services/~", f"/{workspace}/services/ws"):
            answer = await http.get(f"{base}/list_services?workspace={workspace}&service_id=x&function_key=y")
            assert answer.status_code == 200 and answer.json() == [], base
            answer = await http.post(f"{base}/list_services", json={"workspace": workspace, "query": workspace})
            assert f"{workspace}/prov:all" in [s["id"] for s in answer.json()], base
        seen = f"/{workspace}/services/prov:all/seen"
        keys = {"workspace": "w", "service_id": "s", "function_key": "f"}
        assert (await http.get(seen, params={**keys, "_mode": "random", "a": 1})).json() == {"a": 1}
        assert (await http.post(seen, json={**keys, "a": 1})).json() == {"a": 1}
        token = (await http.post("/public/services/ws/generate_token", json={"workspace": "x"})).json()
        assert "Only admin can generate token" in json.dumps(token)
