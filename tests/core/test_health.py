"""/healthz and /readyz"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.core import health
from chatsphere.core.durable import DurableState


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, client: Any) -> Any:
    """Asks /readyz of a process that has checked nothing yet."""

    def ask(query: str = "") -> Any:
        monkeypatch.setattr(health, "_readiness", health.Readiness())
        return client.get(f"/readyz{query}")

    return ask


def test_the_process_answers_without_a_database(client: Any) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_it_is_ready_when_every_check_passes(ready: Any) -> None:
    answer = ready()

    assert answer.status_code == 200, answer.content
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "redis": "ok", "queue": "ok"}


@pytest.mark.django_db
def test_it_is_not_ready_without_redis(ready: Any, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = ready()

    assert (answer.status_code, answer.json()["checks"]["redis"]) == (503, "Redis does not answer")


@pytest.mark.django_db
def test_what_all_processes_share_is_no_reason_for_a_proxy(ready: Any, settings: Any, alice: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    _run_that_waits(alice)
    assert ready().json()["checks"].keys() == {"database", "migrations", "redis", "queue"}

    answer = ready("?exclude=database&exclude=redis&exclude=queue&exclude=unheard-of")

    assert (answer.status_code, answer.json()["checks"]) == (200, {"migrations": "ok"})


@pytest.mark.django_db
def test_it_is_not_ready_before_its_migrations(ready: Any) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="chatbots").order_by("-id")[:1].get().delete()

    answer = ready()

    assert answer.status_code == 503
    assert "not applied" in answer.json()["checks"]["migrations"]


@pytest.mark.django_db
def test_work_that_nobody_does_is_told(alice: Any, ready: Any) -> None:
    run = _run_that_waits(alice)
    assert ready().status_code == 503
    assert "nobody works on" in ready().json()["checks"]["queue"]

    Run.objects.filter(pk=run.pk).update(state=DurableState.SUCCEEDED, finished_at=timezone.now())
    assert ready().status_code == 200


@pytest.mark.django_db
def test_a_long_queue_that_moves_is_fine(alice: Any, ready: Any) -> None:
    _run_that_waits(alice)
    busy = _run_that_waits(alice)
    Run.objects.filter(pk=busy.pk).update(
        state=DurableState.RUNNING, lease_until=timezone.now() + timedelta(seconds=20)
    )

    assert ready().status_code == 200


@pytest.mark.django_db
def test_the_answer_is_kept_for_a_moment(client: Any, ready: Any, django_assert_num_queries: Any) -> None:
    ready()

    with django_assert_num_queries(0):
        assert client.get("/readyz").status_code == 200


def _run_that_waits(person: Any) -> Run:
    workspace_id = person.default_workspace_id
    chatbot = create_chatbot(workspace_id=workspace_id, name="x")
    source = TrainingSource.objects.create(workspace_id=workspace_id, chatbot=chatbot, source_type="text", name="x")
    run: Run = Run.objects.create(
        workspace_id=workspace_id,
        chatbot=chatbot,
        source=source,
        available_at=timezone.now() - timedelta(minutes=3),
    )
    return run


@pytest.mark.django_db
def test_it_is_not_ready_when_the_database_takes_no_writes(ready: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")

    answer = ready()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["checks"]["database"] == "the database takes no writes"
