"""Everything that changes sources. Each function is one transaction; workers are woken after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.training import knowledge, outcomes
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.hints import INGEST, REFRESH_STATISTICS, RUN_TRAINING
from chatsphere.apps.training.material import stored_size
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.apps.training.refresh import next_refresh
from chatsphere.apps.users import audit
from chatsphere.apps.users.flags import CRAWLING
from chatsphere.apps.users.quota import Metric, require_room
from chatsphere.apps.webhooks.actions import announce_many
from chatsphere.core.conditional import require_match
from chatsphere.core.copying import copy_rows
from chatsphere.core.durable import OPEN_STATES, DurableState
from chatsphere.core.exceptions import Conflict, Forbidden, Invalid, NotFound
from chatsphere.core.hints import hint_after_commit, hint_once_after_commit
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")


# Priorities: who waits for one document goes first. The web takes its time anyway: it waits behind texts, and behind their vectors.
ONE_SOURCE, SEVERAL_SOURCES, BY_THE_CLOCK, SLOW = 0, 1, 5, 11


# What a source of each type is made of, besides what every source has.
_LISTING = ("url", "max_pages", "include", "exclude")
OPTIONS = ("content", "pairs", "max_pages", "max_depth", "include", "exclude")
OWN_FIELDS: Mapping[str, Sequence[str]] = {
    TrainingSource.Type.TEXT.value: ("content",),
    TrainingSource.Type.QA.value: ("pairs",),
    TrainingSource.Type.URL.value: ("url",),
    TrainingSource.Type.SITEMAP.value: _LISTING,
    TrainingSource.Type.CRAWL.value: (*_LISTING, "max_depth"),
}


@dataclass(frozen=True, slots=True)
class NewSource:
    """What a client gave. ``options`` is ``{"content": …}`` of a text, ``{"pairs": […]}`` of questions; a file has ``file``.

    What the web gives has ``uri``, and limits and patterns in ``options``.
    """

    source_type: str
    name: str
    uri: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    file: File[bytes] | None = None
    media_type: str = ""
    access_tags: Sequence[str] = ()
    refresh: str = TrainingSource.Refresh.NEVER


def add_sources(
    *, workspace_id: UUID, chatbot_id: UUID, new: Sequence[NewSource], created_by: UUID | None
) -> list[TrainingSource]:
    """Store the files, write the sources, queue a run for each. Files of a failed call are removed again.

    Raises QuotaExceeded when the storage has no room for all of them; then none is kept; Forbidden for web sources while crawling is switched off. Costs two inserts however many sources there are, and one hint for each worker that they may keep busy.
    """
    _require_crawling(workspace_id, (each.source_type for each in new))
    sources = [_source(workspace_id, chatbot_id, each, created_by) for each in new]
    try:
        for source, given in zip(sources, new, strict=True):
            if given.file is not None:
                source.file.save("", given.file, save=False)
        with transaction.atomic():
            require_chatbot(workspace_id=workspace_id, chatbot_id=chatbot_id)  # deleted while the files came in?
            copy_rows(sources)
            if any(source.bytes for source in sources):
                require_room(workspace_id=workspace_id, metric=Metric.STORAGE)
            audit_sources("source.added", sources)
            queue_runs(sources, priority=ONE_SOURCE if len(sources) == 1 else SEVERAL_SOURCES)
    except BaseException:
        remove_files(files_of(sources))
        raise
    return sources


def require_chatbot(*, workspace_id: UUID, chatbot_id: UUID) -> None:
    """Raises NotFound when the workspace has no such chatbot, or it is not alive. One plain query: it stands before every upload, and in it."""
    if not sql("living_chatbot", {"workspace": workspace_id, "chatbot": chatbot_id}):
        raise NotFound


def update_source(*, source: TrainingSource, changes: Mapping[str, Any], if_match: str | None = None) -> TrainingSource:
    """Change name, access tags or refresh; new ``content`` or ``pairs`` start a new version, which replaces the old one when it is ready.

    Another ``url``, other limits or patterns of a web source start a visit; what they leave out is gone when it has ended.

    Raises PreconditionFailed, NotFound when the source has just been deleted, Invalid for content of another type, QuotaExceeded when
    the storage has no room for what the new content is larger.
    """
    with transaction.atomic():
        open_run = Run.objects.select_for_update(of=("self",)).filter(source=source, state__in=OPEN_STATES).first()
        row: TrainingSource = locked(source)
        require_match(row, if_match)
        plain = {name: changes[name] for name in ("name", "access_tags", "refresh") if name in changes}
        for name, value in plain.items():
            setattr(row, name, value)
        if "refresh" in changes:
            row.next_refresh_at = next_refresh(row.refresh, timezone.now())
        options = {name: changes[name] for name in OPTIONS if name in changes}
        if options or "url" in changes:
            _require_own_options(row, changes)
            row.options = dict(row.options) | options
            row.uri = changes.get("url", row.uri)
            _resize(row)
        row.save(update_fields=[*plain, "options", "uri", "next_refresh_at", "updated_at"])
        if "access_tags" in changes:
            knowledge.changed(_ref(row))
        audit_sources("source.changed", [row], fields=sorted(changes))
        if options or "url" in changes:
            _run_again(row, open_run)
        return row


def sync_source(
    *, source: TrainingSource, is_forced: bool = True, priority: int = ONE_SOURCE, kind: str = Run.Kind.SYNC
) -> Run:
    """Queue a run that reads the source again. Raises Conflict while one is queued or running, Forbidden while crawling is
    switched off for a web source."""
    _require_crawling(source.workspace_id, [source.source_type])
    with transaction.atomic():
        row = locked(source)
        if Run.objects.filter(source=row, state__in=OPEN_STATES).exists():
            raise Conflict(_("This source is being trained already."), type="already_running")
        TrainingSource.objects.filter(pk=row.pk).update(status=TrainingSource.Status.QUEUED, updated_at=timezone.now())
        return queue_runs([row], priority=priority, kind=kind, is_forced=is_forced)[0]


def _require_crawling(workspace_id: UUID, source_types: Iterable[str]) -> None:
    if any(each in WEB_TYPES for each in source_types) and not CRAWLING.is_on(workspace_id):
        raise Forbidden(_("Reading web sites is switched off at the moment."), type="crawling_off")


def cancel_source(*, source: TrainingSource) -> TrainingSource:
    """End the source's open run; what it had begun is taken back. Raises Conflict when none is open."""
    with transaction.atomic():
        open_run = Run.objects.select_for_update(of=("self",)).filter(source=source, state__in=OPEN_STATES).first()
        if open_run is None:
            raise Conflict(_("Nothing is running that could be cancelled."), type="nothing_running")
        outcomes.cancelled(open_run)
        hint_after_commit(REFRESH_STATISTICS, str(source.workspace_id), str(source.chatbot_id))
    source.refresh_from_db()
    return source


def delete_sources(*, workspace_id: UUID, chatbot_id: UUID, source_ids: Iterable[UUID]) -> list[UUID]:
    """Delete sources of a chatbot with all that they brought; returns those that were there.

    When this returns, no search finds anything of them; texts that other sources have, too, stay. Runs that work on them stop at their
    next write. Costs a fixed number of statements; of many chunks a worker forgets words and vectors right after.
    """
    chatbot = ChatbotRef(workspace_id, chatbot_id)
    with transaction.atomic():
        wanted = TrainingSource.objects.in_workspace(workspace_id).filter(
            chatbot_id=chatbot_id, pk__in=list(source_ids)
        )
        list(Run.objects.select_for_update(of=("self",)).filter(source__in=wanted).order_by("pk").values_list("pk"))
        knowledge.lock(chatbot)
        sources = list(wanted.select_for_update(of=("self",)).order_by("pk").defer("options"))
        ids = [source.pk for source in sources]
        if ids:
            knowledge.drop_sources(chatbot, ids)
            _announce_deleted(sources)
            audit_sources("source.deleted", sources)
            knowledge.changed(chatbot)
            transaction.on_commit(partial(remove_files, files_of(sources)), robust=True)
            hint_after_commit(REFRESH_STATISTICS, str(workspace_id), str(chatbot_id), countdown=BURST_SECONDS)
        return ids


def audit_sources(action: str, sources: Sequence[TrainingSource], **details: Any) -> None:
    """A line of the audit log for each, in one insert."""
    if sources:
        objects = [
            (each.pk, {"chatbot": str(each.chatbot_id), "type": each.source_type, **details}) for each in sources
        ]
        audit.record_many(
            audit.current(), action, workspace_id=sources[0].workspace_id, object_type="source", objects=objects
        )


def _announce_deleted(sources: Sequence[TrainingSource]) -> None:
    first = sources[0]
    announce_many(
        workspace_id=first.workspace_id,
        type="source.deleted",
        chatbot_id=first.chatbot_id,
        payloads={
            source.pk: {"id": str(source.pk), "chatbot": str(source.chatbot_id), "name": source.name}
            for source in sources
        },
    )


def _source(workspace_id: UUID, chatbot_id: UUID, given: NewSource, created_by: UUID | None) -> TrainingSource:
    return TrainingSource(
        workspace_id=workspace_id,
        chatbot_id=chatbot_id,
        source_type=given.source_type,
        name=given.name,
        uri=given.uri,
        options=dict(given.options),
        media_type=given.media_type,
        access_tags=list(given.access_tags),
        refresh=given.refresh,
        next_refresh_at=next_refresh(given.refresh, timezone.now()),
        progress_unit=_unit(given.source_type),
        bytes=given.file.size if given.file is not None else stored_size(given.options),
        created_by_id=created_by,
    )


def _is_slow(source: TrainingSource) -> bool:
    return source.source_type in WEB_TYPES


def _unit(source_type: str) -> str:
    return "pages" if source_type in WEB_TYPES else "chunks"


def queue_runs(
    sources: Sequence[TrainingSource], *, priority: int, kind: str = Run.Kind.TRAIN, is_forced: bool = False
) -> list[Run]:
    """A run for each source, and a hint for workers when the transaction commits. Two statements however many there are."""
    runs = [
        Run(
            workspace_id=source.workspace_id,
            chatbot_id=source.chatbot_id,
            source=source,
            kind=kind,
            priority=SLOW if _is_slow(source) else priority,
            is_forced=is_forced,
            progress_unit=source.progress_unit,
        )
        for source in sources
    ]
    copy_rows(runs)
    if len(runs) == 1:
        hint_once_after_commit(RUN_TRAINING, str(runs[0].pk), queue=INGEST)
    else:
        for each in runs[:HINTS]:
            hint_after_commit(RUN_TRAINING, str(each.pk), queue=INGEST)
    return runs


BURST_SECONDS = 1.0  # who deletes one source often deletes another right after, and would wait for the worker
HINTS = 8  # a worker that was woken works until nothing is due; more hints than workers wake nobody


def _run_again(source: TrainingSource, open_run: Run | None) -> None:
    """A run that has not ended starts afresh, as it may have read the old content; else a new one is queued."""
    TrainingSource.objects.filter(pk=source.pk).update(status=TrainingSource.Status.QUEUED)
    source.status = TrainingSource.Status.QUEUED
    if source.source_type in WEB_TYPES:
        source.documents.update(etag="", last_modified="")  # pages that did not change are sent again, for their links
    if open_run is not None and source.source_type in WEB_TYPES:
        outcomes.cancelled(open_run)  # it has listed pages of the old address
        TrainingSource.objects.filter(pk=source.pk).update(status=TrainingSource.Status.QUEUED)
        open_run = None
    if open_run is None:
        queue_runs([source], priority=ONE_SOURCE)
        return
    Run.objects.filter(pk=open_run.pk).update(
        state=DurableState.QUEUED, fence=open_run.fence + 1, lease_until=None, available_at=timezone.now()
    )
    hint_after_commit(RUN_TRAINING, str(open_run.pk), queue=INGEST)


def locked(source: TrainingSource) -> TrainingSource:
    """The source's row, locked until the transaction ends. Raises NotFound when it has just been deleted."""
    row: TrainingSource | None = TrainingSource.objects.select_for_update(of=("self",)).filter(pk=source.pk).first()
    if row is None:
        raise NotFound
    return row


def _require_own_options(source: TrainingSource, changes: Mapping[str, Any]) -> None:
    own = OWN_FIELDS.get(source.source_type, ())
    wrong = [name for name in (*OPTIONS, "url") if name in changes and name not in own]
    if wrong:
        raise Invalid(fields={name: [_("A source of this type does not have this.")] for name in wrong})


def _resize(source: TrainingSource) -> None:
    """What a client wrote anew counts from now on; the pages of a web source count as they come."""
    size, before = stored_size(source.options), source.bytes
    if source.source_type not in WEB_TYPES and size != before:
        source.bytes = size
        source.save(update_fields=["bytes"])
        if size > before:
            require_room(workspace_id=source.workspace_id, metric=Metric.STORAGE)


def _ref(source: TrainingSource) -> ChatbotRef:
    return ChatbotRef(source.workspace_id, source.chatbot_id)


def files_of(sources: Iterable[TrainingSource]) -> list[tuple[Storage, str]]:
    """Where the files of these sources lie."""
    return [(source.file.storage, str(source.file.name)) for source in sources if source.file]


def remove_files(files: Iterable[tuple[Storage, str]]) -> None:
    """Delete them; what cannot be removed now is found by the sweep for files that belong to nobody."""
    for storage, name in files:
        try:
            storage.delete(name)
        except OSError:
            logger.warning("The file %s could not be removed.", name, exc_info=True)
