"""Drives a Node process that runs the published JavaScript client, by lines of JSON."""
import asyncio
import json
import os
from pathlib import Path

RUNNER = Path(__file__).resolve().parent.parent / "js" / "runner.mjs"
VERSIONS = ("0.21.40", "0.20.61")


class JsError(Exception):
    """An operation failed inside the JavaScript client; str() is its message."""


class Node:
    def __init__(self):
        self._process = None
        self._waiting = {}
        self._next = 0
        self._tasks = []
        self.stderr = []

    async def start(self, version):
        env = dict(os.environ, HYPHA_RPC_PACKAGE=f"hypha-rpc-{version}")
        self._process = await asyncio.create_subprocess_exec(
            "node", str(RUNNER), env=env, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 26)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._read_errors())]
        return self

    async def _read(self):
        async for line in self._process.stdout:
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["n"], None)
            if waiting is not None and not waiting.done():
                if answer["ok"]:
                    waiting.set_result(answer.get("result"))
                else:
                    waiting.set_exception(JsError(answer["error"]))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(JsError("node ended:\n" + "".join(self.stderr[-40:])))

    async def _read_errors(self):
        async for line in self._process.stderr:
            self.stderr.append(line.decode(errors="replace"))

    async def do(self, op, timeout=45, **fields):
        """One operation of the runner; fields are its parameters."""
        self._next += 1
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[self._next] = waiting
        line = json.dumps({"n": self._next, "op": op, **fields})
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        try:
            return await asyncio.wait_for(waiting, timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"node: {op} took more than {timeout} s\n"
                                 + "".join(self.stderr[-40:])) from None

    def kill(self):
        self._process.kill()

    async def close(self):
        if self._process.returncode is None:
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except asyncio.TimeoutError:
                self._process.kill()
                await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class JsClient:
    """One connection inside a Node process."""

    def __init__(self, node, name, info):
        self.node, self.name, self.info = node, name, info
        self.workspace, self.client_id = info["workspace"], info["client_id"]

    async def do(self, op, **fields):
        return await self.node.do(op, conn=self.name, **fields)

    async def register(self, kind, service_id, **config):
        return await self.do("register", kind=kind, id=service_id, config=config)

    async def service(self, service_id, save=None, **options):
        return JsService(self, *await self.do("get_service", id=service_id, save=save,
                                              options=options))

    async def manage(self, name, *args, **more):
        return await self.do("manage", name=name, args=list(args), **more)

    async def disconnect(self):
        return await self.do("disconnect")


class JsService:
    """A service object held inside Node; `call` invokes a member by its dotted path."""

    def __init__(self, client, handle, shape):
        self.client, self.handle, self.shape = client, handle, shape

    async def call(self, path, *args, **more):
        return await self.client.node.do("call", service=self.handle, path=path, args=list(args),
                                         **more)

    async def items(self, path, *args, **more):
        """Reads a generator: all items, or the first `limit` of them and then closes it."""
        return await self.client.node.do("items", service=self.handle, path=path, args=list(args),
                                         **more)
