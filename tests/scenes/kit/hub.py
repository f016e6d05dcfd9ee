"""Opens clients of every kind against a server and closes them when the scene is over."""
import asyncio
import json

from hypha_rpc import connect_to_server

from .node import JsClient, Node
from .raw import Raw
from .waiting import until  # noqa: F401 - scenes import it from here


class Hub:
    def __init__(self, server=None):
        self.server = server
        self._raws, self._clients, self._nodes = [], [], {}
        self._n_names = 0

    # ---- raw --------------------------------------------------------------------------------
    async def raw(self, client_id=None, *, server=None, is_registered=True, **first):
        """A joined raw client; registered with `built-in`, so that the hub counts it as present."""
        raw = await self.raw_open({"client_id": client_id or self.name("raw"), **first}, server)
        await raw.joined()
        if is_registered:
            await raw.register()
        return raw

    async def raw_open(self, first, server=None, **socket_options):
        raw = await Raw.open(server or self.server, first, **socket_options)
        self._raws.append(raw)
        return raw

    async def refused(self, first, server=None, **socket_options):
        """Opens a connection that must be refused; what the client saw of it."""
        raw = await self.raw_open(first, server, **socket_options)
        return await raw.refused()

    async def raw_pair(self, a="alice", b="bob", **options):
        """Two raw clients in one fresh workspace."""
        first = await self.raw(a, **options)
        second = await self.raw(b, workspace=first.workspace, server=options.get("server"),
                                token=await first.manage("generate_token"))
        return first, second

    # ---- Python client ----------------------------------------------------------------------
    async def py(self, client_id=None, *, server=None, beside=None, **config):
        """The published Python client; `beside=api` joins the workspace of another one."""
        server = server or self.server
        if beside is not None:
            config.setdefault("workspace", workspace_of(beside))
            if "token" not in config:
                config["token"] = await token_from(beside)
        api = await connect_to_server({"server_url": server.url, "method_timeout": 30,
                                       "client_id": client_id or self.name("py"), **config})
        self._clients.append(api)
        return api

    # ---- JavaScript client ------------------------------------------------------------------
    async def node(self, version="0.21.40"):
        if version not in self._nodes:
            self._nodes[version] = await Node().start(version)
        return self._nodes[version]

    async def js(self, client_id=None, *, version="0.21.40", server=None, beside=None, **config):
        """The published JavaScript client of that version, in a Node process."""
        server = server or self.server
        if beside is not None:
            config.setdefault("workspace", workspace_of(beside))
            if "token" not in config:
                config["token"] = await token_from(beside)
        node = await self.node(version)
        name = client_id or self.name("js")
        info = await node.do("connect", conn=name, config={
            "server_url": server.url, "client_id": name, **config})
        return JsClient(node, name, info)

    def name(self, prefix):
        self._n_names += 1
        return f"{prefix}-{self._n_names}"

    async def close(self):
        for api in self._clients:
            # A scene may have broken this client on purpose.
            await asyncio.gather(asyncio.wait_for(api.disconnect(), 5), return_exceptions=True)
        for raw in self._raws:
            await raw.shut()
        for node in self._nodes.values():
            await node.close()
        self._clients, self._raws, self._nodes = [], [], {}


def workspace_of(client):
    if isinstance(client, (Raw, JsClient)):
        return client.workspace
    return client.config["workspace"]


async def token_from(client, **config):
    """A token for the client's workspace, minted by that client."""
    if isinstance(client, Raw):
        return await client.manage("generate_token", config or None)
    if isinstance(client, JsClient):
        return await client.manage("generateToken", *([config] if config else []))
    return await client.generate_token(config or None)


def connection_of(api):
    """The transport object inside a Python client."""
    return api.rpc._connection


def cut(api):
    """Resets the TCP connection below a Python client; it will reconnect by itself."""
    connection_of(api)._websocket.transport.abort()


class Recorder:
    """A callback that remembers its calls and lets a scene wait for them."""

    def __init__(self, result=None):
        self.calls = []
        self.result = result
        self._news = asyncio.Condition()

    async def __call__(self, *args):
        self.calls.append(args)
        async with self._news:
            self._news.notify_all()
        return self.result

    def function(self):
        async def record(*args):
            return await self(*args)
        return record

    async def wait(self, n_calls, timeout=15):
        async def enough():
            async with self._news:
                await self._news.wait_for(lambda: len(self.calls) >= n_calls)
        try:
            await asyncio.wait_for(enough(), timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"{len(self.calls)} of {n_calls} calls within {timeout} s: "
                                 f"{json.dumps(self.calls, default=str)[:500]}") from None
        return self.calls
