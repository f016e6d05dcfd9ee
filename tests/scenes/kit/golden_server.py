"""Recordings in which the server's own services and its HTTP routes answer: login, queue, admin, health."""
import json
import re

from . import tokens
from .golden import ROOT_TOKEN, Replay, difference, written_out
from .web import client_for

KEY = re.compile(r"<key-\d+>")


class ServerReplay(Replay):
    """`<key-N>` is a login session begun when first named; `<token>` and the tokens of connections come from
    `token_of`, a map of row numbers and of the words the recording has for them, to a token or to how one is made."""

    def __init__(self, hub, token_of=None, subscribed=True):
        super().__init__(hub, subscribed)
        self.token_of, self.keys, self.codes, self.providers = token_of or {}, {}, [], {}

    async def made(self, key):
        value = self.token_of[key]
        if callable(value):
            value = await value(self)
            self.token_of[key] = value
        return value

    def token_key(self, row):
        words = row.get("token_claims")
        for key in (row["n"], words if isinstance(words, str) else None):
            if key in self.token_of:
                return key
        return None

    async def connect(self, row):
        key = self.token_key(row)
        if key is not None:
            await self.made(key)
        await super().connect(row)

    def token(self, row):
        key = self.token_key(row)
        return self.token_of[key] if key is not None else super().token(row)

    # ---- placeholders ----
    async def key(self, name):
        if name not in self.keys:
            async with client_for(self.hub.server) as http:
                self.keys[name] = (await http.get("/public/services/hypha-login/start")).json()["key"]
        return self.keys[name]

    async def real(self, value, n):
        if isinstance(value, dict):
            return {k: await self.real(v, n) for k, v in value.items()}
        if isinstance(value, list):
            return [await self.real(v, n) for v in value]
        if not isinstance(value, str):
            return value
        for name in KEY.findall(value):
            value = value.replace(name, await self.key(name))
        if value == "<code of the first sign-up>":
            return self.codes[0]
        if value == "<code>":
            return self.codes[-1]
        if value == "<root-token>":
            return ROOT_TOKEN
        if "<token>" in value:
            value = value.replace("<token>", await self.made(n))
        if "<eve-id>" in value:
            value = value.replace("<eve-id>", tokens.claims(await self.made("eve"))["sub"])
        return written_out(value)

    # ---- rows ----
    async def call(self, row):
        row = {**row, "args": await self.real(row.get("args", []), row["n"]),
               "kwargs": await self.real(row.get("kwargs", {}), row["n"])}
        if "service" not in row:
            return await super().call(row)
        raw, service = self.of[row["as"]], row["service"]
        if service not in self.providers:
            info = await raw.manage("get_service_info", service)
            self.providers[service] = info["id"].split(":")
        client, name = self.providers[service]
        result, error = await self.outcome(raw.call(
            f"services.{name}.{row['fn']}", *row["args"], to=client, kwargs=row["kwargs"] or None))
        if isinstance(result, dict) and "dev_code" in result:
            self.codes.append(result["dev_code"])
        return result, error

    def headers(self, row, token):
        which = row.get("headers") or (["Authorization"] if token else [])
        if "X-Local-Auth" in which:
            return {"X-Local-Auth": token}
        if "Cookie" in which:
            return {"Cookie": f"hypha_local_token={token}"}
        return {"Authorization": f"Bearer {token}"} if which else {}

    async def http(self, row):
        who = row.get("as", "eve" if row.get("headers") else "-")
        token = None if who in ("-", "anonymous") else await self.made(who)
        path = await self.real(row["path"], row["n"])
        async with client_for(self.hub.server) as http:
            answer = await http.request(row["method"], path, json=row.get("json") and await self.real(
                row["json"], row["n"]), headers=self.headers(row, token))
        return answer

    def compare_http(self, row, answer):
        if answer.status_code != row["status"]:
            return f"status {answer.status_code}, not {row['status']}: {answer.text[:300]}"
        location = row.get("location")
        if location and difference(location, answer.headers.get("location", "")):
            return f"location {answer.headers.get('location')}, not {location}"
        body = row["body"]
        if body == "<html page>":
            return None if "<html" in answer.text and answer.headers["content-type"].startswith(
                "text/html") else f"no page: {answer.text[:100]}"
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return None
        if isinstance(body, str) and row.get("content_type") is None:
            body = json.loads(body)
        got = answer.json()
        if isinstance(body, dict) and set(body) == {"keys"}:
            return None if set(body["keys"]) <= set(got) else f"keys {sorted(got)}"
        if isinstance(body, dict) and "detail" in body and isinstance(got.get("detail"), str):
            words = re.sub(r"^RemoteException: ", "", body["detail"]) if isinstance(body["detail"], str) else ""
            return self.compare_detail(words, got["detail"])
        return difference(body, got)

    @staticmethod
    def compare_detail(wanted, got):
        def plain(text):
            return re.sub(r"""['"]""", "", text)
        return None if plain(wanted) in plain(got) or difference(wanted, got) is None \
            else f"detail {got!r}, not {wanted!r}"

    async def run(self, row, only_run=False):
        if row.get("op") == "http":
            answer = await self.http(row)
            await self.events()
            if not only_run and "differs" not in row:
                self.judge({**row, "fn": row["path"]}, self.compare_http(row, answer))
        elif row.get("op") == "decoded":
            claims = tokens.claims(await self.made("eve"))
            if not only_run and "differs" not in row:
                self.judge(row, difference(row["claims"], claims))
        else:
            await super().run(row, only_run)
