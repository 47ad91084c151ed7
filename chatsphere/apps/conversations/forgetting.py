"""Removing conversations for good, with everything elsewhere that was drawn from them. A visitor's wish and a retention period both end here."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from redis.exceptions import RedisError

from chatsphere.apps.conversations.models import Citation, Conversation, Erasure, Feedback, Message, Trace
from chatsphere.apps.users.models import APIKey, UsageRecord
from chatsphere.apps.webhooks.models import Event
from chatsphere.core.models import IdempotencyRecord
from chatsphere.core.redis_clients import sync_client

logger = logging.getLogger("chatsphere.privacy")
STREAM_KEY = "chatsphere:run:{}"  # as ``event_store`` names them


def forget_conversations(
    *, workspace_id: UUID, conversation_ids: Sequence[UUID], reason: str, visitor_ids: Sequence[UUID] = ()
) -> Counter[str]:
    """Delete these conversations with messages, citations, feedback and traces, the webhook events that speak of them and the recorded
    streams; the ledger keeps its lines and forgets whose they were. Returns how many of each. Call it in a transaction."""
    ids = {"workspace_id": workspace_id}
    rows = Conversation.objects.filter(**ids, pk__in=conversation_ids).select_for_update()
    chatbots: dict[UUID, UUID] = dict(rows.values_list("pk", "chatbot_id"))
    messages = list(
        Message.objects.filter(**ids, conversation_id__in=chatbots).values_list("pk", "conversation_id", "created_at")
    )
    message_ids = [pk for pk, _conversation, _at in messages]
    below: dict[str, Any] = {"citations": Citation, "feedback": Feedback, "traces": Trace}
    counts = Counter({name: model.objects.filter(message_id__in=message_ids).count() for name, model in below.items()})
    counts["messages"] += len(messages)
    counts["ledger_lines"] += _forget_in_ledger(workspace_id, chatbots, message_ids)
    counts["webhook_events"] += _forget_events(workspace_id, [*chatbots, *message_ids], chatbots)
    counts["conversations"] += _delete(Conversation.objects.filter(**ids, pk__in=chatbots))
    _tell_rooms_above(workspace_id, reason, chatbots, messages, visitor_ids)
    transaction.on_commit(partial(_forget_streams, message_ids), robust=True)
    return counts


def forget_repeated_answers(workspace_id: UUID, ids: Iterable[UUID]) -> int:
    """Drop the answers, kept for repeated requests of the last day, in which one of these ids stands. Decrypts those of the workspace."""
    texts = [str(each) for each in ids]
    credentials = [
        workspace_id.hex,
        *(pk.hex for pk in APIKey.objects.in_workspace(workspace_id).values_list("pk", flat=True)),
    ]
    owned = [
        pk
        for pk, owner in IdempotencyRecord.objects.values_list("pk", "owner").iterator()
        if any(each in owner for each in credentials)
    ]
    hits = [
        record.pk
        for record in IdempotencyRecord.objects.filter(pk__in=owned).iterator(200)
        if any(text in record.body for text in texts)
    ]
    return IdempotencyRecord.objects.filter(pk__in=hits).delete()[0]


def _forget_in_ledger(workspace_id: UUID, conversations: Iterable[UUID], messages: list[UUID]) -> int:
    lines = UsageRecord.objects.in_workspace(workspace_id).filter(
        Q(conversation_id__in=list(conversations)) | Q(message_id__in=messages)
    )
    return int(lines.update(visitor_id=None, conversation_id=None, message_id=None))


def _forget_events(workspace_id: UUID, objects: list[UUID], conversations: Iterable[UUID]) -> int:
    named = Q(payload__conversation_id__in=[str(each) for each in conversations]) | Q(
        payload__conversation__in=[str(each) for each in conversations]
    )
    return _delete(Event.objects.in_workspace(workspace_id).filter(Q(object_id__in=objects) | named))


def _delete(rows: Any) -> int:
    """By one statement: what hangs below cascades in the database itself."""
    return int(rows._raw_delete(rows.db) or 0)


def _tell_rooms_above(
    workspace_id: UUID,
    reason: str,
    chatbots: dict[UUID, UUID],
    messages: Sequence[tuple[UUID, UUID, datetime]],
    visitor_ids: Sequence[UUID],
) -> None:
    conversations: dict[UUID, list[UUID]] = defaultdict(list)
    gone: dict[UUID, list[UUID]] = defaultdict(list)
    days: dict[UUID, set[date]] = defaultdict(set)
    for conversation, chatbot in chatbots.items():
        conversations[chatbot].append(conversation)
    for pk, conversation, at in messages:
        gone[chatbots[conversation]].append(pk)
        days[chatbots[conversation]].add(at.date())
    Erasure.objects.bulk_create(
        Erasure(
            workspace_id=workspace_id,
            reason=reason,
            chatbot_id=chatbot,
            conversation_ids=ids,
            message_ids=gone[chatbot],
            visitor_ids=list(visitor_ids),
            days=sorted(days[chatbot]),
        )
        for chatbot, ids in conversations.items()
    )


def _forget_streams(message_ids: Sequence[UUID]) -> None:
    if not message_ids:
        return
    try:
        sync_client().unlink(*(STREAM_KEY.format(each) for each in message_ids))
    except (RedisError, OSError) as error:
        logger.warning("Redis is away; recorded streams end by themselves within fifteen minutes: %s", error)
