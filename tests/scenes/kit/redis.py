"""A real Redis of the scene's own: on a free port, with a password, keeping what it acknowledges."""
import json
import shutil
import signal
import subprocess

import pytest

from .server import free_port
from .waiting import until_here

PASSWORD = "a secret: of/redis@"


class Redis:
    def __init__(self, folder):
        if not shutil.which("redis-server"):
            pytest.skip("redis-server is not installed")
        self.folder, self.port, self.process = folder, free_port(), None
        folder.mkdir(exist_ok=True)

    @property
    def uri(self):
        from urllib.parse import quote
        return f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/5"

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--requirepass", PASSWORD],
            stdout=subprocess.DEVNULL)

        def is_ready():
            assert self.process.poll() is None
            return self.ask("PING") == "PONG"
        until_here(is_ready, 20)
        return self

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "-n", "5", "--no-auth-warning", "--raw",
                               *words], capture_output=True, text=True, timeout=20,
                              env={"REDISCLI_AUTH": PASSWORD, "PATH": "/usr/bin:/usr/local/bin:/bin"})
        return done.stdout.rstrip("\n")

    def workspace(self, name):
        text = self.ask("HGET", "workspaces", name)
        return json.loads(text) if text else None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
