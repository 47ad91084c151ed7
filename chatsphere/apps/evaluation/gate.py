"""The publish gate: a version that does worse on the chatbot's test set than the one that answers is not published.

Both are measured over the content as it is now: an evaluation over other content says nothing of these answers, good or bad, and is made anew.
"""

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
    after = _over_todays_content(found, chatbot, version)
    published = chatbot.published_version
    before = None if published is None else _over_todays_content(found, chatbot, published)
    waiting = [each for each in (before, after) if each is not None and each.state != DurableState.SUCCEEDED]
    if waiting:
        raise _come_back(version, waiting)
    if before is not None:
        _refuse_worse(found, before, after)


def _over_todays_content(gate: PublishGate, chatbot: Chatbot, version: ChatbotVersion) -> Evaluation:
    """The newest evaluation of a version with the test set and the content as they are now, started when there is none; one that failed or was
    cancelled does not count."""
    rows = Evaluation.objects.in_workspace(gate.workspace_id).filter(
        test_set_id=gate.test_set_id,
        version=version.number,
        revision=gate.test_set.revision,
        knowledge_version=chatbot.knowledge_version,
        embedding_model=chatbot.embedding_model,
    )
    done = rows.filter(state=DurableState.SUCCEEDED).order_by("-id").first()
    found: Evaluation | None = done or rows.filter(
        state__in=[DurableState.QUEUED, DurableState.RUNNING]
    ).order_by("-id").first()  # fmt: skip
    return found or start_evaluation(test_set=gate.test_set, version=version)


def _come_back(version: ChatbotVersion, waiting: list[Evaluation]) -> Conflict:
    wanted = {"version": version.number, "awaited": " / ".join(str(each.version) for each in waiting)}
    message = _(
        "This chatbot has a publish gate, which compares versions over the content as it is now. Awaited: the evaluation of version %(awaited)s."
        " They go on by themselves; publish version %(version)s again when they have ended."
    )
    return Conflict(
        message % wanted,
        type="evaluation_required",
        details={"evaluations": [_state_of(each) for each in waiting]},
    )


def _state_of(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "id": str(evaluation.pk),
        "version": evaluation.version,
        "knowledge_version": evaluation.knowledge_version,
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
