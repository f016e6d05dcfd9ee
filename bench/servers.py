"""Servers and controls under load: how each is started on one core, and how it says that it is ready."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SECRET = "a secret of the bench that signs nothing else"
READY_LIMIT_S = 60
# Load from one address and one user looks like abuse to limits that are made for production.
LIFTED = {name: "100000000" for name in (
    "HYPHA_WS_MSG_RATE_LIMIT", "HYPHA_WS_MSG_BURST_LIMIT", "HYPHA_HTTP_RATE_LIMIT", "HYPHA_HTTP_BURST_LIMIT",
    "HYPHA_HTTP_AUTHENTICATED_RATE_LIMIT", "HYPHA_HTTP_AUTHENTICATED_BURST_LIMIT")}
LIFTED |= {name: "1000000" for name in (
    "HYPHA_MAX_CONNECTIONS_PER_USER", "HYPHA_MAX_CLIENTS_PER_WORKSPACE", "HYPHA_MAX_SERVICES_PER_CLIENT")}
LOGIN_ENV = {"JWT_SECRET": SECRET, **LIFTED}
# The original pings every client now and then and drops who does not answer, as clients of hyphad-bench do not.
UNREAPED = {"HYPHA_ORPHAN_REAP_INITIAL_DELAY": "100000", "HYPHA_ORPHAN_REAP_INTERVAL": "100000"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A process pinned to one core, in a folder of its own that goes away with it."""

    def __init__(self, name, command, core, env=None, ready=None):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"bench-{name}-")
        self.folders = [self.folder]
        self.url = None
        self.core = core
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.command = [part.replace("{folder}", self.folder) for part in command]
        self.env = env or {}
        began = time.monotonic()
        # exec through taskset: the process id is the server's own.
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *self.command], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if ready is None else self.log, stderr=self.log,
            env={**os.environ, **self.env})
        try:
            self.url = self._ready_line() if ready is None else ready(self)
        except Exception:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - began

    def _ready_line(self):
        line = self.process.stdout.readline().decode()
        found = re.search(r"listening on (\S+)", line)
        if not found:
            raise RuntimeError(f"{self.name} did not start: {line!r} {self.tail()}")
        return found.group(1).rstrip("/")

    def tail(self):
        self.log.flush()
        with open(self.log.name, "rb") as f:
            return f.read()[-2000:].decode(errors="replace")

    @property
    def pid(self):
        return self.process.pid

    def restart_command(self):
        """A shell command that kills the server, starts it again on its port and folder, and prints its process id."""
        state = os.path.join(self.folder, "restart.json")
        port = self.url.rsplit(":", 1)[1]
        command = [port if word == "0" and before == "--port" else word
                   for before, word in zip([""] + self.command, self.command)]
        with open(state, "w") as f:
            json.dump({"pid": self.pid, "core": self.core, "command": command, "env": self.env,
                       "log": self.log.name, "folder": self.folder}, f)
        return f"{sys.executable} {os.path.abspath(__file__)} {state}"

    def stop_restarted(self):
        try:
            with open(os.path.join(self.folder, "pid")) as f:
                os.kill(int(f.read()), signal.SIGKILL)
        except (OSError, ValueError):
            pass

    def stop(self):
        self.stop_restarted()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.log.close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


def when_answers(url, port, path):
    """Ready when an HTTP request (or, without a path, a TCP connect) succeeds."""
    def wait(server):
        deadline = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                if path is None:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    return url
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                c.request("GET", path)
                status = c.getresponse().status
                c.close()
                if status == 200:
                    return url
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{server.name} is not ready: {server.tail()}")
    return wait


def start_hyphad(args, core):
    command = [args.hyphad, "--port", "0", "--data-dir", "{folder}/data", "--threads", "1"]
    return Server("hyphad", command, core, LOGIN_ENV)


def start_hyphad_1(args, core):
    """One loop that shares its one core with the generator, as the two loops share theirs."""
    command = [args.hyphad, "--port", "0", "--data-dir", "{folder}/data", "--threads", "1"]
    return Server("hyphad-1", command, core, LOGIN_ENV)


def start_hyphad_2(args, core):
    """Two loops on two cores. With no third core the generator shares them, and a server that is switched away from needs more
    cycles for each message: it is compared with hyphad-1, which is so too."""
    command = [args.hyphad, "--port", "0", "--data-dir", "{folder}/data", "--threads", "2"]
    return Server("hyphad-2", command, f"{args.server_core},{args.generator_core}", LOGIN_ENV)


def start_hyphad_cut(args, core):
    """Out of patience soon with a client that does not read."""
    command = [args.hyphad, "--port", "0", "--data-dir", "{folder}/data", "--threads", "1", "--slow-consumer-timeout", "1"]
    return Server("hyphad-cut", command, core, LOGIN_ENV)


def start_relay(args, core):
    return Server("relay", [args.relay], core)


def start_original(args, core):
    port = free_port()
    return Server("original", [args.original, "-m", "hypha.server", "--host=127.0.0.1", f"--port={port}"], core,
                  {**LOGIN_ENV, **UNREAPED}, when_answers(f"http://127.0.0.1:{port}", port, "/health/readiness"))


NATS_CONFIG = """
listen: "127.0.0.1:{client}"
websocket {{ listen: "127.0.0.1:{web}", no_tls: true, compression: false }}
"""


def start_nats(args, core):
    web, client = free_port(), free_port()
    folder = tempfile.mkdtemp(prefix="bench-nats-")
    path = os.path.join(folder, "nats.conf")
    with open(path, "w") as f:
        f.write(NATS_CONFIG.format(web=web, client=client))
    server = Server("nats", [args.nats, "-c", path], core, {"GOMAXPROCS": "1"},
                    when_answers(f"ws://127.0.0.1:{web}", web, None))
    server.folders.append(folder)
    return server


NGINX_CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{front};
        location /health {{ default_type application/json; return 200 '{{"status":"OK"}}'; }}
        location /proxy {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
    server {{
        listen 127.0.0.1:{origin};
        location / {{ default_type application/json; return 200 '"echo"'; }}
    }}
}}
"""


def start_nginx(args, core):
    """One process that is front and origin at once, so that its CPU time covers both, as hyphad's covers a whole call."""
    front, origin = free_port(), free_port()
    folder = tempfile.mkdtemp(prefix="bench-nginx-")
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as f:
        f.write(NGINX_CONFIG.format(folder=folder, front=front, origin=origin))
    server = Server("nginx", [args.nginx, "-p", folder, "-c", path], core, None,
                    when_answers(f"http://127.0.0.1:{front}", front, "/health"))
    server.folders.append(folder)
    return server


# Which of them log in, and so take --jwt-secret.
START = {"hyphad": start_hyphad, "hyphad-1": start_hyphad_1, "hyphad-2": start_hyphad_2, "hyphad-cut": start_hyphad_cut, "relay": start_relay, "nats": start_nats, "nginx": start_nginx,
         "original": start_original}
WITH_LOGIN = {"hyphad", "hyphad-1", "hyphad-2", "hyphad-cut", "original"}


def is_dead(pid):
    """Gone, or a zombie: its files, the listening socket among them, are closed by then."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def restart(state_path):
    """What restart_command runs."""
    with open(state_path) as f:
        state = json.load(f)
    os.kill(state["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not is_dead(state["pid"]) and time.monotonic() < deadline:
        time.sleep(0.005)
    with open(state["log"], "ab") as log:
        process = subprocess.Popen(["taskset", "-c", str(state["core"]), *state["command"]], stdout=subprocess.PIPE,
                                   stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **state["env"]},
                                   start_new_session=True)
    with open(os.path.join(state["folder"], "pid"), "w") as f:
        f.write(str(process.pid))
    if b"listening on" not in process.stdout.readline():
        raise SystemExit("the server did not come back")
    print(process.pid)


if __name__ == "__main__":
    restart(sys.argv[1])
