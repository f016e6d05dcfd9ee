"""Every argument of every function of the manager, given what it is not meant for: a named error, nothing changed, and
nobody else notices."""
import re

import pytest

from kit.people import user
from kit.raw import RpcError

pytestmark = pytest.mark.differs("the original checks no plain types, and fails with tracebacks")

CLASSES = re.compile(r"^(TypeError|ValueError|PermissionError|KeyError|AssertionError|ValidationError|"
                     r"RuntimeError|HTTPException|Exception): .+", re.S)


def deep(n):
    value = {"end": None}
    for _ in range(n):
        value = {"in": value}
    return value


BAD = [None, True, 0, -1, 1.5, 2 ** 63, float("nan"), "", " ", "a\0b", "\x1b[31m\r\n", "*", "ws-user-*", "**/*:?[a]@",
       "../../etc/passwd", "a/b/c:d:e@f@g", "ü" * 300, "x" * 100_000, b"bytes", [], {}, [None], {"": None},
       {"id": None}, {"id": "*"}, {"id": 5, "name": [], "config": "text"}, {"id": "a-b\n"}, deep(60),
       {f"k{i}": i for i in range(5000)}, [[]] * 1000]

GOOD = {"data": 1, "msg": "m", "event_type": "e", "service": {"id": "x"}, "service_id": "none", "type_id": "none",
        "type_info": {"id": "t"}, "token": "t", "config": {}, "workspace": "no-such", "item": {"id": "x"},
        "client_id": "nobody", "key": "k", "value": 1}


def parameters(manager):
    """(function, name of the parameter, arguments before it) for all there are."""
    for name, function in sorted(manager.items()):
        if not isinstance(function, dict) or function.get("_rtype") != "method":
            continue
        before = []
        for parameter in function["_rschema"]["parameters"]["properties"]:
            yield name, parameter, list(before)
            before.append(GOOD.get(parameter))


async def state(client):
    """What anybody can see of the client's workspace, and what it owns."""
    seen = [await client.manage(name) for name in ("get_workspace_info", "list_workspaces", "list_services",
                                                   "list_service_types", "list_clients", "get_env")]
    return repr(seen)


@pytest.mark.req("W-034", "S-08")
async def test_bad_arguments_change_nothing(hub, start_server):
    hub.server = server = start_server("--ws-msg-rate-limit", "none")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await bob.register("calc", {"f": lambda: 7}, visibility="public")
    await ada.register("calc", {"f": lambda: 7})
    others, mine = await state(bob), await state(ada)
    n_refused = n_taken = 0
    for name, parameter, before in parameters(await ada.manage("get_service", "~")):
        for bad in BAD:
            try:
                await ada.manage(name, *before, bad)
                n_taken += 1
                if name == "set_env":
                    await ada.manage(name, before[0] if before else bad, None)
                mine = await state(ada)
            except RpcError as error:
                n_refused += 1
                text = str(error)
                what = f"{name}({parameter}={str(bad)[:60]!r}): {text[:300]}"
                assert CLASSES.match(text), what
                assert len(text) <= 5000 and ".c:" not in text and "/src/" not in text, what
                assert await state(ada) == mine, what
    assert n_refused > 500 and n_taken > 50
    assert await state(bob) == others
    assert await ada.call("services.calc.f", to=bob.address) == 7
    assert server.is_running()
