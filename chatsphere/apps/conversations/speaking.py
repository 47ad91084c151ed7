"""Letting a model talk: its words go to the readers as they come, its citations are checked, what it used is counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chatsphere.apps.conversations.answer import Draft
from chatsphere.core.sse import EventLog
from chatsphere.services.ai.base import ChatModel
from chatsphere.services.ai.citations import Citation, CitationScanner
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.errors import UpstreamInvalid
from chatsphere.services.types import ChatDone, ChatPrompt, FinishReason, TokenUsage

LONGEST_ANSWER = 200_000  # characters; more is a model that has lost its mind
LONGEST_ADMISSION = 400


@dataclass(slots=True)
class Voice:
    """Where an answer's words go: into the draft and out to the readers. ``clock`` gives the milliseconds of the turn so far."""

    log: EventLog
    draft: Draft
    clock: Any

    def say(self, text: str) -> None:
        """Text that may be shown as it is."""
        if not text:
            return
        if self.draft.first_token_ms is None:
            self.draft.first_token_ms = self.clock()
        self.draft.parts.append(text)
        self.log.add("message.delta", {"text": text})

    def cite(self, citations: list[Citation]) -> None:
        """Citations that appear for the first time."""
        for citation in citations:
            shown = citation_object(citation)
            self.draft.citations.append(shown)
            self.log.add("message.citation", {"citation": shown})


async def speak(model: ChatModel, prompt: ChatPrompt, voice: Voice, *, refusal: str) -> None:
    """One call of the model. ``refusal`` is said when the model finds nothing to say. Raises EngineError; what was said until then, or
    until a cancellation, is kept, checked and counted."""
    draft, scanner = voice.draft, CitationScanner(prompt.passages, language=prompt.language)
    draft.model, draft.usage = model.name, TokenUsage(_prompt_tokens(prompt), 0, is_estimated=True)
    ending: ChatDone | None = None
    try:
        ending = await _listen(model, prompt, voice, scanner)
    finally:
        _hear(voice, scanner.finish())
        _check(draft, scanner)
        _close(draft, ending)
    if draft.finish_reason is FinishReason.REFUSED_NO_CONTEXT and not draft.parts:
        voice.say(refusal)


async def _listen(model: ChatModel, prompt: ChatPrompt, voice: Voice, scanner: CitationScanner) -> ChatDone:
    length = 0
    async for event in model.stream(prompt):
        if isinstance(event, ChatDone):
            return event
        length += len(event.text)
        _hear(voice, scanner.feed(event.text))
        if length > LONGEST_ANSWER:
            usage = TokenUsage(_prompt_tokens(prompt), estimate_tokens(voice.draft.text), is_estimated=True)
            return ChatDone(FinishReason.LENGTH, usage, model.name)
    raise UpstreamInvalid("The model's stream ended without an end.")


def _hear(voice: Voice, heard: tuple[str, list[Citation]]) -> None:
    text, citations = heard
    voice.say(text)
    voice.cite(citations)


def _check(draft: Draft, scanner: CitationScanner) -> None:
    if draft.parts:
        report = scanner.report()
        draft.grounded, draft.unsupported = report.grounded, list(report.unsupported)
        draft.statements = len(report.cited)


def _close(draft: Draft, ending: ChatDone | None) -> None:
    if ending is None:  # broken off: only we can count
        draft.usage = TokenUsage(draft.usage.prompt_tokens, estimate_tokens(draft.text), is_estimated=True)
        return
    draft.usage, draft.finish_reason = ending.usage, ending.finish_reason
    if ending.finish_reason is FinishReason.STOP and not draft.citations and admits_ignorance(draft.text):
        draft.finish_reason, draft.grounded = FinishReason.REFUSED_NO_CONTEXT, None


def _prompt_tokens(prompt: ChatPrompt) -> int:
    texts = (
        prompt.instructions,
        prompt.question,
        *(p.text for p in prompt.passages),
        *(t.text for t in prompt.history),
    )
    return sum(map(estimate_tokens, texts))


def citation_object(citation: Citation) -> dict[str, Any]:
    """A citation as the API shows it."""
    passage = citation.passage
    return {
        "index": citation.index,
        "source_id": str(passage.source_id),
        "document_id": str(passage.document_id),
        "chunk_id": str(passage.chunk_id),
        "title": passage.title,
        "url": passage.url,
        "page": passage.page,
        "quote": citation.quote,
        "char_start": citation.char_start,
        "char_end": citation.char_end,
    }


def admits_ignorance(text: str) -> bool:
    """Whether a short answer without citations says that the sources do not hold the answer. An empty one does."""
    stripped = text.strip()
    return not stripped or (len(stripped) <= LONGEST_ADMISSION and _ADMISSION.search(stripped) is not None)


_SOURCES = r"(?:sources?|documents?|passages?|text|context|provided information|information provided|documentation)"
_ADMISSION = re.compile(
    "|".join(
        (
            rf"\b{_SOURCES}\b[^.!?]{{0,60}}\b(?:do|does|did)(?: not|n['’]t)\b",
            rf"\b(?:not|nothing|no (?:information|mention|answer))\b[^.!?]{{0,60}}\b{_SOURCES}\b",
            r"\b(?:can(?:not|['’]t)|could(?: not|n['’]t)|unable to) (?:find|answer)\b",
            r"\bi (?:do not|don['’]t) (?:know|have (?:any |enough )?information)\b",
            r"\bquellen?\b[^.!?]{0,60}\b(?:nicht|kein\w*)\b|\b(?:keine|nicht)\b[^.!?]{0,60}\b(?:quellen|informationen|angaben)\b",
            r"\bsources?\b[^.!?]{0,40}\bne\b[^.!?]{0,40}\bpas\b|\baucune (?:information|source)\b",
            r"\bfuentes\b[^.!?]{0,40}\bno\b|\bno\b[^.!?]{0,60}\b(?:fuentes|información)\b",
            r"\bfonti\b[^.!?]{0,40}\bnon\b|\bnon\b[^.!?]{0,60}\b(?:fonti|informazioni)\b",
            r"\bfontes\b[^.!?]{0,40}\bnão\b|\bnão\b[^.!?]{0,60}\b(?:fontes|informaç\w+)\b",
            r"\bbronnen\b[^.!?]{0,40}\b(?:niet|geen)\b|\bgeen\b[^.!?]{0,40}\binformatie\b",
        )
    ),
    re.IGNORECASE,
)
