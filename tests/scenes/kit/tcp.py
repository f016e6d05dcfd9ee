"""A bare TCP connection for input that no client library would send."""
import asyncio
import base64
import os
import socket
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Tcp:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, server, receive_buffer=None, address=None):
        """address: of this end, one of loopback."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if address:
            sock.bind((address, 0))
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, server.address)
        return cls(*await asyncio.open_connection(sock=sock, limit=1 << 24))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def upgrade(self, path="/ws", headers=""):
        """Sends a correct upgrade request and returns the response head."""
        key = base64.b64encode(os.urandom(16)).decode()
        await self.send((f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                         f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                         f"Sec-WebSocket-Version: 13\r\n{headers}\r\n").encode())
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 15)).decode()

    async def frame(self, opcode, payload=b"", fin=True, masked=True, reserved=0, length=None):
        """Sends one WebSocket frame, lying about whatever is asked for."""
        n = len(payload) if length is None else length
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        flag = 0x80 if masked else 0
        if n < 126:
            head += bytes([flag | n])
        elif n < 65536:
            head += bytes([flag | 126]) + struct.pack(">H", n)
        else:
            head += bytes([flag | 127]) + struct.pack(">Q", n)
        if masked:
            mask = os.urandom(4)
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
            head += mask
        await self.send(head + payload)

    async def next_frame(self, timeout=15):
        """(opcode, payload) of the next frame from the server."""
        async def read():
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "a server frame carries no mask"
            n = second & 0x7f
            if n == 126:
                n, = struct.unpack(">H", await self.reader.readexactly(2))
            elif n == 127:
                n, = struct.unpack(">Q", await self.reader.readexactly(8))
            return first & 15, await self.reader.readexactly(n)
        return await asyncio.wait_for(read(), timeout)

    async def close_code(self, timeout=15):
        """Reads up to the close frame: its code, or None when TCP just ended."""
        try:
            while True:
                opcode, payload = await self.next_frame(timeout)
                if opcode == CLOSE:
                    return struct.unpack(">H", payload[:2])[0] if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def rest(self, timeout=20):
        """Everything until the server ends the connection."""
        data = b""
        try:
            while True:
                more = await asyncio.wait_for(self.reader.read(65536), timeout)
                if not more:
                    return data
                data += more
        except ConnectionError:
            return data

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()
