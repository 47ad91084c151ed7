"""Connections of the lean transport: bytes in and out, over TCP or TLS.

A plain connection is a socket that the event loop does not watch between two reads. While a provider sends a packet a token, the kernel
gathers them and one call fetches all: no wake-up a token. TLS goes through asyncio's streams.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol

READ_SIZE = 65_536
LONGEST_HEAD = 65_536
END_OF_HEAD = b"\r\n\r\n"


class Connection(Protocol):
    """What the transport needs of a connection. ``free_since`` is the transport's own note."""

    free_since: float

    def is_open(self) -> bool: ...
    async def write(self, data: bytes) -> None: ...
    async def read_head(self) -> bytes:
        """Up to the empty line. Raises ValueError above 64 KB, EOFError when the other side closed before."""
        ...

    def read_ready(self) -> bytes | None:
        """What has arrived, without waiting: None when that is nothing, b"" at the end of the connection."""
        ...

    async def read(self) -> bytes:
        """The same, waiting for it."""
        ...

    def close(self) -> None: ...


class PlainConnection:
    """TCP."""

    def __init__(self, given: socket.socket) -> None:
        self._socket = given
        self._rest = b""
        self.free_since = 0.0

    def is_open(self) -> bool:
        """Bytes or an end that nobody asked for: such a connection is not used again."""
        if self._rest or self._socket.fileno() < 0:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def read_head(self) -> bytes:
        head, position = self._rest, 0
        while (end := head.find(END_OF_HEAD, max(0, position - 3))) < 0:
            position = len(head)
            if position > LONGEST_HEAD:
                raise ValueError("headers above 64 KB")
            data = await self.read()
            if not data:
                raise EOFError("The connection was closed before an answer.")
            head += data
        self._rest = head[end + 4 :]
        return head[: end + 4]

    def read_ready(self) -> bytes | None:
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        try:
            return self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return None

    async def read(self) -> bytes:
        ready = self.read_ready() if self._rest else None
        return ready if ready is not None else await asyncio.get_running_loop().sock_recv(self._socket, READ_SIZE)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


class StreamConnection:
    """TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.free_since = 0.0

    def is_open(self) -> bool:
        return not (self._writer.is_closing() or self._reader.at_eof())

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read_head(self) -> bytes:
        head = await self._reader.readuntil(END_OF_HEAD)
        if len(head) > LONGEST_HEAD:
            raise ValueError("headers above 64 KB")
        return head

    def read_ready(self) -> bytes | None:
        """Streams show what they hold only to those who wait."""
        return None

    async def read(self) -> bytes:
        return await self._reader.read(READ_SIZE)

    def close(self) -> None:
        self._writer.transport.abort() if self._writer.is_closing() else self._writer.close()


async def connect(host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
    """A new connection. Raises OSError."""
    if tls is not None:
        return StreamConnection(*await asyncio.open_connection(host, port, ssl=tls, limit=READ_SIZE * 4))
    return PlainConnection(await _connected(host, port))


async def _connected(host: str, port: int) -> socket.socket:
    """The first address that answers, in the resolver's order."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _name, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(made, address)
        except OSError as error:
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failure or OSError(f"{host} has no address")
