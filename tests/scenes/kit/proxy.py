"""A TCP proxy in front of a server, so that a scene can cut the connections of real clients and let them in again."""
import asyncio
import socket
import struct


class Proxy:
    """Stands in for the server: `url`, `address`. Connections can be cut, and new ones refused."""

    def __init__(self, server):
        self.server = server
        self._writers = set()
        self._listening = None
        self.is_open = True

    async def __aenter__(self):
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = self._listening.sockets[0].getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        return self

    async def __aexit__(self, *_):
        self.is_open = False
        self._listening.close()
        self.cut()

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader, writer):
        if not self.is_open:
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection(*self.server.address)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there[1]}
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
        self._writers -= {writer, there[1]}

    def cut(self):
        """Resets every connection, at both ends."""
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
