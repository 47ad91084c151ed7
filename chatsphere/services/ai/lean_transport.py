"""An HTTP/1.1 transport for long streams of small chunks.

A provider sends a network packet and an HTTP chunk a token. The usual stack carries each through socket, parser and five layers of
generators; for an answer of 100 tokens that is most of what the answer costs. Here the socket is read at most every 25 milliseconds
and everything that one read brings leaves as one piece. Writing a request lifts the pause for the next reads, so that
nothing delays the headers and the first tokens.

One event loop uses one transport. There are no proxies: where the environment names one, the client's own transport is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx2

from chatsphere.services.ai.lean_connection import Connection, connect

PAUSE_SECONDS = 0.025
UNPACED_READS = 3  # after the headers: role, first tokens
IDLE_SECONDS = 15.0  # a connection unused for longer is not used again
MAX_IDLE = 256
LONGEST_CHUNK_LINE = 4_096
DEFAULT_SECONDS = 60.0
PIECES = "lean_pieces"  # under which a response carries its body, for who reads it without the client's layers

_HEX = frozenset(b"0123456789abcdefABCDEF")

Origin = tuple[str, str, int]
Headers = list[tuple[bytes, bytes]]


class LeanTransport(httpx2.AsyncBaseTransport):
    """Connections are kept and used again; TLS certificates are checked as the client does."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[Origin, deque[Connection]] = defaultdict(deque)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        times = request.extensions.get("timeout", {})
        read_seconds = times.get("read") or DEFAULT_SECONDS
        connection = await self._connect(request, times.get("connect") or DEFAULT_SECONDS)
        try:
            with _as_client_errors(request, httpx2.ReadTimeout):
                async with asyncio.timeout(read_seconds):
                    await connection.write(_request_head(request) + await request.aread())
                    status, headers = await _read_head(connection)
        except BaseException:
            connection.close()
            raise
        body = _Body(self, connection, request, read_seconds, _framing(status, headers))
        return httpx2.Response(status, headers=headers, stream=body, extensions={PIECES: body})

    async def aclose(self) -> None:
        for connections in self._idle.values():
            while connections:
                connections.pop().close()

    def release(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        connection.free_since = time.monotonic()
        idle = self._idle[origin]
        idle.append(connection)
        if len(idle) > MAX_IDLE:
            idle.popleft().close()

    async def _connect(self, request: httpx2.Request, seconds: float) -> Connection:
        origin = _origin(request.url)
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if time.monotonic() - connection.free_since < IDLE_SECONDS and connection.is_open():
                return connection
            connection.close()
        with _as_client_errors(request, httpx2.ConnectTimeout):
            async with asyncio.timeout(seconds):
                return await self._open(origin)

    async def _open(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        if scheme == "https" and self._tls is None:
            self._tls = httpx2.create_ssl_context()
        tls = self._tls if scheme == "https" else None
        return await connect(host, port, tls)


@dataclass(frozen=True, slots=True)
class _Framing:
    """How the end of a body is known: chunks, a length, or the end of the connection."""

    is_chunked: bool
    length: int | None
    keeps_alive: bool


class _Body(httpx2.AsyncByteStream):
    def __init__(
        self, owner: LeanTransport, connection: Connection, request: httpx2.Request, seconds: float, framing: _Framing
    ) -> None:
        self._owner = owner
        self._connection = connection
        self._request = request
        self._seconds = seconds
        self._framing = framing
        self._decoder = ChunkDecoder() if framing.is_chunked else _LengthDecoder(framing.length)
        self._reads = 0
        self._is_complete = False
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self.next_piece(time.monotonic() + self._seconds)) is not None:
            yield piece

    async def next_piece(self, limit: float) -> bytes | None:
        """The content that arrived, waiting for some until ``limit`` (of ``time.monotonic``); None at the end."""
        try:
            while not self._decoder.is_complete:
                piece = self._decoder.feed(await self._read(limit))
                if piece:
                    return piece
        except _TROUBLE as error:
            raise _client_error(error, self._request, httpx2.ReadTimeout) from error
        self._is_complete = not self._decoder.has_rest
        return None

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_complete and self._framing.keeps_alive:
            self._owner.release(_origin(self._request.url), self._connection)
        else:
            self._connection.close()

    async def _read(self, limit: float) -> bytes:
        self._reads += 1
        if self._reads > UNPACED_READS + 1:
            await asyncio.sleep(PAUSE_SECONDS)
            ready = self._connection.read_ready()
            if ready is not None:
                return ready
        async with asyncio.timeout(limit - time.monotonic()):
            return await self._connection.read()


class ChunkDecoder:
    """HTTP/1.1's chunked coding (RFC 9112, 7.1), a read at a time. Trailers are read and forgotten."""

    def __init__(self) -> None:
        self._rest = b""
        self._missing = 0  # of the current chunk, its line end included
        self._in_trailer = False
        self.is_complete = False

    @property
    def has_rest(self) -> bool:
        """Bytes after the end: the connection cannot be used again."""
        return bool(self._rest)

    def feed(self, data: bytes) -> bytes:
        """The content in these bytes. Raises ValueError for what is no chunk, EOFError for the end of the connection (no bytes)."""
        if not data:
            raise EOFError("The connection was closed in the middle of an answer.")
        self._rest += data
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        position = 0
        while not self.is_complete:
            if self._missing:
                piece = self._rest[position : position + self._missing]
                yield piece[: max(0, self._missing - 2)]
                position += len(piece)
                self._missing -= len(piece)
                if self._missing:
                    break
                continue
            end = self._rest.find(b"\r\n", position)
            if end < 0:
                break
            self._read_line(self._rest[position:end])
            position = end + 2
        self._rest = self._rest[position:]
        if not self._missing and len(self._rest) > LONGEST_CHUNK_LINE and not self.is_complete:
            raise ValueError("no chunk size where one belongs")

    def _read_line(self, line: bytes) -> None:
        if self._in_trailer:
            self.is_complete = not line
            return
        digits = line.partition(b";")[0].strip()
        if not 1 <= len(digits) <= 15 or not _HEX.issuperset(digits):
            raise ValueError("a chunk without a size")
        size = int(digits, 16)
        self._in_trailer = size == 0
        self._missing = size + 2 if size else 0


class _LengthDecoder:
    """A body of known length, or up to the end of the connection."""

    def __init__(self, length: int | None) -> None:
        self._length = length
        self.is_complete = length == 0
        self.has_rest = False

    def feed(self, data: bytes) -> bytes:
        if self._length is None:
            self.is_complete = not data
            return data
        if not data:
            raise EOFError("The connection was closed in the middle of an answer.")
        piece = data[: self._length]
        self.has_rest = len(data) > self._length
        self._length -= len(piece)
        self.is_complete = self._length == 0
        return piece


def _origin(url: httpx2.URL) -> Origin:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _request_head(request: httpx2.Request) -> bytes:
    lines = [request.method.encode() + b" " + request.url.raw_path + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw if name.lower() != b"connection"]
    return b"\r\n".join([*lines, b"Connection: keep-alive", b"", b""])


async def _read_head(connection: Connection) -> tuple[int, Headers]:
    """Status and headers of the final answer; interim ones (1xx) are passed over."""
    while True:
        head = await connection.read_head()
        first, *lines = head[:-4].split(b"\r\n")
        version, status, *_ = first.split(b" ", 2)
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise ValueError("no HTTP/1.1 answer")
        if int(status) >= 200:
            pairs = [line.split(b":", 1) for line in lines]
            headers = [(name, value.strip()) for name, value in pairs]
            return int(status), [*headers, (b"connection", b"close")] if version == b"HTTP/1.0" else headers


def _framing(status: int, headers: Headers) -> _Framing:
    values = {name.lower(): value.lower() for name, value in headers}
    if status in (204, 304):
        return _Framing(is_chunked=False, length=0, keeps_alive=True)
    is_chunked = b"chunked" in values.get(b"transfer-encoding", b"")
    length = int(values[b"content-length"]) if b"content-length" in values and not is_chunked else None
    keeps_alive = b"close" not in values.get(b"connection", b"") and (is_chunked or length is not None)
    return _Framing(is_chunked, length, keeps_alive)


_TROUBLE = (TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError, OSError)


@contextlib.contextmanager
def _as_client_errors(request: httpx2.Request, timeout: type[httpx2.TimeoutException]) -> Iterator[None]:
    """The errors that the client knows, for those of sockets and parsers."""
    try:
        yield
    except _TROUBLE as error:
        raise _client_error(error, request, timeout) from error


def _client_error(
    error: Exception, request: httpx2.Request, timeout: type[httpx2.TimeoutException]
) -> httpx2.TransportError:
    if isinstance(error, TimeoutError):
        return timeout("timed out", request=request)
    if isinstance(error, OSError):
        kind = httpx2.ConnectError if timeout is httpx2.ConnectTimeout else httpx2.ReadError
        return kind(str(error), request=request)
    return httpx2.RemoteProtocolError(str(error), request=request)
