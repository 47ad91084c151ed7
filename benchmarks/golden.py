"""A help centre, a shop and a price list as their visitors ask them: ``python -m benchmarks.golden [--failed]``.

The texts and questions lie in ``tests/golden``: eleven English pages with five curated answers, five German pages, a list of 120 parts. Each
question has what its answer must contain and must not, or must be refused. Asked as the embedded default answers: read, cut, embedded, searched,
decided, chosen and quoted by the product's own code, in the in-memory twin of the vector store.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from benchmarks.answer_data import MODEL_ID, CachedModel
from benchmarks.pieces import count_tokens
from chatsphere.apps.conversations.reranking import LEAST_DENSE_SHARE
from chatsphere.apps.conversations.retrieval import HITS_PER_PASSAGE, choose
from chatsphere.apps.training.questions import question_chunks, question_document
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.closest_sentences import read_closely
from chatsphere.services.ai.curated import find_curated
from chatsphere.services.ai.extractive import ExtractiveChatModel
from chatsphere.services.ai.refusal import decide
from chatsphere.services.content.chunking import chunk_document
from chatsphere.services.content.extract import extract
from chatsphere.services.content.markup import search_text
from chatsphere.services.types import ChatPrompt, Chunk, SearchHit, SearchOutcome, SearchRequest, TextDelta
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import MemoryVectorStore, PlacedChunk

FOLDER: Final = Path(__file__).resolve().parents[1] / "tests" / "golden"
TOP_K: Final = 6
CHATBOTS: Final = {  # language and files
    "help": ("en", "help_centre/*", "questions_and_answers.json"),
    "shop": ("de", "shop/*"),
    "prices": ("en", "price_list.md"),
    "prices as CSV": ("en", "price_list.csv"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """``contains`` and ``lacks`` are texts that must all be, or none of which may be, in the answer."""

    chatbot: str
    question: str
    contains: tuple[str, ...]
    lacks: tuple[str, ...]
    refuse: bool

    def is_met_by(self, answer: str) -> bool:
        if self.refuse:
            return not answer
        return (
            bool(answer)
            and all(each in answer for each in self.contains)
            and not any(each in answer for each in self.lacks)
        )


def load_questions() -> list[Asked]:
    """The questions on the price list are asked of both its files."""
    with (FOLDER / "questions.jsonl").open(encoding="utf-8") as lines:
        found = [_asked(json.loads(line)) for line in lines]
    return found + [
        Asked("prices as CSV", each.question, each.contains, each.lacks, each.refuse)
        for each in found
        if each.chatbot == "prices"
    ]


class GoldenChatbot:
    """One of the chatbots, trained."""

    def __init__(self, name: str, embedder: CachedModel) -> None:
        self.language, *patterns = CHATBOTS[name]
        self._ref = ChatbotRef(uuid5(NAMESPACE_URL, "golden"), uuid5(NAMESPACE_URL, f"golden/{name}"))
        self._store, self._embedder = MemoryVectorStore(), embedder
        for path in (path for pattern in patterns for path in sorted(FOLDER.glob(pattern))):
            self._train(path)
        self._store.refresh_statistics(None, chatbot=self._ref)

    async def answer(self, question: str) -> str:
        """With its citations; empty when the question is refused."""
        found = await self.search(question)
        passages = choose(await self._last_order(question, found), TOP_K)
        if curated := find_curated(question, passages, language=self.language):
            return f"{curated.text} [1]"
        if not decide(question, found, model_id=MODEL_ID).answer:
            return ""
        prompt = ChatPrompt(question, passages, language=self.language)
        events = [event async for event in ExtractiveChatModel(self._embedder).stream(prompt)]
        said = "".join(event.text for event in events if isinstance(event, TextDelta))
        return scan_answer(said, passages, language=self.language)[0]

    async def search(self, question: str) -> SearchOutcome:
        """Before its last order."""
        vector = self._embedder.embed([question])[0]
        limit = TOP_K * HITS_PER_PASSAGE
        return await self._store.search(
            SearchRequest(self._ref.workspace_id, self._ref.chatbot_id, question, vector, MODEL_ID, limit=limit)
        )

    async def _last_order(self, question: str, found: SearchOutcome) -> Sequence[SearchHit]:
        if found.statistics.dense_share < LEAST_DENSE_SHARE:
            return found.hits
        vector = self._embedder.embed([question])[0]
        return await read_closely(question, vector, found.hits, self._embedder, language=self.language)

    def _train(self, path: Path) -> None:
        document = uuid5(self._ref.chatbot_id, path.name)
        title, language, chunks = _read(path)
        ids = [uuid5(document, str(chunk.ordinal)) for chunk in chunks]
        for chunk_id, chunk in zip(ids, chunks, strict=True):
            self._store.place(chunk_id, _place(document, title, chunk))
        records = [
            ChunkRecord(chunk_id, chunk.context, chunk.text, language)
            for chunk_id, chunk in zip(ids, chunks, strict=True)
        ]
        self._store.add_texts(None, chatbot=self._ref, records=records, is_live=True)
        rows = self._embedder.embed([search_text(chunk.context, chunk.text) for chunk in chunks])
        pairs = list(zip(ids, rows, strict=True))
        self._store.add_vectors(None, chatbot=self._ref, model=self._embedder.model, vectors=pairs, is_live=True)


def _read(path: Path) -> tuple[str, str, list[Chunk]]:
    """Title, language and chunks, as training makes them."""
    if path.suffix == ".json":
        pairs = question_document(json.loads(path.read_text(encoding="utf-8")))
        title = path.stem
        return title, pairs.language, list(question_chunks(pairs, title=title, count_tokens=count_tokens))
    document = extract(path.read_bytes(), name=path.name)
    title = document.title or path.stem
    return title, document.language, list(chunk_document(document, title=title, count_tokens=count_tokens))


def _place(document: UUID, title: str, chunk: Chunk) -> PlacedChunk:
    return PlacedChunk(
        document, document, title, "", chunk.ordinal, chunk.page, chunk.heading_path, chunk.char_start, chunk.char_end
    )


def _asked(row: dict[str, Any]) -> Asked:
    return Asked(
        row["chatbot"],
        row["question"],
        tuple(row.get("contains", ())),
        tuple(row.get("lacks", ())),
        bool(row.get("refuse")),
    )


async def ask_all(embedder: CachedModel) -> list[tuple[Asked, str]]:
    """Every question with its answer."""
    chatbots = {name: GoldenChatbot(name, embedder) for name in CHATBOTS}
    return [(each, await chatbots[each.chatbot].answer(each.question)) for each in load_questions()]


def report(answered: Sequence[tuple[Asked, str]]) -> Iterator[str]:
    """What is met of each chatbot, answerable questions and others apart."""
    asked, met, declined = Counter[tuple[str, bool]](), Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for each, answer in answered:
        key = each.chatbot, each.refuse
        asked[key] += 1
        met[key] += each.is_met_by(answer)
        declined[key] += not answer
    for (chatbot, refuse), count in asked.items():
        kind = "must be refused" if refuse else "answerable"
        key = chatbot, refuse
        yield f"{chatbot:14} {kind:16} {met[key]:3} of {count:3} as they should be, {declined[key]:3} declined"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--failed", action="store_true", help="print the answers that are not as they should be")
    parser.add_argument("--all", action="store_true", help="print every answer")
    options = parser.parse_args()
    answered = asyncio.run(ask_all(CachedModel()))
    for each, answer in answered:
        is_met = each.is_met_by(answer)
        if options.all or (options.failed and not is_met):
            print(f"{'' if is_met else '✗ '}{each.chatbot}: {each.question}\n    {answer or '(refused)'}\n")
    print("\n".join(report(answered)))


if __name__ == "__main__":
    main()
