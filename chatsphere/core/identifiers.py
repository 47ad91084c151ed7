"""Ids that sort by creation (UUIDv7, RFC 9562)."""

from __future__ import annotations

import uuid

import uuid_utils


def new_id() -> uuid.UUID:
    """A UUIDv7 as the standard library's UUID; within one process later ids are greater."""
    return uuid.UUID(int=uuid_utils.uuid7().int)
