"""Proves that nothing is left over, missing or in the wrong light, chatbot by chatbot, and repairs what is.

The pipeline leaves no such rows. This is the proof of it, and the remedy after a restored backup or a mistake of ours.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import Final, Self
from uuid import UUID

from django.core.cache import cache
from django.db import transaction

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import knowledge, worker
from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.retraining import tell_words
from chatsphere.core import engines
from chatsphere.services.errors import RetryableError
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord

logger = logging.getLogger("chatsphere.training")
LAST_SEEN: Final = "reconcile:last-chatbot"


@dataclass(frozen=True, slots=True)
class Findings:
    """How many rows were wrong. All zero: proved clean."""

    abandoned_versions: int = 0  # neither current nor of an open run
    unplaced_chunks: int = 0  # texts that stand in no version
    stray_words: int = 0  # indexed words without a text
    stray_vectors: int = 0  # vectors without a text
    wrongly_hidden: int = 0  # in a current version, yet not shown
    wrongly_shown: int = 0  # in no current version, yet shown
    unindexed: int = 0  # texts without words
    out_of_step: int = 0  # entries by which an index outside PostgreSQL differs

    @classmethod
    def sum(cls, parts: list[Self]) -> Self:
        """All of them together."""
        return cls(**{each.name: sum(getattr(part, each.name) for part in parts) for each in fields(cls)})

    @property
    def is_clean(self) -> bool:
        return not any(asdict(self).values())


def reconcile(*, chatbot_id: UUID | None = None, repair: bool = False) -> Findings:
    """Look at one chatbot or at all of them; ``repair`` puts right what is wrong.

    Reads every chunk row once. Every statement sees what was committed at one moment, at which all must be right, so nobody waits; only
    what is wrong is looked at again, and put right, in a transaction in which writers of the chatbot wait.
    """
    chatbots = Chatbot.objects.order_by("pk")
    if chatbot_id is not None:
        chatbots = chatbots.filter(pk=chatbot_id)
    pairs = list(chatbots.values_list("workspace_id", "pk"))
    return Findings.sum([_reconcile(ChatbotRef(*pair), repair=repair) for pair in pairs])


def reconcile_until(deadline: float) -> int:
    """Go on where the last call stopped, chatbot by chatbot, until ``time.monotonic()`` passes ``deadline`` or all were seen; how many were looked at.

    What is wrong is logged as an error with its figures, then put right: a row that is wrongly shown must not answer until somebody reads a
    log. What the words of chunks mean that an earlier release has embedded is asked for on the way (``retraining.tell_words``). The place is remembered in the cache; without it the next call begins anew.
    """
    seen = 0
    while time.monotonic() < deadline:
        after = cache.get(LAST_SEEN)
        chatbots = (
            Chatbot.objects.order_by("pk") if after is None else Chatbot.objects.filter(pk__gt=after).order_by("pk")
        )
        chatbot = chatbots.first()
        if chatbot is None:
            cache.delete(LAST_SEEN)
            break
        findings = _reconcile(ChatbotRef(chatbot.workspace_id, chatbot.pk), repair=True)
        if not findings.is_clean:
            logger.error("reconcile put right what should not have been: chatbot=%s %s", chatbot.pk, asdict(findings))
        tell_words(chatbot)
        cache.set(LAST_SEEN, str(chatbot.pk), timeout=None)
        seen += 1
    return seen


def _reconcile(chatbot: ChatbotRef, *, repair: bool) -> Findings:
    findings = _findings(_look(chatbot))
    if not findings.is_clean:
        with transaction.atomic():
            knowledge.lock(chatbot)
            ids = _look(chatbot)
            findings = _findings(ids)
            if repair and not findings.is_clean:
                _repair(chatbot, ids)
    findings = replace(findings, out_of_step=_mend(chatbot, repair=repair))
    if repair and not findings.is_clean:
        worker.refresh_statistics(chatbot)
    return findings


def _look(chatbot: ChatbotRef) -> dict[str, list[UUID]]:
    """What is wrong, by the names of ``Findings``."""
    parameters = {"chatbot": chatbot.chatbot_id, "workspace": chatbot.workspace_id}
    names = [each.name for each in fields(Findings) if each.name != "out_of_step"]
    return {name: [row["id"] for row in sql(f"find_{name}", parameters)] for name in names}


def _findings(ids: dict[str, list[UUID]]) -> Findings:
    return Findings(**{name: len(found) for name, found in ids.items()})


def _mend(chatbot: ChatbotRef, *, repair: bool) -> int:
    """Of an index outside PostgreSQL; what cannot be asked now is asked the next time."""
    try:
        with transaction.atomic():
            return engines.vector_store().mend(engine_connection(), chatbot=chatbot, repair=repair)
    except RetryableError as error:
        logger.warning("The index of chunks could not be compared: %s", error)
        return 0


def _repair(chatbot: ChatbotRef, ids: dict[str, list[UUID]]) -> None:
    store, connection = engines.vector_store(), engine_connection()
    knowledge.drop_versions(chatbot, ids["abandoned_versions"])
    knowledge.forget_unplaced(chatbot, ids["unplaced_chunks"])
    strays = sorted({*ids["stray_words"], *ids["stray_vectors"]})
    store.delete(connection, chatbot=chatbot, chunk_ids=strays)
    _index(chatbot, ids["unindexed"])
    for name, is_live in (("wrongly_hidden", True), ("wrongly_shown", False)):
        sql("set_chunk_texts", {"ids": ids[name], "chatbot": chatbot.chatbot_id, "is_live": is_live})
        store.set_live(connection, chatbot=chatbot, chunk_ids=ids[name], is_live=is_live)
    knowledge.changed(chatbot)


def _index(chatbot: ChatbotRef, chunk_ids: list[UUID]) -> None:
    for row in sql("read_chunk_texts", {"ids": chunk_ids, "chatbot": chatbot.chatbot_id}):
        record = ChunkRecord(row["id"], row["context"], row["text"], row["language"])
        store = engines.vector_store()
        store.add_texts(engine_connection(), chatbot=chatbot, records=[record], is_live=row["is_live"])
