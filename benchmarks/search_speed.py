"""Searches of the pgvector engine: how fast, how much of the exact answer is found, what the indexes cost.

    python -m benchmarks.search_speed [postgresql://…] [--sizes 10000 100000] [--chatbots 1000 --chunks 100000] [--full]

First one chatbot of each size, then many chatbots of skewed sizes in the same tables, larger ones asked more often. The reference is the same
search before the indexes of large chatbots are built: then every chunk is looked at. Chunks are made from real ones
(``search_material.py``). Without a server the embedded one is started in a folder of its own. The database ``search_speed`` on that server is
made anew. The default takes some 5 minutes on two quiet cores, ``--full`` (10,000, 100,000 and 200,000 chunks in one chatbot; 1,000,000 in
10,000 chatbots) some 40 minutes and 10 GB of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import psycopg

from benchmarks.quality_search import MODEL, Readings
from benchmarks.search_fill import fill
from benchmarks.search_material import RealPieces
from benchmarks.search_tables import Connection, create_database, drop_foreign_keys
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.services.types import SearchRequest
from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.pgvector import PgVectorStore, PoolSettings

TOP: Final = 10
SKEW: Final = 0.8  # the chatbot of rank r has chunks in proportion to r to the power of -SKEW
CONCURRENT: Final = (1, 10, 50)
WORKSPACE: Final = UUID(int=1 << 100)
HEAD: Final = (
    "| chunks | exact p50 | one at a time p50, p95, p99 | CPU | 10 at once p50, p99 | 50 at once p50, p99 | recall@10"
    " | filled | indexed | words | vectors | tables | deleted |"
)
SIZES: Final = """
    SELECT sum(pg_relation_size(indexrelid)) FILTER (WHERE indexrelname = 'training_terms_inverted') / 1e6,
           sum(pg_relation_size(indexrelid)) FILTER (WHERE relname = 'training_embedding') / 1e6,
           (SELECT sum(pg_table_size(oid)) FROM pg_class WHERE relname IN ('training_chunkterms', 'training_embedding')) / 1e6
      FROM pg_stat_user_indexes
"""

Found = list[set[UUID]]


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds and results of some searches, in the order of their requests. ``cpu`` is PostgreSQL's, a search; None on another machine."""

    times: Sequence[float]
    found: Found
    cpu: float | None

    def percentiles(self, *shares: float) -> str:
        return ", ".join(f"{np.percentile(self.times, share):.1f}" for share in shares)

    def recall(self, reference: Round) -> float:
        """The share of the reference's hits that were found."""
        shares = [len(a & b) / len(b) for a, b in zip(self.found, reference.found, strict=True) if b]
        return float(np.mean(shares))


class Bench:
    """One database with the engine on it. Each measurement gives a row of the table and tells meanwhile what it is at."""

    def __init__(self, url: str, real: RealPieces, searches: int) -> None:
        self._url = url
        self._real = real
        self._searches = searches

    def one_chatbot(self, connection: Connection, size: int) -> str:
        chatbot = ChatbotRef(WORKSPACE, UUID(int=size << 64))
        filled = self._fill(connection, {chatbot: size})
        requests = self._requests([chatbot] * self._searches)
        return f"| {size:,} in one chatbot | {self._measure(connection, [chatbot], requests, filled)}"

    def many_chatbots(self, connection: Connection, count: int, chunks: int) -> str:
        ranks = np.arange(1, count + 1) ** -SKEW
        sizes = np.maximum(1, (ranks / ranks.sum() * chunks)).astype(int)
        chatbots = {ChatbotRef(WORKSPACE, UUID(int=((1 << 30) + n) << 64)): int(size) for n, size in enumerate(sizes)}
        filled = self._fill(connection, chatbots)
        drawn = np.random.default_rng(1).choice(count, self._searches * 2, p=sizes / sizes.sum())
        known = list(chatbots)
        requests = self._requests([known[number] for number in drawn])
        row = self._measure(connection, known, requests, filled)
        return f"| {sizes.sum():,} in {count:,} chatbots, {sizes[0]:,} to {sizes[-1]:,} | {row}"

    def _fill(self, connection: Connection, chatbots: dict[ChatbotRef, int]) -> float:
        """Seconds."""
        _tell(f"filling {sum(chatbots.values()):,} chunks in {len(chatbots):,} chatbots")
        began = time.perf_counter()
        store = PgVectorStore(self._url)
        connection.execute("SET synchronous_commit = off")
        drop_foreign_keys(connection)
        for number, (chatbot, size) in enumerate(chatbots.items()):
            fill(connection, chatbot, MODEL.id, self._real.make(chatbot.chatbot_id, size, seed=number + size))
            store.refresh_statistics(connection, chatbot=chatbot)
            connection.commit()
        _vacuum(self._url)
        return time.perf_counter() - began

    def _measure(
        self, connection: Connection, chatbots: Sequence[ChatbotRef], requests: Sequence[SearchRequest], filled: float
    ) -> str:
        exact = self._searched(requests, 1)
        built = self._build(connection)
        one, ten, fifty = (self._searched(requests, concurrent) for concurrent in CONCURRENT)
        words, vectors, tables = connection.execute(SIZES).fetchone() or (0, 0, 0)
        cells = (
            exact.percentiles(50),
            one.percentiles(50, 95, 99),
            "–" if one.cpu is None else f"{one.cpu:.1f}",
            ten.percentiles(50, 99),
            fifty.percentiles(50, 99),
            f"{one.recall(exact):.3f}",
            f"{filled:.0f} s",
            f"{built:.0f} s",
            *(f"{size:.0f} MB" for size in (words, vectors, tables)),
            f"{self._delete(connection, chatbots[-1]):.2f} s",
        )
        return " | ".join(cells) + " |"

    def _searched(self, requests: Sequence[SearchRequest], concurrent: int) -> Round:
        _tell(f"{len(requests)} searches, {concurrent} at once")
        return asyncio.run(self._search(requests, concurrent))

    def _delete(self, connection: Connection, chatbot: ChatbotRef) -> float:
        began = time.perf_counter()
        PgVectorStore(self._url).delete_chatbot(connection, chatbot=chatbot)
        connection.commit()
        return time.perf_counter() - began

    def _build(self, connection: Connection) -> float:
        """The indexes of all chatbots that are large enough, as the platform's task builds them."""
        store, began = PgVectorStore(self._url), time.perf_counter()
        large = store.outgrown(connection)
        _tell(f"indexing {len(large)} large chatbots")
        for chatbot in large:
            while store.index_step(connection, chatbot=chatbot):
                connection.commit()
            connection.commit()
        seconds = time.perf_counter() - began
        _vacuum(self._url)
        return seconds

    async def _search(self, requests: Sequence[SearchRequest], concurrent: int) -> Round:
        store = PgVectorStore(self._url, pool=PoolSettings(statement_timeout=60, wait=120))
        times, found = [0.0] * len(requests), [set[UUID]() for _ in requests]
        rest = iter(enumerate(requests))

        async def ask_on() -> None:
            for number, request in rest:
                began = time.perf_counter()
                outcome = await store.search(request)
                times[number] = (time.perf_counter() - began) * 1000
                found[number] = {hit.chunk_id for hit in outcome.hits}

        try:
            for request in requests[:5]:
                await store.search(request)
            before = _cpu_of_searches(self._url)
            await asyncio.gather(*(ask_on() for _ in range(concurrent)))
            spent = _cpu_of_searches(self._url) - before
        finally:
            await store.aclose()
        return Round(times, found, spent / len(requests) or None)

    def _requests(self, chatbots: Sequence[ChatbotRef]) -> list[SearchRequest]:
        def asked() -> Iterator[SearchRequest]:
            questions = self._real.questions
            for number, chatbot in enumerate(chatbots):
                question = questions[number * 7 % len(questions)]
                yield SearchRequest(
                    chatbot.workspace_id, chatbot.chatbot_id, question.text, question.vector, MODEL.id, limit=TOP
                )

        return list(asked())


def main() -> None:
    options = _options()
    if options.server:
        _run(options, options.server)
        return
    with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            _run(options, server.url)
        finally:
            server.stop()


def _run(options: argparse.Namespace, server: str) -> None:
    real = RealPieces(Readings())
    measurements: list[Callable[[Bench, Connection], str]] = [
        *(partial(Bench.one_chatbot, size=size) for size in options.sizes),
        partial(Bench.many_chatbots, count=options.chatbots, chunks=options.chunks),
    ]
    rows = []
    for measure in measurements:
        url = create_database(server, "search_speed")
        with psycopg.connect(url) as connection:
            rows.append(measure(Bench(url, real, options.searches), connection))
        _tell(rows[-1])
    print(HEAD, "|---" * (HEAD.count("|") - 1) + "|", *rows, sep="\n")
    print(
        "\nTimes of a search and the CPU that it costs PostgreSQL in milliseconds; sizes: the inverted index of words, the other indexes, the tables."
    )


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _cpu_of_searches(url: str) -> float:
    """Milliseconds that the sessions of searches have computed; 0 where they run on another machine."""
    with psycopg.connect(url, autocommit=True) as connection:
        pids = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'chatsphere-search' AND datname = current_database()"
        ).fetchall()
    files = [Path(f"/proc/{pid}/schedstat") for (pid,) in pids]
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in files if file.exists()) / 1e6


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", nargs="?", default="")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--chatbots", type=int, default=1_000)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=150)
    parser.add_argument("--full", action="store_true", help="the sizes that the goals name")
    options = parser.parse_args()
    if options.full:
        options.sizes, options.chatbots, options.chunks = [10_000, 100_000, 200_000], 10_000, 1_000_000
    return options


if __name__ == "__main__":
    main()
