"""Chat and embedding models behind OpenAI's API, wherever it is served, with what the official client sends."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpx2
import numpy as np
import openai
import orjson

from chatsphere.services import propagation
from chatsphere.services.ai.lean_transport import LeanTransport
from chatsphere.services.ai.openai_errors import CLIENT_ERRORS, engine_error, pause_before_retry
from chatsphere.services.ai.openai_wire import (
    StreamReader,
    adapt_body,
    chat_body,
    embedding_batches,
    embedding_body,
    read_embeddings,
)
from chatsphere.services.ai.prompts import Message, build_messages, new_nonce
from chatsphere.services.ai.provider_posts import Answer, Pieces, ProviderPosts
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.errors import EngineError, EngineMisconfigured, UpstreamRejected, UpstreamTimeout
from chatsphere.services.types import ChatEvent, ChatPrompt, EmbeddingModel, TextDelta, Vector, Vectors

OFFICIAL_BASE_URL = "https://api.openai.com/v1"
SILENT = "The model provider fell silent."
MOST_ATTEMPTS = 3
ATTEMPTS_IN_SILENCE = 2  # each costs the visitor the whole time to the first token
EMBEDDING_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
EMBEDDING_MAX_TOKENS = 8191
_PROXIES = {"http", "https", "all"}  # in the environment: then the client's own transport is used, which knows them
_JSON = {"Content-Type": "application/json"}


def _headers() -> dict[str, str]:
    return _JSON | propagation.headers()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; ``between_tokens`` also bounds the silence of a stream that has begun."""

    connect: float = 5.0
    first_token: float = 30.0
    between_tokens: float = 20.0
    total: float = 180.0
    embedding: float = 60.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the provider is. Servers without keys take any; the client wants one that is not empty."""

    api_key: str
    base_url: str = OFFICIAL_BASE_URL
    timeouts: Timeouts = Timeouts()
    max_attempts: int = MOST_ATTEMPTS

    @property
    def is_official(self) -> bool:
        return "api.openai.com" in self.base_url


class _Clients:
    """The official clients of one connection: an asynchronous one an event loop, a blocking one a process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._posts: WeakKeyDictionary[asyncio.AbstractEventLoop, ProviderPosts] = WeakKeyDictionary()
        self._blocking: dict[int, openai.OpenAI] = {}
        self._lock = threading.Lock()

    def for_loop(self) -> ProviderPosts:
        loop = asyncio.get_running_loop()
        posts = self._posts.get(loop)
        if posts is None:
            transport = None if _PROXIES & set(getproxies()) else LeanTransport()
            http = httpx2.AsyncClient(transport=transport, timeout=self._timeout(), follow_redirects=False)
            posts = self._posts[loop] = ProviderPosts(openai.AsyncOpenAI(http_client=http, **self._options()), http)
        return posts

    def blocking(self) -> openai.OpenAI:
        with self._lock:
            if os.getpid() not in self._blocking:  # a forked worker must not share its parent's sockets
                self._blocking = {os.getpid(): openai.OpenAI(timeout=self._timeout(), **self._options())}
            return self._blocking[os.getpid()]

    async def aclose(self) -> None:
        posts = self._posts.pop(asyncio.get_running_loop(), None)
        if posts is not None:
            await posts.aclose()

    def _options(self) -> dict[str, Any]:
        return {
            "api_key": self._connection.api_key or "none",
            "base_url": self._connection.base_url or OFFICIAL_BASE_URL,
            "max_retries": 0,
        }

    def _timeout(self) -> httpx2.Timeout:
        times = self._connection.timeouts
        return httpx2.Timeout(times.embedding, connect=times.connect, pool=times.connect)


class OpenAIChatModel:
    """Streams an answer; deltas that arrive in one read come as one. Tries again only as long as nothing has been said."""

    def __init__(self, model: str, connection: Connection, *, label: str = "openai") -> None:
        if not model:
            raise EngineMisconfigured(f"The chat model has no name. Write it as {label}:<model>.")
        self._model = model
        self._label = label
        self._connection = connection
        self._clients = _Clients(connection)
        self._refused: set[str] = set()  # complaints of the provider about parameters, remembered

    @property
    def name(self) -> str:
        return f"{self._label}:{self._model}"

    async def stream(self, prompt: ChatPrompt) -> AsyncIterator[ChatEvent]:
        """Raises UpstreamTimeout, UpstreamUnavailable, UpstreamRateLimited, UpstreamRejected or UpstreamInvalid; after text was
        given, an error means that the answer broke off."""
        messages = build_messages(prompt, nonce=new_nonce())
        deadline = time.monotonic() + self._connection.timeouts.total
        attempt = 0
        while True:
            attempt += 1
            has_spoken = False
            try:
                async with aclosing(self._attempt(messages, prompt, deadline)) as events:
                    async for event in events:
                        has_spoken = True
                        yield event
                return
            except EngineError as error:
                most = min(
                    self._connection.max_attempts,
                    ATTEMPTS_IN_SILENCE if isinstance(error, UpstreamTimeout) else MOST_ATTEMPTS,
                )
                pause = None if has_spoken or attempt >= most else self._pause(error, attempt)
                if pause is None or time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        await self._clients.aclose()

    def _pause(self, error: EngineError, attempt: int) -> float | None:
        if isinstance(error, UpstreamRejected) and error.message not in self._refused:
            self._refused.add(error.message)
            return 0.0 if adapt_body(self._body([], ChatPrompt("", ())), error.message) is not None else None
        return pause_before_retry(error, attempt)

    def _body(self, messages: Sequence[Message], prompt: ChatPrompt) -> dict[str, Any]:
        body = chat_body(self._model, messages, prompt, is_official=self._connection.is_official)
        for complaint in self._refused:
            body = adapt_body(body, complaint) or body
        return body

    async def _attempt(
        self, messages: Sequence[Message], prompt: ChatPrompt, deadline: float
    ) -> AsyncGenerator[ChatEvent, None]:
        reader = StreamReader(self._model)
        answer: list[str] = []
        times = self._connection.timeouts
        limit = time.monotonic() + times.first_token
        response = await self._open(orjson.dumps(self._body(messages, prompt)), min(limit, deadline))
        try:
            while True:
                data = await _next_piece(response.pieces, min(limit, deadline))
                known = reader.signs
                text = reader.feed(data) if data is not None else reader.end()
                if reader.signs > known:  # comments and empty events are no progress
                    limit = time.monotonic() + times.between_tokens
                if text:
                    answer.append(text)
                    yield TextDelta(text)
                reader.check()
                if data is None:
                    break
                if time.monotonic() >= min(limit, deadline):  # what is always there is read without waiting
                    raise UpstreamTimeout(SILENT)
        finally:
            await response.aclose()
        yield reader.done(messages, "".join(answer))

    async def _open(self, body: bytes, limit: float) -> Answer:
        posts = self._clients.for_loop()
        try:
            async with asyncio.timeout(limit - time.monotonic()):
                return await posts.post("/chat/completions", body, limit=limit)
        except TimeoutError:
            raise UpstreamTimeout("The model provider did not begin to answer in time.") from None
        except CLIENT_ERRORS as error:
            raise engine_error(error) from error


async def _next_piece(pieces: Pieces, limit: float) -> bytes | None:
    try:
        return await pieces.next_piece(limit)
    except (TimeoutError, httpx2.TimeoutException):
        raise UpstreamTimeout(SILENT) from None
    except CLIENT_ERRORS as error:
        raise engine_error(error) from error


class OpenAIEmbedder:
    """Embeds in batches, several at a time. Asks for base64 and remembers when a server does not know it."""

    def __init__(
        self, model: str, connection: Connection, *, dimensions: int | None = None, concurrency: int = 4
    ) -> None:
        native = EMBEDDING_DIMENSIONS.get(model)
        size = dimensions or native
        if size is None:
            raise EngineMisconfigured(f"The dimensions of the embedding model {model!r} are not known. Set them.")
        suffix = f"@{size}" if native and size != native else ""
        self.model = EmbeddingModel(f"openai:{model}{suffix}", size, EMBEDDING_MAX_TOKENS)
        self._name = model
        self._shortened = size if suffix else None
        self._connection = connection
        self._concurrency = concurrency
        self._clients = _Clients(connection)
        self._knows_base64 = True

    def count_tokens(self, text: str) -> int:
        """An estimate on the high side: the provider's tokenizer is not here."""
        return estimate_tokens(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order. Blocks; sends up to four batches at a time and obeys Retry-After up to 8 seconds."""
        batches = [texts[batch.start : batch.stop] for batch in embedding_batches(texts)]
        if len(batches) <= 1:
            return self._embed_batch(batches[0]) if batches else np.empty((0, self.model.dimensions), np.float32)
        with ThreadPoolExecutor(min(self._concurrency, len(batches))) as pool:
            return np.concatenate(list(pool.map(self._embed_batch, batches)))

    async def embed_query(self, text: str) -> Vector:
        """The unit vector of a question; one request, tried again within ``Timeouts.first_token``."""
        vector: Vector = (await self.embed_texts([text]))[0]
        return vector

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors in order, for somebody who waits."""
        if not texts:
            return np.empty((0, self.model.dimensions), np.float32)
        parts = [self._ask(texts[batch.start : batch.stop]) for batch in embedding_batches(texts)]
        return np.concatenate(await asyncio.gather(*parts))

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        await self._clients.aclose()

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._read(self._post(self._request(texts)), len(texts))
            except EngineError as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
            time.sleep(pause)

    async def _ask(self, texts: Sequence[str]) -> Vectors:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._read(await self._post_async(self._request(texts)), len(texts))
            except EngineError as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    def _request(self, texts: Sequence[str]) -> bytes:
        body = embedding_body(
            self._name,
            texts,
            dimensions=self._shortened,
            is_base64=self._knows_base64,
            max_tokens=self.model.max_tokens,
        )
        return orjson.dumps(body)

    def _read(self, content: bytes, count: int) -> Vectors:
        return read_embeddings(content, count=count, dimensions=self.model.dimensions)

    def _pause(self, error: EngineError, attempt: int) -> float | None:
        if isinstance(error, UpstreamRejected) and self._knows_base64 and "encoding_format" in error.message:
            self._knows_base64 = False
            return 0.0
        return None if attempt >= self._connection.max_attempts else pause_before_retry(error, attempt)

    def _post(self, body: bytes) -> bytes:
        try:
            client = self._clients.blocking()
            response = client.post(
                "/embeddings", cast_to=httpx2.Response, content=body, options={"headers": _headers()}
            )
            return response.read()
        except CLIENT_ERRORS as error:
            raise engine_error(error) from error

    async def _post_async(self, body: bytes) -> bytes:
        limit = time.monotonic() + self._connection.timeouts.first_token
        try:
            answer = await self._clients.for_loop().post("/embeddings", body, limit=limit)
            try:
                return await answer.read(limit)
            finally:
                await answer.aclose()
        except TimeoutError:
            raise UpstreamTimeout("The model provider did not answer in time.") from None
        except CLIENT_ERRORS as error:
            raise engine_error(error) from error
