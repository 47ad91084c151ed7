"""Requests as the official client sends them: its address, its headers and its errors, without its steps between.

Building a request in the client and handing each piece of an answer through its layers cost more than all tokens of an answer. What the
client adds to a request is the same each time, so it is asked for once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx2
import openai
import orjson

from chatsphere.services import propagation
from chatsphere.services.ai.lean_transport import PIECES


class Pieces(Protocol):
    """The body of an answer as it comes."""

    async def next_piece(self, limit: float) -> bytes | None:
        """What has arrived; waits until ``limit`` (of ``time.monotonic``) for it. None at the end. Raises TimeoutError or the client's
        errors."""
        ...


class Answer:
    """An answer of status 2xx, its body not yet read. Close it."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        lean = None if "content-encoding" in response.headers else response.extensions.get(PIECES)
        self.pieces: Pieces = lean or _Decoded(response)

    async def read(self, limit: float) -> bytes:
        """All of it."""
        parts: list[bytes] = []
        while (piece := await self.pieces.next_piece(limit)) is not None:
            parts.append(piece)
        return b"".join(parts)

    async def aclose(self) -> None:
        """Free the connection: for another request when the body was read to its end."""
        await self._response.aclose()


class ProviderPosts:
    """Of one event loop. ``http`` carries what ``official`` would send."""

    def __init__(self, official: openai.AsyncOpenAI, http: httpx2.AsyncClient) -> None:
        known = {**official.default_headers, **official.auth_headers}
        self._headers = httpx2.Headers({name: value for name, value in known.items() if isinstance(value, str)})
        self._base = str(official.base_url).rstrip("/")
        self._urls: dict[str, httpx2.URL] = {}
        self._official = official
        self._http = http

    async def post(self, path: str, body: bytes, *, limit: float) -> Answer:
        """Send JSON and wait for the headers until ``limit``. Raises the client's errors."""
        url = self._urls.setdefault(path, httpx2.URL(self._base + path))
        seconds = max(0.0, limit - time.monotonic())
        times = {"connect": self._connect_seconds(seconds), "read": seconds, "write": seconds, "pool": seconds}
        request = httpx2.Request("POST", url, headers=self._headers, content=body, extensions={"timeout": times})
        request.headers.update(propagation.headers())
        response = await self._http.send(request, stream=True)
        if not response.is_success:
            raise await _status_error(response)
        return Answer(response)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._official.close()

    def _connect_seconds(self, seconds: float) -> float:
        return min(seconds, self._http.timeout.connect or seconds)


class _Decoded:
    """The body of a transport that is not ours, or of a compressed answer."""

    def __init__(self, response: httpx2.Response) -> None:
        self._chunks: AsyncIterator[bytes] = response.aiter_bytes()

    async def next_piece(self, limit: float) -> bytes | None:
        async with asyncio.timeout(limit - time.monotonic()):
            return await anext(self._chunks, None)


async def _status_error(response: httpx2.Response) -> openai.APIStatusError:
    try:
        content = await response.aread()
    finally:
        await response.aclose()
    body = _error_of(content)
    message = content.decode("utf-8", "replace")[:300] or f"Error code: {response.status_code}"
    return openai.APIStatusError(message, response=response, body=body)


def _error_of(content: bytes) -> Any:
    """OpenAI's error object, wherever in the answer it stands; None for what is no JSON."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return body.get("error", body) if isinstance(body, dict) else body
