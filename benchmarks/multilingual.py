"""The multilingual embedding model on xquad_a: ``python -m benchmarks.multilingual [language …]``.

nDCG@10 with question and documents in one language and in two: by words, by meaning, by both mixed, and as served (mixed, by meaning alone
when the question is seen to be in a language that no document has). Then the weights of the refusal for this model are fitted, on the
half of the questions that ``calibrate_refusal`` fits on, and the other half is reported. Every third question is asked; the far-off ones are
clinc_oos_a's. Some minutes for each language: the model embeds four passages a second.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean
from uuid import NAMESPACE_URL, UUID, uuid5

from benchmarks.answer_data import load_questions
from benchmarks.calibrate_refusal import Scenario, declined, fit, is_held_out
from benchmarks.question_sets import XQUAD_LANGUAGES, Document, Question, QuestionSet, load
from benchmarks.ranking_measures import ndcg, recall, reciprocal_rank
from benchmarks.vector_cache import VectorCache
from chatsphere.services.ai.local_files import MULTILINGUAL_E5
from chatsphere.services.ai.multilingual_model import MultilingualModel
from chatsphere.services.ai.refusal import measure
from chatsphere.services.content.markup import search_text
from chatsphere.services.types import SearchOutcome, SearchRequest, Vector, Vectors
from chatsphere.services.vector_store import questions as reading
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord
from chatsphere.services.vector_store.memory import MemoryVectorStore, PlacedChunk

MODEL = MULTILINGUAL_E5.model
STEP = 3
FAR_OFF = 150
RANKED: Mapping[str, Callable[[Sequence[str], Collection[str]], float]] = {
    "nDCG@10": ndcg,
    "R@5": partial(recall, depth=5),
    "R@10": partial(recall, depth=10),
    "MRR": reciprocal_rank,
}
SMOOTHING = 1e-6  # its cosines lie within a tenth, so their weight has to be large
FEATURES = (
    "sparse",
    "coverage",
    "terms",
    "dense",
    "gap",
    "agree",
)  # all chatbots here are of two sizes: size says nothing


class Embedder:
    """Questions and passages are cached apart: the model reads them with different prefixes."""

    def __init__(self) -> None:
        self._loaded: list[MultilingualModel] = []
        self._questions = VectorCache(f"{MODEL.id}/questions", lambda texts: self._embed(texts, is_question=True))
        self._passages = VectorCache(f"{MODEL.id}/passages", lambda texts: self._embed(texts, is_question=False))

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._passages.vectors(texts)

    def question(self, text: str) -> Vector:
        vector: Vector = self._questions.vectors([text])[0]
        return vector

    def _embed(self, texts: Sequence[str], *, is_question: bool) -> Vectors:
        if not self._loaded:
            self._loaded.append(MultilingualModel(MULTILINGUAL_E5))
        return self._loaded[0].embed(texts, is_question=is_question)


class Shelf:
    """The documents of one language, whole and in two halves, a chatbot each."""

    def __init__(self, language: str, documents: Sequence[Document], embedder: Embedder) -> None:
        self.language, self._embedder = language, embedder
        self._store = MemoryVectorStore()
        self._titles: dict[UUID, str] = {}
        self.half_of = {_parallel(document.doc_id): n % 2 for n, document in enumerate(documents)}
        for scope, part in (("", documents), ("0", documents[::2]), ("1", documents[1::2])):
            self._fill(scope, part)

    async def search(self, text: str, scope: str = "", *, limit: int = 10, with_vector: bool = True) -> SearchOutcome:
        chatbot = self._chatbot(scope)
        vector = self._embedder.question(text) if with_vector else None
        request = SearchRequest(
            chatbot.workspace_id, chatbot.chatbot_id, text, vector, MODEL.id if with_vector else None, limit=limit
        )
        return await self._store.search(request)

    def ranking(self, outcome: SearchOutcome) -> list[str]:
        return [_parallel(self._titles[hit.document_id]) for hit in outcome.hits]

    def _fill(self, scope: str, documents: Sequence[Document]) -> None:
        chatbot = self._chatbot(scope)
        ids = [uuid5(chatbot.chatbot_id, document.doc_id) for document in documents]
        for chunk_id, document in zip(ids, documents, strict=True):
            self._titles[chunk_id] = document.doc_id
            self._store.place(chunk_id, PlacedChunk(chunk_id, chunk_id, document.title))
        records = [
            ChunkRecord(chunk_id, document.title, document.text, document.language)
            for chunk_id, document in zip(ids, documents, strict=True)
        ]
        self._store.add_texts(None, chatbot=chatbot, records=records, is_live=True)
        rows = self._embedder.passages([search_text(document.title, document.text) for document in documents])
        pairs = list(zip(ids, rows, strict=True))
        self._store.add_vectors(None, chatbot=chatbot, model=MODEL, vectors=pairs, is_live=True)
        self._store.refresh_statistics(None, chatbot=chatbot)

    def _chatbot(self, scope: str) -> ChatbotRef:
        return ChatbotRef(uuid5(NAMESPACE_URL, "multilingual"), uuid5(NAMESPACE_URL, f"{self.language}/{scope}"))


def _parallel(doc_id: str) -> str:
    """The same paragraph has the same id in every language, behind the language."""
    return doc_id.partition("/")[2]


async def rankings(shelf: Shelf, questions: Sequence[Question]) -> dict[str, float]:
    """nDCG@10 of each way to rank."""
    found: dict[str, list[float]] = {}
    for question in questions:
        gold = {_parallel(doc_id) for doc_id in question.gold}
        outcomes = {
            "words": await shelf.search(question.text, with_vector=False),
            "as served": await shelf.search(question.text),
            "mixed": await _forced(shelf, question.text, is_foreign=False),
            "meaning": await _forced(shelf, question.text, is_foreign=True),
        }
        for name, outcome in outcomes.items():
            found.setdefault(name, []).append(ndcg(shelf.ranking(outcome), gold))
    return {name: fmean(values) for name, values in found.items()}


async def served_in_own_language(languages: Sequence[str] = XQUAD_LANGUAGES) -> dict[str, float]:
    """As served, over all questions of xquad_a, each in the language of its documents: means of the languages."""
    known, embedder = load("xquad_a"), Embedder()
    found = [await _served_in(language, known, embedder) for language in languages]
    return {name: fmean(each[name] for each in found) for name in found[0]}


async def _served_in(language: str, known: QuestionSet, embedder: Embedder) -> dict[str, float]:
    shelf = Shelf(language, [replace(each, scope="") for each in known.documents if each.scope == language], embedder)
    cases = []
    for question in known.questions:
        if question.scope == language:
            ranking = shelf.ranking(await shelf.search(question.text))
            cases.append((ranking, {_parallel(doc_id) for doc_id in question.gold}))
    return {name: fmean(measured(*case) for case in cases) for name, measured in RANKED.items()}


async def _forced(shelf: Shelf, text: str, *, is_foreign: bool) -> SearchOutcome:
    original = reading.is_foreign
    reading.is_foreign = lambda _text, _languages: is_foreign
    try:
        return await shelf.search(text)
    finally:
        reading.is_foreign = original


async def asked(shelf: Shelf, questions: Sequence[Question], name: str) -> Scenario:
    """The figures of the refusal: questions that the documents answer, those of the other half, and far-off ones."""
    scenario = Scenario(name)
    for question in questions:
        (gold,) = question.gold
        away = str(1 - shelf.half_of[_parallel(gold)])
        for kind, scope in (("answerable", ""), ("cross", away)):
            await _ask(scenario, shelf, kind, question.text, scope)
    for far in load_questions("clinc_oos_a")[:: len(load_questions("clinc_oos_a")) // FAR_OFF]:
        await _ask(scenario, shelf, "far", far.text, "")
    return scenario


async def _ask(scenario: Scenario, shelf: Shelf, kind: str, text: str, scope: str) -> None:
    figures = measure(await shelf.search(text, scope, limit=8))
    scenario.rows.setdefault(kind, []).append((is_held_out(text), (figures, figures)))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("languages", nargs="*", default=["en", "de", "ar", "zh"])
    languages = parser.parse_args().languages
    known, embedder, scenarios = load("xquad_a"), Embedder(), []
    asked_in = {each: [q for q in known.questions if q.scope == each][::STEP] for each in languages}
    for language in languages:
        documents = [replace(each, scope="") for each in known.documents if each.scope == language]
        shelf = Shelf(language, documents, embedder)
        for other in languages:
            figures = await rankings(shelf, asked_in[other])
            print(
                f"{other} → {language}  " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()),
                flush=True,
            )
            scenarios.append(await asked(shelf, asked_in[other], f"{other} → {language}"))
    weights = fit(scenarios, FEATURES, column=0, cut_by=tuple(each.name for each in scenarios), smoothing=SMOOTHING)
    print(weights)
    for scenario in scenarios:
        shares = {kind: declined(rows, weights, 0) for kind, rows in scenario.rows.items()}
        print(f"{scenario.name:10}" + "".join(f"  {kind} {share:6.1%}" for kind, share in shares.items()))


if __name__ == "__main__":
    asyncio.run(main())
