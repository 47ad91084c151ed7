"""Chunks that were embedded before their words' meaning was kept are read once more for it, and for nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.management import call_command

from chatsphere.apps.chatbots.actions import update_chatbot
from chatsphere.apps.training import actions, retrain_worker, retraining
from chatsphere.apps.training.estimate import estimate
from chatsphere.apps.training.models import ChunkText, Embedding, Retraining, TrainingSource, WordMeanings
from chatsphere.apps.training.reconcile import reconcile_until
from chatsphere.apps.users.models import UsageRecord
from chatsphere.core import durable, engines
from chatsphere.core.exceptions import Conflict
from chatsphere.services.types import Reading
from tests.apps.training.world import found, trained, work

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "\n\n".join(f"# Part {n}\n\n" + " ".join(f"word{n}x{m}" for m in range(90)) + "." for n in range(12))


class Readings:
    """How many texts the embedder was asked for the words of; ``dies_at`` which call the worker is killed."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.dies_at = 0
        self.are_empty = False

    def read(self, embedder: Any, texts: Sequence[str]) -> list[Reading]:
        self.calls.append(len(texts))
        if len(self.calls) == self.dies_at:
            raise SystemExit
        told = [b"" if self.are_empty else b"\x01" + text.encode() for text in texts]
        return [Reading(vector, words) for vector, words in zip(embedder.embed_passages(texts), told, strict=True)]


@pytest.fixture
def readings(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> Readings:
    """A chatbot trained by an earlier release, and an embedder that tells words from now on."""
    trained(chatbot, LONG)
    assert not WordMeanings.objects.exists()
    counted, kind = Readings(), type(engines.embedder())

    def read_passages(self: Any, texts: Sequence[str]) -> list[Reading]:
        return counted.read(self, texts)

    monkeypatch.setattr(kind, "read_passages", read_passages, raising=False)
    monkeypatch.setattr(kind, "read_question", kind.embed_query, raising=False)
    monkeypatch.setattr(kind, "tells_words", True, raising=False)
    monkeypatch.setattr(retrain_worker, "TEXTS_A_CALL", 2)
    chatbot.refresh_from_db()
    return counted


def look() -> None:
    assert reconcile_until(time.monotonic() + 60) >= 1


def finish() -> Retraining:
    row: Retraining = Retraining.objects.get()
    for _slice in range(50):
        retrain_worker.work(row.pk)
        row.refresh_from_db()
        if row.state not in durable.OPEN_STATES:
            return row
    raise AssertionError(row.state)


def test_the_clock_finds_them_and_only_the_words_are_added(chatbot: Any, readings: Readings) -> None:
    vectors = list(Embedding.objects.order_by("chunk_id").values_list("chunk_id", "vector", "cell"))
    usage, version = UsageRecord.objects.count(), chatbot.knowledge_version
    look()
    done = finish()
    chunks = ChunkText.objects.count()
    assert (done.state, done.progress_done, done.progress_total, done.tokens) == ("succeeded", chunks, chunks, 0)
    assert WordMeanings.objects.count() == sum(readings.calls) == chunks > 4
    assert max(readings.calls) == 2
    assert all(hit.word_meanings for hit in found(chatbot, "word3x4 word3x5"))
    assert list(Embedding.objects.order_by("chunk_id").values_list("chunk_id", "vector", "cell")) == vectors
    assert UsageRecord.objects.count() == usage
    chatbot.refresh_from_db()
    assert chatbot.knowledge_version > version, "what searches remember is in the old order"
    look()
    assert Retraining.objects.count() == 1, "nothing is left"


def test_new_chunks_come_with_their_words_and_are_not_read_twice(chatbot: Any, readings: Readings) -> None:
    look()
    finish()
    before = sum(readings.calls)
    trained(chatbot)
    look()
    assert sum(readings.calls) - before == ChunkText.objects.count() - before
    assert Retraining.objects.count() == 1


def test_a_killed_worker_is_followed_by_one_that_reads_the_rest(chatbot: Any, readings: Readings) -> None:
    call_command("retrain")
    readings.dies_at = 3
    row = Retraining.objects.get()
    with pytest.raises(SystemExit):
        retrain_worker.work(row.pk)
    Retraining.objects.update(lease_until=row.created_at)
    done = finish()
    assert (done.state, WordMeanings.objects.count()) == ("succeeded", ChunkText.objects.count())
    assert sum(readings.calls) == ChunkText.objects.count() + 2, "of the dead worker's last call nothing was kept"


def test_a_text_that_goes_meanwhile_is_passed_over(
    chatbot: Any, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    plain = Readings.read

    def and_goes(self: Readings, embedder: Any, texts: Sequence[str]) -> list[Reading]:
        if not self.calls:
            ids = list(TrainingSource.objects.values_list("pk", flat=True))
            actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=ids)
        return plain(self, embedder, texts)

    monkeypatch.setattr(Readings, "read", and_goes)
    done = finish()
    work()
    assert (done.state, WordMeanings.objects.count(), ChunkText.objects.count()) == ("succeeded", 0, 0)


def test_the_estimate_says_how_many_and_that_it_costs_nothing(
    chatbot: Any, readings: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = estimate(chatbot)
    assert (plan.untold, plan.chunks, plan.tokens, plan.cost_micros) == (ChunkText.objects.count(), 0, 0, 0)
    call_command("retrain", "--dry-run")
    assert f"what the words mean of {plan.untold} chunks, at no cost" in capsys.readouterr().out
    assert not Retraining.objects.exists()


def test_what_somebody_cancelled_the_clock_leaves(chatbot: Any, readings: Readings) -> None:
    look()
    retraining.cancel_retraining(retraining=Retraining.objects.get())
    look()
    assert Retraining.objects.count() == 1
    call_command("retrain")
    assert Retraining.objects.filter(state="queued").count() == 1


def test_the_clock_changes_nothing_else(chatbot: Any, readings: Readings) -> None:
    """A change of the model waits for somebody who asks for it."""
    configured = {"embedding_model": "hashing:128"}
    update_chatbot(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, changes={"configuration": configured})
    look()
    assert not Retraining.objects.exists()


def test_an_embedder_that_tells_none_ends_it_with_a_reason(chatbot: Any, readings: Readings) -> None:
    readings.are_empty = True
    look()
    done = finish()
    assert (done.state, done.error_type) == ("failed", "engine_misconfigured")
    look()
    assert Retraining.objects.count() == 1, "and is not tried each ten minutes"


def test_without_such_an_embedder_there_is_nothing_to_do(chatbot: Any) -> None:
    trained(chatbot)
    chatbot.refresh_from_db()
    look()
    with pytest.raises(Conflict):
        retraining.start_retraining(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)
