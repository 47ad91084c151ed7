"""Retention periods of workspaces, applied every night in portions of one transaction each; stopping it anywhere does no harm."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chatsphere.apps.conversations.forgetting import forget_conversations
from chatsphere.apps.conversations.models import Conversation, Erasure, Trace, Visitor
from chatsphere.apps.users import audit
from chatsphere.apps.users.models import AuditEvent, Workspace
from chatsphere.apps.webhooks.models import Event

CONVERSATIONS_AT_ONCE = 200
ROWS_AT_ONCE = 2_000
LEAST_AUDIT_DAYS = 90  # the database refuses more


def apply_retention(*, now: datetime | None = None) -> Counter[str]:
    """Delete what every workspace no longer wants to keep; returns how many rows of each kind."""
    wanted = Q()
    for name in PERIODS:
        wanted |= Q(**{f"{name}__isnull": False})
    total: Counter[str] = Counter()
    for workspace in Workspace.objects.filter(wanted).iterator(100):
        total += apply_to(workspace, now or timezone.now())
    return total


def apply_to(workspace: Workspace, now: datetime) -> Counter[str]:
    """The periods of one workspace. What was deleted stands in its trail."""
    gone: Counter[str] = Counter()
    for name, forget in PERIODS.items():
        days = getattr(workspace, name)
        if days is not None:
            gone += forget(workspace, now - timedelta(days=days))
    if gone:
        audit.record(
            audit.SYSTEM,
            "retention.applied",
            workspace_id=workspace.pk,
            object_type="workspace",
            object_id=workspace.pk,
            details=dict(gone),
        )
    return gone


def _conversations(workspace: Workspace, before: datetime) -> Counter[str]:
    gone: Counter[str] = Counter()
    old = Conversation.objects.in_workspace(workspace).filter(last_message_at__lt=before)
    while ids := list(old.values_list("pk", flat=True)[:CONVERSATIONS_AT_ONCE]):
        with transaction.atomic():
            gone += forget_conversations(
                workspace_id=workspace.pk, conversation_ids=ids, reason=Erasure.Reason.RETENTION
            )
    silent = Visitor.objects.in_workspace(workspace).filter(last_seen_at__lt=before)
    silent = silent.exclude(Exists(Conversation.objects.filter(visitor_id=OuterRef("pk"))))
    return gone + Counter({"visitors": _in_portions(Visitor, silent)})


def _traces(workspace: Workspace, before: datetime) -> Counter[str]:
    old = Trace.objects.in_workspace(workspace).filter(created_at__lt=before)
    return Counter({"traces": _in_portions(Trace, old)})


def _deliveries(workspace: Workspace, before: datetime) -> Counter[str]:
    old = Event.objects.in_workspace(workspace).filter(occurred_at__lt=before, fanned_out_at__isnull=False)
    return Counter({"webhook_events": _in_portions(Event, old)})


def _audit(workspace: Workspace, before: datetime) -> Counter[str]:
    before = min(before, timezone.now() - timedelta(days=LEAST_AUDIT_DAYS))
    old = AuditEvent.objects.filter(workspace_id=workspace.pk, occurred_at__lt=before)
    return Counter({"audit_events": _in_portions(AuditEvent, old)})


def _in_portions(model: Any, rows: Any) -> int:
    """Delete by ids, some at once; what hangs below cascades in the database."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        doomed = model.objects.filter(pk__in=ids)
        total += doomed._raw_delete(doomed.db)
    return total


PERIODS = {
    "keep_conversations_days": _conversations,
    "keep_traces_days": _traces,
    "keep_deliveries_days": _deliveries,
    "keep_audit_days": _audit,
}
