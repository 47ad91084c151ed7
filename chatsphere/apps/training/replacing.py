"""Another file in the place of a source's file: the same source, the same links to it, and the old text answers until the new one does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from chatsphere.apps.training import actions, knowledge, outcomes
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.users.quota import Metric, require_room
from chatsphere.core.conditional import require_match
from chatsphere.core.durable import OPEN_STATES
from chatsphere.core.exceptions import Invalid
from chatsphere.services.vector_store.base import ChatbotRef


def replace_file(
    *,
    source: TrainingSource,
    file: File[bytes],
    media_type: str,
    changes: Mapping[str, Any],
    if_match: str | None = None,
) -> TrainingSource:
    """Store the file, queue a run that reads it, and forget the old file. ``changes`` may have ``name`` and ``access_tags``.

    A run that is open is cancelled: it was reading the old file. Raises Invalid for a source of another type, PreconditionFailed,
    NotFound when the source has just been deleted, QuotaExceeded when there is no room for what the file is larger; then nothing has changed.
    """
    if source.source_type != TrainingSource.Type.FILE:
        raise Invalid(fields={"file": [_("A source of this type does not have this.")]})
    stored = TrainingSource(id=source.pk, workspace_id=source.workspace_id, chatbot_id=source.chatbot_id)
    try:
        stored.file.save("", file, save=False)
        with transaction.atomic():
            return _replaced(source, stored, media_type, changes, if_match)
    except BaseException:
        actions.remove_files(actions.files_of([stored]))
        raise


def _replaced(
    source: TrainingSource, stored: TrainingSource, media_type: str, changes: Mapping[str, Any], if_match: str | None
) -> TrainingSource:
    open_run = Run.objects.select_for_update(of=("self",)).filter(source=source, state__in=OPEN_STATES).first()
    row = actions.locked(source)
    require_match(row, if_match)
    if open_run is not None:
        outcomes.cancelled(open_run)
    old, size = actions.files_of([row]), stored.file.size
    is_larger = size > row.bytes
    row.file, row.media_type, row.bytes = stored.file.name, media_type, size
    row.status = TrainingSource.Status.QUEUED
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=["file", "media_type", "bytes", "status", *changes, "updated_at"])
    if is_larger:
        require_room(workspace_id=row.workspace_id, metric=Metric.STORAGE)
    if "access_tags" in changes:
        knowledge.changed(ChatbotRef(row.workspace_id, row.chatbot_id))
    actions.audit_sources("source.changed", [row], fields=["file", *sorted(changes)])
    actions.queue_runs([row], priority=actions.ONE_SOURCE, kind=Run.Kind.SYNC)
    transaction.on_commit(partial(actions.remove_files, old), robust=True)
    return row
