"""Searches of the pgvector engine: how fast, how much of the exact answer is found, what the indexes cost.

    python -m benchmarks.search_speed [postgresql://…] [--sizes 10000 100000] [--chatbots 1000 --chunks 100000] [--full] [--keep FOLDER]

First one chatbot of each size, then many chatbots of skewed sizes in the same tables, larger ones asked more often. The reference is the same
search before the indexes of large chatbots are built: then every chunk is looked at. Chunks are made from real ones
(``search_material.py``). Without a server the embedded one is started in a folder of its own. The databases ``search_speed_…`` on that server are
made anew; with ``--keep`` the embedded one's stay in that folder, and the next run takes what it finds filled and indexed there. A search asks for
as many hits as the platform does, with what their words mean. Each question is asked twice, one at a time: where the database was just started, the
first time is that of pages that only the system has. The default takes some 5 minutes on two quiet cores, ``--full`` (10,000, 100,000 and 200,000 chunks in one chatbot; 1,000,000 in
10,000 chatbots) some 40 minutes and 10 GB of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
import psycopg

from benchmarks.quality_search import MODEL, Readings
from benchmarks.search_fill import fill
from benchmarks.search_kept import Kept, open_database, read_kept, write_kept
from benchmarks.search_material import RealPieces
from benchmarks.search_tables import Connection, drop_foreign_keys
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.services.ai.nearest_words import COMPARED
from chatsphere.services.types import SearchRequest
from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.pgvector import PgVectorStore, PoolSettings

TOP: Final = 10  # hits of which the recall is taken
HITS: Final = COMPARED  # of a search, as of the platform's
SKEW: Final = 0.8  # the chatbot of rank r has chunks in proportion to r to the power of -SKEW
CONCURRENT: Final = (1, 10, 50)
WORKSPACE: Final = UUID(int=1 << 100)
HEAD: Final = (
    "| chunks | exact p50 | asked first p50, p95, p99 | again p50, p95, p99 | CPU p50, p95, p99 | 10 at once p50, p99 | 50 at once p50, p99 | recall@10"
    " | filled | indexed | words | vectors | tables | deleted |"
)
SIZES: Final = """
    SELECT sum(pg_relation_size(indexrelid)) FILTER (WHERE indexrelname = 'training_terms_inverted') / 1e6,
           sum(pg_relation_size(indexrelid)) FILTER (WHERE relname = 'training_embedding') / 1e6,
           (SELECT sum(pg_table_size(oid)) FROM pg_class
             WHERE relname IN ('training_chunkterms', 'training_embedding', 'training_wordmeanings')) / 1e6
      FROM pg_stat_user_indexes
"""

Found = list[set[UUID]]


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds and results of some searches, in the order of their requests. ``cpu`` is PostgreSQL's: of each search where they were asked
    one after the other, nothing else or on another machine."""

    times: Sequence[float]
    found: Found
    cpu: Sequence[float]

    def recall(self, reference: Sequence[set[UUID]]) -> float:
        """The share of the reference's hits that were found."""
        shares = [len(a & b) / len(b) for a, b in zip(self.found, reference, strict=True) if b]
        return float(np.mean(shares))


class Bench:
    """One server with the engine on it. Each measurement takes a database, gives a row of the table and tells meanwhile what it is at."""

    def __init__(self, server: str, real: RealPieces, searches: int, *, keep: bool) -> None:
        self._server = server
        self._url = ""
        self._real = real
        self._searches = searches
        self._keep = keep

    def one_chatbot(self, size: int) -> str:
        chatbot = ChatbotRef(WORKSPACE, UUID(int=size << 64))
        requests = self._requests([chatbot] * self._searches)
        return f"| {size:,} in one chatbot | {self._measure(f'{size}', {chatbot: size}, requests)}"

    def many_chatbots(self, count: int, chunks: int) -> str:
        sizes = skewed_sizes(count, chunks)
        chatbots = {ChatbotRef(WORKSPACE, UUID(int=((1 << 30) + n) << 64)): int(size) for n, size in enumerate(sizes)}
        drawn = np.random.default_rng(1).choice(count, self._searches * 2, p=sizes / sizes.sum())
        known = list(chatbots)
        requests = self._requests([known[number] for number in drawn])
        row = self._measure(f"{chunks}_in_{count}", chatbots, requests)
        return f"| {sizes.sum():,} in {count:,} chatbots, {sizes[0]:,} to {sizes[-1]:,} | {row}"

    def _measure(self, name: str, chatbots: dict[ChatbotRef, int], requests: Sequence[SearchRequest]) -> str:
        self._url = open_database(self._server, f"search_speed_{name}_asked_{self._searches}", keep=self._keep)
        with psycopg.connect(self._url) as connection:
            kept = read_kept(self._url) or self._exact(connection, chatbots, requests)
            if kept.built is None:
                kept = replace(kept, built=self._build(connection))
            write_kept(connection, kept)
            row = self._row(connection, requests, kept)
            return f"{row} {self._delete(connection, list(chatbots)[-1]):.2f} s |"

    def _exact(
        self, connection: Connection, chatbots: dict[ChatbotRef, int], requests: Sequence[SearchRequest]
    ) -> Kept:
        filled = self._fill(connection, chatbots)
        exact = self._searched(requests, 1)
        kept = Kept(filled, None, exact.times, exact.found)
        write_kept(connection, kept)
        return kept

    def _fill(self, connection: Connection, chatbots: dict[ChatbotRef, int]) -> float:
        """Seconds; what an earlier run was interrupted at is gone on with."""
        done = set(connection.execute("SELECT chatbot_id FROM training_knowledgestatistics").fetchall())
        _tell(f"filling {sum(chatbots.values()):,} chunks in {len(chatbots):,} chatbots")
        began = time.perf_counter()
        store = PgVectorStore(self._url)
        connection.execute("SET synchronous_commit = off")
        drop_foreign_keys(connection)
        for number, (chatbot, size) in enumerate(chatbots.items()):
            if (chatbot.chatbot_id,) in done:
                continue
            fill(connection, chatbot, MODEL.id, self._real.make(chatbot.chatbot_id, size, seed=number + size))
            store.refresh_statistics(connection, chatbot=chatbot)
            connection.commit()
        _vacuum(self._url)
        return time.perf_counter() - began

    def _row(self, connection: Connection, requests: Sequence[SearchRequest], kept: Kept) -> str:
        first = self._searched(requests, 1)
        one, ten, fifty = (self._searched(requests, concurrent) for concurrent in CONCURRENT)
        words, vectors, tables = connection.execute(SIZES).fetchone() or (0, 0, 0)
        cells = (
            _percentiles(kept.times, 50),
            _percentiles(first.times, 50, 95, 99),
            _percentiles(one.times, 50, 95, 99),
            _percentiles(one.cpu, 50, 95, 99),
            _percentiles(ten.times, 50, 99),
            _percentiles(fifty.times, 50, 99),
            f"{one.recall(kept.found):.3f}",
            f"{kept.filled:.0f} s",
            f"{kept.built or 0:.0f} s",
            *(f"{size:.0f} MB" for size in (words, vectors, tables)),
        )
        return " | ".join(cells) + " |"

    def _searched(self, requests: Sequence[SearchRequest], concurrent: int) -> Round:
        _tell(f"{len(requests)} searches, {concurrent} at once")
        return asyncio.run(self._search(requests, concurrent))

    def _delete(self, connection: Connection, chatbot: ChatbotRef) -> float:
        began = time.perf_counter()
        PgVectorStore(self._url).delete_chatbot(connection, chatbot=chatbot)
        seconds = time.perf_counter() - began
        connection.rollback()  # what is kept stays whole
        return seconds

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
        spent: list[float] = []
        rest = iter(enumerate(requests))

        async def ask_on(files: Sequence[Path]) -> None:
            for number, request in rest:
                before, began = _computed(files), time.perf_counter()
                outcome = await store.search(request)
                times[number] = (time.perf_counter() - began) * 1000
                found[number] = {hit.chunk_id for hit in outcome.hits[:TOP]}
                spent.extend([_computed(files) - before] if files else [])

        try:
            for request in requests[:5]:
                await store.search(request)
            files = _accounts_of_searches(self._url) if concurrent == 1 else []
            await asyncio.gather(*(ask_on(files) for _ in range(concurrent)))
        finally:
            await store.aclose()
        return Round(times, found, spent)

    def _requests(self, chatbots: Sequence[ChatbotRef]) -> list[SearchRequest]:
        def asked() -> Iterator[SearchRequest]:
            questions = self._real.questions
            for number, chatbot in enumerate(chatbots):
                question = questions[number * 7 % len(questions)]
                yield SearchRequest(
                    chatbot.workspace_id, chatbot.chatbot_id, question.text, question.vector, MODEL.id, limit=HITS
                )

        return list(asked())


def main() -> None:
    options = _options()
    if options.server:
        _run(options, options.server)
        return
    with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as folder:
        server = PostgresServer((options.keep or Path(folder)) / "postgres")
        server.start()
        try:
            _run(options, server.url)
        finally:
            server.stop()


def _run(options: argparse.Namespace, server: str) -> None:
    readings = Readings()
    real = RealPieces(readings, readings.passage_words, readings.question_words)
    bench = Bench(server, real, options.searches, keep=options.keep is not None)
    measurements: list[Callable[[], str]] = [
        *(partial(bench.one_chatbot, size=size) for size in options.sizes),
        partial(bench.many_chatbots, count=options.chatbots, chunks=options.chunks),
    ]
    rows = []
    for measure in measurements:
        rows.append(measure())
        _tell(rows[-1])
    print(HEAD, "|---" * (HEAD.count("|") - 1) + "|", *rows, sep="\n")
    print(
        "\nTimes of a search and the CPU that it costs PostgreSQL in milliseconds; sizes: the inverted index of words, the other indexes, the tables."
    )


def skewed_sizes(count: int, chunks: int) -> npt.NDArray[np.int64]:
    """Of so many chatbots, which together have about so many chunks; the largest first."""
    ranks = np.arange(1, count + 1) ** -SKEW
    sizes: npt.NDArray[np.int64] = np.maximum(1, (ranks / ranks.sum() * chunks)).astype(np.int64)
    return sizes


def _percentiles(values: Sequence[float], *shares: float) -> str:
    return ", ".join(f"{np.percentile(values, share):.1f}" for share in shares) if values else "–"


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _accounts_of_searches(url: str) -> list[Path]:
    """Where Linux accounts for what the sessions of searches compute; nowhere when they run on another machine."""
    with psycopg.connect(url, autocommit=True) as connection:
        pids = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'chatsphere-search' AND datname = current_database()"
        ).fetchall()
    return [file for (pid,) in pids if (file := Path(f"/proc/{pid}/schedstat")).exists()]


def _computed(accounts: Sequence[Path]) -> float:
    """Milliseconds."""
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in accounts) / 1e6


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", nargs="?", default="")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--chatbots", type=int, default=1_000)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=150)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="of the embedded server, to be used again")
    parser.add_argument("--full", action="store_true", help="the sizes that the goals name")
    options = parser.parse_args()
    if options.server and options.keep:
        parser.error("--keep is for the embedded server")
    if options.full:
        options.sizes, options.chatbots, options.chunks = [10_000, 100_000, 200_000], 10_000, 1_000_000
    return options


if __name__ == "__main__":
    main()
