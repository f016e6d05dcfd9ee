"""Starts and stops the server under test, and reads its log with a critical eye.

The target is hyphad or the original Python server; both take the same options, so a scene names its
options once. Only the owner of a Server object stops it, by its own process id.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from .tokens import SECRET
from .waiting import until_here

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|"
                       r"ERROR: LeakSanitizer|SUMMARY: \w+Sanitizer")
# At the head of a line: what stands in a value is somebody's text.
LEVEL_ERROR = re.compile(r'^(ts=\S+ level=error|\{"ts":"[^"]*","level":"error")\b')
LEVEL_WARN = re.compile(r'^(ts=\S+ level=warn|\{"ts":"[^"]*","level":"warn")\b')


class ServerFailed(AssertionError):
    """The server did not start, did not stop as asked, or logged what it must not."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, target, args=(), env=None, data_dir=None, port=0):
        self.target = target
        self.args = list(args)
        self.extra_env = dict(env or {})
        self.own_dir = data_dir is None
        self.data_dir = Path(data_dir or tempfile.mkdtemp(prefix="scene-data-"))
        self.port = port
        self.url = None
        self.admin_port = None      # of --admin-listen
        self.process = None
        self.exit_code = None
        self._log_path = None
        self._log_read = 0

    # ---- life -------------------------------------------------------------------------------
    def start(self, ready_within=60):
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._log_path = self.data_dir / f"log-{time.monotonic_ns()}.txt"
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("HYPHA_", "JWT_", "HYPHAD_"))}
        env["JWT_SECRET"] = SECRET
        if self.target == "hyphad":
            command = [os.environ["HYPHAD_BIN"], "--port", str(self.port),
                       "--data-dir", str(self.data_dir / "state")]
        else:
            self.port = self.port or free_port()
            env["HYPHA_WS_MSG_RATE_LIMIT"] = "100000000"
            env["HYPHA_HTTP_RATE_LIMIT"] = "100000000"
            command = [os.environ["HYPHA_ORIGINAL_PYTHON"], "-m", "hypha.server",
                       "--host=127.0.0.1", f"--port={self.port}"]
        env.update(self.extra_env)
        env = {k: v for k, v in env.items() if v is not None}
        log = open(self._log_path, "wb")
        out = subprocess.PIPE if self.target == "hyphad" else log
        self.process = subprocess.Popen(command + self.args, env=env, cwd=self.data_dir,
                                        stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        log.close()
        if self.target == "hyphad":
            self._await_ready_line(ready_within)
        else:
            self._await_readiness(ready_within)
        return self

    def _await_ready_line(self, within):
        lines = []
        ready = threading.Event()

        def read():
            for raw in self.process.stdout:
                lines.append(raw.decode().rstrip("\n"))
                if lines[-1].startswith("listening on "):
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        ready.wait(within)
        for line in lines:
            if line.startswith("also listening on "):
                self.admin_port = int(line.rsplit(":", 1)[1])
            if line.startswith("listening on "):
                self.url = line.removeprefix("listening on ").rstrip("/")
                self.port = int(re.search(r":(\d+)", self.url.split("//", 1)[1]).group(1))
                return
        self.kill()
        raise ServerFailed(f"no ready line within {within} s; stdout {lines!r}\n{self.log_text()}")

    def _await_readiness(self, within):
        base = ""
        for arg in self.args:
            if arg.startswith("--base-path="):
                base = arg.split("=", 1)[1].rstrip("/")
        self.url = f"http://127.0.0.1:{self.port}{base}"

        def is_ready():
            if self.process.poll() is not None:
                return True
            try:
                with urllib.request.urlopen(f"{self.url}/health/readiness", timeout=2) as r:
                    return r.status == 200
            except (OSError, urllib.error.HTTPError):
                return False
        try:
            until_here(is_ready, within, 0.1)
            assert self.process.poll() is None, "it has ended"
        except AssertionError as failure:
            self.kill()
            raise ServerFailed(f"not ready within {within} s: {failure}\n{self.log_text()}") from None

    def stop(self, within=30):
        """SIGTERM; hyphad must exit 0."""
        if self.process is None or self.exit_code is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.exit_code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"still running {within} s after SIGTERM\n{self.log_text()}")
        if self.target == "hyphad" and self.exit_code != 0:
            raise ServerFailed(f"exit code {self.exit_code} after SIGTERM\n{self.log_text()}")

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.exit_code = self.process.wait()

    def remove(self):
        if self.own_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    # ---- facts ------------------------------------------------------------------------------
    @property
    def pid(self):
        return self.process.pid

    @property
    def ws_url(self):
        return "ws" + self.url.removeprefix("http") + "/ws"

    @property
    def address(self):
        return "127.0.0.1", self.port

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_sanitized(self):
        """Whether the binary is a sanitizer build, whose speed and memory prove nothing."""
        if self.target != "hyphad":
            return False
        program = Path(os.environ["HYPHAD_BIN"]).read_bytes()
        return b"__asan_init" in program or b"__tsan_init" in program

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def metric(self, name):
        """The sum over all label sets of a metric, or None when it does not exist."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as r:
            return self.metric_of(r.read().decode(), name)

    @staticmethod
    def metric_of(text, name):
        values = [float(line.rsplit(None, 1)[1]) for line in text.splitlines()
                  if re.match(rf"{re.escape(name)}(\{{.*\}})?\s", line)]
        return sum(values) if values else None

    # ---- log --------------------------------------------------------------------------------
    def log_text(self, tail=20000):
        if self._log_path is None or not self._log_path.exists():
            return ""
        return self._log_path.read_bytes()[-tail:].decode(errors="replace")

    def check_log(self, allowed=(), allowed_errors=()):
        """Fails on a sanitizer report, or an error or warn line nobody announced."""
        if self.target != "hyphad" or self._log_path is None:
            return
        with open(self._log_path, "rb") as f:
            f.seek(self._log_read)
            fresh = f.read()
        if self.is_running():
            fresh = fresh[:fresh.rfind(b"\n") + 1]
        self._log_read += len(fresh)
        text = fresh.decode(errors="replace")
        if SANITIZER.search(text):
            raise ServerFailed(f"sanitizer report in the server log:\n{text[-12000:]}")
        bad = []
        for line in text.splitlines():
            if LEVEL_ERROR.search(line):
                if not any(re.search(a, line) for a in allowed_errors):
                    bad.append(line)
            elif LEVEL_WARN.search(line) and not any(re.search(a, line) for a in allowed):
                bad.append(line)
        if bad:
            raise ServerFailed("unexpected lines in the server log:\n" + "\n".join(bad[:20]))
