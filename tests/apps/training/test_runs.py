"""What runs tell: cost by step, the place in the queue, and that nothing stays open for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.training import queue
from chatsphere.apps.training.models import Retraining, Run, TrainingSource
from chatsphere.apps.users.models import UsageRecord
from chatsphere.apps.webhooks.models import Event
from tests.apps.training.world import make_chatbot, make_source, trained

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_tells_tokens_and_cost_of_embedding(chatbot: Any, alice: Any, client_of: Any, settings: Any) -> None:
    settings.MODEL_PRICES = '{"hashing:256": {"embedding": 3000000, "currency": "EUR"}}'
    source = trained(chatbot)
    client = client_of(alice)
    [run] = client.get(f"/api/v1/sources/{source.pk}/runs/").json()["results"]
    assert run["tokens"] == source.tokens > 0
    assert run["cost_micros"] == source.tokens * 3
    embed = run["steps"]["embed"]
    assert (embed["items"], embed["tokens"], embed["cost_micros"]) == (
        source.chunks_count,
        source.tokens,
        run["cost_micros"],
    )
    assert client.get(f"/api/v1/runs/{run['id']}/").json() == run
    usage = UsageRecord.objects.get(request_key=f"run:{run['id']}")
    assert (usage.cost_micros, usage.currency) == (run["cost_micros"], "EUR")


def test_queued_sources_tell_their_place_in_the_queue_of_their_workspace(
    chatbot: Any, alice: Any, charlie: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    ready = trained(chatbot)
    make_source(make_chatbot(charlie), name="of a stranger")
    names = ["first", "second", "third"]
    for name in names:
        make_source(chatbot, name=name)
    client = client_of(alice)
    path = f"/api/v1/chatbots/{chatbot.pk}/sources/"
    with django_assert_max_num_queries(12):
        rows = client.get(path).json()["results"]
    assert {row["name"]: row["queue_position"] for row in rows} == {"Guide": None, "first": 1, "second": 2, "third": 3}
    last = next(row for row in rows if row["name"] == "third")
    assert client.get(f"/api/v1/sources/{last['id']}/").json()["queue_position"] == 3
    again = client.post(f"/api/v1/sources/{ready.pk}/sync/").json()
    assert (again["status"], again["queue_position"]) == ("queued", 4)


def test_the_queue_is_not_looked_at_for_a_list_that_does_not_show_it(
    chatbot: Any, alice: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_source(chatbot, name="waits")
    asked: list[str] = []

    def sql(name: str, parameters: Any) -> list[Any]:
        asked.append(name)
        return []

    monkeypatch.setattr(queue, "sql", sql)
    client, path = client_of(alice), f"/api/v1/chatbots/{chatbot.pk}/sources/"
    assert client.get(f"{path}?fields=status,name").json()["results"] == [{"name": "waits", "status": "queued"}]
    assert asked == []
    client.get(path)
    assert asked == ["queue_positions"]


def test_what_is_open_for_a_week_is_given_up_with_a_sentence(chatbot: Any) -> None:
    stuck, fresh = make_source(chatbot, name="stuck"), make_source(chatbot, name="fresh")
    long_ago = timezone.now() - queue.LONGEST_OPEN - timedelta(minutes=1)
    Run.objects.filter(source=stuck).update(created_at=long_ago, state="running", fence=7)
    late = Retraining.objects.create(workspace_id=chatbot.workspace_id, chatbot=chatbot, from_model="a", to_model="b")
    Retraining.objects.filter(pk=late.pk).update(created_at=long_ago)
    queue.expire()
    queue.expire()
    stuck, fresh = (TrainingSource.objects.get(pk=each.pk) for each in (stuck, fresh))
    assert (stuck.status, stuck.error_type, fresh.status) == ("failed", "expired", "queued")
    assert "workers are running" in stuck.error_message
    assert Event.objects.filter(type="source.failed").count() == 1
    assert Retraining.objects.get(pk=late.pk).state == "failed"
