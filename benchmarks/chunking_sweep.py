"""Which chunk lengths find answers best.

    python -m benchmarks.chunking_sweep [--words 60,80,110,150,200,300] [--max-tokens 256] [--set chunking_a|awsdocs_a|sec10q_a]
                                         [--documents 400]

All documents of a set are read, cut and searched together, by BM25 and MiniLM with their z-scores mixed half and half, as the product
does. Over `../shared/data/chunking_a`, whose questions name the exact characters that answer them: the share of these within the best
1,000 words of context; the last chunk is cut where the words are full. Over `awsdocs_a` (400 documents) and `sec10q_a` (its 12 PDFs),
whose questions name documents: nDCG@10 and recall@1 of the documents by their best chunk. A length takes one to six minutes, once (vectors are kept); fewer
`--documents` (and the questions that they answer) take less.
`docs/algorithms/chunking.md` has the figures that the defaults come from.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from benchmarks.pieces import count_tokens
from benchmarks.vector_cache import VectorCache
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.content.chunking import ChunkSettings, chunk_document
from chatsphere.services.content.extract import extract
from chatsphere.services.content.markup import search_text
from chatsphere.services.types import Chunk, ExtractedDocument, Vectors
from chatsphere.services.vector_store.analysis import count_terms

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
WORDS_OF_CONTEXT = 1_000
DOCUMENTS = 400  # of awsdocs_a; sec10q_a has 12
K1, B = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Placed:
    doc_id: str
    chunk: Chunk
    source: str  # the data set's text, in which the answers' spans lie


@dataclass(frozen=True, slots=True)
class Result:
    chunks: int
    median_words: float
    answer_share: float  # mean over questions of the share of answer characters found
    whole_share: float  # questions whose answer is found whole
    precision: float  # share of the context that is answer
    seconds: float


class Index:
    """BM25 and dense scores of every chunk for a question."""

    def __init__(self, texts: Sequence[str], model: VectorCache) -> None:
        self._terms = [count_terms(text, "en") for text in texts]
        self._lengths = np.array([sum(terms.values()) for terms in self._terms], dtype=np.float64)
        self._document_counts = Counter(term for terms in self._terms for term in terms)
        self._model = model
        self._vectors: Vectors = model.vectors(texts)

    def ranking(self, question: str) -> np.ndarray[Any, Any]:
        dense = self._vectors @ self._model.vectors([question])[0]
        sparse = self._bm25(question)
        return np.argsort(-(_z(dense) + _z(sparse)))

    def _bm25(self, question: str) -> np.ndarray[Any, Any]:
        scores = np.zeros(len(self._terms))
        norms = K1 * (1 - B + B * self._lengths / self._lengths.mean())
        for term in count_terms(question, "en"):
            found = self._document_counts[term]
            if found:
                idf = math.log(1 + (len(self._terms) - found + 0.5) / (found + 0.5))
                counts = np.array([terms.get(term, 0) for terms in self._terms], dtype=np.float64)
                scores += idf * counts * (K1 + 1) / (counts + norms)
        return scores


def _z(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    spread = float(scores.std()) or 1.0
    return np.asarray((scores - scores.mean()) / spread)


def place(rows: Sequence[dict[str, Any]], settings: ChunkSettings) -> list[Placed]:
    placed = []
    for row in rows:
        document = extract(row["text"].encode(), name=f"{row['doc_id']}.txt")
        chunks = chunk_document(document, title=row["title"], count_tokens=count_tokens, settings=settings)
        placed += [Placed(row["doc_id"], chunk, document.text) for chunk in chunks]
    return placed


def measure(rows: Sequence[dict[str, Any]], questions: Sequence[dict[str, Any]], settings: ChunkSettings) -> Result:
    begin = time.perf_counter()
    placed = place(rows, settings)
    index = Index([search_text(item.chunk.context, item.chunk.text) for item in placed], _model())
    shares, precisions = [], []
    for question in questions:
        context = list(_context(placed, index.ranking(question["text"])))
        found, total, read = _overlap(context, question)
        shares.append(found / total)
        precisions.append(found / read)
    words = [len(item.chunk.text.split()) for item in placed]
    return Result(
        len(placed),
        median(words),
        fmean(shares),
        fmean(s > 0.999 for s in shares),
        fmean(precisions),
        time.perf_counter() - begin,
    )


@dataclass(frozen=True, slots=True)
class DocumentResult:
    chunks: int
    median_words: float
    ndcg: float  # at 10
    first: float  # questions whose first document is a right one
    seconds: float


def measure_documents(
    read: Sequence[tuple[str, str, ExtractedDocument]], questions: Sequence[dict[str, Any]], settings: ChunkSettings
) -> DocumentResult:
    """``read``: id, title and document. A document stands where its best chunk stands."""
    begin = time.perf_counter()
    placed = [
        Placed(doc_id, chunk, document.text)
        for doc_id, title, document in read
        for chunk in chunk_document(document, title=title, count_tokens=count_tokens, settings=settings)
    ]
    index = Index([search_text(item.chunk.context, item.chunk.text) for item in placed], _model())
    gains, firsts = [], []
    for question in questions:
        order = list(dict.fromkeys(placed[number].doc_id for number in index.ranking(question["text"])))
        gold = set(question["gold_doc_ids"])
        gains.append(_ndcg([doc_id in gold for doc_id in order[:10]], len(gold)))
        firsts.append(order[0] in gold)
    words = median(len(item.chunk.text.split()) for item in placed)
    return DocumentResult(len(placed), words, fmean(gains), fmean(firsts), time.perf_counter() - begin)


def _ndcg(hits: Sequence[bool], relevant: int) -> float:
    best = sum(1 / math.log2(place + 2) for place in range(min(relevant, 10)))
    return sum(hit / math.log2(place + 2) for place, hit in enumerate(hits)) / best


def _documents(
    name: str, rows: Sequence[dict[str, Any]], wanted: set[str], most: int
) -> list[tuple[str, str, ExtractedDocument]]:
    """Right documents and as many others as make up the number, the first ones; of PDFs what the product reads."""
    others = [row for row in rows if row["doc_id"] not in wanted]
    right = [row for row in rows if row["doc_id"] in wanted]
    return [(row["doc_id"], row["title"], _read(name, row)) for row in [*right, *others][:most]]


def _read(name: str, row: dict[str, Any]) -> ExtractedDocument:
    if name == "sec10q_a":
        return extract(DATA / name / "pdf" / row["doc_id"], name=row["doc_id"])
    return extract(row["text"].encode(), name=row["doc_id"])


def _context(placed: Sequence[Placed], order: np.ndarray[Any, Any]) -> Iterator[tuple[str, int, int]]:
    """Spans of the best chunks, the last one cut, until the words are full."""
    left = WORDS_OF_CONTEXT
    for number in order:
        item = placed[number]
        words = list(re.finditer(r"\S+", item.chunk.text))
        taken = min(len(words), left)
        yield item.doc_id, item.chunk.char_start, item.chunk.char_start + words[taken - 1].end()
        left -= taken
        if left <= 0:
            return


def _overlap(context: Sequence[tuple[str, int, int]], question: dict[str, Any]) -> tuple[int, int, int]:
    """Answer characters found, answer characters there are, characters read."""
    found = total = 0
    for start, end in question["spans"]:
        total += end - start
        for doc_id, begin, finish in context:
            if doc_id in question["gold_doc_ids"]:
                found += max(0, min(end, finish) - max(start, begin))
    return found, total, sum(finish - begin for _, begin, finish in context)


MODEL = "local:all-minilm-l6-v2-int8"


def _model() -> VectorCache:
    return VectorCache(MODEL, LocalModel(MODEL).embed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", default="60,80,110,150,200,300")
    parser.add_argument("--set", default="chunking_a")
    parser.add_argument("--max-tokens", type=int, default=256, help="MiniLM reads 256 whole")
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    arguments = parser.parse_args()
    folder = DATA / arguments.set
    rows = [json.loads(line) for line in (folder / "docs.jsonl").open()]
    questions = [json.loads(line) for line in (folder / "queries.jsonl").open()]
    if arguments.set != "chunking_a":
        _print_documents(arguments, rows, [each for each in questions if each["gold_doc_ids"]])
        return
    print("| target words | chunks | median words | answer found | found whole | precision | seconds |")
    print("|---|---|---|---|---|---|---|")
    for target in map(int, arguments.words.split(",")):
        settings = ChunkSettings(target_words=target, max_words=int(target * 1.6), max_tokens=arguments.max_tokens)
        result = measure(rows, questions, settings)
        print(
            f"| {target} | {result.chunks} | {result.median_words:.0f} | {result.answer_share:.3f} | {result.whole_share:.3f} "
            f"| {result.precision:.3f} | {result.seconds:.0f} |",
            flush=True,
        )


def _print_documents(
    arguments: argparse.Namespace, rows: Sequence[dict[str, Any]], questions: Sequence[dict[str, Any]]
) -> None:
    wanted = {each for question in questions for each in question["gold_doc_ids"]}
    read = _documents(arguments.set, rows, wanted, arguments.documents)
    there = {doc_id for doc_id, _, _ in read}
    questions = [question for question in questions if there.issuperset(question["gold_doc_ids"])]
    print(f"{len(read)} documents, {len(questions)} questions\n")
    print("| target words | chunks | median words | nDCG@10 | first is right | seconds |")
    print("|---|---|---|---|---|---|")
    for target in map(int, arguments.words.split(",")):
        settings = ChunkSettings(target_words=target, max_words=int(target * 1.6), max_tokens=arguments.max_tokens)
        result = measure_documents(read, questions, settings)
        print(
            f"| {target} | {result.chunks} | {result.median_words:.0f} | {result.ndcg:.3f} | {result.first:.3f} |"
            f" {result.seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
