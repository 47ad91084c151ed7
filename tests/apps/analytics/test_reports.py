"""Reports over HTTP: figures, comparison, scope, CSV, cache."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.conversations.models import Citation
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.users.actions import create_key
from chatsphere.core.identifiers import new_id
from tests.apps.analytics.ledger import ask, book, make_bot, rate

pytestmark = pytest.mark.django_db
API = "/api/v1/analytics/"


@pytest.fixture
def bot(alice: Any) -> Chatbot:
    return make_bot(alice.default_workspace)


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def _rows(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_overview_has_all_figures_of_the_contract_at_once(bot: Chatbot, client: Any) -> None:
    now = datetime.now(UTC)
    rate(ask(bot, "What is it?", now, finish_reason="stop"), "up")
    ask(bot, "What else?", now)
    book(bot.workspace, now, chatbot_id=bot.pk, prompt_tokens=100, completion_tokens=20, cost_micros=42, latency_ms=800,
         first_token_ms=200, visitor_id=new_id())  # fmt: skip

    report = client.get(f"{API}overview/", {"chatbot": str(bot.pk)}).json()

    wanted = {
        "conversations": 2, "messages": 3, "visitors": 1, "answered": 2, "refused": 1, "feedback_up": 1, "feedback_down": 0,
        "prompt_tokens": 100, "completion_tokens": 20, "cost": 42,
    }  # fmt: skip
    assert {name: report["totals"][name] for name in wanted} == wanted
    assert report["totals"]["latency_p50_ms"] == pytest.approx(800, rel=0.02)
    assert report["totals"]["first_token_p95_ms"] == pytest.approx(200, rel=0.02)
    assert sum(step["messages"] for step in report["series"]) == 3
    assert len(report["series"]) == 30
    assert set(report["series"][0]) == {"at", *report["totals"]}


def test_the_period_before_is_compared(bot: Chatbot, client: Any) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours, count in ((1, 3), (25, 2)):
        for _number in range(count):
            book(bot.workspace, now - timedelta(hours=hours), chatbot_id=bot.pk)
    since = (now - timedelta(days=1)).isoformat()

    report = client.get(f"{API}overview/", {"since": since, "until": now.isoformat(), "interval": "hour"}).json()

    assert (report["totals"]["messages"], report["previous"]["messages"], report["change"]["messages"]) == (3, 2, 0.5)
    assert len(report["series"]) == 24
    assert report["change"]["cost"] is None


def test_what_happens_after_a_report_is_in_the_next_one(bot: Chatbot, client: Any) -> None:
    counts = []
    for _number in range(3):
        book(bot.workspace, datetime.now(UTC), chatbot_id=bot.pk)
        counts.append(client.get(f"{API}overview/").json()["totals"]["messages"])
    assert counts == [1, 2, 3]


def test_a_report_is_read_again_from_the_cache(bot: Chatbot, client: Any, django_assert_max_num_queries: Any) -> None:
    book(bot.workspace, datetime.now(UTC), chatbot_id=bot.pk)
    first = client.get(f"{API}overview/").json()
    with django_assert_max_num_queries(9):
        assert client.get(f"{API}overview/").json() == first


def test_usage_adds_up_by_any_dimensions(bot: Chatbot, client: Any) -> None:
    now, other = datetime.now(UTC), make_bot(bot.workspace, "Other")
    for chatbot, model, cost in ((bot, "a", 5), (bot, "b", 7), (other, "a", 11), (other, "a", 13)):
        book(bot.workspace, now, chatbot_id=chatbot.pk, model=model, cost_micros=cost)

    by_bot = client.get(f"{API}usage/", {"by": "chatbot"}).json()["results"]
    by_model = client.get(f"{API}usage/", {"by": "model,kind"}).json()["results"]

    assert [(line["chatbot"], line["cost"], line["messages"]) for line in by_bot] == [
        (str(other.pk), 24, 2),
        (str(bot.pk), 12, 2),
    ]
    assert [(line["model"], line["kind"], line["cost"]) for line in by_model] == [("a", "chat", 29), ("b", "chat", 7)]
    assert client.get(f"{API}usage/", {"by": "colour"}).status_code == 422


def test_sources_tell_who_is_cited_and_who_never_is(bot: Chatbot, client: Any) -> None:
    below: dict[str, Any] = {"workspace_id": bot.workspace_id, "chatbot": bot}
    cited = TrainingSource.objects.create(**below, source_type="text", name="Cited", status="ready")
    TrainingSource.objects.create(**below, source_type="text", name="Idle", status="ready")
    old = TrainingSource.objects.create(
        **below, source_type="url", name="Old", last_synced_at=datetime.now(UTC) - timedelta(days=90)
    )
    answer = ask(bot, "What?", datetime.now(UTC), finish_reason="stop")
    for index in (1, 2):
        Citation.objects.create(
            workspace_id=bot.workspace_id, message=answer, index=index, source_id=cited.pk, document_id=new_id(),
            chunk_id=new_id(), quote="x", char_start=0, char_end=1,
        )  # fmt: skip

    report = client.get(f"{API}sources/").json()

    first = report["results"][0]
    assert (first["name"], first["citations"], first["answers"]) == ("Cited", 2, 1)
    assert report["totals"] == {"sources": 3, "cited": 1, "never_cited": 2, "stale": 1}
    stale = client.get(f"{API}sources/", {"state": "stale"}).json()["results"]
    assert [each["id"] for each in stale] == [str(old.pk)]


def test_reports_are_tables_for_whom_asks_so(bot: Chatbot, client: Any) -> None:
    TrainingSource.objects.create(workspace_id=bot.workspace_id, chatbot=bot, source_type="text", name="=1+1")
    book(bot.workspace, datetime.now(UTC), chatbot_id=bot.pk, cost_micros=9)
    ask(bot, "=HYPERLINK(1)", datetime.now(UTC))

    tables = {name: _rows(client.get(f"{API}{name}/", HTTP_ACCEPT="text/csv")) for name in
              ("overview", "usage", "sources", "questions")}  # fmt: skip

    assert len(tables["overview"]) == 30
    assert sum(int(row["cost"]) for row in tables["usage"]) == 9
    assert [row["name"] for row in tables["sources"]] == ["'=1+1"]
    assert [row["question"] for row in tables["questions"]] == ["'=HYPERLINK(1)"]


def test_strangers_see_nothing_and_find_no_chatbot(bot: Chatbot, charlie: Any, client_of: Any) -> None:
    book(bot.workspace, datetime.now(UTC), chatbot_id=bot.pk)
    stranger = client_of(charlie)
    assert stranger.get(f"{API}overview/").json()["totals"]["messages"] == 0
    assert stranger.get(f"{API}overview/", {"chatbot": str(bot.pk)}).status_code == 404


def test_a_bound_key_sees_its_chatbots_and_needs_its_scope(bot: Chatbot, alice: Any, api_client: Any) -> None:
    other = make_bot(bot.workspace, "Other")
    for chatbot in (bot, other, other):
        book(bot.workspace, datetime.now(UTC), chatbot_id=chatbot.pk)
    seen = {}
    for scope in ("analytics:read", "chatbots:read"):
        key = create_key(
            workspace_id=bot.workspace_id, created_by=alice.pk, name="k", scopes=[scope], chatbot_ids=[other.pk]
        )
        api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")
        answer = api_client.get(f"{API}overview/")
        seen[scope] = answer.json()["totals"]["messages"] if answer.status_code == 200 else answer.status_code
    assert seen == {"analytics:read": 2, "chatbots:read": 403}


@pytest.mark.parametrize(
    "query",
    [
        {"interval": "minute"},
        {"since": "yesterday"},
        {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "2025-01-01T00:00:00Z", "interval": "hour"},
        {"since": "1026-01-01T00:00:00Z"},
    ],
)
def test_a_period_that_makes_no_sense_is_refused(query: dict[str, str], client: Any) -> None:
    assert client.get(f"{API}overview/", query).status_code == 422
