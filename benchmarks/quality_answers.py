"""How good the answers without a language model are: ``python -m benchmarks.quality_answers``.

On squad2_a, with the in-memory twin of the vector store and eight passages a question:

- share of answerable questions whose extractive answer contains an accepted answer, and whose cited passages contain one;
- citation precision: share of cited statements that their passage bears out;
- AUROC of the decision to answer and the risk at each coverage;
- share of unanswerable questions that the refusal declines, far-off ones (clinc_oos_a) and near misses (squad2_a's own), and share of
  answerable ones that it wrongly declines. Only questions that the calibration did not see are counted.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pygal
from pygal.style import Style

from benchmarks.answer_data import MODEL_ID, CachedModel, Knowledge, Question, load_documents, load_questions
from benchmarks.calibrate_refusal import is_held_out
from chatsphere.services.ai.calibration import auroc, risk_coverage
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.extractive import ExtractiveChatModel
from chatsphere.services.ai.refusal import decide
from chatsphere.services.types import ChatDone, ChatPrompt, FinishReason, SearchHit, TextDelta


@dataclass(slots=True)
class AnswerFigures:
    """Counts over answerable questions."""

    questions: int = 0
    answer_contains: int = 0
    cited_contains: int = 0
    refused: int = 0
    sentences: int = 0
    grounded: int = 0
    cited: int = 0  # statements
    supported: int = 0

    def add(self, question: Question, answer: str, passages: Sequence[SearchHit], *, is_refused: bool) -> None:
        self.questions += 1
        self.refused += is_refused
        text, report = scan_answer(answer, passages, language="en")
        self.grounded += report.grounded
        self.cited += len(report.cited)
        self.supported += len(report.cited) - len(report.unsupported)
        self.sentences += text.count("[")
        self.answer_contains += contains_any(text, question.answers)
        self.cited_contains += any(contains_any(cited.passage.text, question.answers) for cited in report.citations)

    def lines(self) -> list[str]:
        share = self.questions / 100
        return [
            f"{self.questions} answerable questions of squad2_a",
            f"  answer contained in the extractive answer  {self.answer_contains / share:5.1f} %",
            f"  answer contained in a cited passage        {self.cited_contains / share:5.1f} %",
            f"  every citation supported                   {self.grounded / share:5.1f} %",
            f"  citation precision (statements)            {100 * self.supported / max(1, self.cited):5.1f} %",
            f"  declined by the extractive model itself    {self.refused / share:5.1f} %",
            f"  citations an answer                        {self.sentences / self.questions:5.2f}",
        ]


def contains_any(text: str, answers: Sequence[str]) -> bool:
    folded = " ".join(text.casefold().split())
    return any(" ".join(answer.casefold().split()) in folded for answer in answers)


async def measure_answers(knowledge: Knowledge, embedder: CachedModel, questions: Sequence[Question]) -> AnswerFigures:
    """Searches and answers each question."""
    model, figures = ExtractiveChatModel(embedder), AnswerFigures()
    for question in questions:
        passages = (await knowledge.served(question.text)).hits
        events = [event async for event in model.stream(ChatPrompt(question.text, passages, language="en"))]
        answer = "".join(event.text for event in events if isinstance(event, TextDelta))
        done = events[-1]
        is_refused = isinstance(done, ChatDone) and done.finish_reason is FinishReason.REFUSED_NO_CONTEXT
        figures.add(question, answer, passages, is_refused=is_refused)
    return figures


async def declined_share(knowledge: Knowledge, questions: Sequence[Question], *, text_only: bool = False) -> float:
    """Share of the questions that the refusal declines at the default cut."""
    model_id = None if text_only else MODEL_ID
    declined = 0
    for question in questions:
        outcome = await knowledge.search(question.text, text_only=text_only)
        declined += not decide(question.text, outcome, model_id=model_id).answer
    return declined / len(questions)


Curve = list[tuple[float, float]]  # coverage and risk


@dataclass(frozen=True, slots=True)
class Separation:
    """How well the decision tells answerable questions from another kind, on the half that was not fitted."""

    kind: str
    auroc: float
    curve: Curve

    def line(self) -> str:
        return f"  {self.kind:14}{self.auroc:8.3f}  " + " ".join(f"{risk * 100:5.1f}" for _, risk in self.curve)


async def separations(
    knowledge: Knowledge, answerable: Sequence[Question], others: Mapping[str, Sequence[Question]]
) -> list[Separation]:
    """Answerable questions against as many of each other kind."""
    good = await _chances(knowledge, answerable)
    found = []
    for name, group in others.items():
        bad = await _chances(knowledge, group)
        count = min(len(good), len(bad))
        labels = [True] * count + [False] * count
        chances = [*good[:count], *bad[:count]]
        found.append(Separation(name, auroc(chances, labels), risk_coverage(chances, labels)))
    return found


def draw(found: Sequence[Separation], path: Path) -> None:
    """The risk at each coverage as an SVG without scripts or fonts from elsewhere."""
    style = Style(font_family="sans-serif", background="white", plot_background="white")
    chart = pygal.XY(
        js=(), style=style, height=360, width=640, x_title="answered, %", y_title="of them without an answer, %",
        title="squad2_a: the surest questions answered first", legend_at_bottom=True, dots_size=2, range=(0, 50),
    )  # fmt: skip
    for each in found:
        chart.add(each.kind, [(100 * coverage, 100 * risk) for coverage, risk in each.curve])
    path.write_bytes(chart.render(is_unicode=False))


async def _chances(knowledge: Knowledge, questions: Sequence[Question]) -> list[float]:
    held_out = [question for question in questions if is_held_out(question.text)]
    outcomes = [(question, await knowledge.search(question.text)) for question in held_out]
    return [decide(question.text, outcome, model_id=MODEL_ID).probability for question, outcome in outcomes]


async def report(embedder: CachedModel, limit: int, picture: Path | None) -> list[str]:
    """The figures as lines of text."""
    knowledge = Knowledge(embedder, load_documents("squad2_a"))
    questions = load_questions("squad2_a")
    answerable = [question for question in questions if question.answerable]
    near = [question for question in questions if question.answerable is False]
    answerable, near = (group[:: max(1, len(group) // limit)] for group in (answerable, near))
    far = load_questions("clinc_oos_a")
    far = far[:: max(1, len(far) // limit)]
    lines = (await measure_answers(knowledge, embedder, answerable)).lines()
    found = await separations(knowledge, answerable, {"far-off": far, "near misses": near})
    lines += [
        "answerable against others, held-out half",
        f"  {'':14}{'AUROC':>8}  wrong among the surest 10 %, 20 %, … 100 %",
    ]
    lines += [each.line() for each in found]
    if picture:
        draw(found, picture)
    for text_only in (False, True):
        lines.append(f"declined, held-out half{', by text alone' if text_only else ''}")
        for name, group in (("far-off", far), ("near misses", near), ("answerable (wrongly)", answerable)):
            held_out = [question for question in group if is_held_out(question.text)]
            share = await declined_share(knowledge, held_out, text_only=text_only)
            lines.append(f"  {name:22} {share * 100:5.1f} %  of {len(held_out)}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Quality of extractive answers and of refusals on squad2_a.")
    parser.add_argument("--limit", type=int, default=100_000, help="questions a group")
    parser.add_argument("--picture", type=Path, help="where to draw the risk at each coverage (.svg)")
    options = parser.parse_args()
    print("\n".join(asyncio.run(report(CachedModel(), options.limit, options.picture))))


if __name__ == "__main__":
    main()
