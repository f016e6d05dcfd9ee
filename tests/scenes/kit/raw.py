"""A client that speaks the protocol itself, so that a scene sees, and can forge, every byte.

It answers `built-in` calls like a real client (a silent one would be taken for dead) and serves the
functions a scene puts into `functions`; one that raises is answered with what it has raised. Everything received is kept until a scene takes it.
"""
import asyncio
import json
import socket
import struct

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from . import wire

WAIT_S = 15


class RpcError(Exception):
    """A call was rejected; str() is the remote `_rvalue`."""


class Refusal:
    """What a refused client saw: the texts, the close code and the reason."""

    def __init__(self, texts, code, reason):
        self.texts, self.code, self.reason = texts, code, reason

    @property
    def message(self):
        errors = [t["message"] for t in self.texts if t.get("type") == "error"]
        return errors[-1] if errors else None

    def __repr__(self):
        return f"Refusal(code={self.code}, reason={self.reason!r}, texts={self.texts})"


async def open_socket(server, query="", path=None, **more):
    base = server.ws_url if path is None else server.ws_url.rsplit("/ws", 1)[0] + path
    options = {"max_size": None, "compression": None, "ping_interval": None, "close_timeout": 2,
               "max_queue": None, "proxy": None, "open_timeout": 30, **more}
    return await connect(base + query, **options)


class Raw:
    def __init__(self, socket_):
        self.ws = socket_
        self.info = None
        self.texts, self.frames, self.heartbeats = [], [], []
        self.functions = {}
        self.promises = {}      # method path -> the `_rpromise` its reference shows, else "*"
        self.is_mute = False
        self.largest_frame = 0
        self.failure = None
        self._news = asyncio.Condition()
        self._is_over = False
        self._reader = None

    # ---- opening ----------------------------------------------------------------------------
    @classmethod
    async def open(cls, server, first=None, **socket_options):
        """Connects, sends `first` (a map as JSON, str and bytes as they are) and reads on."""
        raw = cls(await open_socket(server, **socket_options))
        if first is not None:
            await raw.ws.send(json.dumps(first) if isinstance(first, dict) else first)
        raw._reader = asyncio.create_task(raw._read())
        return raw

    async def joined(self):
        """Waits for connection_info; a refusal raises ConnectionError with its text."""
        message = await self.text(lambda t: t.get("type") in ("connection_info", "error"))
        if message["type"] == "error":
            raise ConnectionError(message["message"])
        self.info = message
        return self

    async def refused(self):
        code, reason = await self.closed()
        return Refusal(self.texts, code, reason)

    # ---- reading ----------------------------------------------------------------------------
    async def _read(self):
        try:
            async for message in self.ws:
                if isinstance(message, str):
                    self.texts.append(json.loads(message))
                else:
                    self.largest_frame = max(self.largest_frame, len(message))
                    main, extra, tail = wire.split(message)
                    if main.get("type") == "method" and not self.is_mute:
                        if await self._serve(main, extra or {}):
                            continue
                    is_beat = str(main.get("method")).endswith(".heartbeat")
                    (self.heartbeats if is_beat else self.frames).append(
                        (main, extra, tail, message))
                async with self._news:
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        except Exception as broken:
            self.failure = broken
        finally:
            self._is_over = True
            async with self._news:
                self._news.notify_all()

    async def _take(self, box, match, timeout, what):
        async def wait():
            async with self._news:
                while True:
                    for i, item in enumerate(box):
                        if match(item):
                            return box.pop(i)
                    if self.failure is not None:
                        raise self.failure
                    if self._is_over:
                        raise ConnectionError(f"closed ({self.ws.close_code} "
                                              f"{self.ws.close_reason!r}) while waiting for {what}")
                    await self._news.wait()
        try:
            return await asyncio.wait_for(wait(), timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {what} within {timeout} s; have {str(box)[:2000]}") from None

    async def text(self, match=lambda t: True, timeout=WAIT_S):
        return await self._take(self.texts, match, timeout, "text frame")

    async def frame(self, match=lambda main, extra: True, timeout=WAIT_S):
        """The first kept frame that matches, as (segment 1, segment 2, bytes of 2, all bytes)."""
        return await self._take(self.frames, lambda f: match(f[0], f[1]), timeout, "frame")

    async def event(self, name, timeout=WAIT_S):
        return (await self.frame(lambda m, e: m.get("type") == name, timeout))[0]

    def seen(self, match):
        return [f for f in self.frames if match(f[0], f[1])]

    async def closed(self, timeout=WAIT_S):
        await asyncio.wait_for(self.ws.wait_closed(), timeout)
        if self._reader is not None:
            await asyncio.wait_for(asyncio.shield(self._reader), timeout)
        return self.ws.close_code, self.ws.close_reason

    @property
    def is_open(self):
        return not self._is_over

    # ---- names ------------------------------------------------------------------------------
    @property
    def workspace(self):
        return self.info["workspace"]

    @property
    def client_id(self):
        return self.info["client_id"]

    @property
    def address(self):
        return f"{self.workspace}/{self.client_id}"

    @property
    def manager(self):
        return "*/" + self.info["manager_id"]

    # ---- sending ----------------------------------------------------------------------------
    async def send(self, main, extra=None, tail=b""):
        frame = wire.pack(main) + (wire.pack(extra) if extra is not None else b"") + tail
        await self.ws.send(frame)

    async def send_text(self, value):
        await self.ws.send(value if isinstance(value, str) else json.dumps(value))

    async def post(self, method, *args, to=None, kwargs=None, main=None, extra=None):
        """Sends a call and returns its session id without waiting."""
        session = wire.new_id()
        header = {"type": "method", "from": self.address, "to": to or self.manager,
                  "method": method, "session": session, **(main or {})}
        payload = {"args": list(args), "promise": "*", "t": 15}
        if kwargs is not None:
            payload["args"].append(kwargs)
            payload["with_kwargs"] = True
        await self.send(header, {**payload, **(extra or {})})
        return session

    async def settled(self, session, timeout=WAIT_S):
        """Waits for the outcome of a posted call: (main, value), or RpcError."""
        ends = (f"{session}.resolve", f"{session}.reject")
        main, extra, _, _ = await self.frame(lambda m, e: m.get("method") in ends, timeout)
        value = (extra or {}).get("args", [None])[0]
        if main["method"].endswith(".reject"):
            error = RpcError(value["_rvalue"] if isinstance(value, dict) else str(value))
            error.main, error.value = main, value
            raise error
        return main, value

    async def call(self, method, *args, timeout=WAIT_S, **more):
        return (await self.settled(await self.post(method, *args, **more), timeout))[1]

    async def manage(self, name, *args, **kwargs):
        """Calls a function of the workspace manager."""
        return await self.call(f"services.default.{name}", *args, kwargs=kwargs or None)

    async def register(self, service_id="built-in", functions=None, visibility="protected",
                       type="generic", **config):
        """Registers a service (by default `built-in`) and serves its functions."""
        if service_id == "built-in":
            visibility, type = "public", "built-in"
            config = {"require_context": True, "api_version": 3, **config}
        for name, function in (functions or {}).items():
            self.functions[f"services.{service_id}.{name}"] = function
        return await self.manage("register_service", {
            "id": f"{self.address}:{service_id}", "name": service_id, "type": type,
            "description": None, "docs": None, "app_id": "*",
            "config": {"visibility": visibility, "workspace": self.workspace, **config},
            "service_schema": {name: {"type": "function", "function": {
                "name": name, "description": "", "parameters": {
                    "type": "object", "properties": {}, "required": []}}}
                for name in functions or {}}})

    # ---- serving ----------------------------------------------------------------------------
    async def _serve(self, main, extra):
        method, session = main["method"], main.get("session")
        if method == "services.built-in.ping":
            await self.answer(main, extra, "pong")
        elif method == "services.built-in.get_service" and session:
            await self.answer(main, extra, self._service_map((extra.get("args") or [""])[0]))
        elif method in self.functions:
            try:
                result, is_error = self.functions[method](*(extra.get("args") or [])), False
                if asyncio.iscoroutine(result):
                    result = await result
            except Exception as raised:     # as the published clients answer: a caller that hears nothing waits in vain
                result, is_error = wire.error(raised), True
            if session and (extra.get("promise") or not is_error):
                await self.answer(main, extra, result, is_error)
        else:
            return False
        return True

    def _service_map(self, service_id):
        found = {"id": service_id, "name": service_id, "type": "generic", "config": {}}
        prefix = f"services.{service_id}."
        if service_id == "built-in":
            found["config"] = {"visibility": "public", "require_context": True, "api_version": 3}
        own = [f"services.built-in.{name}" for name in ("ping", "get_service")]
        for path in own + list(self.functions):
            if not path.startswith(prefix):
                continue
            *outer, name = path.removeprefix(prefix).split(".")
            at = found
            for part in outer:
                at = at.setdefault(part, {})
            at[name] = wire.reference(self.client_id, path, self.promises.get(path, "*"),
                                      _rname=name, _rserver=self.info["public_base_url"])
        return found

    async def answer(self, main, extra, value, is_error=False):
        """Settles a received call the way it asked for."""
        promise = extra.get("promise")
        which = "reject" if is_error else "resolve"
        path = f"{main['session']}.{which}" if promise == "*" else promise[which]["_rmethod"]
        await self.send({"type": "method", "from": self.address, "to": main["from"],
                         "method": path, "parent": main["session"]}, {"args": [value]})

    # ---- ending -----------------------------------------------------------------------------
    async def leave(self):
        """A clean end: close frame 1000."""
        await self.ws.close(1000)
        if self._reader is not None:
            await self._reader

    def cut(self):
        """The TCP connection is reset; no close frame is sent."""
        tcp = self.ws.transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.ws.transport.abort()

    async def shut(self):
        if self._reader is not None and not self._reader.done() and self.is_open:
            try:
                await asyncio.wait_for(self.ws.close(1000), 3)
            except (asyncio.TimeoutError, ConnectionClosed, OSError):
                pass
        self.ws.transport.abort()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
