"""The worst that strangers send, as a program of its own: `python -m kit.hostile PORT SECONDS`.

Every attack is a function that does one bounded round against a server on this machine; a thread for each
repeats it until the time is over, from loopback addresses of its own. The server may refuse, cut or stall:
that is no failure here. At the end one line of JSON says how many rounds each attack has made.
"""
import base64
import gzip
import json
import os
import random
import socket
import struct
import sys
import threading
import time

from . import wire
from .waiting import pace_here

TEXT, BINARY, PING = 1, 2, 9
PATIENCE_S = 3


class Line:
    """A blocking connection from one of many loopback addresses; WebSocket frames go out with a mask of zeros."""

    def __init__(self, port, source, receive_buffer=None):
        self.sock = socket.socket()
        self.sock.settimeout(PATIENCE_S)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.bind((source, 0))
        self.sock.connect(("127.0.0.1", port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def request(self, method, path, body=b"", headers=""):
        self.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    def answer(self, most=1 << 16):
        return self.sock.recv(most)

    def upgrade(self):
        key = base64.b64encode(os.urandom(16)).decode()
        self.send((f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())

    def frame(self, opcode, payload, fin=True):
        n = len(payload)
        size = (bytes([0x80 | n]) if n < 126 else
                bytes([0x80 | 126]) + struct.pack(">H", n) if n < 65536 else
                bytes([0x80 | 127]) + struct.pack(">Q", n))
        self.send(bytes([(0x80 if fin else 0) | opcode]) + size + b"\0\0\0\0" + payload)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise ConnectionError("ended")
            data += more
        return data

    def next_frame(self):
        first, n = self.exactly(2)
        if n == 126:
            n, = struct.unpack(">H", self.exactly(2))
        elif n == 127:
            n, = struct.unpack(">Q", self.exactly(8))
        return first & 15, self.exactly(n)

    def join(self, client_id, **first):
        """Logs in as an anonymous client; connection_info, or ConnectionError."""
        self.upgrade()
        while not self.exactly(1) == b"\n" or not self.exactly(2) == b"\r\n":
            pass
        self.frame(TEXT, json.dumps({"client_id": client_id, **first}).encode())
        while True:
            opcode, payload = self.next_frame()
            if opcode == TEXT:
                message = json.loads(payload)
                if message.get("type") == "connection_info":
                    return message
                raise ConnectionError(message)
            if opcode == 8:
                raise ConnectionError("closed")

    def call(self, info, method, *args, to=None, session=None):
        header = {"type": "method", "to": to or "*/" + info["manager_id"], "method": method,
                  "session": session or wire.new_id()}
        self.frame(BINARY, wire.pack(header) + wire.pack({"args": list(args), "promise": "*", "t": 15}))


class Attacker:
    def __init__(self, port, number):
        self.port, self.dice = port, random.Random(number)
        self.number = number

    def line(self, **more):
        return Line(self.port, f"127.1.{self.number}.{self.dice.randrange(1, 250)}", **more)

    def name(self):
        return f"h{self.number}-{self.dice.randrange(1 << 60):x}"


# ---- connections ------------------------------------------------------------------------------

PATHS = ("/public/info", "/health/liveness", "/public/services", "/public/services/ws/list_services", "/", "/metrics",
         "/public/apps/hypha-login", "/rpc?client_id=x", "/public/services/hypha-login/start", "/login")


def hang_up_at_once(a):
    for _ in range(50):
        line = a.line()
        line.request("GET", a.dice.choice(PATHS))
        if a.dice.random() < 0.5:
            pace_here(a.dice.random() * 0.002, "the moment of the end is any")
        line.reset()


def wait_for_a_login_place(a):
    lines = []
    try:
        for _ in range(300):
            lines.append(a.line())
            lines[-1].upgrade()
    finally:
        for line in lines:
            a.dice.choice((line.reset, line.sock.close))()


def sit_idle(a):
    lines = []
    try:
        for _ in range(150):
            lines.append(a.line())
            if a.dice.random() < 0.5:
                lines[-1].request("GET", "/health/liveness")
        pace_here(1, "idle")
    finally:
        for line in lines:
            line.sock.close()


def send_slowly(a):
    lines = [a.line() for _ in range(20)]
    try:
        for i, line in enumerate(lines):
            line.send(b"POST /public/services/ws/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
                      if i % 2 else b"GET / HTTP/1.1\r\nX-Slow: ")
        for _ in range(10):
            for line in lines:
                line.send(b"a")
            pace_here(0.1, "it drips")
    finally:
        for line in lines:
            line.sock.close()


def send_noise(a):
    with a.line() as line:
        if a.dice.random() < 0.5:
            line.upgrade()
        line.send(a.dice.randbytes(a.dice.randrange(1, 20000)))
        line.answer()


# ---- bytes that cost time ---------------------------------------------------------------------

BOMBS = [gzip.compress(piece * (n // len(piece)), 9) for piece, n in
         ((b"[0,", 30 << 20), (b"\xc0", 90 << 20), (b" ", 90 << 20), (b'{"a":', 20 << 20), (b"[1,2,3],", 90 << 20))]


def send_bombs(a):
    with a.line() as line:
        kind = a.dice.choice(("json", "msgpack"))
        line.request("POST", "/public/services/ws/echo", a.dice.choice(BOMBS),
                     f"Content-Encoding: gzip\r\nContent-Type: application/{kind}\r\n")
        line.answer()


BODIES = (b"[" + b"1," * (4 << 20) + b"1]", b"[" * (8 << 20), b'{"a":[' + b'{"b":1},' * (1 << 20) + b"1]}",
          b'"' + b"\\u00e9" * (1 << 20) + b'"', b"[" + b'"",' * (2 << 20) + b"1]", b"1" * (8 << 20))


def send_large_json(a):
    with a.line() as line:
        line.request("POST", "/public/services/ws/echo", a.dice.choice(BODIES), "Content-Type: application/json\r\n")
        line.answer()


QUERY = "&".join(f"a{i}={'x' * 50}" for i in range(1000))


def send_long_queries(a):
    with a.line() as line:
        for _ in range(10):
            line.request("GET", "/public/services/ws/echo?" + QUERY[:60000])
            line.answer()


def ask_for_tokens(a):
    with a.line() as line:
        line.join(a.name())
        for _ in range(3000):
            line.frame(TEXT, b'{"type":"refresh_token"}')
        pace_here(0.3, "what it has caused is held that long")


def ask_for_listings(a):
    with a.line() as line:
        info = line.join(a.name())
        for _ in range(100):
            line.call(info, "services.default.list_workspaces", {"match": {"name": "a"}})
            line.call(info, "services.default.list_services", {"workspace": "public"})
            line.call(info, "services.default.list_services", "*")
        pace_here(0.3, "what it has caused is held that long")


# ---- bytes that cost memory -------------------------------------------------------------------

def sip(a):
    """Asks for much and reads nothing."""
    with a.line(receive_buffer=2048) as line:
        info = line.join(a.name())
        for _ in range(3000):
            line.frame(TEXT, b'{"type":"ping"}')
            line.frame(PING, b"x" * 125)
            line.call(info, "services.default.echo", "x" * 4000)
        pace_here(0.5, "what it has caused is held that long")


def fill_the_chunk_cache(a):
    with a.line() as line:
        info = line.join(a.name())
        for k in range(8):
            line.call(info, "services.built-in.message_cache.create", f"k{k}")
            for _ in range(40):
                line.call(info, "services.built-in.message_cache.append", f"k{k}", b"x" * 200_000)
        pace_here(0.5, "what it has caused is held that long")


def leave_frames_open(a):
    lines = []
    try:
        for _ in range(20):
            line = a.line()
            lines.append(line)
            line.join(a.name())
            line.frame(BINARY, b"x" * 500_000, fin=False)
            line.frame(0, b"x" * 500_000, fin=False)
        pace_here(0.5, "what it has caused is held that long")
    finally:
        for line in lines:
            line.reset()


def flood_ones_own(a):
    """Two clients of one workspace; the second never reads."""
    with a.line() as one, a.line(receive_buffer=2048) as two:
        info = one.join(a.name())
        one.call(info, "services.default.generate_token")
        token = None
        while token is None:
            opcode, payload = one.next_frame()
            if opcode == BINARY:
                main, extra, _ = wire.split(payload)
                if str(main.get("method", "")).endswith(".resolve"):
                    token = extra["args"][0]
        other = two.join(a.name(), workspace=info["workspace"], token=token)
        to = f"{other['workspace']}/{other['client_id']}"
        for _ in range(300):
            one.frame(BINARY, wire.pack({"type": "flood", "to": to}) + wire.pack({"data": b"x" * 60_000}))
            one.frame(BINARY, wire.pack({"type": "news", "to": "*"}) + wire.pack({"data": b"x" * 1000}))


def open_streams(a):
    lines = []
    try:
        for _ in range(20):
            line = a.line(receive_buffer=2048)
            lines.append(line)
            line.request("GET", f"/rpc?client_id={a.name()}")
        pace_here(0.3, "what it has caused is held that long")
    finally:
        for line in lines:
            a.dice.choice((line.reset, line.sock.close))()


def pipeline(a):
    with a.line(receive_buffer=2048) as line:
        line.send(b"GET /public/services HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)


def fill_the_tables(a):
    with a.line() as line:
        info = line.join(a.name())
        for i in range(60):
            line.call(info, "services.default.log_event", f"e{i}", {"pad": "x" * 3000})
            line.call(info, "services.default.subscribe", f"news-{a.name()}")
            line.call(info, "services.default.create_workspace", {"name": a.name(), "persistent": True})
            line.call(info, "services.default.register_service", {
                "id": f"{info['workspace']}/{info['client_id']}:s{i}", "name": f"s{i}", "type": "generic",
                "description": "x" * 50_000, "config": {"visibility": "public", "workspace": info["workspace"]},
                "service_schema": {}})
        pace_here(0.3, "what it has caused is held that long")


# ---- words that are not theirs ----------------------------------------------------------------

def forge(a, victim=None):
    with a.line() as line:
        info = line.join(a.name())
        for to in (victim or "public/x", "*", "public/*"):
            for kind in ("client_disconnected", "peer_not_found", "force-exit", "error"):
                line.frame(BINARY, wire.pack({"type": kind, "to": to, "from": "public/x", "ws": "public",
                                              "data": {"id": to}, "peer_id": to}))
        line.call(info, "services.default.unregister_service", "public/hypha-login")
        line.call(info, "services.default.delete_workspace", "public")
        pace_here(0.05, "what it has caused is held that long")


ATTACKS = (hang_up_at_once, wait_for_a_login_place, sit_idle, send_slowly, send_noise, send_bombs, send_large_json,
           send_long_queries, ask_for_tokens, ask_for_listings, sip, fill_the_chunk_cache, leave_frames_open,
           flood_ones_own, open_streams, pipeline, fill_the_tables, forge)


def repeat(attack, attacker, ends_at, rounds):
    while time.monotonic() < ends_at:
        try:
            attack(attacker)
        except (OSError, ValueError, AttributeError):      # refused, cut, or an answer cut short
            pass
        rounds[attack.__name__] = rounds.get(attack.__name__, 0) + 1


def main(port, seconds):
    rounds, ends_at = {}, time.monotonic() + seconds
    threads = [threading.Thread(target=repeat, args=(attack, Attacker(port, i), ends_at, rounds))
               for i, attack in enumerate(ATTACKS, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(rounds))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
