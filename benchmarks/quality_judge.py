"""What follows the ranking: whether a question is declined, and how good the answer is that only quotes. As chat does both.

Of each set at most so many questions are judged, spread evenly. Decisions count on questions that the refusal's weights were not fitted on
(``calibrate_refusal.is_held_out``): the set's own, those of it that have no answer ("near misses"), and far-off ones (clinc_oos_a, intent ``oos``) asked of its
English chatbots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, Final

from benchmarks.answer_data import Question as Asked
from benchmarks.answer_data import load_questions
from benchmarks.calibrate_refusal import is_held_out
from benchmarks.quality_answers import AnswerFigures
from benchmarks.question_sets import Question
from chatsphere.apps.conversations.retrieval import choose
from chatsphere.services.ai.calibration import auroc
from chatsphere.services.ai.extractive import ExtractiveChatModel
from chatsphere.services.types import ChatPrompt, SearchHit, TextDelta

MOST_ANSWERED: Final = 300  # of a set
MOST_FAR: Final = 200
PASSAGES: Final = 8  # of an answer, by default
SHORT_ANSWERS: Final = frozenset(
    {"squad2_a", "policyqa_a", "awsdocs_a", "xquad_a"}
)  # elsewhere they are told in other words than the document's


class Judge:
    """Decisions and answers of one set, as they come in."""

    def __init__(self, name: str, embedder: Any) -> None:
        self._name, self._model = name, ExtractiveChatModel(embedder)
        self._answers = AnswerFigures()
        self._chances: dict[str, list[float]] = {"answerable": [], "far": [], "near": []}
        rows = [row for row in load_questions(name) if row.gold or row.answerable is False]
        answerable = [row for row in rows if row.answerable is not False]
        self._answered = {(row.text, row.scope): row for row in evenly(answerable, MOST_ANSWERED)}
        self._near = [row for row in rows if row.answerable is False and not row.has_history and is_held_out(row.text)]
        self._far = [row for row in load_questions("clinc_oos_a") if row.intent == "oos" and is_held_out(row.text)]

    async def see(self, question: Question, hits: Sequence[SearchHit], chance: float, language: str) -> None:
        """A question that has an answer, what is served for it, and how likely that is thought to answer it."""
        if is_held_out(question.text):
            self._chances["answerable"].append(chance)
        asked = self._answered.get((question.text, question.scope))
        if asked is not None:
            await self._answer(asked, choose(hits, PASSAGES), language)

    def others(self, scope: str, scopes: int, language: str) -> dict[str, list[str]]:
        """What else to ask of a chatbot, by kind: near misses, and its share of the far-off ones."""
        near = [row.text for row in evenly(self._near, MOST_ANSWERED) if row.scope == scope]
        far = evenly(self._far, max(1, MOST_FAR // scopes)) if language == "en" else []
        return {"near": near, "far": [row.text for row in far]}

    def add(self, kind: str, chance: float) -> None:
        self._chances[kind].append(chance)

    def figures(self) -> dict[str, float]:
        """Shares by name; nan where the set has no such thing."""
        good, far, near = (self._chances[kind] for kind in ("answerable", "far", "near"))
        answers, has_short = self._answers, self._name in SHORT_ANSWERS
        return {
            "in answer": answers.answer_contains / answers.questions if has_short else float("nan"),
            "in cited": answers.cited_contains / answers.questions if has_short else float("nan"),
            "citations": answers.supported / max(1, answers.cited),
            "good kept": _share(chance >= 0.5 for chance in good),
            "far decl.": _share(chance < 0.5 for chance in far),
            "near decl.": _share(chance < 0.5 for chance in near),
            "accuracy": (_share(chance >= 0.5 for chance in good) + _share(chance < 0.5 for chance in far)) / 2,
            "AUROC": _auroc(good, far),
            "near AUROC": _auroc(good, near),
        }

    async def _answer(self, asked: Asked, passages: Sequence[SearchHit], language: str) -> None:
        prompt = ChatPrompt(asked.text, passages, language=language)
        answer = "".join([event.text async for event in self._model.stream(prompt) if isinstance(event, TextDelta)])
        self._answers.add(asked, answer, passages, is_refused=False)


def evenly(rows: Sequence[Asked], most: int) -> Sequence[Asked]:
    return rows[:: max(1, -(-len(rows) // most))]


def _share(values: Iterable[bool]) -> float:
    known = [float(value) for value in values]
    return fmean(known) if known else float("nan")


def _auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    if not good or not bad:
        return float("nan")
    return auroc([*good, *bad], [True] * len(good) + [False] * len(bad))
