"""A turn whose question is written down."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.question import Question
from chatsphere.services.types import Turn


@dataclass(frozen=True, slots=True)
class PreparedTurn:
    """A question that stands in the database with its pending answer. ``started`` is a ``perf_counter`` reading."""

    question: Question
    chatbot_id: UUID
    configuration: Configuration
    version: int | None
    embedding_model: str
    conversation_id: UUID
    question_id: UUID
    answer_id: UUID
    parent_id: UUID | None
    visitor_id: UUID | None
    history: tuple[Turn, ...]
    is_new: bool
    is_handed_off: bool
    created_at: datetime
    started: float
    memory: str = ""  # in short, what was said before the turns that the prompt shows
    turns: tuple[Turn, ...] = ()  # everything that leads to the question
    turn_ids: tuple[UUID, ...] = ()
    stored_memory: str = ""  # of the conversation, which may belong to another branch
    memory_until: UUID | None = None  # the last message that is in it
    knowledge_version: int | None = None  # of what the chatbot knew when the turn began
    is_public: bool = False  # a page in a browser reads along
    is_rehearsed: bool = False  # nothing is stored: there is no conversation

    @property
    def workspace_id(self) -> UUID:
        return self.question.principal.workspace_id

    @property
    def visitor_attributes(self) -> Mapping[str, str | list[str]]:
        """What the customer's server signed about the visitor; empty for whoever came without a visitor token."""
        visitor = self.question.principal.visitor
        return visitor.attributes if visitor else {}


def milliseconds(turn: PreparedTurn) -> int:
    """Since the turn began."""
    return round((time.perf_counter() - turn.started) * 1000)
