"""A reranker over HTTP: ``POST …/rerank`` as Cohere, Jina, vLLM, LiteLLM, Infinity and others serve it, or as Text Embeddings Inference does."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import httpx2
import orjson

from chatsphere.services.errors import (
    EngineMisconfigured,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from chatsphere.services.types import SearchHit

TEI: Final = "tei"  # the dialect of Text Embeddings Inference: `texts` in, a bare list out
LONGEST_ANSWER: Final = 1_000_000  # bytes
_SCORES: Final = ("relevance_score", "score")


class HttpReranker:
    """One request a question; no second attempt, as somebody waits: who asks goes on with the order there was."""

    def __init__(
        self, model: str, *, base_url: str, api_key: str = "", dialect: str = "", seconds: float = 2.0
    ) -> None:
        if not base_url:
            raise EngineMisconfigured("A reranker needs its address: set RERANKER_BASE_URL.")
        if not model and dialect != TEI:
            raise EngineMisconfigured("The reranker has no name. Write it as rerank:<model>.")
        self._model = model
        self._url = f"{base_url.rstrip('/')}/rerank"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._dialect = dialect
        self._seconds = seconds
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx2.AsyncClient] = WeakKeyDictionary()

    async def rerank(self, question: str, hits: Sequence[SearchHit]) -> Sequence[float]:
        """One score a hit, in the hits' order. Raises UpstreamTimeout, UpstreamUnavailable, UpstreamRateLimited, UpstreamRejected or
        UpstreamInvalid."""
        if not hits:
            return []
        body = self._body(question, [f"{hit.title}\n{hit.text}" if hit.title else hit.text for hit in hits])
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._client().post(self._url, content=orjson.dumps(body), headers=self._headers)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise UpstreamTimeout("The reranker did not answer in time.") from error
        except httpx2.HTTPError as error:
            raise UpstreamUnavailable(f"The reranker cannot be reached ({type(error).__name__}).") from error
        _check_status(response.status_code)
        return read_scores(response.content, len(hits))

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _body(self, question: str, texts: list[str]) -> dict[str, Any]:
        if self._dialect == TEI:
            return {"query": question, "texts": texts, "truncate": True}
        return {"model": self._model, "query": question, "documents": texts, "top_n": len(texts)}

    def _client(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = httpx2.AsyncClient(timeout=self._seconds, follow_redirects=False)
        return self._clients[loop]


def read_scores(content: bytes, count: int) -> list[float]:
    """The scores by place. Raises UpstreamInvalid unless each of ``count`` places has exactly one finite score."""
    scores: dict[int, float] = {}
    try:
        if len(content) > LONGEST_ANSWER:
            raise ValueError("too long")
        answer = orjson.loads(content)
        for row in answer["results"] if isinstance(answer, dict) else answer:
            scores[int(row["index"])] = float(next(row[name] for name in _SCORES if name in row))
    except (ValueError, TypeError, KeyError, StopIteration) as error:
        raise UpstreamInvalid("The reranker's answer cannot be understood.") from error
    if sorted(scores) != list(range(count)) or not all(map(math.isfinite, scores.values())):
        raise UpstreamInvalid("The reranker left out some passages or gave no number.")
    return [scores[place] for place in range(count)]


def _check_status(status: int) -> None:
    if status == 429:
        raise UpstreamRateLimited("The reranker answered 429: too many requests.")
    if status >= 500:
        raise UpstreamUnavailable(f"The reranker answered {status}.")
    if status != 200:
        raise UpstreamRejected(
            f"The reranker answered {status}: check RERANKER, RERANKER_BASE_URL and RERANKER_API_KEY."
        )
