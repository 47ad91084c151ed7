"""The reranker over HTTP, against a server that speaks either dialect."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from chatsphere.services.ai.reranking import HttpReranker, read_scores
from chatsphere.services.errors import (
    EngineMisconfigured,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from chatsphere.services.types import SearchHit


def hit(number: int, text: str) -> SearchHit:
    one = UUID(int=number)
    return SearchHit(one, one, one, f"Page {number}", "", None, (), text, 0, len(text), 0.5, 1.0, 0.1)


HITS = [hit(1, "Bread is baked at six."), hit(2, "Parking costs four euros."), hit(3, "Parking is free.")]


class Server(ThreadingHTTPServer):
    """Scores a passage by how often it says "parking"; remembers what it was asked."""

    status, pause = 200, 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, self.headers["Authorization"]))
        time.sleep(self.server.pause)
        texts = body.get("texts") or body["documents"]
        name = "score" if "texts" in body else "relevance_score"
        rows = [{"index": place, name: text.lower().count("parking") / 2} for place, text in enumerate(texts)]
        rows.reverse()
        answer = json.dumps(rows if "texts" in body else {"results": rows}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


async def test_scores_come_in_the_order_of_the_hits(server: Server) -> None:
    reranker = HttpReranker("some-model", base_url=server.url, api_key="k")
    assert list(await reranker.rerank("parking?", HITS)) == [0.0, 0.5, 0.5]
    (path, body, key) = server.asked[0]
    assert (path, key) == ("/v1/rerank", "Bearer k")
    assert body == {
        "model": "some-model",
        "query": "parking?",
        "documents": [f"Page {number}\n{each.text}" for number, each in enumerate(HITS, start=1)],
        "top_n": 3,
    }
    await reranker.aclose()


async def test_text_embeddings_inference_is_asked_in_its_own_words(server: Server) -> None:
    reranker = HttpReranker("", base_url=server.url, dialect="tei")
    assert list(await reranker.rerank("parking?", HITS)) == [0.0, 0.5, 0.5]
    assert set(server.asked[0][1]) == {"query", "texts", "truncate"}
    await reranker.aclose()


async def test_nothing_is_asked_about_no_hits(server: Server) -> None:
    assert await HttpReranker("m", base_url=server.url).rerank("parking?", []) == []
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, UpstreamRejected), (422, UpstreamRejected), (429, UpstreamRateLimited), (503, UpstreamUnavailable)],
)
async def test_a_bad_status_is_an_engine_error(server: Server, status: int, error: type[Exception]) -> None:
    server.status = status
    with pytest.raises(error):
        await HttpReranker("m", base_url=server.url).rerank("parking?", HITS)


async def test_nobody_waits_for_a_slow_reranker(server: Server) -> None:
    server.pause = 2.0
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamTimeout):
        await HttpReranker("m", base_url=server.url, seconds=0.2).rerank("parking?", HITS)
    assert asyncio.get_running_loop().time() - began < 1.5


async def test_a_reranker_that_is_away_is_unavailable() -> None:
    with pytest.raises(UpstreamUnavailable):
        await HttpReranker("m", base_url="http://127.0.0.1:9").rerank("parking?", HITS)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"no", b"{}", b"[]", b'{"results": [{"index": 0, "score": 1}]}', b'[{"index": 0, "score": 1}, {"index": 0, "score": 2}]',
        b'[{"index": 0, "score": "x"}, {"index": 1, "score": 2}]', b'[{"index": 0}, {"index": 1}]', b'[1, 2]', b"null",
        b'[{"index": 0, "score": 1}, {"index": 7, "score": 2}]',
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_refused(answer: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_scores(answer, 2)


def test_a_reranker_needs_an_address_and_a_name() -> None:
    with pytest.raises(EngineMisconfigured, match="RERANKER_BASE_URL"):
        HttpReranker("m", base_url="")
    with pytest.raises(EngineMisconfigured, match="rerank:<model>"):
        HttpReranker("", base_url="http://x")
