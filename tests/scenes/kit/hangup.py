"""Clients that send a request and are gone, by a reset, at a moment nobody chose.

A program of its own, so that neither providers nor clients of a scene slow it down: it reads what to
do as JSON and ends when all its connections have.
"""
import asyncio
import base64
import heapq
import json
import random
import socket
import struct
import sys
import time

AT_ONCE = 24


def request(path, method="GET", body=b"", **headers):
    """One request as bytes; headers by their names with underscores."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x",
             *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def upgrade(path="/ws", first=b""):
    return request(path, Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version=13,
                   Sec_WebSocket_Key="MDEyMzQ1Njc4OWFiY2RlZg==") + first


def _reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _run(address, requests, n, within_s, seed):
    dice, waiting, sent = random.Random(seed), [], 0
    while sent < n or waiting:
        while len(waiting) < AT_ONCE and sent < n:
            data = dice.choice(requests)
            if dice.random() < 0.1:     # not all of it
                data = data[:dice.randrange(len(data))]
            sock = socket.create_connection(tuple(address), 10)
            sock.sendall(data)
            heapq.heappush(waiting, (time.perf_counter() + dice.uniform(0, within_s), sent, sock))
            sent += 1
        due, number, sock = heapq.heappop(waiting)
        while time.perf_counter() < due:        # a sleep is not that precise
            pass
        if number % 4 == 0:     # some answers are half taken
            sock.setblocking(False)
            try:
                sock.recv(dice.randrange(1, 300))
            except OSError:
                pass
        _reset(sock)


async def hang_up(server, requests, n, seed, within_s=0.002):
    """n connections, a few at a time: each sends one of the requests, now and then cut short, and is
    reset within that time."""
    order = {"address": server.address, "n": n, "within_s": within_s, "seed": seed,
             "requests": [base64.b64encode(data).decode() for data in requests]}
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate(json.dumps(order).encode())
    assert process.returncode == 0, f"seed {seed}: {errors.decode()[-600:]}\n{server.log_text(6000)}"


if __name__ == "__main__":
    given = json.load(sys.stdin)
    given["requests"] = [base64.b64decode(text) for text in given["requests"]]
    _run(**given)
