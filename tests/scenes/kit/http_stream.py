"""The HTTP stream transport, spoken byte by byte: GET /rpc read frame by frame, POST /rpc one message each."""
import asyncio
import struct

import msgpack

from . import wire
from .web import client_for


class Stream:
    """An open GET /rpc. Frames are (control map or None, all bytes)."""

    def __init__(self, server, http, response):
        self.server, self.http, self.response = server, http, response
        self.frames, self.is_over, self.info = [], False, None
        self._news = asyncio.Condition()
        self._reader = None

    @classmethod
    async def open(cls, server, token=None, cookies=None, **query):
        """A Stream, or the response when it is not 200."""
        http = client_for(server, token)
        http.cookies.update(cookies or {})
        request = http.build_request("GET", "/rpc", params=query,
                                     headers={"Accept-Encoding": "gzip"}, timeout=60)
        response = await http.send(request, stream=True)
        if response.status_code != 200:
            await response.aread()
            await http.aclose()
            return response
        self = cls(server, http, response)
        self._reader = asyncio.create_task(self._read())
        self.info = await self.control("connection_info")
        return self

    async def _read(self):
        held = b""
        try:
            async for piece in self.response.aiter_raw():
                held += piece
                while len(held) >= 4 and len(held) >= 4 + struct.unpack(">I", held[:4])[0]:
                    n = struct.unpack(">I", held[:4])[0]
                    self.frames.append(held[4:4 + n])
                    held = held[4 + n:]
                async with self._news:
                    self._news.notify_all()
        finally:
            self.is_over = True
            async with self._news:
                self._news.notify_all()

    async def take(self, match, timeout=15):
        """The first frame that matches, as (segment 1, segment 2)."""
        def found():
            for i, frame in enumerate(self.frames):
                main, extra, _ = wire.split(frame)
                if match(main, extra or {}):
                    del self.frames[i]
                    return main, extra or {}
            return None
        async with asyncio.timeout(timeout), self._news:
            while not (hit := found()):
                assert not self.is_over, "the stream ended"
                await self._news.wait()
        return hit

    async def control(self, kind, timeout=15):
        return (await self.take(lambda m, e: m.get("type") == kind, timeout))[0]

    async def ended(self, timeout=15):
        async with asyncio.timeout(timeout), self._news:
            while not self.is_over:
                await self._news.wait()

    @property
    def address(self):
        return f"{self.info['workspace']}/{self.info['client_id']}"

    @property
    def cookies(self):
        """What its response has set, as a client with a cookie jar sends it back."""
        return dict(self.http.cookies)

    async def post(self, main, extra=None, token=None, **more):
        """One POST for this stream, with that token; cookies, address: as post_bytes."""
        body = msgpack.packb(main) + (msgpack.packb(extra) if extra is not None else b"")
        return await self.post_bytes(body, token, **more)

    async def post_bytes(self, body, token=None, cookies=None, address=None, **query):
        params = {"client_id": self.info["client_id"], "workspace": self.info["workspace"], **query}
        params = {k: v for k, v in params.items() if v is not None}
        async with client_for(self.server, token, address) as http:
            http.cookies.update(cookies or {})
            return await http.post("/rpc", params=params, content=body,
                                   headers={"Content-Type": "application/msgpack"})

    async def call(self, method, *args, to=None, token=None, session="s-1"):
        """Posts a call and waits for its outcome on the stream."""
        answer = await self.post({"type": "method", "to": to or "*/" + self.info["manager_id"],
                                  "method": method, "session": session},
                                 {"args": list(args), "promise": "*", "t": 15}, token)
        assert answer.status_code == 200, answer.text
        main, extra = await self.take(lambda m, e: m.get("method", "").startswith(session + "."))
        return main["method"].removeprefix(session + "."), (extra.get("args") or [None])[0]

    async def close(self):
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self.response.aclose()
        await self.http.aclose()
