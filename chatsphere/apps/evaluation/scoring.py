"""How good one answer is, and how good a version is over all questions. Pure: no database, no engine."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from chatsphere.services.types import SearchHit

RANKS = (1, 3, 5, 10)  # the k of hit@k
LEAST_QUOTE = 12  # characters; a shorter expected quote would be found anywhere
HALF = 0.5  # the most that a question without accepted answers scores
HIGHER_IS_BETTER = (
    "score",
    "hit_rate",
    "mrr",
    "refusal_accuracy",
    "citation_validity",
    "answer_contained",
    "answer_f1",
)

_MARKER = re.compile(r"\[\d{1,3}\]")
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_]+")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test question wants. Each passage names any of ``source_id``, ``document_id``, ``quote``; all that it names must fit."""

    must_refuse: bool
    answers: Sequence[str] = ()
    passages: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """One answer, measured. None stands for what cannot be measured on this question."""

    score: float
    rank: int | None
    has_passages: bool
    contained: bool | None
    f1: float | None


def grade(expectation: Expectation, *, answer: str, is_refused: bool, passages: Sequence[SearchHit]) -> Grade:
    """``passages`` are those the answer could rest on, best first. A question that must be refused scores 1 when it is, else 0. One that
    must be answered scores 0 when it is refused; else 1 when an accepted answer stands in the answer, or its F1. Without accepted answers
    nobody knows whether the right thing was said: it scores HALF when an expected passage was found, or nothing at all was expected."""
    if expectation.must_refuse:
        return Grade(float(is_refused), None, has_passages=False, contained=None, f1=None)
    wanted = _wanted(expectation)
    rank = next((n for n, hit in enumerate(passages, start=1) if any(_fits(each, hit) for each in wanted)), None)
    contained, f1 = _against(expectation.answers, "" if is_refused else answer)
    if is_refused:
        score = 0.0
    elif contained is not None and f1 is not None:
        score = 1.0 if contained else f1
    else:
        score = HALF if rank is not None or not wanted else 0.0
    return Grade(score, rank, has_passages=bool(wanted), contained=contained, f1=f1)


def score_of(row: Mapping[str, Any]) -> float:
    """The score of a stored result (columns of ``Result`` and ``expects``) by the rules of ``grade``, under whichever release it was written."""
    if row["expects"] == "answer" and row["contained"] is None and not row["is_refused"]:
        return HALF if row["rank"] is not None or not row["has_passages"] else 0.0
    return float(row["score"])


def _wanted(expectation: Expectation) -> list[Mapping[str, str]]:
    """The expected passages; where none is named, any passage in which an accepted answer stands."""
    return list(expectation.passages) or [{"quote": answer} for answer in expectation.answers]


def _fits(wanted: Mapping[str, str], hit: SearchHit) -> bool:
    ids = {"source_id": str(hit.source_id), "document_id": str(hit.document_id)}
    if any(wanted.get(name) and wanted[name] != value for name, value in ids.items()):
        return False
    quote, text = flat(wanted.get("quote", "")), flat(hit.text)
    return not quote or quote in text or (len(text) >= LEAST_QUOTE and text in quote)


def _against(answers: Sequence[str], answer: str) -> tuple[bool | None, float | None]:
    if not answers:
        return None, None
    given = words(answer)
    text = f" {' '.join(given)} "
    contained = any(f" {' '.join(words(each))} " in text for each in answers if words(each))
    return contained, max(f1_of(given, words(each)) for each in answers)


def words(text: str) -> list[str]:
    """Words in lower case without citation marks; each CJK character is one."""
    return _WORD.findall(_MARKER.sub(" ", text).casefold())


def flat(text: str) -> str:
    """Words with single spaces, to compare texts whose layout differs."""
    return " ".join(words(text))


def f1_of(given: Sequence[str], wanted: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over words with their counts, as SQuAD measures it."""
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted)) if common else 0.0


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Measures over result rows (the columns of ``Result`` and ``expects``); None where no question could be measured."""
    ranked = [row for row in rows if row["has_passages"]]
    statements = sum(row["statements"] for row in rows)
    latencies = [row["latency_ms"] for row in rows]
    return {
        "questions": len(rows),
        "score": _mean(row["score"] for row in rows),
        "unchecked": sum(row["contained"] is None and row["expects"] == "answer" for row in rows),
        "hit_rate": _mean(float(row["rank"] is not None) for row in ranked),
        **{f"hit_at_{k}": _mean(float(row["rank"] is not None and row["rank"] <= k) for row in ranked) for k in RANKS},
        "mrr": _mean(1 / row["rank"] if row["rank"] else 0.0 for row in ranked),
        "refusal_accuracy": _mean(float(row["is_refused"] == (row["expects"] == "refusal")) for row in rows),
        "refused_wrongly": sum(row["is_refused"] and row["expects"] == "answer" for row in rows),
        "answered_wrongly": sum(not row["is_refused"] and row["expects"] == "refusal" for row in rows),
        "citation_validity": sum(row["supported"] for row in rows) / statements if statements else None,
        "answer_contained": _mean(float(row["contained"]) for row in rows if row["contained"] is not None),
        "answer_f1": _mean(row["f1"] for row in rows if row["f1"] is not None),
        "latency_p50_ms": round(median(latencies)) if latencies else None,
        "latency_p95_ms": _percentile(latencies, 0.95),
        "prompt_tokens": sum(row["prompt_tokens"] for row in rows),
        "completion_tokens": sum(row["completion_tokens"] for row in rows),
        "cost": sum(row["cost_micros"] for row in rows),
    }


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(fmean(found), 4) if found else None


def _percentile(values: Sequence[int], share: float) -> int | None:
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None
