"""A client that behaves well, as a program of its own: `python -m kit.steady WS_URL`.

Two raw clients of one workspace; one calls the other every EVERY_S. It writes "ready" when they are there. For each line it
reads, "begin" or "end", it writes a line of JSON: the times in seconds, sorted, of the calls since the line before. A call that must
wait for the one before it is late from the moment it was due, so that one long silence counts for all the calls that fall into it.
"""
import asyncio
import json
import sys
import time
from types import SimpleNamespace

from .hub import Hub
from .waiting import pace

EVERY_S = 0.005


async def call(caller, times):
    due = time.monotonic()
    while True:
        n = len(times)
        assert await caller.call("services.default.echo", n, to="quiet-b", timeout=60) == n
        times.append(time.monotonic() - due)
        due += EVERY_S
        await pace(max(0, due - time.monotonic()), "a call is due at that time")


async def main(ws_url):
    hub = Hub(SimpleNamespace(ws_url=ws_url))
    caller, provider = await hub.raw_pair("quiet-a", "quiet-b")
    await provider.register("default", {"echo": lambda x: x})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    while await lines.readline():
        times = []
        calling = asyncio.create_task(call(caller, times))
        line = asyncio.create_task(lines.readline())
        await asyncio.wait((calling, line), return_when=asyncio.FIRST_COMPLETED)
        if calling.done():
            calling.result()        # it has failed
        calling.cancel()
        print(json.dumps(sorted(times)), flush=True)
    await hub.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
