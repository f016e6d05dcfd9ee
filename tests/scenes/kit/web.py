"""A provider and a client for scenes over plain HTTP."""
import httpx
import numpy as np

from . import services


async def provider_of(hub, visibility="public", client_id="prov", **more):
    provider = await hub.py(client_id, **more)
    service = services.calc(visibility=visibility)

    async def raw_error(kind):
        raise {"key": KeyError, "type": TypeError, "value": ValueError, "assert": AssertionError,
               "deny": PermissionError, "run": RuntimeError}[kind]("told you")

    def keywords(**kwargs):
        return kwargs

    def array():
        return np.arange(6, dtype="float32").reshape(2, 3)

    def fails_late():
        yield 1
        raise ValueError("half way")

    await provider.register_service({**service, "raw_error": raw_error, "keywords": keywords,
                                     "array": array, "fails_late": fails_late, "zero": 0,
                                     "hand_out": lambda: [lambda: 1]})
    return provider


def client_for(server, token=None, address=None):
    """address: which of this machine's own the connection comes from, for example 127.0.0.2."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.AsyncHTTPTransport(local_address=address) if address else None
    return httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30, trust_env=False,
                             transport=transport)
