"""Two evaluations of one test set, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chatsphere.apps.evaluation.models import Evaluation, Result
from chatsphere.apps.evaluation.scoring import HIGHER_IS_BETTER, score_of, summarise

CLEAR = 0.1  # a score must change by this much to count as improved or worse
COLUMNS = (
    *("score", "rank", "has_passages", "is_refused", "statements", "supported", "contained", "f1"),
    *("latency_ms", "prompt_tokens", "completion_tokens", "cost_micros", "finish_reason", "answer"),
)


def result_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The results of an evaluation as plain rows with ``key``, ``question`` and ``expects``. One query."""
    names = {"question_id": "question_id", "question__key": "key", "question__question": "question"}
    rows = Result.objects.in_workspace(evaluation.workspace_id).filter(evaluation_id=evaluation.pk).order_by("id")
    found = [
        {names.get(name, name.removeprefix("question__")): value for name, value in row.items()}
        for row in rows.values(*names, "question__expects", *COLUMNS)
    ]
    return [{**row, "score": score_of(row)} for row in found]


def compare(before: Evaluation, after: Evaluation) -> dict[str, Any]:
    """Measures over the questions that both asked in the same words, and which of these got better or worse. Two queries."""
    old = {row["question_id"]: row for row in result_rows(before)}
    new = {row["question_id"]: row for row in result_rows(after)}
    shared = [question for question in new if question in old]
    changes = [_change(old[question], new[question]) for question in shared]
    return {
        "before": before.pk,
        "after": after.pk,
        "questions": len(shared),
        "measures": _measures([old[each] for each in shared], [new[each] for each in shared]),
        "improved": _sorted([each for each in changes if each["after"]["score"] >= each["before"]["score"] + CLEAR]),
        "worse": _sorted([each for each in changes if each["after"]["score"] <= each["before"]["score"] - CLEAR]),
        "only_before": len(old) - len(shared),
        "only_after": len(new) - len(shared),
    }


def fallen(comparison: dict[str, Any], tolerance: float) -> list[dict[str, Any]]:
    """The measures of a comparison that fell by more than ``tolerance``."""
    return [
        {"measure": name, **values}
        for name, values in comparison["measures"].items()
        if name in HIGHER_IS_BETTER and values["change"] is not None and values["change"] < -tolerance - 1e-9
    ]


def _measures(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> dict[str, Any]:
    before, after = summarise(old), summarise(new)
    return {
        name: {"before": before[name], "after": after[name], "change": _difference(before[name], after[name])}
        for name in after
        if name != "questions"
    }


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 4)


def _change(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    key: UUID = new["key"]
    return {"question_id": key, "question": new["question"], "before": _short(old), "after": _short(new)}


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("score", "rank", "is_refused", "finish_reason", "answer")}


def _sorted(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clearest change first."""
    return sorted(changes, key=lambda each: -abs(each["after"]["score"] - each["before"]["score"]))
