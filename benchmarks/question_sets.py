"""The question sets under ``../shared/data`` as pieces to index and questions to ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS: Final = (
    "scifact", "squad2_a", "mtrag_a", "policyqa_a", "clapnq_a", "awsdocs_a", "sec10q_a", "xquad_a",
)  # fmt: skip
XQUAD_LANGUAGES: Final = ("en", "de", "es", "ru", "zh", "ar", "hi", "th")
AWSDOCS_SIZE: Final = 400  # every page that answers a question, filled up with others


@dataclass(frozen=True, slots=True)
class Document:
    doc_id: str
    scope: str  # one chatbot each
    title: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Question:
    query_id: str
    scope: str
    text: str
    gold: frozenset[str]
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]  # only those with a gold document


def load(name: str) -> QuestionSet:
    """Raises FileNotFoundError where the shared data are absent."""
    questions = tuple(_questions(name))
    documents = tuple(_documents(name, frozenset().union(*(question.gold for question in questions))))
    return QuestionSet(name, documents, questions)


def _questions(name: str) -> Iterator[Question]:
    for row in _rows(name, "queries"):
        if row["gold_doc_ids"] and row.get("lang", "en") in XQUAD_LANGUAGES:
            history = tuple(turn["text"] for turn in row.get("history", ()) if turn["role"] == "user")
            yield Question(row["query_id"], _scope(row), row["text"], frozenset(row["gold_doc_ids"]), history)


def _documents(name: str, gold: frozenset[str]) -> Iterator[Document]:
    rows = [row for row in _rows(name, "docs") if row.get("lang", "en") in XQUAD_LANGUAGES]
    if name == "awsdocs_a":
        rows.sort(key=lambda row: (row["doc_id"] not in gold, hashlib.sha256(row["doc_id"].encode()).digest()))
        rows = rows[:AWSDOCS_SIZE]
    for row in rows:
        yield Document(row["doc_id"], _scope(row), row.get("title", ""), row["text"], row.get("lang", "en"))


def _scope(row: dict[str, Any]) -> str:
    return str(row.get("scope") or row.get("lang") or "")


def _rows(name: str, kind: str) -> Iterator[dict[str, Any]]:
    with (DATA / name / f"{kind}.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
