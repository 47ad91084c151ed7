"""From the results of an evaluation to weights of the chatbot's own for the decision to answer."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.actions import update_chatbot
from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.evaluation.models import Evaluation, Result, TestQuestion
from chatsphere.core.durable import DurableState
from chatsphere.core.exceptions import Conflict
from chatsphere.services.ai.calibration import (
    LEAST_EACH,
    Calibration,
    TooFewQuestions,
    auroc,
    calibrate,
    risk_coverage,
)
from chatsphere.services.ai.refusal import weights_for


def calibration_of(evaluation: Evaluation) -> dict[str, Any]:
    """Weights fitted to the questions of an evaluation that ended well, what they gain, and the risk at each coverage. One query.

    Raises Conflict: not ended, or fewer than ten questions that have an answer or that must be refused.
    """
    if evaluation.state != DurableState.SUCCEEDED:
        raise Conflict(_("This evaluation has not ended well."), type="not_ended")
    rows = _rows(evaluation)
    start = _in_use(evaluation, rows)
    labels = [row["question__expects"] == TestQuestion.Expects.ANSWER for row in rows]
    cut = read_configuration(evaluation.configuration).min_score
    try:
        found = calibrate([row["features"] for row in rows], labels, start, cut=cut)
    except TooFewQuestions:
        raise Conflict(
            _("A calibration needs at least %(least)s questions that have an answer and as many that must be refused.")
            % {"least": LEAST_EACH},
            type="too_few_questions",
        ) from None
    return _shown(found, [row["probability"] for row in rows], labels)


def apply(evaluation: Evaluation, weights: dict[str, float]) -> None:
    """Let the chatbot's editable configuration use these weights; a version freezes them like every key. Raises NotFound."""
    changes = {"configuration": {"refusal_weights": weights, "min_score": None}}
    update_chatbot(workspace_id=evaluation.workspace_id, chatbot_id=evaluation.chatbot_id, changes=changes)


def _rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    found = Result.objects.in_workspace(evaluation.workspace_id).filter(
        evaluation_id=evaluation.pk, probability__isnull=False
    )
    rows = found.order_by("id").values("features", "probability", "question__expects")
    return [row for row in rows if row["features"]]


def _in_use(evaluation: Evaluation, rows: list[dict[str, Any]]) -> dict[str, float]:
    own = read_configuration(evaluation.configuration).refusal_weights
    if own:
        return dict(own)
    features = rows[0]["features"] if rows else {}
    return dict(weights_for(evaluation.embedding_model, features))


def _shown(found: Calibration, chances: list[float], labels: list[bool]) -> dict[str, Any]:
    curve = risk_coverage(chances, labels)
    return {
        "weights": dict(found.weights),
        "min_score": 0.5,
        "answerable": found.answerable,
        "unanswerable": found.unanswerable,
        "balanced_accuracy_before": found.before,
        "balanced_accuracy_after": found.after,
        "auroc": round(auroc(chances, labels), 4),
        "risk_coverage": [{"coverage": coverage, "risk": risk} for coverage, risk in curve],
    }
