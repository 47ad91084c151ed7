"""How a run ends, in its own row, at its source, in events and in the ledger. All of it in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from chatsphere.apps.training import knowledge
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.hints import INGEST, RUN_TRAINING
from chatsphere.apps.training.models import DocumentVersion, Run, TrainingSource
from chatsphere.apps.training.prices import embedding_cost
from chatsphere.apps.training.refresh import refresh_after
from chatsphere.apps.users.ledger import Kind, Usage, record_usages
from chatsphere.apps.webhooks.actions import announce, announce_many
from chatsphere.core import durable
from chatsphere.core.hints import hint_after_commit
from chatsphere.services.vector_store.base import ChatbotRef

Status = TrainingSource.Status
LONGEST_HINT = 60.0  # seconds that a hint waits with a worker


@dataclass(frozen=True, slots=True)
class Result:
    """What a run that ended well made of its source. ``digest``: of the bytes of a source of one document, else None."""

    is_partial: bool
    warnings: Sequence[str]
    media_type: str
    size: int
    digest: bytes | None


def result_of(version: DocumentVersion, *, digest: bytes, size: int) -> Result:
    """Of a source of one document, whose version this is."""
    media_type = version.report.get("media_type", "")
    return Result(version.is_partial, version.warnings, media_type, size, digest)


def ended_well(run: Run, source: TrainingSource, result: Result, report: Mapping[str, Any]) -> None:
    """The source is ready, or partly so, and counts what answers now. ``report``: see ``pipeline``. Needs the run held."""
    all_ended_well([(run, source, result, report)])


def all_ended_well(ended: Sequence[tuple[Run, TrainingSource, Result, Mapping[str, Any]]]) -> None:
    """``ended_well`` for runs of one chatbot. Needs all of them held."""
    rows = []
    for _, source, result, report in ended:
        source.status = Status.PARTIAL if result.is_partial else Status.READY
        rows.append(dict(report) | _of_result(source, result))
    counts = {row.pop("id"): row for row in sql("succeed", {"rows": Jsonb(rows, dumps=orjson.dumps)})}
    first = ended[0][0]
    announce_many(
        workspace_id=first.workspace_id,
        type="source.ready",
        chatbot_id=first.chatbot_id,
        payloads={source.pk: _payload(run, source, source.status, counts[source.pk]) for run, source, _, _ in ended},
    )
    _book([run for run, *_ in ended])
    durable.note_end(Run, durable.DurableState.SUCCEEDED, count=len(ended))


def _of_result(source: TrainingSource, result: Result) -> dict[str, Any]:
    after = refresh_after(source.refresh)
    return {
        "status": source.status,
        "warnings": list(result.warnings),
        "bytes": result.size,
        "digest": result.digest.hex() if result.digest else None,
        "media_type": result.media_type,
        "refresh_after": f"{after.total_seconds()} seconds" if after else None,
    }


def failed(run: Run, *, error_type: str, message: str) -> None:
    """The run has failed for good; what answered before goes on answering. Raises LostLease."""
    with transaction.atomic():
        durable.fail(run, error_type=error_type, message=message)
        _book([run])
        _tell_source(run, Status.FAILED, error_type, message)
        _announce("source.failed", run, run.source, {"error": {"type": error_type, "message": message}})


def retried(run: Run, *, error_type: str, message: str, after: float | None) -> None:
    """The run waits for another attempt, or has failed when it had enough of them. Raises LostLease."""
    with transaction.atomic():
        if durable.retry_later(run, error_type=error_type, message=message, after=after):
            _tell_source(run, Status.QUEUED, error_type, message)
            _wake_when_due(run)
        else:
            _book([run])
            _tell_source(run, Status.FAILED, error_type, message)
            _announce("source.failed", run, run.source, {"error": {"type": error_type, "message": message}})


def _wake_when_due(run: Run) -> None:
    """To the second; what waits longer is found by the sweep."""
    seconds = (run.available_at - timezone.now()).total_seconds()
    if seconds <= LONGEST_HINT:
        hint_after_commit(RUN_TRAINING, str(run.pk), queue=INGEST, countdown=max(seconds, 0.0))


def put_off(run: Run, *, error_type: str, message: str) -> None:
    """The run waits until an outage is over, however often; nothing of that is held against it. Raises LostLease."""
    with transaction.atomic():
        durable.wait_out(run, error_type=error_type, message=message)
        _tell_source(run, Status.QUEUED, error_type, message)


def made_room(run: Run, *, patience: int = 0, seconds: float = 0.0) -> None:
    """The run goes back to the queue, ``patience`` steps behind, and goes on from where it is, after ``seconds``. Raises LostLease."""
    with transaction.atomic():
        durable.release(run, after=seconds)
        if patience:
            Run.objects.filter(pk=run.pk).update(priority=run.priority + patience)


def cancelled(run: Run) -> None:
    """An open run ends where it is. What it had begun is taken back; what answered before goes on. Needs the run locked."""
    chatbot = ChatbotRef(run.workspace_id, run.chatbot_id)
    durable.cancel(run)
    _book([run])
    knowledge.lock(chatbot)
    versions = DocumentVersion.objects.filter(document__source=run.source)
    unfinished = versions.exclude(pk__in=_answering(run.source))
    knowledge.drop_versions(chatbot, list(unfinished.values_list("pk", flat=True)))
    run.source.documents.filter(current_version=None).delete()
    answers = run.source.searchable if run.source.last_synced_at else TrainingSource.Searchable.NONE
    TrainingSource.objects.filter(pk=run.source_id).update(
        status=Status.CANCELLED, searchable=answers, updated_at=timezone.now()
    )
    sql("recount", {"source": run.source_id})
    knowledge.changed(chatbot)


def _answering(source: TrainingSource) -> list[Any]:
    """Versions that a finished run brought: before the first one has finished, nothing counts as finished."""
    if source.last_synced_at is None:
        return []
    return [pk for pk in source.documents.values_list("current_version", flat=True) if pk]


def _book(runs: Sequence[Run]) -> None:
    """What runs embedded goes to the ledger once, however they ended."""
    record_usages([_usage(run) for run in runs if run.tokens])


def _usage(run: Run) -> Usage:
    cost, currency = embedding_cost(run.chatbot.embedding_model, run.tokens)
    if cost:
        Run.objects.filter(pk=run.pk).update(cost_micros=cost)
    return Usage(
        workspace_id=run.workspace_id,
        kind=Kind.TRAINING,
        request_key=f"run:{run.pk}",
        chatbot_id=run.chatbot_id,
        model=run.chatbot.embedding_model,
        embedding_tokens=run.tokens,
        cost_micros=cost,
        currency=currency,
    )


def _tell_source(run: Run, status: str, error_type: str, message: str) -> None:
    TrainingSource.objects.filter(pk=run.source_id).update(
        status=status, error_type=error_type, error_message=message, updated_at=timezone.now()
    )
    if status == Status.FAILED:
        sql("recount", {"source": run.source_id})


def _announce(kind: str, run: Run, source: TrainingSource, details: dict[str, Any]) -> None:
    announce(
        workspace_id=run.workspace_id,
        type=kind,
        payload=_payload(run, source, Status.FAILED, details),
        chatbot_id=run.chatbot_id,
        object_id=source.pk,
    )


def _payload(run: Run, source: TrainingSource, status: str, details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(source.pk),
        "chatbot": str(run.chatbot_id),
        "name": source.name,
        "status": str(status),
        "run": str(run.pk),
        **details,
    }
