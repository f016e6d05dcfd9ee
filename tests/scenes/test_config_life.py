"""Start, ready line, signals, drain and exit codes."""
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from kit.waiting import pace_here, until_here

pytestmark = pytest.mark.differs("hyphad's own signals and lines")

FIELD = r'(?:[a-z_.]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]*))'
KV_LINE = re.compile(rf"{FIELD}(?: {FIELD})*")


@pytest.fixture
def launch():
    """launch(*args, env=None): the program as it is, with pipes; killed when the scene forgets it."""
    started = []

    def start(*args, env=None):
        started.append(subprocess.Popen(
            [os.environ["HYPHAD_BIN"], *map(str, args)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"HOME": "/nonexistent", **(env or {})}))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as r:
            return r.status, r.headers
    except urllib.error.HTTPError as e:
        return e.code, e.headers


def stop_ms(server, number=signal.SIGTERM, within=30):
    began = time.monotonic()
    server.process.send_signal(number)
    server.exit_code = server.process.wait(within)
    return (time.monotonic() - began) * 1000


@pytest.mark.req("C-070", "C-072", "C-037")
def test_stdout_is_the_ready_line(launch, tmp_path):
    for level in ("info", "error"):
        process = launch("--port=0", f"--loglevel={level}", env={"TMPDIR": str(tmp_path)})
        line = process.stdout.readline().decode()
        match = re.fullmatch(r"listening on (http://127\.0\.0\.1:[1-9][0-9]*)\n", line)
        assert match, line + process.stderr.read().decode()
        assert status(match[1] + "/health/readiness")[0] == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0 and out == b"", err
        assert list(tmp_path.iterdir()) == []


@pytest.mark.req("C-037")
def test_no_home_warns_once_and_leaves_nothing(launch, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = launch(f"--port={port}", env={"TMPDIR": str(tmp_path), "HOME": ""})
    assert process.stdout.readline().startswith(b"listening on ")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(re.findall(rb"level=warn", err)) == 1 and b"data-dir" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("C-071")
async def test_base_urls_carry_the_real_address(start_server, hub):
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        server = start_server("--host", host)
        raw = await hub.raw(server=server)
        assert server.url.startswith(f"http://{shown}:")
        assert raw.info["local_base_url"] == raw.info["public_base_url"] == server.url
    named = start_server("--public-base-url", "https://hub.example.org/")
    raw = await hub.raw(server=named)
    assert raw.info["public_base_url"] == "https://hub.example.org"
    assert raw.info["local_base_url"] == named.url


@pytest.mark.req("C-077")
def test_the_port_file_tells_the_url(start_server, tmp_path):
    path = tmp_path / "url"
    server = start_server("--port-file", str(path))
    assert path.read_text().strip() == server.url
    server.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("C-058", "C-059")
def test_a_busy_port_fails_first(launch, tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        began = time.monotonic()
        process = launch(f"--port={port}", "--data-dir", tmp_path)
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 5
    assert process.returncode == 1 and out == b""
    said = [line for line in err.decode().splitlines() if "level=error" in line]
    assert len(said) == 1 and "host=127.0.0.1" in said[0] and f"port={port}" in said[0]
    assert "in use" in said[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("C-075")
async def test_log_lines_cannot_be_forged(start_server, hub):
    for args in ([], ["--log-format=json"]):
        server = start_server("--loglevel=debug", "--access-log", *args)
        await hub.raw('a"level=error\\', server=server)
        for client in ("x\nts=1 level=error", 'y" level=error', "z\x1b[2J", "\x85level=error"):
            await hub.refused({"client_id": client, "workspace": client}, server=server)
        await hub.close()
        server.stop()
        lines = server.log_text().split("\n")
        assert len(lines) > 5 and lines.pop() == ""
        for line in lines:
            assert not re.search(r"[\x00-\x1f\x7f]", line) and len(line.encode()) <= 4096
            if args:
                event = json.loads(line)
                assert {"ts", "level", "subj", "msg"} <= set(event)
            else:
                assert KV_LINE.fullmatch(line), line
                assert all(f" {key}=" in f" {line}" for key in ("ts", "level", "subj", "msg"))


@pytest.mark.req("C-050")
async def test_sigterm_ends_it_soon(start_server, hub):
    idle = start_server()
    assert stop_ms(idle) < 1000 and idle.exit_code == 0
    server = start_server()
    raws = [await hub.raw(server=server) for _ in range(100)]
    ended = asyncio.get_running_loop().run_in_executor(None, stop_ms, server)
    for raw in raws:
        assert await raw.closed() == (1001, "Server is shutting down")
    assert await ended < 3000 and server.exit_code == 0


@pytest.mark.req("C-051")
async def test_closes_are_spread(start_server, hub):
    server = start_server("--drain-duration=3", "--max-connections-per-user=none",
                          "--max-clients-per-workspace=none")
    raws = await asyncio.gather(*(hub.raw(server=server) for _ in range(600)))
    ended = []

    async def wait(raw):
        assert await raw.closed() == (1001, "Server is shutting down")
        ended.append(time.monotonic())

    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*map(wait, raws))
    server.exit_code = await asyncio.to_thread(server.process.wait, 30)
    first, seconds = min(ended), max(ended) - min(ended)
    assert server.exit_code == 0 and 1.5 < seconds < 10
    for second in range(int(seconds) + 1):
        n = sum(second <= at - first < second + 1 for at in ended)
        assert n <= 2 * len(ended) / seconds


@pytest.mark.req("C-052")
async def test_health_tells_of_the_drain(start_server, hub):
    server = start_server("--drain-delay=1", "--drain-duration=3", "--drain-deadline=10")
    raws = [await hub.raw(server=server) for _ in range(3)]
    server.process.send_signal(signal.SIGTERM)

    def look():
        _until_draining(server)
        return status(server.url + "/health/liveness")[0]

    assert await asyncio.to_thread(look) == 200
    for raw in raws:
        assert (await raw.closed())[0] == 1001
    server.exit_code = await asyncio.to_thread(server.process.wait, 30)
    assert server.exit_code == 0


@pytest.mark.req("C-053")
@pytest.mark.allow_warn("cut|drain")
async def test_nothing_that_hangs_delays_the_exit(start_server, hub):
    server = start_server("--drain-duration=1", "--drain-deadline=2")
    raw = await hub.raw(server=server)
    half = socket.create_connection(server.address)
    half.sendall(b"GET /ws HTTP/1.1\r\nHost: h\r\n")
    deaf = socket.create_connection(server.address)
    deaf.sendall(b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    assert await asyncio.to_thread(deaf.recv, 12) == b"HTTP/1.1 101"
    assert await asyncio.to_thread(stop_ms, server) < 4000
    assert server.exit_code == 0
    assert (await raw.closed())[0] == 1001
    half.close()
    deaf.close()


@pytest.mark.req("C-054", "C-056")
@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,),
                                     (signal.SIGUSR2, signal.SIGINT)])
async def test_a_second_signal_hurries(start_server, hub, signals):
    server = start_server("--drain-delay=20", "--drain-deadline=60", "--lame-duck-duration=600")
    raw = await hub.raw(server=server)
    for number in signals[:-1]:
        server.process.send_signal(number)
        await asyncio.to_thread(_until_draining, server)
    assert await asyncio.to_thread(stop_ms, server, signals[-1]) < 2000
    assert server.exit_code == 0 and (await raw.closed())[0] == 1001


def _until_draining(server):
    until_here(lambda: status(server.url + "/health/readiness")[0] == 503)


@pytest.mark.req("C-055")
def test_the_log_file_is_reopened(start_server, tmp_path):
    log, old = tmp_path / "log", tmp_path / "log.1"
    server = start_server("--log-file", str(log), "--access-log", "--log-rate=none")
    for _ in range(5):
        status(server.url + "/health/liveness")
    log.rename(old)
    server.process.send_signal(signal.SIGUSR1)
    until_here(lambda: status(server.url + "/health/liveness") and log.exists())
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        server.process.send_signal(number)
        assert status(server.url + "/health/liveness")[0] == 200
    server.stop()
    assert "msg=starting" in old.read_text() and "msg=stopped" in log.read_text()
    assert "msg=starting" not in log.read_text()


@pytest.mark.req("C-060")
@pytest.mark.parametrize("after_ms", [0, 1, 2, 5, 10, 20, 50, 100])
def test_sigterm_during_the_start(launch, tmp_path, after_ms):
    process = launch("--port=0", "--data-dir", tmp_path / "data", "--log-rate=none")
    pace_here(after_ms / 1000, "a point of the start")
    # Before main has run, the signal still has its default action.
    until_here(lambda: re.search(rb"SigBlk:\s+0*[1-9a-f]", _proc_status(process)) or process.poll() is not None, step=0.0001)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err


def _proc_status(process):
    with open(f"/proc/{process.pid}/status", "rb") as f:
        return f.read()


class Reloaded:
    """A server with a config file, whose log is read from a file of its own."""

    def __init__(self, launch, tmp_path, text):
        self.file, self.log = tmp_path / "hyphad.yaml", tmp_path / "log"
        self.file.write_text(text)
        self.process = launch("--port=0", "--config", self.file, "--log-file", self.log,
                              "--data-dir", tmp_path / "data", "--log-rate=none")
        self.url = self.process.stdout.readline().decode().split()[-1]

    def reload(self, text, expected):
        """Rewrites the file, sends SIGHUP, returns the new lines once one matches."""
        seen = len(self.log.read_text())
        self.file.write_text(text)
        self.process.send_signal(signal.SIGHUP)

        def fresh():
            text = self.log.read_text()[seen:]
            return text if re.search(expected, text) else status(self.url + "/health/liveness") and None
        return until_here(fresh, what=f"a line like {expected}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


@pytest.mark.req("C-041", "C-042")
def test_reload_applies_or_changes_nothing(launch, tmp_path):
    server = Reloaded(launch, tmp_path, "loglevel: info\nbacklog: 100\n")
    fresh = server.reload("loglevel: debug\nbacklog: 200\n", "needs a restart")
    assert fresh.count("level=warn") == 1 and "backlog" in fresh
    assert re.search("name=loglevel value=debug", fresh)
    for broken in ("loglevel: loud\n", "nope: 1\n", "port: [\n"):
        fresh = server.reload(broken, "level=error")
        assert fresh.count("level=error") == 1
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as r:
        metrics = r.read().decode()
    assert re.search(r"^hyphad_config_reload_failures_total 3$", metrics, re.M)
    assert re.search(r"^hyphad_config_last_reload_success 0$", metrics, re.M)
    server.stop()


@pytest.mark.req("C-040")
def test_reload_reaches_open_connections(launch, tmp_path):
    server = Reloaded(launch, tmp_path, "loglevel: info\nallow-origins: [http://a]\n")
    kept = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    kept.settimeout(10)

    def ask(more=""):
        kept.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://b\r\n{more}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += kept.recv(65536)
        head, _, body = head.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += kept.recv(65536)
        return head.decode().lower()

    assert "access-control-allow-origin: http://b" not in ask()
    server.reload("loglevel: debug\nallow-origins: [http://a, http://b]\n", "name=allow-origins")
    assert "access-control-allow-origin: http://b" in ask()
    server.reload("http-rate-limit: 0.001\nhttp-burst-limit: 1\n", "name=http-burst-limit")
    assert any(ask().startswith("http/1.1 429") for _ in range(3))
    kept.close()
    server.stop()


@pytest.mark.req("C-043")
def test_reloads_keep_connections(launch, tmp_path):
    server = Reloaded(launch, tmp_path, "loglevel: info\n")
    kept = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    kept.settimeout(10)
    for i in range(100):
        server.reload(f"loglevel: info\nmax-headers: {50 + i}\n", f"value={50 + i}")
        kept.sendall(b"GET /health/liveness HTTP/1.1\r\nHost: h\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
    server.stop()
    kept.close()
