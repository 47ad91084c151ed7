"""Answering a cluster: a source of questions and answers is written and trained, then the questions are asked again.

Durable: the work is a row that waits for its source; the answers before and after stand in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.analytics.collecting import forget_erased
from chatsphere.apps.analytics.models import AnswerWork, QuestionCluster, UnansweredQuestion
from chatsphere.apps.chatbots.configuration import Configuration, read_configuration
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.metering import rehearsal_amounts
from chatsphere.apps.conversations.models import Message
from chatsphere.apps.conversations.prices import cost_micros
from chatsphere.apps.conversations.rehearsal import Rehearsal, rehearse
from chatsphere.apps.training.actions import NewSource, add_sources
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.users import quota
from chatsphere.apps.users.ledger import Kind, Usage, record_usage
from chatsphere.apps.users.quota import Metric
from chatsphere.core import durable, engines
from chatsphere.core.async_database import close_pool
from chatsphere.core.durable import OPEN_STATES
from chatsphere.core.exceptions import Conflict, NotFound, QuotaExceeded
from chatsphere.core.hints import hint_after_commit, send_hint
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.services.errors import EngineError

TASK = "chatsphere.apps.analytics.tasks.ask_again"
ASKED_AGAIN = 5  # the central question and examples
LOOK_AGAIN = timedelta(seconds=2)
PATIENCE = timedelta(hours=1)
NAME_LENGTH = 120
State = QuestionCluster.State
Status = TrainingSource.Status


def answer_cluster(
    *,
    workspace_id: UUID,
    cluster_id: UUID,
    answer: str,
    question: str = "",
    name: str = "",
    created_by: UUID | None = None,
) -> AnswerWork:
    """Write the answer as a source of the cluster's chatbot and queue the rest. Raises NotFound, Conflict (being answered already).

    The cluster counts as answered at once; it is open again if the questions are still refused afterwards.
    """
    with transaction.atomic():
        cluster = _locked(workspace_id, cluster_id)
        if AnswerWork.objects.filter(cluster=cluster, state__in=OPEN_STATES).exists():
            raise Conflict(_("This is being answered already."), type="already_running")
        text = question or cluster.question
        new = NewSource("qa", name or text[:NAME_LENGTH], options={"pairs": [{"question": text, "answer": answer}]})
        source = add_sources(
            workspace_id=workspace_id, chatbot_id=cluster.chatbot_id, new=[new], created_by=created_by
        )[0]
        work: AnswerWork = AnswerWork.objects.create(
            workspace_id=workspace_id,
            cluster=cluster,
            source_id=source.pk,
            created_by=created_by,
            results=_before(cluster),
        )
        _set_state(cluster, State.ANSWERED)
        hint_after_commit(TASK, str(work.pk))
    return work


@transaction.atomic
def set_state(*, workspace_id: UUID, cluster_id: UUID, state: str) -> QuestionCluster:
    """Dismiss a cluster, or open it again. Repeating it is harmless. Raises NotFound."""
    cluster = _locked(workspace_id, cluster_id)
    if cluster.state != state:
        _set_state(cluster, state)
    return cluster


def _locked(workspace_id: UUID, cluster_id: UUID) -> QuestionCluster:
    found = QuestionCluster.objects.in_workspace(workspace_id).select_for_update(of=("self",)).filter(pk=cluster_id)
    cluster: QuestionCluster | None = found.filter(chatbot__deleted_at=None, merged_into=None).first()
    if cluster is None:
        raise NotFound
    return cluster


def _set_state(cluster: QuestionCluster, state: str) -> None:
    cluster.state = state
    cluster.resolved_at = None if state == State.UNANSWERED else timezone.now()
    cluster.save(update_fields=["state", "resolved_at", "updated_at"])


def _before(cluster: QuestionCluster) -> list[dict[str, Any]]:
    """The questions that will be asked again, with the answers that they got: the central one first, then the newest others."""
    rows = list(UnansweredQuestion.objects.filter(cluster=cluster).order_by("-asked_at")[:200])
    rows.sort(key=lambda row: row.text != cluster.question)
    chosen = list({row.text: row for row in reversed(rows)}.values())[::-1][:ASKED_AGAIN]
    answers = Message.objects.in_bulk([row.message_id for row in chosen])
    return [
        {"question": row.text, "before": _shown(answers[row.message_id]), "after": None}
        for row in chosen
        if row.message_id in answers
    ]


def _shown(answer: Message) -> dict[str, Any]:
    return {"content": answer.content[:4000], "finish_reason": answer.finish_reason, "message_id": str(answer.pk)}


# --- the worker -----------------------------------------------------------------------------------------------------


def ask_again(work_id: UUID) -> None:
    """Do the work if it is due: wait for the source, ask again, write down what came of it."""
    work = durable.claim(AnswerWork, work_id)
    if work is None:
        return
    source = TrainingSource.objects.filter(pk=work.source_id).first()
    if source is None or source.status in (Status.FAILED, Status.CANCELLED):
        _give_up(work, source)
    elif source.status not in (Status.READY, Status.PARTIAL):
        _wait(work)
    else:
        _finish(work)


def _give_up(work: AnswerWork, source: TrainingSource | None) -> None:
    reason = source.error_message if source else str(_("The source was deleted."))
    with transaction.atomic():
        durable.fail(work, error_type="source_failed", message=reason or str(_("The source could not be trained.")))
        _set_state(QuestionCluster.objects.select_for_update().get(pk=work.cluster_id), State.UNANSWERED)


def _wait(work: AnswerWork) -> None:
    if timezone.now() - work.created_at > PATIENCE:
        durable.fail(work, error_type="source_not_ready", message=str(_("The source was not trained within an hour.")))
        return
    durable.release(work)
    AnswerWork.objects.filter(pk=work.pk, fence=work.fence).update(available_at=timezone.now() + LOOK_AGAIN)
    send_hint(TASK, str(work.pk), countdown=LOOK_AGAIN.total_seconds())


def _finish(work: AnswerWork) -> None:
    found = Chatbot.objects.alive().select_related("published_version")
    chatbot = found.filter(pk=work.cluster.chatbot_id).first()
    if chatbot is None:
        durable.fail(work, error_type="chatbot_deleted", message=str(_("The chatbot was deleted.")))
        return
    try:
        with _quota_held(chatbot, work), durable.kept_alive(work):
            drafts = asyncio.run(_ask(chatbot, work, [each["question"] for each in work.results]))
            _write(work, drafts)
    except EngineError as error:
        durable.retry_later(work, error_type=error.type, message=error.message)
    except QuotaExceeded as error:  # the answer stands; only what it changes is not known
        durable.fail(work, error_type=error.type, message=str(error.message))


@contextmanager
def _quota_held(chatbot: Chatbot, work: AnswerWork) -> Iterator[None]:
    """Messages of the month for the questions, tokens and budget for a model that is paid for. Raises QuotaExceeded."""
    amounts = rehearsal_amounts(_configuration(chatbot), chatbot.pk, count=len(work.results))
    held: dict[str, Any] = {"workspace_id": work.workspace_id, "request_key": _request_key(work)}
    if work.results:
        quota.reserve(**held, amounts=amounts)
    try:
        yield
    except BaseException:
        quota.release(**held)
        raise


def _request_key(work: AnswerWork) -> str:
    return f"inbox:{work.pk.hex}:{work.fence}"


@transaction.atomic
def _write(work: AnswerWork, drafts: Sequence[tuple[Draft, int]]) -> None:
    durable.hold(work)
    for number, (result, (draft, latency)) in enumerate(zip(work.results, drafts, strict=True)):
        result["after"] = {
            "content": draft.text[:4000],
            "finish_reason": draft.finish_reason.value,
            "cites_answer": any(each["source_id"] == str(work.source_id) for each in draft.citations),
        }
        record_usage(_usage(work, draft, latency, number))
    _settle(work, [draft for draft, _latency in drafts])
    AnswerWork.objects.filter(pk=work.pk).update(results=work.results)
    forget_erased(work.workspace_id)  # what was erased while we asked
    durable.succeed(work)
    is_mended = not work.results or any(each["after"]["finish_reason"] in ("stop", "length") for each in work.results)
    cluster = QuestionCluster.objects.select_for_update().get(pk=work.cluster_id)
    if cluster.state == State.ANSWERED:
        _set_state(cluster, State.ANSWERED if is_mended else State.UNANSWERED)


def _settle(work: AnswerWork, drafts: Sequence[Draft]) -> None:
    quota.settle(
        workspace_id=work.workspace_id,
        request_key=_request_key(work),
        actual={Metric.TOKENS: sum(draft.usage.prompt_tokens + draft.usage.completion_tokens for draft in drafts)},
        cost_micros=sum(cost_micros(draft.model, draft.usage)[0] for draft in drafts),
    )


def _configuration(chatbot: Chatbot) -> Configuration:
    """What answers: the published version, else the configuration as it stands."""
    version = chatbot.published_version
    return read_configuration(version.configuration if version else chatbot.configuration)


async def _ask(chatbot: Chatbot, work: AnswerWork, questions: Sequence[str]) -> list[tuple[Draft, int]]:
    version = chatbot.published_version
    asker = Principal(PrincipalKind.PERSON, chatbot.workspace_id, role="viewer", user_id=work.created_by)
    try:
        return [
            await rehearse(
                Rehearsal(
                    principal=asker,
                    chatbot_id=chatbot.pk,
                    configuration=_configuration(chatbot),
                    embedding_model=chatbot.embedding_model,
                    text=question,
                    version=version.number if version else None,
                )
            )
            for question in questions
        ]
    finally:
        for engine in engines.made():
            if (close := getattr(engine, "aclose", None)) is not None:
                await close()
        await close_pool()


def _usage(work: AnswerWork, draft: Draft, latency: int, number: int) -> Usage:
    cost, currency = cost_micros(draft.model, draft.usage)
    return Usage(
        workspace_id=work.workspace_id,
        kind=Kind.CHAT,
        request_key=f"inbox:{work.pk}:{number}",
        chatbot_id=work.cluster.chatbot_id,
        user_id=work.created_by,
        channel="evaluation",
        model=draft.model,
        prompt_tokens=draft.usage.prompt_tokens,
        completion_tokens=draft.usage.completion_tokens,
        cost_micros=cost,
        currency=currency,
        latency_ms=latency,
        finish_reason=draft.finish_reason.value,
    )


def sweep() -> int:
    """Hint at the work that is due; how many."""
    due = AnswerWork.objects.filter(durable.due(timezone.now())).order_by("available_at").values_list("pk", flat=True)
    ids = list(due[:100])
    for work_id in ids:
        send_hint(TASK, str(work_id))
    return len(ids)
