"""Small documents of one chatbot are trained in shared transactions, and none of them pays for another one's trouble."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.training import actions, knowledge, pipeline, worker
from chatsphere.apps.training.models import Document, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.apps.users.models import UsageRecord
from chatsphere.apps.webhooks.models import Event
from chatsphere.core import engines
from chatsphere.services.errors import UpstreamRateLimited, UpstreamRejected
from tests.apps.training.world import make_chatbot, make_source, says, stored, work

pytestmark = pytest.mark.django_db(transaction=True)


def make_sources(chatbot: Any, *texts: str) -> list[TrainingSource]:
    return [make_source(chatbot, text, name=f"s{number}") for number, text in enumerate(texts)]


def page(number: int) -> str:
    return f"# Page {number}\n\nOnly here one reads of topic{number}."


def states(chatbot: Any) -> dict[str, str]:
    return dict(TrainingSource.objects.filter(chatbot=chatbot).values_list("name", "status"))


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents were stored by each transaction."""
    sizes: list[int] = []
    add = knowledge.add_all_chunks

    def add_all_chunks(**arguments: Any) -> Any:
        sizes.append(len(arguments["versions"]))
        return add(**arguments)

    monkeypatch.setattr(knowledge, "add_all_chunks", add_all_chunks)
    return sizes


def test_small_documents_share_a_transaction_and_each_is_told_what_it_did(chatbot: Any, batches: list[int]) -> None:
    make_sources(chatbot, *map(page, range(5)))
    work()
    assert batches == [5]
    assert set(states(chatbot).values()) == {"ready"}
    assert says(chatbot, "topic3", "topic3")
    for run in Run.objects.all():
        assert (run.state, run.chunks_embedded, run.progress_done, run.progress_total) == ("succeeded", 1, 1, 1)
        assert run.steps["embed"]["items"] == 1
    assert Event.objects.filter(type="source.ready").count() == UsageRecord.objects.count() == 5
    assert reconcile().is_clean


def test_a_text_that_several_bring_is_stored_and_embedded_once(chatbot: Any) -> None:
    make_sources(chatbot, page(1), page(1), page(2))
    work()
    assert stored(chatbot) == {"texts": 2, "places": 3, "words": 2, "vectors": 2}
    assert sum(Run.objects.values_list("chunks_reused", flat=True)) == 1
    assert sum(Run.objects.values_list("chunks_embedded", flat=True)) == 2


def test_a_document_that_cannot_be_read_fails_alone(chatbot: Any) -> None:
    make_sources(chatbot, page(1), "<!-- nothing to see -->", page(2))
    work()
    assert states(chatbot) == {"s0": "ready", "s1": "failed", "s2": "ready"}


def test_a_large_document_is_trained_alone(chatbot: Any, batches: list[int]) -> None:
    sections = [f"# Section {number}\n\n{'word ' * 150}number{number}." for number in range(400)]
    make_sources(chatbot, page(1), "\n\n".join(sections), page(2))
    work()
    assert set(states(chatbot).values()) == {"ready"}
    assert batches[0] == 2
    assert set(batches[1:]) == {1}


def test_a_text_that_the_provider_refuses_fails_alone(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(engines.embedder())
    embed = kind.embed_passages

    def embed_passages(self: Any, texts: Any) -> Any:
        if any("topic1" in text for text in texts):
            raise UpstreamRejected("This text is refused.")
        return embed(self, texts)

    monkeypatch.setattr(kind, "embed_passages", embed_passages)
    make_sources(chatbot, *map(page, range(3)))
    work()
    assert states(chatbot) == {"s0": "ready", "s1": "failed", "s2": "ready"}


def test_a_busy_provider_is_asked_again_after_the_time_it_names(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def embed_passages(self: Any, texts: Any) -> Any:
        raise UpstreamRateLimited("Too many requests.", retry_after=300.0)

    monkeypatch.setattr(type(engines.embedder()), "embed_passages", embed_passages)
    make_sources(chatbot, *map(page, range(3)))
    work()
    rows = Run.objects.values_list("state", "errors", "error_type")
    assert set(rows) == {("queued", 1, "upstream_rate_limited")}
    assert set(TrainingSource.objects.values_list("searchable", flat=True)) == {"text"}


def test_a_source_deleted_in_the_meantime_leaves_nothing_and_holds_nobody_up(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = make_sources(chatbot, *map(page, range(3)))
    kind = type(engines.embedder())
    embed = kind.embed_passages

    def embed_passages(self: Any, texts: Any) -> Any:
        actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[sources[1].pk])
        return embed(self, texts)

    monkeypatch.setattr(kind, "embed_passages", embed_passages)
    work()
    assert states(chatbot) == {"s0": "ready", "s2": "ready"}
    assert stored(chatbot) == {"texts": 2, "places": 2, "words": 2, "vectors": 2}
    assert reconcile().is_clean


def test_a_source_cancelled_in_the_meantime_holds_nobody_up(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = make_sources(chatbot, *map(page, range(3)))
    kind = type(engines.embedder())
    embed = kind.embed_passages

    def embed_passages(self: Any, texts: Any) -> Any:
        if Run.objects.filter(source=sources[0], state="running").exists():
            actions.cancel_source(source=sources[0])
        return embed(self, texts)

    monkeypatch.setattr(kind, "embed_passages", embed_passages)
    work()
    assert states(chatbot) == {"s0": "cancelled", "s1": "ready", "s2": "ready"}
    assert reconcile().is_clean


def test_when_the_shared_transaction_breaks_each_is_trained_alone(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "chatsphere.apps.training.together.tell"

    def broken(*_: Any, **__: Any) -> None:
        monkeypatch.setattr(name, pipeline.tell)
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(name, broken)
    make_sources(chatbot, *map(page, range(3)))
    work()
    assert set(states(chatbot).values()) == {"ready"}
    assert set(Run.objects.values_list("progress_total", "attempt")) == {(1, 1)}
    assert Document.objects.count() == 3
    assert reconcile().is_clean


def test_nobody_comes_along_while_another_workspace_waits(chatbot: Any, charlie: Any) -> None:
    make_sources(chatbot, *map(page, range(4)))
    make_source(make_chatbot(charlie), page(9), name="theirs")
    assert len(worker._claim_several(16)) == 1
    assert len(worker._claim_several(16)) == 1
    assert len(worker._claim_several(16)) == 3
