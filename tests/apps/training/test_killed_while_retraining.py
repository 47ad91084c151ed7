"""kill -9 of a worker while a chatbot goes over to other chunks and another model: the old knowledge answers until the new one does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.training import retrain_worker
from chatsphere.apps.training.models import ChunkText, Embedding, Retraining, Run
from chatsphere.apps.users.models import UsageRecord
from chatsphere.apps.webhooks.models import Event
from tests.apps.training.deadly import (
    BOTH,
    EMBED,
    END,
    HOLD,
    READ,
    STORE,
    SWITCH,
    TRAINING,
    VECTORS,
    assert_no_row_too_many,
    found_by_the_sweep,
    killed_at,
)
from tests.apps.training.test_retraining import OTHER, best_by_meaning, configure, finish, models_of, start
from tests.apps.training.world import says, stored, trained

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

QUEUE = f"{TRAINING}.actions:sync_source"
CUT = (QUEUE, READ, HOLD, STORE, EMBED, VECTORS, SWITCH, END)
_RETRAIN = f"{TRAINING}.retrain_worker:_Retrain"
STRANGE = f"{_RETRAIN}._drop_strange"
BATCH = f"{_RETRAIN}._store"
NEW_MODEL = f"{_RETRAIN}._switch"
RESTART = f"{_RETRAIN}._restart_runs"
OLD = f"{_RETRAIN}._drop_old"
DROP = f"{TRAINING}.retraining:drop_vectors"
SUCCEED = f"{TRAINING}.retraining:succeed"
MODEL = (STRANGE, EMBED, VECTORS, BATCH, NEW_MODEL, RESTART, OLD, DROP, SUCCEED)
VALUES = {
    f"{TRAINING}.retrain_worker:{name}": value
    for name, value in {"GRACE_SECONDS": 0.0, "WAIT_SECONDS": 0.0, "TEXTS_A_CALL": 4}.items()
}
_JOB = """
for _ in range(50):
    retrain_worker.work(UUID("{}"))
    worker.work_until(time.monotonic() + 60)
"""
LONG = "\n\n".join(f"# Part {n}\n\n" + " ".join(f"word{n}x{m}" for m in range(90)) + "." for n in range(12))


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRACE_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(retrain_worker, name, 0.0)


def retrained_by_another(row: Retraining) -> Retraining:
    Retraining.objects.filter(pk=row.pk, state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    found_by_the_sweep()
    retrain_worker.wake()
    done = finish(row)
    found_by_the_sweep()
    return done


def assert_told_once(done: Retraining) -> None:
    assert (done.state, done.crashes <= 1) == ("succeeded", True)
    assert Event.objects.filter(type="retraining.completed").count() == 1
    booked = UsageRecord.objects.filter(request_key=f"retraining:{done.pk}").values_list("embedding_tokens", flat=True)
    assert list(booked) == ([done.tokens] if done.tokens else [])


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", CUT)
def test_other_chunks(chatbot: Any, place: str, moment: str) -> None:
    source = trained(chatbot, LONG)
    before = source.chunks_count
    configure(chatbot, chunk_words=30)
    row = start(chatbot)
    killed_at(place, moment, job=_JOB.format(row.pk), values=VALUES)
    assert says(chatbot, "word3x4", "word3x4")
    done = retrained_by_another(row)
    source.refresh_from_db()
    assert_told_once(done)
    assert source.status == "ready"
    assert source.chunks_count > before
    assert stored(chatbot)["places"] == source.chunks_count
    assert list(Run.objects.filter(kind="retrain").values_list("state", flat=True)) == ["succeeded"]
    assert says(chatbot, "word3x4", "word3x4")
    assert_no_row_too_many(chatbot)


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", MODEL)
def test_another_model(chatbot: Any, place: str, moment: str) -> None:
    trained(chatbot, LONG)
    chunks = ChunkText.objects.count()
    configure(chatbot, embedding_model=OTHER)
    row = start(chatbot)
    killed_at(
        place, moment, call=2 if place in (EMBED, VECTORS, BATCH, DROP) else 1, job=_JOB.format(row.pk), values=VALUES
    )
    hit = best_by_meaning(chatbot, "word3x4 word3x5")
    assert hit.dense is not None
    assert "word3x4" in hit.text
    row.refresh_from_db()
    assert chatbot.embedding_model == (OTHER if row.phase == "clean" else "hashing:256")
    done = retrained_by_another(row)
    assert_told_once(done)
    assert (done.chunks_embedded, Embedding.objects.count()) == (chunks, chunks)
    assert models_of(chatbot) == {OTHER}
    assert best_by_meaning(chatbot, "word3x4 word3x5").dense is not None
    assert chatbot.embedding_model == OTHER
    assert_no_row_too_many(chatbot)
