"""Recorded calls of the original's manager, replayed row by row and compared with what comes back.

A row is a call (or a connect) with the answer the original gave. Placeholders such as `<token>` stand for anything. Rows
marked `differs` are run and not compared: there hyphad answers otherwise on purpose, and other tests say how.
"""
import json
import re
from pathlib import Path

from . import tokens, wire
from .raw import RpcError

FOLDER = Path(__file__).parents[2] / "wire" / "manager"
ROOT_TOKEN = "kC7wPzqL9vRj2mXfT5nYb8sHd4gUe6Ka3oWi"
SYSTEM_EVENTS = ["service_added", "service_removed", "service_updated", "client_connected",
                 "client_disconnected", "client_updated", "workspace_loaded", "workspace_deleted",
                 "workspace_changed", "workspace_ready", "workspace_unloaded",
                 "workspace_status_changed"]
PLACEHOLDER = re.compile(r"<[a-zA-Z0-9 -]+>")
REPEATED = re.compile(r"^<x repeated (\d+) times>$")
# What the original says of a missing workspace when it has no object storage.
LOADER = re.compile(r"Workspace \(([^)]*)\) not found and workspace loader not configured.*")
NOT_YET = re.compile(r"/<server-id>:(?!built-in)|/[^/]+:(agent-skills|hypha-login|queue)$")


def rows(name):
    with open(FOLDER / f"{name}.jsonl") as f:
        return [json.loads(line) for line in f]


def pattern(text):
    """A text with placeholders as a regular expression."""
    pieces = PLACEHOLDER.split(text)
    return ".*".join(re.escape(piece) for piece in pieces)


def fits_text(expected, got):
    return isinstance(got, str) and re.fullmatch(pattern(expected), got, re.S) is not None


def difference(expected, got, path="$"):
    """None when they agree, else where they do not."""
    if isinstance(got, dict) and got.get("_rtype") == "method":
        return None if expected == "<method>" else f"{path}: a function, not {expected!r}"
    if isinstance(expected, str):
        if PLACEHOLDER.fullmatch(expected) or fits_text(expected, got):
            return None
    elif isinstance(expected, dict) and isinstance(got, dict):
        return maps_differ(expected, got, path)
    elif isinstance(expected, list) and isinstance(got, list):
        return lists_differ(expected, got, path)
    elif expected == got and isinstance(expected, bool) == isinstance(got, bool):
        return None
    return f"{path}: {str(expected)[:200]!r} expected, got {str(got)[:200]!r}"


def maps_differ(expected, got, path):
    keys, have = set(expected) - {"_rtype"}, set(got) - {"_rtype"}
    if {"from", "method", "session"} <= keys:       # a context
        keys, have = keys - {"connection_type"}, have - {"connection_type"}
    if path.endswith(".data"):
        have = have - {"client_id"}
    named = {k for k in keys if PLACEHOLDER.search(k)}
    if keys - named - have or (have - keys and not named):
        return f"{path}: keys missing {sorted(keys - have)}, unexpected {sorted(have - keys)}"
    for key in keys - named:
        if key == "environs":
            continue
        wrong = difference(expected[key], got[key], f"{path}.{key}")
        if wrong:
            return wrong
    return None


def by_id(item):
    return str(item.get("id")) if isinstance(item, dict) else str(item)


def is_ours(service_id, recorded):
    """Whether it is a public service of our server's own that the recorded server does not have."""
    name = service_id.rsplit(":", 1)[-1]
    return bool(NOT_YET.search(service_id)) or (
        re.match(r"public/", service_id) is not None and not any(str(i["id"]).endswith(f":{name}") for i in recorded))


def lists_differ(expected, got, path):
    if path.endswith(".owners"):
        return None if set(expected) - {"root"} <= set(got) else f"{path}: {expected} and {got}"
    if expected and isinstance(expected[0], dict) and isinstance(expected[0].get("id"), str):
        expected = sorted((i for i in expected if not NOT_YET.search(i["id"])), key=by_id)
        got = sorted((i for i in got if not is_ours(i["id"], expected)), key=by_id)
    if len(expected) != len(got):
        return f"{path}: {len(expected)} items expected, got {[by_id(i) for i in got]}"
    for i, (e, g) in enumerate(zip(expected, got)):
        wrong = difference(e, g, f"{path}[{i}]")
        if wrong:
            return wrong
    return None


def written_out(value):
    """Arguments with their placeholders made real."""
    if isinstance(value, str) and REPEATED.match(value):
        return "x" * int(REPEATED.match(value).group(1))
    if value == "<timestamp>":      # asked for as a time nothing has been written at yet
        return "2100-01-01T00:00:00"
    if isinstance(value, dict):
        return {k: written_out(v) for k, v in value.items()}
    if isinstance(value, list):
        return [written_out(v) for v in value]
    return value


class Replay:
    """The connections of one recording, by the names its rows use."""

    def __init__(self, hub, subscribed=True):
        self.hub, self.is_subscribed, self.of = hub, subscribed, {}
        self.problems = []

    # ---- connections ----
    def token(self, row):
        claims = row.get("token_claims")
        if claims == "root token":
            return ROOT_TOKEN
        if claims is None and row["as"].startswith("anon"):
            return None
        if not isinstance(claims, dict):
            sub = (claims or row["as"].rstrip("0123456789")).split(",")[0]
            return tokens.mint(sub, f"ws:ws-user-{sub}#a", email=f"{sub}@example.org")
        return tokens.mint(claims["sub"], claims["scope"], email=claims["email"],
                           roles=claims["roles"])

    async def connect(self, row):
        if "error" in row:
            refusal = await self.hub.refused({"client_id": row["client_id"], "token": self.token(row),
                                              "workspace": row.get("workspace")})
            self.judge(row, None if row["error"] in (refusal.message or "") else str(refusal))
            return
        raw = await self.hub.raw(row["client_id"], is_registered=False, token=self.token(row),
                                 workspace=row.get("workspace"))
        raw._service_map = lambda service_id: raw.objects.get(service_id) or type(raw)._service_map(
            raw, service_id)
        raw.objects = {}
        if raw.info["user"]["scope"]["workspaces"].get(raw.workspace) != "r":
            await raw.manage("register_service", {
                "id": f"{raw.address}:built-in", "name": f"Builtin services for {raw.address}",
                "type": "built-in", "description": None, "docs": None, "app_id": "*",
                "service_schema": {}, "config": {"require_context": True, "visibility": "public",
                                                 "api_version": 3, "workspace": raw.workspace}})
        if self.is_subscribed:
            await raw.manage("subscribe", SYSTEM_EVENTS)
        self.of[row["as"]] = raw
        if "user" in row and "differs" not in row:
            if row["as"] != "root":     # whose token names its workspace here
                self.judge(row, difference(row["user"], raw.info["user"]))

    # ---- services a client offers ----
    def offer(self, raw, info):
        """Serves what the recorded services held, under the description that was registered."""
        name = info["id"].split(":", 1)[1]
        config = {k: v for k, v in (info.get("config") or {}).items() if k != "workspace"}
        made = {k: info[k] for k in ("name", "type", "description", "docs") if info.get(k)}

        def method(path, function):
            path = f"services.{name}.{path}"
            raw.functions[path] = function
            return wire.reference(raw.client_id, path, "*", _rname=path.split(".")[-1],
                                  _rschema={"name": path.split(".")[-1]})
        members = {}
        for key in info.get("service_schema") or {}:
            if key == "hello_world":
                members["hello_world"] = method("hello_world", lambda n: "hi " + n)
            elif key == "nested":
                members["nested"] = {"deep": method("nested.deep", lambda n: "hi " + n),
                                     "flag": True}
            elif key == "get_load":
                load = 9 if raw is self.of["alice"] else 1
                members["get_load"] = method("get_load", lambda load=load: load)
            elif key == "who":
                members["who"] = method("who", lambda *a: None)
            elif key in ("number", "nothing", "list"):
                members[key] = {"number": 3, "nothing": None, "list": [1, "a"]}[key]
        raw.objects[name] = {"id": name, "config": config, **made, **members}

    # ---- a row ----
    async def call(self, row):
        raw = self.of[row["as"]]
        args = written_out(row.get("args", []))
        if row["fn"] == "register_service" and args and isinstance(args[0], dict):
            if ":" in str(args[0].get("id")):
                self.offer(raw, args[0])
        return await self.outcome(raw.manage(row["fn"], *args, **written_out(row.get("kwargs", {}))))

    @staticmethod
    async def outcome(call):
        """(value, None) or (None, text of the error)."""
        try:
            return await call, None
        except RpcError as error:
            return None, str(error)

    def compare(self, row, result, error):
        if "error" in row:
            return self.compare_error(row["error"], error)
        if error is not None:
            return f"failed: {error[:300]}"
        if "result_ids" in row:
            wanted = sorted(i for i in row["result_ids"] if not NOT_YET.search(i))
            have = sorted(i["id"] for i in result if not is_ours(i["id"], [{"id": wanted_id} for wanted_id in row["result_ids"]]))
            if "result" not in row or len(wanted) != len(have):
                return lists_differ([{"id": i} for i in wanted], [{"id": i} for i in have], "ids")
        if "decoded" in row:
            return self.compare_token(row["decoded"], result)
        if "result" in row and not row.get("random"):
            return difference(row["result"], result)
        return None

    @staticmethod
    def compare_token(expected, token):
        claims = tokens.claims(token)
        claims["life"] = claims["exp"] - claims["iat"]
        return difference({k: v for k, v in expected.items() if k != "header"},
                          {k: v for k, v in claims.items() if k in expected})

    @staticmethod
    def compare_error(expected, error):
        if error is None:
            return f"should fail: {expected}"
        if expected["class"] in ("ValidationError", "AttributeError", "TypeError"):
            return None
        message = LOADER.sub(r"Workspace not found: \1", expected["message"])
        if expected["class"] == "KeyError":
            message = message.strip("'\"")
        if re.search(pattern(message), error, re.S) and (expected["class"] or "") in error:
            return None
        return f"error {expected}, got {error[:300]}"

    # ---- events ----
    async def events(self):
        """What each connection has heard. Its own echo comes after all that was sent to it before."""
        heard = {}
        for name, raw in self.of.items():
            if raw.is_open:
                try:
                    await raw.manage("get_service_info", "~")
                except ConnectionError:     # a row has just put it out
                    pass
            heard[name] = [(m["type"], m.get("data")) for m, *_ in raw.frames
                           if m.get("type") not in ("method",)]
            raw.frames[:] = [f for f in raw.frames if f[0].get("type") == "method"]
        return heard

    def compare_events(self, row, heard):
        wanted = {name: [] for name in heard}
        for event in row.get("events", []):
            for name in event["seen_by"]:
                wanted.setdefault(name, []).append((event["type"], event["data"]))
        for name, events in heard.items():
            if [t for t, _ in wanted[name]] != [t for t, _ in events]:
                return f"{name} heard {[t for t, _ in events]}, not {[t for t, _ in wanted[name]]}"
            for (kind, data), (_, got) in zip(wanted[name], events):
                wrong = difference(data, got, f"{name}.{kind}.data")
                if wrong:
                    return wrong
        return None

    def judge(self, row, wrong):
        if wrong:
            self.problems.append(f"row {row['n']} {row.get('as')} {row.get('fn') or row.get('op')}"
                                 f"{str(row.get('args'))[:120]}: {wrong}")

    async def run(self, row, only_run=False):
        if row.get("op") == "connect":
            await self.connect(row)
            await self.events()
            return
        if row.get("op") == "emit":
            await self.of[row["as"]].send(row["message"])
            await self.of[row["as"]].manage("get_service_info", "~")    # it has been routed
            self.judge(row, self.compare_events(row, await self.events()))
            return
        if row.get("op") == "disconnect":
            await self.of.pop(row["as"]).leave()
            await self.events()
            return
        result, error = await self.call(row)
        heard = await self.events()
        if only_run or "differs" in row or row.get("op") == "setup":
            return
        self.judge(row, self.compare(row, result, error))
        if self.is_subscribed:
            self.judge(row, self.compare_events(row, heard))
