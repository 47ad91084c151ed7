"""What somebody asks, before anything was looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.services.types import Turn

MOST_ATTRIBUTES = 50  # of a visitor, in one claim and in all that is remembered
LONGEST_ATTRIBUTES = 8_000


@dataclass(frozen=True, slots=True)
class VisitorClaim:
    """Who the caller says is asking."""

    external_id: str
    name: str = ""
    email: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a caller may set for one answer; None leaves the chatbot's own value."""

    instructions: str = ""
    temperature: float | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A message to a chatbot, named by id or by slug.

    ``history`` is given by callers that keep the conversation themselves; None takes the stored one. ``repeats`` names the stored
    question that is answered once more, as a new branch; ``edits`` one that is asked in other words; ``follows`` the message before it.
    """

    principal: Principal
    text: str
    chatbot_id: UUID | None = None
    slug: str | None = None
    conversation_id: UUID | None = None
    visitor: VisitorClaim | None = None
    channel: str = "api"
    origin: str | None = None
    history: tuple[Turn, ...] | None = None
    overrides: Overrides = Overrides()
    repeats: UUID | None = None
    follows: UUID | None = None
    edits: UUID | None = None
    spender: str = ""  # whose budget of the day an answer counts to; empty: nobody's in particular

    @property
    def is_trusted(self) -> bool:
        """Asked by a person or a server of the customer, not by a page in somebody's browser."""
        return self.principal.kind is not PrincipalKind.PUBLISHABLE_KEY


def with_overrides(configuration: Configuration, overrides: Overrides) -> dict[str, Any]:
    """The settings of a prompt."""
    instructions = "\n\n".join(text for text in (configuration.system_prompt, overrides.instructions) if text)
    temperature = configuration.temperature if overrides.temperature is None else overrides.temperature
    most = configuration.max_output_tokens
    wanted = overrides.max_output_tokens or most
    return {"instructions": instructions, "temperature": temperature, "max_output_tokens": min(wanted, most)}
