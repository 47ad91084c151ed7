"""Fits the weights of ``chatsphere.services.ai.refusal``: ``python -m benchmarks.calibrate_refusal``.

Chatbots of many sizes are asked three kinds of questions: those that their documents answer, those of other people's documents
(``cross``) and far-off ones (``far``). Questions are halved by a hash of their text: one half fits, the other is reported. Every
scenario weighs the same however many questions it has, but for the lesser ones in SHARES. Languages that the model does not read have weights
of their own. Near misses are reported and not fitted: what a
search measures hardly tells them from answerable ones, and fitting them would decline good questions.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.answer_data import MODEL_ID, CachedModel, Knowledge, Question, load_documents, load_questions
from chatsphere.services.ai.refusal import TEXT_ONLY, UNREAD, WEIGHTS, Features, estimate, measure

Floats = npt.NDArray[np.float64]

UNREAD_FEATURES = ("sparse", "coverage", "terms")
TEXT_FEATURES = ("sparse", "coverage", "terms", "size", "coverage_size")
ALL_FEATURES = (*TEXT_FEATURES, "dense", "gap", "agree", "dense_size")
WRONGLY_DECLINED = 0.04  # of the fitted half, mean of the scenarios in CUT_BY
CUT_BY = ("squad", "clapnq", "policyqa", "article", "10 chunks", "1 chunk")
SHARES = {"squad": 2.0, "1 chunk": 0.5, "3 chunks": 0.5, "10 chunks": 0.5, "mtrag follow-ups": 0.3}
OTHER_LANGUAGES = ("de", "es", "ru", "zh", "ar")
CROSS_SHARE = 0.5
MOST_QUESTIONS = 400  # of a kind in a scenario
SMOOTHING = 1e-3

Asked = tuple[bool, tuple[Features, Features]]  # held out?, figures with vectors and by text alone


def is_held_out(text: str) -> bool:
    """Which half a question belongs to, the same in every scenario."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


def evenly(questions: Sequence[tuple[Question, str]]) -> Sequence[tuple[Question, str]]:
    """At most MOST_QUESTIONS, spread over all of them."""
    return questions[:: max(1, -(-len(questions) // MOST_QUESTIONS))]


@dataclass(slots=True)
class Scenario:
    """A chatbot and what it was asked, by kind."""

    name: str
    knowledge: Knowledge | None = None  # that ``ask`` searches
    rows: dict[str, list[Asked]] = field(default_factory=dict)

    async def ask(self, kind: str, questions: Iterable[tuple[Question, str]]) -> None:
        if self.knowledge is None:
            return
        for question, scope in evenly(list(questions)):
            found = await self.knowledge.search(question.text, scope)
            by_text = await self.knowledge.search(question.text, scope, text_only=True)
            figures = measure(found), measure(by_text)
            self.rows.setdefault(kind, []).append((is_held_out(question.text), figures))


async def ask_all(embedder: CachedModel) -> list[Scenario]:
    """Every scenario with its questions asked."""
    far = load_questions("clinc_oos_a")
    scenarios = [await _squad(embedder, far)]
    for name, size in (("article", 1_000), ("10 chunks", 10), ("3 chunks", 3), ("1 chunk", 1)):
        scenarios.append(await _parts_of_squad(embedder, name, size, far[::5]))
    far_for_others = [question for question in far if question.intent == "oos"] + far[::7]
    scenarios += [
        await _whole(embedder, "clapnq", 1, far_for_others),
        await _whole(embedder, "policyqa", 3, far_for_others),
    ]
    scenarios += [await _whole(embedder, "mtrag", 1, far_for_others), await _follow_ups(embedder)]
    scenarios += [await _language(embedder, language) for language in OTHER_LANGUAGES]
    return scenarios


async def _squad(embedder: CachedModel, far: Sequence[Question]) -> Scenario:
    scenario = Scenario("squad", Knowledge(embedder, load_documents("squad2_a")))
    questions = load_questions("squad2_a")
    await scenario.ask("answerable", ((question, "") for question in questions if question.answerable))
    await scenario.ask("near", ((question, "") for question in questions if question.answerable is False))
    await scenario.ask("far", ((question, "") for question in far))
    return scenario


async def _parts_of_squad(embedder: CachedModel, name: str, size: int, far: Sequence[Question]) -> Scenario:
    """Chatbots of so many neighbouring paragraphs of one article; cross questions are about another article."""
    documents = [replace(document, scope=_part(document.doc_id, size)) for document in load_documents("squad2_a")]
    scenario = Scenario(name, Knowledge(embedder, documents))
    scopes = sorted({document.scope for document in documents})
    questions = [question for question in load_questions("squad2_a") if question.answerable][::2]
    homes = [_part(question.gold[0], size) for question in questions]
    strange = [[scope for scope in scopes if scope.split("/")[0] != home.split("/")[0]] for home in homes]
    away = [others[number * 7 % len(others)] for number, others in enumerate(strange)]
    await scenario.ask("answerable", zip(questions, homes, strict=True))
    await scenario.ask("cross", zip(questions, away, strict=True))
    await scenario.ask("far", ((question, scopes[n * 5 % len(scopes)]) for n, question in enumerate(far)))
    return scenario


def _part(doc_id: str, size: int) -> str:
    article, _, number = doc_id.rpartition("#")
    return f"{article}/{int(number) // size}"


async def _whole(embedder: CachedModel, name: str, step: int, far: Sequence[Question]) -> Scenario:
    """A set as it is; follow-ups, which need their conversation, are a scenario of their own."""
    scenario = Scenario(name, Knowledge(embedder, load_documents(f"{name}_a")))
    questions = load_questions(f"{name}_a")[::step]
    scopes = sorted({question.scope for question in questions})
    alone = [question for question in questions if question.answerable and not question.has_history]
    await scenario.ask("answerable", ((question, question.scope) for question in alone))
    await scenario.ask("near", ((question, question.scope) for question in questions if question.answerable is False))
    await scenario.ask("far", ((question, scopes[n % len(scopes)]) for n, question in enumerate(far)))
    return scenario


async def _follow_ups(embedder: CachedModel) -> Scenario:
    scenario = Scenario("mtrag follow-ups", Knowledge(embedder, load_documents("mtrag_a")))
    questions = [question for question in load_questions("mtrag_a") if question.has_history]
    await scenario.ask("answerable", ((question, question.scope) for question in questions if question.answerable))
    await scenario.ask("near", ((question, question.scope) for question in questions if question.answerable is False))
    return scenario


async def _language(embedder: CachedModel, language: str) -> Scenario:
    """Documents and questions of one other language; cross questions meet the half that does not answer them."""
    documents = [document for document in load_documents("xquad_a") if document.language == language]
    halves = {document.doc_id: f"half {2 * place // len(documents)}" for place, document in enumerate(documents)}
    both = [*documents, *(replace(document, scope=halves[document.doc_id]) for document in documents)]
    scenario = Scenario(language, Knowledge(embedder, both))
    questions = [question for question in load_questions("xquad_a") if question.scope == language][::4]
    away = {"half 0": "half 1", "half 1": "half 0"}
    await scenario.ask("answerable", ((question, language) for question in questions))
    await scenario.ask("cross", ((question, away[halves[question.gold[0]]]) for question in questions))
    return scenario


def fit(
    scenarios: Sequence[Scenario],
    names: Sequence[str],
    *,
    column: int,
    cut_by: Sequence[str] = CUT_BY,
    smoothing: float = SMOOTHING,
) -> dict[str, float]:
    """Weights by name, cut so that 0.5 declines 4 % of the answerable questions of the fitted half in the scenarios of ``cut_by``."""
    rows: list[list[float]] = []
    labels: list[float] = []
    shares: list[float] = []
    for scenario in scenarios:
        for kind in {"answerable", "far", "cross"} & set(scenario.rows):
            fitted = [row[1][column] for row in scenario.rows[kind] if not row[0]]
            rows += [[*(features[name] for name in names), 1.0] for features in fitted]
            labels += [float(kind == "answerable")] * len(fitted)
            shares += [_share(scenario.name, kind) / len(fitted)] * len(fitted)
    solution = logistic_regression(
        np.array(rows), np.array(labels), _balanced(np.array(labels), np.array(shares)), smoothing
    )
    weights = dict(zip([*names, "intercept"], solution.tolist(), strict=True))
    weights["intercept"] -= _cut(scenarios, weights, column, cut_by)
    return {name: round(value, 3) for name, value in weights.items()}


def logistic_regression(rows: Floats, labels: Floats, shares: Floats, smoothing: float = SMOOTHING) -> Floats:
    """Newton's method with a little ridge; the last column is the intercept."""
    weights = np.zeros(rows.shape[1])
    ridge = np.full(rows.shape[1], smoothing)
    ridge[-1] = 0.0
    for _ in range(100):
        chances = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (shares * (chances - labels)) + ridge * weights
        curve = (rows * (shares * chances * (1 - chances))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _share(name: str, kind: str) -> float:
    return SHARES.get(name, 1.0) * (CROSS_SHARE if kind == "cross" else 1.0)


def _balanced(labels: Floats, shares: Floats) -> Floats:
    """Both classes weigh the same."""
    totals = np.where(labels > 0, shares[labels > 0].sum(), shares[labels == 0].sum())
    balanced: Floats = shares / totals
    return balanced


def _cut(scenarios: Sequence[Scenario], weights: Features, column: int, cut_by: Sequence[str]) -> float:
    """The log-odds below which 4 % of the answerable ones lie, each scenario counting alike."""
    chances, shares = [], []
    for scenario in scenarios:
        if scenario.name in cut_by:
            fitted = [row[1][column] for row in scenario.rows["answerable"] if not row[0]]
            chances += [estimate(features, weights) for features in fitted]
            shares += [1 / len(fitted) / len(cut_by)] * len(fitted)
    order = np.argsort(chances)
    place = int(np.searchsorted(np.cumsum(np.array(shares)[order]), WRONGLY_DECLINED))
    chance = chances[order[place]]
    return float(np.log(chance / (1 - chance)))


def declined(rows: Iterable[Asked], weights: Features, column: int) -> float:
    """Share of the held-out questions below 0.5."""
    chances = [estimate(row[1][column], weights) for row in rows if row[0]]
    return float(np.mean(np.array(chances) < 0.5)) if chances else float("nan")


def best_balance(scenarios: Iterable[Scenario], weights: Features) -> float:
    """Balanced accuracy between answerable questions and near misses at the best cut."""
    rows: dict[str, list[float]] = {"answerable": [], "near": []}
    for scenario in scenarios:
        for kind, chances in rows.items():
            chances += [estimate(row[1][0], weights) for row in scenario.rows.get(kind, ())]
    good, near = np.array(rows["answerable"]), np.array(rows["near"])
    return max(float((good >= cut).mean() + (near < cut).mean()) / 2 for cut in np.unique(good))


def table(scenarios: Sequence[Scenario], weights: Features, column: int) -> list[str]:
    lines = [
        f"{'declined, held-out half':24}" + "".join(f"{kind:>12}" for kind in ("answerable", "far", "cross", "near"))
    ]
    for scenario in scenarios:
        shares = [
            declined(scenario.rows.get(kind, ()), weights, column) for kind in ("answerable", "far", "cross", "near")
        ]
        lines.append(
            f"{scenario.name:24}" + "".join(f"{share * 100:10.1f} %" for share in shares).replace("nan %", "  - ")
        )
    return lines


def report(scenarios: Sequence[Scenario]) -> list[str]:
    lines: list[str] = []
    others = [scenario for scenario in scenarios if scenario.name in OTHER_LANGUAGES]
    weights: dict[str, Any] = fit(others, UNREAD_FEATURES, column=0, cut_by=OTHER_LANGUAGES)
    lines += ["languages that the model does not read", f"  {weights}", *table(others, weights, 0), ""]
    scenarios = [scenario for scenario in scenarios if scenario not in others]
    for title, names, column in (("with vectors", ALL_FEATURES, 0), ("text only", TEXT_FEATURES, 1)):
        weights = fit(scenarios, names, column=column)
        lines += [title, f"  {weights}", *table(scenarios, weights, column), ""]
        if column == 0:
            mtrag = [scenario for scenario in scenarios if scenario.name.startswith("mtrag")]
            lines.append(f"mtrag, answerable against near misses, best cut: {best_balance(mtrag, weights):.3f}")
    return lines


def report_in_use(scenarios: Sequence[Scenario]) -> list[str]:
    """The table by the weights that are in use, nothing fitted."""
    others = [scenario for scenario in scenarios if scenario.name in OTHER_LANGUAGES]
    own = [scenario for scenario in scenarios if scenario not in others]
    lines = ["languages that the model does not read", *table(others, UNREAD, 0), ""]
    for title, weights, column in (("with vectors", WEIGHTS[MODEL_ID], 0), ("text only", TEXT_ONLY, 1)):
        lines += [title, *table(own, weights, column), ""]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the weights of the refusal.")
    parser.add_argument("--in-use", action="store_true", help="only report what the weights in use do")
    options = parser.parse_args()
    scenarios = asyncio.run(ask_all(CachedModel()))
    print("\n".join(report_in_use(scenarios) if options.in_use else report(scenarios)))


if __name__ == "__main__":
    main()
