"""An HTTP transport that reads a busy stream at most every 30 milliseconds.

Providers send a network packet a token. Taking each one through event loop, TLS, HTTP parser and client costs more than everything
else of an answer; tokens that arrive within one pause are read together for the price of one. Writing a request lifts the pause for
the next reads, so that nothing delays the headers and the first tokens.
"""

# ruff: noqa: ASYNC109 - the signatures are those of httpcore

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

PAUSE_SECONDS = 0.03
UNPACED_READS = 4  # after a request was written: headers, role, first tokens
MAX_CONNECTIONS = 2_000
KEEPALIVE_SECONDS = 30.0


class _PacedStream(httpcore2.AsyncNetworkStream):
    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._reads_left = UNPACED_READS
        self._last_read = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._reads_left > 0:
            self._reads_left -= 1
        else:
            pause = self._last_read + PAUSE_SECONDS - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
        data = await self._stream.read(max_bytes, timeout)
        self._last_read = time.monotonic()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._reads_left = UNPACED_READS
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _PacedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _PacedBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _PacedStream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _PacedStream(await self._backend.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class PacedTransport(httpx2.AsyncHTTPTransport):
    """The client's own HTTP/1.1 transport on paced connections. One event loop uses it."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=_PacedBackend(),
        )
