"""What reading a source again would change, without changing anything."""

from __future__ import annotations

from typing import Any

from chatsphere.apps.training.material import open_material
from chatsphere.apps.training.models import TrainingSource
from chatsphere.core.exceptions import Conflict
from chatsphere.services.errors import ContentError


def what_would_change(source: TrainingSource) -> dict[str, Any]:
    """Counts of documents, by the bytes they have now. Raises Conflict when the source cannot be opened. Reads the whole file."""
    try:
        with open_material(source) as material:
            digest = material.digest
    except ContentError as error:
        raise Conflict(error.message, type=error.type) from error
    is_new = not source.documents_count
    is_same = not is_new and source.content_hash is not None and bytes(source.content_hash) == digest
    return {
        "would_change": not is_same,
        "added": int(is_new),
        "changed": int(not is_new and not is_same),
        "unchanged": int(is_same),
        "removed": 0,
    }
