"""Writes test questions from a chatbot's own content: with a chat model where one is wanted, else from headings, pairs and definitions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.conversations.prices import cost_micros, estimated_cost
from chatsphere.apps.evaluation import asking
from chatsphere.apps.evaluation.actions import add_questions, current
from chatsphere.apps.evaluation.models import Generation, TestQuestion
from chatsphere.apps.training.models import Placement
from chatsphere.apps.users import quota
from chatsphere.apps.users.quota import Amount, Metric, budget_amounts
from chatsphere.core import durable, engines
from chatsphere.services.ai.base import ChatModel
from chatsphere.services.ai.question_rules import HEADING, WrittenQuestion, write_questions
from chatsphere.services.ai.question_writing import FAR_OFF, question_prompt, read_written
from chatsphere.services.ai.tokens import estimate_tokens
from chatsphere.services.types import ChatDone, SearchHit, TextDelta, TokenUsage

READ_PER_QUESTION = 20  # chunks that are read at most to get one question
FROM_ONE = 3  # questions of one chunk at most
UNANSWERABLE_SHARE = 10  # one question in so many must be refused
MOST_READ = 50_000  # places that are looked at
CALL_TOKENS = 1_500  # what one call of the model may count


def write(generation: Generation) -> None:
    """Add the questions to the test set and end the row, in one transaction. Raises EngineError, QuotaExceeded, LostLease."""
    written = _with_model(generation) if generation.with_model else _by_rules(generation)
    questions = [*written, *_unanswerable(generation, len(written))]
    with transaction.atomic():
        durable.hold(generation)
        made = add_questions(test_set=generation.test_set, questions=questions, origin=TestQuestion.Origin.GENERATED)
        Generation.objects.filter(pk=generation.pk).update(written_count=len(made))
        durable.succeed(generation)


def _wanted(generation: Generation) -> int:
    return max(1, generation.wanted - generation.wanted // UNANSWERABLE_SHARE)


def _by_rules(generation: Generation) -> list[dict[str, Any]]:
    """At most three questions a chunk. All kinds take their turn, so that not one of them makes up the whole set; what only asks what stands
    under a heading fills up what is missing."""
    kinds: dict[int, list[dict[str, Any]]] = {}
    seen: set[str] = set()
    for place in _places(generation, _wanted(generation) * READ_PER_QUESTION):
        chunk = place.chunk
        for written in write_questions(chunk.text, heading_path=place.heading_path, language=chunk.language)[:FROM_ONE]:
            if written.question.casefold() not in seen:
                seen.add(written.question.casefold())
                kinds.setdefault(written.rank, []).append(_as_question(written, place))
    clear = [questions for kind, questions in sorted(kinds.items()) if kind != HEADING]
    in_turn = [each for round_ in zip_longest(*clear) for each in round_ if each is not None]
    return [*in_turn, *kinds.get(HEADING, [])][: _wanted(generation)]


def _with_model(generation: Generation) -> list[dict[str, Any]]:
    """One call of the model for each chunk."""
    places = list(_places(generation, _wanted(generation)))
    name = read_configuration(generation.chatbot.configuration).model
    model = engines.chat_model(name)
    held: dict[str, Any] = {
        "workspace_id": generation.workspace_id,
        "request_key": f"generation:{generation.pk.hex}:{generation.fence}",
    }
    quota.reserve(**held, amounts=_amounts(generation, name or settings.CHAT_MODEL, calls=len(places)))
    used: list[_Used] = []
    try:
        with asyncio.Runner() as runner:
            try:
                answers = runner.run(_ask_model(model, places))
            finally:
                runner.run(asking.close_engines())
        used = [each for _written, each in answers]
    finally:
        quota.settle(
            **held,
            actual={Metric.TOKENS: sum(each.tokens for each in used)},
            cost_micros=sum(each.cost_micros for each in used),
        )
    pairs = zip(places, answers, strict=True)
    return [_as_question(written, place) for place, (written, _used) in pairs if written is not None]


@dataclass(frozen=True, slots=True)
class _Used:
    """Of one call."""

    tokens: int
    cost_micros: int


def _amounts(generation: Generation, model: str, *, calls: int) -> tuple[Amount, ...]:
    """What the calls may take: tokens, and the budgets of workspace and chatbot. A call reads far more than it writes; the dearer word counts."""
    tokens = CALL_TOKENS * calls
    dearest = max(
        estimated_cost(model, prompt_tokens=tokens, completion_tokens=0),
        estimated_cost(model, prompt_tokens=0, completion_tokens=tokens),
    )
    return (Amount(Metric.TOKENS, max(1, tokens)), *budget_amounts(generation.chatbot_id, cost_micros=dearest))


async def _ask_model(model: ChatModel, places: Sequence[Placement]) -> list[tuple[WrittenQuestion | None, _Used]]:
    gate = asyncio.Semaphore(4)

    async def one(place: Placement) -> tuple[WrittenQuestion | None, _Used]:
        prompt, parts = question_prompt(_hit(place)), []
        usage, name = TokenUsage(estimate_tokens(place.chunk.text), 0, is_estimated=True), model.name
        async with gate:
            async for event in model.stream(prompt):
                if isinstance(event, TextDelta):
                    parts.append(event.text)
                elif isinstance(event, ChatDone):
                    usage, name = event.usage, event.engine or model.name
        used = _Used(usage.prompt_tokens + usage.completion_tokens, cost_micros(name, usage)[0])
        return read_written("".join(parts), place.chunk.text), used

    return await asyncio.gather(*(one(place) for place in places))


def _places(generation: Generation, most: int) -> Iterator[Placement]:
    """Places of live chunks, spread over the documents: by a hash of their id, the same every time."""
    rows = Placement.objects.in_workspace(generation.workspace_id).filter(
        chatbot_id=generation.chatbot_id,
        chunk__is_live=True,
        document_version_id=F("document_version__document__current_version_id"),
    )
    ids = rows.values_list("pk", flat=True)[:MOST_READ]
    chosen = sorted(ids, key=lambda pk: hashlib.sha256(pk.bytes).digest())[:most]
    found = Placement.objects.in_workspace(generation.workspace_id).filter(pk__in=chosen)
    yield from found.select_related("chunk", "document_version__document").order_by("document_version_id", "ordinal")


def _as_question(written: WrittenQuestion, place: Placement) -> dict[str, Any]:
    document = place.document_version.document
    return {
        "question": written.question,
        "expects": TestQuestion.Expects.ANSWER,
        "answers": [written.answer] if written.answer else [],
        "passages": [{"document_id": str(document.pk), "quote": written.quote}],
    }


def _unanswerable(generation: Generation, answerable: int) -> list[dict[str, Any]]:
    """Questions that no company's documents answer."""
    count = min(answerable // (UNANSWERABLE_SHARE - 1) or int(generation.wanted > 1), len(FAR_OFF))
    known = set(current(generation.test_set).values_list("question", flat=True))
    fresh = [question for question in FAR_OFF if question not in known]
    return [{"question": question, "expects": TestQuestion.Expects.REFUSAL} for question in fresh[:count]]


def _hit(place: Placement) -> SearchHit:
    document = place.document_version.document
    return SearchHit(
        chunk_id=place.chunk_id,
        document_id=document.pk,
        source_id=document.source_id,
        title=document.title,
        url="",
        page=place.page,
        heading_path=tuple(place.heading_path),
        text=place.chunk.text,
        char_start=place.char_start,
        char_end=place.char_end,
        dense=None,
        sparse=None,
        fused=0.0,
    )


def uses_model(model: str) -> bool:
    """Whether a chatbot of this setting has a model that can write."""
    return (model or settings.CHAT_MODEL) != "extractive"
