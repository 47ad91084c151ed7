"""A follow-up question made complete for the search: by the chat model within a second, else by its words (``rewrite``)."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from django.conf import settings

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.guardrails import Words, seen_by_model, seen_by_search
from chatsphere.apps.conversations.prepared import PreparedTurn
from chatsphere.apps.conversations.rewrite import is_follow_up, search_text
from chatsphere.core import engines
from chatsphere.services.ai.prompts import build_messages, rewriting_prompt
from chatsphere.services.ai.tokens import estimate_message_tokens, estimate_tokens
from chatsphere.services.errors import EngineError
from chatsphere.services.types import ChatDone, ChatPrompt, TextDelta, TokenUsage

logger = logging.getLogger("chatsphere.conversations")
SECONDS: Final = 1.0  # longer, and the visitor waits for nothing
MOST_TOKENS: Final = 80
RESERVED_TOKENS: Final = 700  # a prompt of two kilobytes and its line
LONGEST: Final = 400  # characters


async def searchable_text(turn: PreparedTurn, said: Words, draft: Draft) -> str:
    """What to search for beside the question itself: that question when it stands alone. Costs a call of the chat model at most, whose
    tokens are counted in ``draft``; never fails."""
    by_words = search_text(said.question, said.history)
    if not may_be_rewritten(turn):
        return by_words
    began = time.perf_counter()
    text = await _by_model(turn, draft)
    draft.trace["rewrite"] = {
        "by": "model" if text else "words",
        "ms": round((time.perf_counter() - began) * 1000, 1),
        "prompt_tokens": draft.rewriting.prompt_tokens,
        "completion_tokens": draft.rewriting.completion_tokens,
    }
    return seen_by_search(Words(text), turn.configuration, turn.embedding_model).question if text else by_words


def may_be_rewritten(turn: PreparedTurn) -> bool:
    """Whether a model will be asked what a question means."""
    return writes_questions(turn.configuration) and is_follow_up(turn.question.text, turn.history)


def writes_questions(configuration: Configuration) -> bool:
    has_model = (configuration.model or settings.CHAT_MODEL) != "extractive"
    return has_model and configuration.follow_ups == "model"


async def _by_model(turn: PreparedTurn, draft: Draft) -> str:
    """Empty when it took too long, failed or said nothing that can be searched for."""
    words, _ = seen_by_model(Words(turn.question.text, turn.history, turn.memory), turn.configuration)
    prompt = rewriting_prompt(words.question, words.history, memory=words.memory, max_output_tokens=MOST_TOKENS)
    heard: list[str] = []
    try:
        async with asyncio.timeout(SECONDS):
            await _listen(turn.configuration.model, prompt, heard, draft)
    except (TimeoutError, EngineError) as error:
        logger.info("A follow-up question was completed by its words: %s", str(error) or "the model took too long")
        return ""
    return _one_question("".join(heard))


async def _listen(model_name: str, prompt: ChatPrompt, heard: list[str], draft: Draft) -> None:
    model = engines.chat_model(model_name)
    prompt_tokens = estimate_message_tokens(each["content"] for each in build_messages(prompt, nonce=""))
    draft.rewriter, ending = model.name, None
    try:
        async for event in model.stream(prompt):
            if isinstance(event, TextDelta):
                heard.append(event.text)
            elif isinstance(event, ChatDone):
                ending = event.usage
    finally:  # what was cut off is paid for, too
        draft.rewriting = ending or TokenUsage(prompt_tokens, estimate_tokens("".join(heard)), is_estimated=True)


def _one_question(reply: str) -> str:
    """The question in a reply; empty when it is none."""
    text = " ".join(reply.split()).strip('"“”„«» ')
    return text if text and len(text) <= LONGEST and any(map(str.isalnum, text)) else ""
