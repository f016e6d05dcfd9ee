"""A server that takes any size, and somebody to throw a lot at it."""
import asyncio

from .hub import Hub
from .people import ROOT_ARGS
from .raw import RpcError
from .web import client_for

ARGS = (*ROOT_ARGS, "--enable-service-search", "--threads=2")
ENV = {"HYPHA_WS_MSG_RATE_LIMIT": "none", "HYPHA_WS_MSG_BURST_LIMIT": "none", "HYPHA_HTTP_RATE_LIMIT": "none",
       "HYPHA_HTTP_BURST_LIMIT": "none", "HYPHA_MAX_CONNECTIONS_PER_USER": "100000",
       "HYPHA_MAX_CLIENTS_PER_WORKSPACE": "100000", "HYPHA_MAX_SERVICES_PER_CLIENT": "100000",
       "HYPHA_MAX_SERVICES_PER_WORKSPACE": "100000",
       "HYPHA_MAX_WORKSPACES_PER_USER": "none", "HYPHA_USER_BYTES": "1G", "HYPHA_WORKSPACE_BYTES": "1G",
       "HYPHA_PEER_BYTES": "512M", "HYPHA_PROCESS_BYTES": "4G", "HYPHA_ANONYMOUS_BYTES": "2G", "HYPHA_HTTP_BYTES": "1G",
       "HYPHA_HTTP_ADDRESS_BYTES": "1G", "HYPHA_MAX_SERVICE_INFO": "1M", "HYPHA_ADDRESS_SHARE": "100"}


class Thrown:
    """Somebody with a server to throw things at; `n(full)` is a number, scaled down in the short scene."""

    def __init__(self, server, scale, hub=None):
        self.server, self.scale = server, scale
        self.hub = hub or Hub(server)

    def n(self, full, least=1):
        return max(least, int(full * self.scale))

    async def post(self, path, body, content_type="application/json", token=None, **headers):
        async with client_for(self.server, token) as http:
            return await http.post(path, content=body, headers={"Content-Type": content_type, **headers}, timeout=60)

    async def services(self, raw, n, **info):
        """Registers n services of that client, 200 calls under way at a time."""
        async def one(i):
            await raw.call("services.default.register_service", {
                "id": f"{raw.address}:s-{i}-{'x' * 40}", "name": f"s-{i}", "type": "thing", **info,
                "config": {"visibility": "public", **info.get("config", {})}}, timeout=60)
        for at in range(0, n, 200):
            await asyncio.gather(*(one(i) for i in range(at, min(n, at + 200))))


async def crowd(hub, n, workspace=None, token=None):
    """n clients m-0, m-1 and so on, 100 logins under way at a time."""
    async def one(i):
        return await hub.raw(f"m-{i}", workspace=workspace, token=token)
    members = []
    for at in range(0, n, 100):
        members += await asyncio.gather(*(one(i) for i in range(at, min(n, at + 100))))
    return members


def inputs_of_a_file():
    """(a list, a decorator that puts a function into it)"""
    inputs = []

    def an_input(function):
        inputs.append(function)
        return function
    return inputs, an_input


async def tolerant(awaitable):
    """Whether it is refused is another scene's question."""
    try:
        return await awaitable
    except (RpcError, ConnectionError):
        return None


async def turns_pass(raw):
    """So that what goes on after an answer has its turns while they are counted."""
    for _ in range(50):
        await raw.manage("echo", 1)
