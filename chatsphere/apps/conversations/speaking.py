"""Letting a model talk: its words go to the readers as they come, its citations are checked, what it used is counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.pages_of_quotes import page_at
from chatsphere.core.sse import EventLog
from chatsphere.services.ai.base import ChatModel, WordReader
from chatsphere.services.ai.citations import Citation, CitationReport, CitationScanner, scan_answer
from chatsphere.services.ai.curated import CuratedAnswer
from chatsphere.services.ai.grounding import mark_statements, without_statements
from chatsphere.services.ai.output_links import LinkGuard
from chatsphere.services.ai.prompts import build_messages, new_nonce
from chatsphere.services.ai.statements import is_admission
from chatsphere.services.ai.strange_words import doubted
from chatsphere.services.ai.tokens import estimate_message_tokens, estimate_tokens
from chatsphere.services.errors import UpstreamInvalid
from chatsphere.services.types import ChatDone, ChatPrompt, FinishReason, SearchHit, TokenUsage

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

    def read_out(self, curated: CuratedAnswer) -> None:
        """An answer that somebody wrote for this question, word for word."""
        passage, offset = curated.passage, curated.passage.char_start
        self.draft.model, self.draft.grounded, self.draft.statements = "curated", True, 1
        self.say(f"{curated.text} [1]")
        self.cite([Citation(1, passage, curated.text, offset + curated.start, offset + curated.end, 1.0)])


@dataclass(frozen=True, slots=True)
class Manner:
    """How an answer is given. ``refusal`` is said when the model finds nothing to say; ``ungrounded`` is the chatbot's policy for statements
    that no passage bears out, ``note`` what marks them; ``passages`` are as they stand in the documents, where the prompt's were redacted."""

    refusal: str
    passages: Sequence[SearchHit]
    ungrounded: str = "shown"
    note: str = ""
    reader: WordReader | None = None  # tells what words mean, where the chatbot's embedder does
    link_hosts: tuple[str, ...] = ()


async def speak(model: ChatModel, prompt: ChatPrompt, voice: Voice, manner: Manner) -> None:
    """One call of the model. Raises EngineError; what was said until then, or until a cancellation, is kept, checked and counted.

    Under a policy other than "shown" nothing is said before the whole answer has been checked.
    """
    draft, ear = voice.draft, _Ear(voice, manner, prompt)
    draft.model, draft.usage = model.name, TokenUsage(_prompt_tokens(prompt), 0, is_estimated=True)
    ending: ChatDone | None = None
    try:
        ending = await _listen(model, prompt, ear)
        ear.hear_out()
        ear.doubted = await doubted(ear.report().doubtful, manner.reader)
    finally:
        ear.finish()
        _close(draft, ending)
    if draft.finish_reason is FinishReason.REFUSED_NO_CONTEXT and not draft.parts:
        voice.say(manner.refusal)


class _Ear:
    """Hears a model out: links that may carry something out are taken away, citations checked, the policy kept."""

    def __init__(self, voice: Voice, manner: Manner, prompt: ChatPrompt) -> None:
        self.voice, self.manner, self.language = voice, manner, prompt.language
        texts = [prompt.question, prompt.instructions, *(text for p in manner.passages for text in (p.text, p.url))]
        self._guard = LinkGuard(texts, hosts=manner.link_hosts)
        self._scanner = CitationScanner(manner.passages, language=prompt.language)
        self._held: list[str] | None = None if manner.ungrounded == "shown" else []
        self.doubted: frozenset[str] = frozenset()  # statements
        self._has_ended = False

    def hear(self, text: str) -> None:
        """A piece of the model's answer."""
        self._take(self._guard.feed(text))

    def hear_out(self) -> None:
        """What was held back; after it nothing comes."""
        if self._has_ended:
            return
        self._has_ended = True
        self._take(self._guard.finish())
        if self._held is None:
            _hear(self.voice, self._scanner.finish())

    def report(self) -> CitationReport:
        """What the words alone say of each statement."""
        if self._held is None:
            return self._scanner.report()
        return scan_answer("".join(self._held), self.manner.passages, language=self.language)[1]

    def finish(self) -> None:
        """The end, or where it broke off."""
        self.hear_out()
        if self._guard.removed:
            self.voice.draft.trace["links_removed"] = self._guard.removed
        if self.doubted:
            self.voice.draft.trace["doubted"] = sorted(self.doubted)
        if self._held is None:
            _check(self.voice.draft, self._scanner, self.doubted)
        else:
            _say_by_policy("".join(self._held), self.voice, self.manner, self.language, self.doubted)

    def _take(self, text: str) -> None:
        if self._held is None:
            _hear(self.voice, self._scanner.feed(text))
        else:
            self._held.append(text)


def _say_by_policy(heard: str, voice: Voice, manner: Manner, language: str, doubted: Collection[str]) -> None:
    """Say a whole answer: statements that are not borne out are marked or left out, and what is left is numbered anew."""
    text, report = scan_answer(heard, manner.passages, language=language, doubted=doubted)
    bad = list(report.ungrounded)
    if manner.ungrounded == "marked":
        text = mark_statements(text, bad, note=manner.note)
    elif bad:
        text = _what_is_left(without_statements(text, bad), report, language)
        voice.draft.trace["withheld"] = len(bad)
        if not text and voice.draft.error is None:
            voice.draft.finish_reason = FinishReason.REFUSED_NO_CONTEXT
    scanner = CitationScanner([citation.passage for citation in report.citations], language=language)
    _hear(voice, scanner.feed(text))
    _hear(voice, scanner.finish())
    _check(voice.draft, scanner)
    if manner.ungrounded == "marked" and voice.draft.parts:
        voice.draft.grounded, voice.draft.ungrounded = report.grounded, bad
        voice.draft.unsupported, voice.draft.statements = list(report.unsupported), len(report.cited)


def _what_is_left(text: str, report: CitationReport, language: str) -> str:
    """Nothing when all that was stated is gone: a greeting, a lead-in or a closing word is no answer. An honest no is one."""
    left = scan_answer(text, [citation.passage for citation in report.citations], language=language)[1]
    return text if left.cited or any(map(is_admission, text.splitlines())) else ""


async def _listen(model: ChatModel, prompt: ChatPrompt, ear: _Ear) -> ChatDone:
    length, parts = 0, []
    async for event in model.stream(prompt):
        ear.voice.draft.model = event.engine or ear.voice.draft.model  # which of a chain it is
        if isinstance(event, ChatDone):
            return event
        length += len(event.text)
        parts.append(event.text)
        ear.hear(event.text)
        if length > LONGEST_ANSWER:
            usage = TokenUsage(_prompt_tokens(prompt), estimate_tokens("".join(parts)), is_estimated=True)
            return ChatDone(FinishReason.LENGTH, usage, model.name)
    raise UpstreamInvalid("The model's stream ended without an end.")


def _hear(voice: Voice, heard: tuple[str, list[Citation]]) -> None:
    text, citations = heard
    voice.say(text)
    voice.cite(citations)


def _check(draft: Draft, scanner: CitationScanner, doubted: Collection[str] = ()) -> None:
    if draft.parts:
        report = scanner.report(doubted=doubted)
        draft.grounded = None if report.states_nothing else report.grounded
        draft.unsupported, draft.ungrounded = list(report.unsupported), list(report.ungrounded)
        draft.statements = len(report.cited)
        draft.citations = [citation_object(citation) for citation in report.citations]


def _close(draft: Draft, ending: ChatDone | None) -> None:
    if ending is None:  # broken off: only we can count
        draft.usage = TokenUsage(draft.usage.prompt_tokens, estimate_tokens(draft.text), is_estimated=True)
        return
    draft.usage = ending.usage
    if draft.finish_reason is FinishReason.REFUSED_NO_CONTEXT and not draft.parts:  # all of it was withheld
        draft.grounded = None
        return
    draft.finish_reason = ending.finish_reason
    is_silent = not draft.citations and not draft.ungrounded and admits_ignorance(draft.text)
    if ending.finish_reason is FinishReason.STOP and is_silent:
        draft.finish_reason, draft.grounded = FinishReason.REFUSED_NO_CONTEXT, None


def _prompt_tokens(prompt: ChatPrompt) -> int:
    """As a provider that tells no usage is counted: all that it is sent."""
    return estimate_message_tokens(message["content"] for message in build_messages(prompt, nonce=new_nonce()))


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
        "page": page_at(passage, citation.char_start),
        "quote": citation.quote,
        "char_start": citation.char_start,
        "char_end": citation.char_end,
        "quotes": [_quote(*each) for each in (_first_quote(citation), *citation.more)],
    }


def _first_quote(citation: Citation) -> tuple[str, int, int]:
    return citation.quote, citation.char_start, citation.char_end


def _quote(text: str, start: int, end: int) -> dict[str, Any]:
    return {"quote": text, "char_start": start, "char_end": end}


def admits_ignorance(text: str) -> bool:
    """Whether a short answer without citations says that the sources do not hold the answer. An empty one does."""
    stripped = text.strip()
    return not stripped or (len(stripped) <= LONGEST_ADMISSION and is_admission(stripped))
