"""What a visitor is told of persons inside a turn: that one has the conversation, that one could take it, or that it was just passed on."""

from __future__ import annotations

import asyncio
from typing import Final

from django.db import connection

from chatsphere.apps.conversations.handoff import ASKED, hand_off
from chatsphere.apps.conversations.prepared import PreparedTurn
from chatsphere.apps.conversations.sayings import language_of
from chatsphere.apps.conversations.sentences import SENTENCES
from chatsphere.apps.conversations.speaking import Voice
from chatsphere.services.ai.person_wish import agrees, wish_language
from chatsphere.services.types import FinishReason

OFFERS: Final = frozenset(each.offer for each in SENTENCES.values())


async def speak_of_person(turn: PreparedTurn, voice: Voice) -> bool:
    """Say what is to be said of a person; False when the chatbot is to answer. A wish is met as the chatbot's ``handoff`` says: with an offer,
    at once, or not at all. A rehearsal says the same and hands nothing over."""
    if turn.is_handed_off:
        _tell_handed_over(turn, voice)
        return True
    if turn.configuration.handoff == "off" or _keeps_own_history(turn):
        return False
    wished = wish_language(turn.question.text)
    if (wished and turn.configuration.handoff == "direct") or _has_accepted(turn, wished):
        await _hand_over(turn)
        _tell_handed_over(turn, voice, wished)
        return True
    if wished:
        voice.draft.finish_reason = FinishReason.HANDOFF_OFFERED
        voice.say(SENTENCES[_language(turn, wished)].offer)
    return bool(wished)


def _keeps_own_history(turn: PreparedTurn) -> bool:
    """Callers that do (as OpenAI's clients) go on with no conversation of ours, in which a person could answer."""
    return turn.question.history is not None and not turn.is_rehearsed


def _has_accepted(turn: PreparedTurn, wished: str) -> bool:
    last = turn.history[-1] if turn.history else None
    was_offered = last is not None and last.role == "assistant" and last.text in OFFERS
    return was_offered and (bool(wished) or agrees(turn.question.text))


def _tell_handed_over(turn: PreparedTurn, voice: Voice, wished: str = "") -> None:
    sentences = SENTENCES[_language(turn, wished)]
    has_written = turn.is_handed_off and any(each.role == "agent" for each in turn.history)
    voice.draft.finish_reason = FinishReason.HANDOFF
    voice.say(sentences.passed_on if has_written else sentences.handed_over)


def _language(turn: PreparedTurn, wished: str) -> str:
    """A chatbot without a language of its own answers a wish in the one it was spoken in, however short it was."""
    return language_of(turn.configuration.language or wished, turn.question.text)


async def _hand_over(turn: PreparedTurn) -> None:
    if not turn.is_rehearsed:
        await asyncio.to_thread(_hand_over_now, turn)


def _hand_over_now(turn: PreparedTurn) -> None:
    try:
        hand_off(workspace_id=turn.workspace_id, conversation_id=turn.conversation_id, reason=ASKED)
    finally:
        connection.close()
