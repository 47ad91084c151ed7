"""Announcing what happened. The event is a row of the caller's transaction: never lost, never told of something rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from chatsphere.apps.webhooks.catalogue import CATALOGUE
from chatsphere.apps.webhooks.hints import hint, hint_soon
from chatsphere.apps.webhooks.models import Event
from chatsphere.core.async_database import AsyncRows
from chatsphere.core.identifiers import new_id
from chatsphere.core.together import Part
from chatsphere.services.sql import statements


def announce(
    *,
    workspace_id: UUID,
    type: str,  # noqa: A002 - the word of the contract
    payload: Mapping[str, Any],
    chatbot_id: UUID | None = None,
    object_id: UUID | None = None,
) -> None:
    """Write an event; call it inside the transaction that causes it. ``type`` stands in the catalogue (ValueError otherwise)."""
    _check(type)
    Event.objects.create(
        workspace_id=workspace_id,
        type=type,
        schema_version=CATALOGUE[type].version,
        payload=dict(payload),
        chatbot_id=chatbot_id,
        object_id=object_id,
    )
    hint()


def announce_many(
    *,
    workspace_id: UUID,
    type: str,  # noqa: A002 - the word of the contract
    payloads: Mapping[UUID, Mapping[str, Any]],
    chatbot_id: UUID | None = None,
) -> None:
    """One event of a kind for each object id, in one insert."""
    _check(type)
    Event.objects.bulk_create(
        Event(
            workspace_id=workspace_id,
            type=type,
            schema_version=CATALOGUE[type].version,
            payload=dict(payload),
            chatbot_id=chatbot_id,
            object_id=object_id,
        )
        for object_id, payload in payloads.items()
    )
    hint()


async def announce_async(
    connection: AsyncRows,
    *,
    workspace_id: UUID,
    type: str,  # noqa: A002 - the word of the contract
    payload: Mapping[str, Any],
    chatbot_id: UUID | None = None,
    object_id: UUID | None = None,
) -> None:
    """The same inside an async connection's transaction."""
    part = event_part(workspace_id=workspace_id, type=type, payload=payload, chatbot_id=chatbot_id, object_id=object_id)
    await connection.execute(statements("chatsphere.apps.webhooks")["write_event"], part.parameters)
    hint_soon()


def event_part(
    *,
    workspace_id: UUID,
    type: str,  # noqa: A002 - the word of the contract
    payload: Mapping[str, Any],
    chatbot_id: UUID | None = None,
    object_id: UUID | None = None,
) -> Part:
    """The event, to be written together with its cause; call ``hint_soon`` when that is done."""
    _check(type)
    return Part(
        statements("chatsphere.apps.webhooks")["write_event"],
        {
            "id": new_id(),
            "workspace_id": workspace_id,
            "type": type,
            "schema_version": CATALOGUE[type].version,
            "payload": Jsonb(dict(payload)),
            "chatbot_id": chatbot_id,
            "object_id": object_id,
        },
    )


def _check(type: str) -> None:  # noqa: A002
    if type not in CATALOGUE:
        raise ValueError(f"{type!r} is no event type")
