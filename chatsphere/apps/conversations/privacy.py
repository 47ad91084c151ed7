"""Export and erasure of one visitor, as durable work whose row is the receipt."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatsphere.apps.conversations.forgetting import forget_conversations, forget_repeated_answers
from chatsphere.apps.conversations.models import (
    Citation,
    Conversation,
    Erasure,
    Feedback,
    Message,
    PrivacyRequest,
    Visitor,
)
from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import UsageRecord
from chatsphere.core import durable
from chatsphere.core.hints import hint_after_commit, send_hint

TASK = "chatsphere.apps.conversations.tasks.run_privacy_request"
Kind = PrivacyRequest.Kind
RESULT_KEPT = timedelta(days=7)
CONVERSATIONS_AT_ONCE = 200


@transaction.atomic
def request_privacy(
    *, workspace_id: UUID, kind: str, external_id: str, chatbot_ids: Collection[UUID] | None, actor: Actor = SYSTEM
) -> PrivacyRequest:
    """Queue the export or erasure of a visitor, known or not; ``chatbot_ids`` None looks through all chatbots, also deleted ones."""
    row: PrivacyRequest = PrivacyRequest.objects.create(
        workspace_id=workspace_id,
        kind=kind,
        external_id=external_id,
        subject_hash=subject_hash(workspace_id, external_id),
        chatbot_ids=None if chatbot_ids is None else sorted(chatbot_ids),
        requested_by={"kind": actor.kind, "id": str(actor.id), "label": actor.label},
    )
    _audit(actor, f"privacy.{kind}_requested", row)
    hint_after_commit(TASK, str(row.pk))
    return row


def subject_hash(workspace_id: UUID, external_id: str) -> bytes:
    """By it a receipt can be matched to a person whose id one knows; it tells nobody else who it was."""
    return hashlib.sha256(workspace_id.bytes + external_id.encode()).digest()


def run_privacy_request(request_id: UUID) -> None:
    """Do the work of one request if it is due; it goes on where another worker stopped."""
    row = durable.claim(PrivacyRequest, request_id)
    if row is None:
        return
    try:
        with durable.kept_alive(row):
            (_export if row.kind == Kind.EXPORT else _erase)(row)
    except durable.LostLease:
        return
    except DatabaseError as error:
        durable.retry_later(row, error_type="database", message=str(error).split("\n")[0])


def sweep() -> int:
    """Hint at requests that are due, and drop exports that were kept long enough; how many are due."""
    now = timezone.now()
    PrivacyRequest.objects.filter(expires_at__lt=now).exclude(result="").update(result="")
    ids = list(PrivacyRequest.objects.filter(durable.due(now)).values_list("pk", flat=True)[:100])
    for request_id in ids:
        send_hint(TASK, str(request_id))
    return len(ids)


# --- erasure -------------------------------------------------------------------------------------------------------


def _erase(row: PrivacyRequest) -> None:
    for visitor in list(_visitors(row)):
        while _erase_some(row, visitor):
            pass
        _erase_rest(row, visitor)
    with transaction.atomic():
        durable.hold(row)
        _finish(row, "privacy.erased", external_id="")


def _erase_some(row: PrivacyRequest, visitor: Visitor) -> bool:
    """A portion in a transaction of its own; True while more than a portion may be left."""
    with transaction.atomic():
        durable.hold(row)
        ids = list(_conversations(visitor).values_list("pk", flat=True)[:CONVERSATIONS_AT_ONCE])
        _count(row, _forget(row, visitor, ids))
    return len(ids) == CONVERSATIONS_AT_ONCE


def _erase_rest(row: PrivacyRequest, visitor: Visitor) -> None:
    """Whoever asks as this visitor now waits for the lock, then begins as somebody new."""
    with transaction.atomic():
        durable.hold(row)
        if Visitor.objects.select_for_update().filter(pk=visitor.pk).first() is None:
            return
        counts = _forget(row, visitor, list(_conversations(visitor).values_list("pk", flat=True)))
        lines = UsageRecord.objects.in_workspace(row.workspace_id).filter(visitor_id=visitor.pk)
        counts["ledger_lines"] += lines.update(visitor_id=None, conversation_id=None, message_id=None)
        counts["visitors"] += Visitor.objects.filter(pk=visitor.pk)._raw_delete(lines.db)
        _count(row, counts)


def _forget(row: PrivacyRequest, visitor: Visitor, ids: list[UUID]) -> Counter[str]:
    if not ids:
        return Counter()
    counts = forget_conversations(
        workspace_id=row.workspace_id, conversation_ids=ids, reason=Erasure.Reason.VISITOR, visitor_ids=[visitor.pk]
    )
    counts["repeated_answers"] += forget_repeated_answers(row.workspace_id, ids)
    return counts


def _count(row: PrivacyRequest, counts: Counter[str]) -> None:
    row.counts = dict(Counter(row.counts) + counts)
    PrivacyRequest.objects.filter(pk=row.pk).update(counts=row.counts)


# --- export --------------------------------------------------------------------------------------------------------


def _export(row: PrivacyRequest) -> None:
    visitors = list(_visitors(row))
    shown = [_visitor(visitor) for visitor in visitors]
    conversations = [each for visitor in shown for each in visitor["conversations"]]
    row.counts = {
        "visitors": len(shown),
        "conversations": len(conversations),
        "messages": sum(len(each["messages"]) for each in conversations),
    }
    result = json.dumps({"external_id": row.external_id, "visitors": shown}, default=str, ensure_ascii=False)
    with transaction.atomic():
        durable.hold(row)
        _finish(row, "privacy.exported", external_id="", result=result, expires_at=timezone.now() + RESULT_KEPT)


def _visitor(visitor: Visitor) -> dict[str, Any]:
    columns = ("external_id", "name", "email", "attributes", "is_verified", "chatbot_id", "created_at", "last_seen_at")
    lines = UsageRecord.objects.in_workspace(visitor.workspace_id).filter(visitor_id=visitor.pk)
    used = lines.order_by("id").values("occurred_at", "kind", "channel", "prompt_tokens", "completion_tokens")
    conversations = _conversations(visitor).order_by("id").iterator(100)
    return {
        **{name: getattr(visitor, name) for name in columns},
        "usage": list(used),
        "conversations": [_conversation(each) for each in conversations],
    }


def _conversation(conversation: Conversation) -> dict[str, Any]:
    messages = Message.objects.filter(conversation_id=conversation.pk).select_related("trace").order_by("id")
    ratings = {each.message_id: each for each in Feedback.objects.filter(message__conversation_id=conversation.pk)}
    quoted = Citation.objects.filter(message__conversation_id=conversation.pk).order_by("index")
    cited: dict[UUID, list[dict[str, Any]]] = {}
    for each in quoted.values("message_id", "index", "title", "url", "quote"):
        cited.setdefault(each.pop("message_id"), []).append(each)
    return {
        "id": conversation.pk,
        "channel": conversation.channel,
        "title": conversation.title,
        "created_at": conversation.created_at,
        "messages": [_message(each, ratings.get(each.pk), cited.get(each.pk, [])) for each in messages],
    }


def _message(message: Message, rating: Feedback | None, cited: list[dict[str, Any]]) -> dict[str, Any]:
    trace = getattr(message, "trace", None)
    return {
        "id": message.pk,
        "role": message.role,
        "content": message.content,
        "created_at": message.created_at,
        "citations": cited,
        "feedback": rating and {"rating": rating.rating, "comment": rating.comment, "created_at": rating.created_at},
        "searched_for": trace.data.get("search_text", "") if trace else "",
    }


# --- both ----------------------------------------------------------------------------------------------------------


def _visitors(row: PrivacyRequest) -> QuerySet[Visitor]:
    found: QuerySet[Visitor] = Visitor.objects.in_workspace(row.workspace_id).filter(external_id=row.external_id)
    return found if row.chatbot_ids is None else found.filter(chatbot_id__in=row.chatbot_ids)


def _conversations(visitor: Visitor) -> QuerySet[Conversation]:
    rows: QuerySet[Conversation] = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor_id=visitor.pk)
    return rows


def _finish(row: PrivacyRequest, action: str, **columns: Any) -> None:
    for name, value in {**columns, "counts": row.counts}.items():
        setattr(row, name, value)
    row.save(update_fields=[*columns, "counts"])
    durable.succeed(row)
    _audit(SYSTEM, action, row, counts=row.counts)


def _audit(actor: Actor, action: str, row: PrivacyRequest, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=row.workspace_id,
        object_type="privacy_request",
        object_id=row.pk,
        details={"subject": bytes(row.subject_hash).hex()[:16], **details},
    )
