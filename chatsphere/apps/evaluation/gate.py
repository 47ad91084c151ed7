"""The publish gate: a version that does worse on the chatbot's test set than the one that answers is not published."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.apps.evaluation.actions import start_evaluation
from chatsphere.apps.evaluation.comparing import compare, fallen
from chatsphere.apps.evaluation.models import Evaluation, PublishGate
from chatsphere.core.durable import DurableState
from chatsphere.core.exceptions import Conflict

MOST_SHOWN = 20  # questions in the refusal


def check(chatbot: Chatbot, version: ChatbotVersion) -> None:
    """Registered with ``chatbots.publishing``. Without a gate nothing happens. An evaluation that is missing is started, and the caller
    asked to come back; raises Conflict for that (``evaluation_required``) and for a version that got worse (``version_got_worse``)."""
    gate = PublishGate.objects.in_workspace(chatbot.workspace_id).filter(chatbot=chatbot).select_related("test_set")
    found: PublishGate | None = gate.first()
    if found is None:
        return
    after = _newest(found, version.number) or _start(found, version)
    before = _baseline(found, chatbot)
    waiting = [each for each in (before, after) if each is not None and each.state != DurableState.SUCCEEDED]
    if waiting:
        raise _come_back(waiting)
    if before is not None:
        _refuse_worse(found, before, after)


def _baseline(gate: PublishGate, chatbot: Chatbot) -> Evaluation | None:
    """The evaluation of the version that answers now; None when none was ever published."""
    published = chatbot.published_version
    if published is None:
        return None
    return _newest(gate, published.number) or _start(gate, published)


def _newest(gate: PublishGate, number: int) -> Evaluation | None:
    """The newest evaluation of a version with the test set as it is now; one that failed or was cancelled does not count."""
    rows = Evaluation.objects.in_workspace(gate.workspace_id).filter(
        test_set_id=gate.test_set_id, version=number, revision=gate.test_set.revision
    )
    done = rows.filter(state=DurableState.SUCCEEDED).order_by("-id").first()
    found: Evaluation | None = done or rows.filter(
        state__in=[DurableState.QUEUED, DurableState.RUNNING]
    ).order_by("-id").first()  # fmt: skip
    return found


def _start(gate: PublishGate, version: ChatbotVersion) -> Evaluation:
    return start_evaluation(test_set=gate.test_set, version=version)


def _come_back(waiting: list[Evaluation]) -> Conflict:
    return Conflict(
        _("This chatbot has a publish gate: its evaluations must end first. Publish again when they have."),
        type="evaluation_required",
        details={"evaluations": [_state_of(each) for each in waiting]},
    )


def _state_of(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "id": str(evaluation.pk),
        "version": evaluation.version,
        "state": str(evaluation.state),
        "done": evaluation.done_count,
        "total": evaluation.questions_count,
    }


def _refuse_worse(gate: PublishGate, before: Evaluation, after: Evaluation) -> None:
    comparison = compare(before, after)
    lost = fallen(comparison, gate.tolerance)
    if lost:
        worse = [{**each, "question_id": str(each["question_id"])} for each in comparison["worse"][:MOST_SHOWN]]
        raise Conflict(
            _("This version does worse on the test set “%(name)s” than the one that answers now.")
            % {"name": gate.test_set.name},
            type="version_got_worse",
            details={"before": str(before.pk), "after": str(after.pk), "measures": lost, "worse": worse},
        )
