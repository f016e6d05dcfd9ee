"""Inputs of test_turns over HTTP: bodies, query strings, and the answers to them. Each is given `t` (thrown.Thrown)."""
import gzip
import json

import msgpack

from .chunks import offer_cache
from .thrown import inputs_of_a_file
from .tokens import mint
from .web import client_for

MB = 1 << 20
INPUTS, an_input = inputs_of_a_file()
HUBS_OWN = "/public/services/ws/list_services"


async def bodies(t, body, content_type="application/json", **headers):
    """To a service of the hub and to a client's."""
    raw = await t.hub.raw()
    offer_cache(raw)
    await raw.register("echo", {"echo": lambda *args: 1}, visibility="public")
    for path in (HUBS_OWN, f"/{raw.workspace}/services/{raw.client_id}:echo/echo"):
        await t.post(path, body, content_type, mint("ada"), **headers)
    await raw.shut()


@an_input
async def json_body_of_numbers(t):
    await bodies(t, b'{"query":[' + b"0," * t.n(4 * MB) + b"0]}")


@an_input
async def json_body_of_keys(t):
    await bodies(t, json.dumps({f"k{i}": None for i in range(t.n(200_000))}).encode())


@an_input
async def json_body_that_is_deep(t):
    deep = b"[" * 60 + b"]" * 60
    await bodies(t, b'{"query":[' + b",".join([deep] * t.n(60_000)) + b"]}")


@an_input
async def json_body_of_blanks(t):
    await bodies(t, b'{"query":' + b" " * t.n(8 * MB) + b"1}")


@an_input
async def json_body_that_is_one_text(t):
    await bodies(t, json.dumps({"query": "\u00e9\n" * t.n(MB)}).encode())


@an_input
async def gzip_body_of_nils(t):
    await bodies(t, gzip.compress(b"[" + b"null," * t.n(16 * MB) + b"null]"), **{"Content-Encoding": "gzip"})


@an_input
async def msgpack_body_of_nils(t):
    await bodies(t, msgpack.packb({"query": [None] * t.n(12 * MB)}), "application/msgpack")


@an_input
async def msgpack_body_that_is_deep(t):
    deep = b"\x91" * 60 + b"\xc0"
    n = t.n(180_000)
    await bodies(t, b"\x81\xa5query\xdd" + n.to_bytes(4, "big") + deep * n, "application/msgpack")


@an_input
async def long_query_strings(t):
    async with client_for(t.server) as http:
        for query in ("&".join(f"k{i}=1" for i in range(1000)), "a=" + "%41" * 20_000, "&" * 60_000, "=" * 60_000,
                      "&".join(["a"] * 30_000), "a=" + "1" * 60_000, "query={" + '"a":{' * 5_000):
            await http.get(f"{HUBS_OWN}?{query}")


async def answers(t, value):
    """A client's function answers that to callers over HTTP, as JSON and MessagePack."""
    async def serve():
        return value
    api = await t.hub.py(None)
    await api.register_service({"id": "big", "config": {"visibility": "public"}, "get": serve})
    path = f"/{api.config.workspace}/services/{api.config.client_id}:big/get"
    async with client_for(t.server) as http:
        await http.get(path, timeout=60)
        await http.get(path, timeout=60, headers={"Accept": "application/msgpack"})
        await http.get(path, timeout=60, headers={"Accept-Encoding": "gzip"})


@an_input
async def json_answer_of_numbers(t):
    await answers(t, [1.5] * t.n(900_000))


@an_input
async def json_answer_that_is_one_text(t):
    await answers(t, "\u00e9\n\"" * t.n(2 * MB))


@an_input
async def generator_of_large_items(t):
    async def many():
        for _ in range(4):
            yield [1] * t.n(900_000)
    api = await t.hub.py(None)
    await api.register_service({"id": "gen", "config": {"visibility": "public"}, "get": many})
    async with client_for(t.server) as http:
        await http.get(f"/{api.config.workspace}/services/{api.config.client_id}:gen/get", timeout=60)
