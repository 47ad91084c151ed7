"""Asks test questions and measures the answers; counts what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chatsphere.apps.chatbots.configuration import Configuration, read_configuration
from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.metering import rehearsal_amounts
from chatsphere.apps.conversations.prices import cost_micros
from chatsphere.apps.conversations.rehearsal import Rehearsal, rehearse
from chatsphere.apps.evaluation.models import Evaluation, Result, TestQuestion
from chatsphere.apps.evaluation.scoring import Expectation, grade
from chatsphere.apps.users import quota
from chatsphere.apps.users.ledger import Kind, Usage, record_usage
from chatsphere.apps.users.quota import Amount, Metric
from chatsphere.core import engines
from chatsphere.core.async_database import close_pool
from chatsphere.core.identifiers import new_id
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.services.types import FinishReason, Turn

LONGEST_KEPT = 4_000  # characters of an answer that are kept with its result
CHANNEL = "evaluation"


async def ask(evaluation: Evaluation, questions: Sequence[TestQuestion]) -> list[Result]:
    """Answer these at once, as the frozen configuration does; results are not saved. Raises EngineError of the first that fails."""
    configuration = read_configuration(evaluation.configuration)
    results = await asyncio.gather(*(_answer(evaluation, configuration, question) for question in questions))
    for result in results:
        result.id = new_id()  # lists go by id: the order of the questions, not of whose answer came first
    return results


async def close_engines() -> None:
    """Close what belongs to the running loop, at its end."""
    for engine in engines.made():
        close = getattr(engine, "aclose", None)
        if close is not None:
            await close()
    await close_pool()


async def _answer(evaluation: Evaluation, configuration: Configuration, question: TestQuestion) -> Result:
    draft, latency = await rehearse(
        Rehearsal(
            principal=_asker(evaluation),
            chatbot_id=evaluation.chatbot_id,
            configuration=configuration,
            embedding_model=evaluation.embedding_model,
            text=question.question,
            history=tuple(Turn(each["role"], each["text"]) for each in question.history),
            version=evaluation.version,
        )
    )
    return _result(evaluation, question, draft, latency)


def _asker(evaluation: Evaluation) -> Principal:
    return Principal(PrincipalKind.PERSON, evaluation.workspace_id, role="viewer", label=CHANNEL)


def _result(evaluation: Evaluation, question: TestQuestion, draft: Draft, latency: int) -> Result:
    is_refused = draft.finish_reason in (FinishReason.REFUSED_NO_CONTEXT, FinishReason.BLOCKED)
    expectation = Expectation(question.expects == TestQuestion.Expects.REFUSAL, question.answers, question.passages)
    measured = grade(expectation, answer=draft.text, is_refused=is_refused, passages=draft.passages)
    decision: dict[str, Any] = draft.trace.get("decision") or {}
    return Result(
        workspace_id=evaluation.workspace_id,
        evaluation=evaluation,
        question=question,
        score=measured.score,
        rank=measured.rank,
        has_passages=measured.has_passages,
        contained=measured.contained,
        f1=measured.f1,
        is_refused=is_refused,
        statements=draft.statements,
        supported=draft.statements - len(draft.unsupported),
        finish_reason=draft.finish_reason.value,
        probability=decision.get("probability"),
        features=decision.get("features") or {},
        answer=draft.text[:LONGEST_KEPT],
        citations=draft.citations,
        model=draft.model,
        prompt_tokens=draft.usage.prompt_tokens,
        completion_tokens=draft.usage.completion_tokens,
        cost_micros=cost_micros(draft.model, draft.usage)[0],
        latency_ms=latency,
    )


@dataclass(frozen=True, slots=True)
class HeldQuota:
    """Units that were reserved for some questions."""

    evaluation: Evaluation
    request_key: str

    def settle(self, results: Sequence[Result]) -> None:
        """Count what was used and book one line a question, in the caller's transaction."""
        tokens = sum(result.prompt_tokens + result.completion_tokens for result in results)
        quota.settle(
            workspace_id=self.evaluation.workspace_id,
            request_key=self.request_key,
            actual={Metric.TOKENS: tokens},
            cost_micros=sum(result.cost_micros for result in results),
        )
        for result in results:
            record_usage(_usage(self.evaluation, result))


@contextmanager
def quota_held(evaluation: Evaluation, questions: Sequence[TestQuestion]) -> Iterator[HeldQuota]:
    """Reserve a message of the month for each question, and tokens for a model that is paid by them. Raises QuotaExceeded.

    The day's limit of the chatbot is for its visitors and stays untouched.
    """
    held = HeldQuota(evaluation, f"evaluation:{evaluation.pk.hex}:{evaluation.fence}:{questions[0].pk.hex}")
    quota.reserve(
        workspace_id=evaluation.workspace_id, request_key=held.request_key, amounts=_amounts(evaluation, len(questions))
    )
    try:
        yield held
    except BaseException:
        quota.release(workspace_id=evaluation.workspace_id, request_key=held.request_key)
        raise


def _amounts(evaluation: Evaluation, count: int) -> tuple[Amount, ...]:
    return rehearsal_amounts(read_configuration(evaluation.configuration), evaluation.chatbot_id, count=count)


def _usage(evaluation: Evaluation, result: Result) -> Usage:
    return Usage(
        workspace_id=evaluation.workspace_id,
        kind=Kind.CHAT,
        request_key=f"evaluation:{result.pk}",
        chatbot_id=evaluation.chatbot_id,
        user_id=evaluation.requested_by,
        api_key_id=evaluation.api_key_id,
        channel=CHANNEL,
        model=result.model,
        prompt_tokens=result.prompt_tokens,
        completion_tokens=result.completion_tokens,
        cost_micros=result.cost_micros,
        latency_ms=result.latency_ms,
        finish_reason=result.finish_reason,
    )
