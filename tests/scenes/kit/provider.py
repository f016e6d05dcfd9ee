"""A provider in a process of its own, so that a scene can stop it, go on with it, or kill it.

Run as a program it connects, offers the services of `kit.services.calc` to everybody, says where it is in one line of JSON,
and disconnects when a line comes on stdin.
"""
import asyncio
import json
import os
import signal
import sys
from pathlib import Path


class Provider:
    @classmethod
    async def start(cls, server, client_id):
        self = cls()
        root = Path(__file__).resolve().parent.parent
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kit.provider", server.url, client_id, cwd=root,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL)
        said = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 45))
        self.workspace, self.client_id = said["workspace"], said["client_id"]
        return self

    @property
    def address(self):
        return f"{self.workspace}/{self.client_id}"

    def stop(self):
        """It still has its connection, and answers nothing any more."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        self.process.kill()

    def leave(self):
        """A clean end; the process must run."""
        self.process.stdin.write(b"\n")

    async def ended(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def serve(url, client_id):
    from hypha_rpc import connect_to_server

    from . import services
    api = await connect_to_server({"server_url": url, "client_id": client_id})
    await api.register_service(services.calc(visibility="public"))
    print(json.dumps({"workspace": api.config["workspace"], "client_id": client_id}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await api.disconnect()

if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
