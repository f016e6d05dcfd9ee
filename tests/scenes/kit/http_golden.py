"""Recorded HTTP exchanges of the original, replayed row by row and compared with what comes back.

Bodies in JSON are compared by value, with the form of their floats. A row with a `deviation` shows an answer hyphad means not to
give: the scene says what it gives instead, or leaves the row out.
"""
import asyncio
import base64
import gzip
import http.client
import json
import re
from pathlib import Path

import numpy as np
from hypha_rpc.utils.schema import schema_function

from . import tokens

FOLDER = Path(__file__).parents[2] / "wire" / "http"
UNCOMPARED = {"date", "server", "transfer-encoding", "content-length", "connection", "allow"}
# Ours are kept by nobody (S-125), those of the original at most by a browser that asks again.
CACHING = {("cache-control", "no-store"), ("cache-control", "no-cache")}
# The word of ours behind a refusal: which rule it was.
RULE = re.compile(r" \[rule: [a-z-]+\]")
MASKS = [(re.compile(pattern), text) for pattern, text in (
    (r"client-[A-Za-z0-9]{22}", "{{rpc-client}}"),
    (r'("session":\s*)"[A-Za-z0-9]{20,24}"', r'\1"{{rand22}}"'),
    (r"\b(?:[a-z]+-[a-z]+-\d{8}|[0-9a-z]{19})\b", "{{name}}"),
    (r'"expires_at":\s*\d+(\.\d+)?(e\+\d+)?', '"expires_at":{{number}}'),
    (r'^"[0-9a-f]+(-[0-9a-f]+)+"$', "{{etag}}"),
    (r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", "{{http-date}}"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?", "{{iso-time}}"),
)]


def rows(name):
    with open(FOLDER / f"{name}.jsonl", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def functions():
    """Fresh ones for every service: the client marks each with the service it is in."""
    @schema_function
    def echo(data):
        """Return the argument."""
        return data

    @schema_function
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @schema_function
    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    @schema_function
    def boom():
        """Raise a ValueError."""
        raise ValueError("bad")

    def raiser(error):
        def fails():
            raise error
        return fails

    def assertion():
        assert False, "not so"

    def both(*args, **kwargs):
        return {"args": list(args), "kwargs": kwargs}

    def kinds():
        return {"i": 1, "f": 5.0, "big": 1e16, "small": 1e-7, "t": True, "n": None,
                "s": "é\u2028\"\\/", "l": [1, [2]], "neg": -3}

    def gen(n=3):
        yield from range(n)

    async def agen(n=3):
        for i in range(n):
            yield {"i": i}

    def large(n=3000):
        return "x" * n

    return {"echo": echo, "add": add, "multiply": multiply, "boom": boom, "both": both,
            "key": raiser(KeyError("missing-thing")), "deny": raiser(PermissionError("go away")),
            "runtime": raiser(RuntimeError("broken")), "assertion": assertion,
            "multi": raiser(ValueError("first line\nsecond line")), "kinds": kinds, "gen": gen,
            "agen": agen, "large": large, "nan": lambda: float("nan"), "tup": lambda: (1, 2),
            "nd": lambda: np.arange(6, dtype="float32").reshape(2, 3), "aset": lambda: {1},
            "npscalar": lambda: np.float64(2.5), "raw": lambda: b"\x00\x01\xff",
            "fn": lambda: lambda x: x, "noargs": lambda: "none", "plain": lambda: "plain"}


def service(service_id, visibility):
    deep = functions()
    return {"id": service_id, "name": "Service " + service_id, "type": "generic",
            "description": "golden service", "docs": "some docs", "version": "1.2", "zero": 0,
            "empty": "", "flag": False, "nothing": None, "numbers": [1, 2.5, "three"],
            "meta": {"title": "a title", "note": "a note", "count": 3},
            "config": {"visibility": visibility, "custom": "kept"}, **functions(),
            "calculate": {"add": deep["add"], "deep": {"multiply": deep["multiply"]}}}


def saying(text):
    return lambda: text


def context_service(service_id, visibility):
    def ctx(context=None):
        return context

    return {"id": service_id, "name": "Service " + service_id, "type": "generic", "ctx": ctx,
            "config": {"visibility": visibility, "custom": "kept", "require_context": True}}


class Golden:
    """The services the recordings were made with, on one server."""

    def __init__(self, hub, server):
        self.hub, self.server, self.tokens = hub, server, {}
        self.problems = []
        self.own_headers = set()    # names only hyphad lists in access-control-allow-headers

    @staticmethod
    def row_ids(name):
        return [row["id"] for row in rows(name)]

    async def start(self):
        owner = tokens.mint("cap-owner", email="cap-owner@example.org")
        self.tokens = {"owner": owner, "expired": tokens.mint("cap-owner", ttl=-100),
                       "stranger": tokens.mint("cap-stranger", email="cap-stranger@example.org"),
                       "forged": tokens.mint("cap-owner", secret="another-secret" * 4)}
        boot = await self.hub.py("boot", server=self.server, token=owner)
        for workspace in ("cap-main", "cap-other"):
            await boot.create_workspace({"name": workspace, "description": "golden workspace",
                                         "persistent": True}, overwrite=True)
            c = await self.hub.py("cap", server=self.server, token=owner, workspace=workspace)
            self.tokens[workspace] = await c.generate_token({"permission": "read_write"})
            for name, visibility in (("svc", "public"), ("svc-protected", "protected"),
                                     ("svc-unlisted", "unlisted")):
                await c.register_service(service(name, visibility))
            await c.register_service(context_service("ctx", "public"))
            await c.register_service(context_service("ctx-protected", "protected"))
        for name in ("dup1", "dup2"):
            c = await self.hub.py(name, server=self.server, token=owner, workspace="cap-main")
            await c.register_service({"id": "dup", "name": "Dup", "config": {"visibility": "public"},
                                      "who": saying(name), "echo": functions()["echo"]})
        return self

    # ---- one exchange ----
    def places(self):
        host = "{}:{}".format(*self.server.address)
        basic = base64.b64encode(("user:" + self.tokens["cap-main"]).encode()).decode()
        return {"{{basic:cap-main}}": basic, "{{host}}": host,
                **{"{{token:%s}}" % name: token for name, token in self.tokens.items()}}

    def filled(self, text):
        for name, value in self.places().items():
            text = text.replace(name, value)
        return text

    def masked(self, text):
        for name, value in self.places().items():
            text = text.replace(value, name)
        for pattern, mark in MASKS:
            text = pattern.sub(mark, text)
        return RULE.sub("", text)

    def exchange(self, request):
        """(status, headers, body): one request on a connection of its own, sent as it was recorded."""
        body = request.get("body")
        if body is not None:
            body = bytes.fromhex(body["hex"]) if "hex" in body else self.filled(body["text"]).encode()
        connection = http.client.HTTPConnection(*self.server.address, timeout=60)
        try:
            connection.putrequest(request["method"], self.filled(request["target"]),
                                  skip_accept_encoding=True)
            for name, value in request["headers"]:
                connection.putheader(name, self.filled(value))
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            headers = [(k.lower(), v) for k, v in response.getheaders()]
            data = response.read()
        finally:
            connection.close()
        if dict(headers).get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return response.status, headers, data

    async def ask(self, method, target, *headers, body=None):
        """The same for a request that was not recorded."""
        request = {"method": method, "target": target, "headers": headers}
        if body is not None:
            request["body"] = {"hex": body.hex()}
        return await asyncio.to_thread(self.exchange, request)

    # ---- comparison ----
    def without_own(self, value):
        return ", ".join(v for v in value.split(", ") if v not in self.own_headers)

    def difference(self, expected, status, headers, data):
        if status != expected["status"]:
            return f"status {expected['status']} expected, got {status}: {data[:300]!r}"
        wanted = sorted(tuple(h) for h in expected["headers"] if h[0] not in UNCOMPARED and tuple(h) not in CACHING)
        have = sorted((k, self.without_own(self.masked(v))) for k, v in headers
                      if k not in UNCOMPARED and (k, v) not in CACHING)
        if wanted != have:
            return f"headers {[h for h in wanted if h not in have]} expected, " \
                   f"got {[h for h in have if h not in wanted]}"
        if "hex" in expected["body"]:
            return None if data.hex() == expected["body"]["hex"] else f"body {data[:300].hex()}"
        text = self.masked(data.decode())
        if text == expected["body"]["text"] or \
                value_of(text) == value_of(expected["body"]["text"]) != ...:
            return None
        return f"body {expected['body']['text'][:600]}\n   got  {text[:600]}"

    @staticmethod
    def differs_from_own(expected, status, _, data):
        wanted_status, body = expected
        fits = data == body if isinstance(body, bytes) else data.decode().startswith(body)
        return None if status == wanted_status and fits else f"{expected} expected, got {status} {data[:300]!r}"

    async def replay(self, name, skip=(), own=None):
        """How many rows of a recording were compared; what differs is added to `problems`. `own`: the status and the body (bytes, or
        the start of a text) of hyphad's own answer to a row."""
        n = 0
        for row in rows(name):
            is_own = own is not None and row["id"] in own
            if row["id"] in skip or "deviation" in row and not is_own:
                continue
            answer = await asyncio.to_thread(self.exchange, row["request"])
            wrong = self.differs_from_own(own[row["id"]], *answer) if is_own else \
                self.difference(row["response"], *answer)
            if wrong:
                self.problems.append(f"{row['id']}: {wrong}")
            n += 1
        return n


def value_of(text):
    """JSON as a value in which floats keep their form; `...` for what is no JSON."""
    try:
        value = json.loads(text.replace("{{number}}", "0"), parse_float=lambda s: ("float", s))
    except ValueError:
        return ...
    if isinstance(value, dict):
        # What a client says of its own functions depends on what is installed beside it.
        value.pop("service_schema", None)
        if "config" in value:
            value.pop("_rtype", None)
        for scope in (user["scope"] for user in [value.get("user")] if user):
            # A child token's id is no person and has no workspace of its own here.
            scope["workspaces"].pop("ws-user-{{name}}", None)
    return value
