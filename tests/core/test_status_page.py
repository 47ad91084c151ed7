"""The operators' status page: for staff only, true, and whole when a server is away."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.core import durable, metrics, presence, status_page, work_figures
from chatsphere.core.status_page import slow_routes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.METRICS_DIR = tmp_path / "metrics"
    monkeypatch.setattr(work_figures, "_kept", None)
    metrics.forget()


@pytest.fixture
def operator(client: Any, alice: Any) -> Any:
    alice.is_staff = True
    alice.save()
    client.force_login(alice)
    return client


def test_nobody_but_operators_sees_it(client: Any, bob: Any) -> None:
    assert client.get("/admin/status/").status_code == 302
    client.force_login(bob)
    assert client.get("/admin/status/").status_code == 302


def test_it_shows_what_waits_what_failed_and_what_is_slow(operator: Any, alice: Any) -> None:
    workspace = alice.default_workspace_id
    chatbot = create_chatbot(workspace_id=workspace, name="Anna")
    below: dict[str, Any] = {"workspace_id": workspace, "chatbot": chatbot}
    first, second = (TrainingSource.objects.create(**below, source_type="text", name=name) for name in "ab")
    long_ago = timezone.now() - timezone.timedelta(seconds=300)
    Run.objects.create(**below, source=first, available_at=long_ago)
    failing = durable.claim(Run, Run.objects.create(**below, source=second).pk)
    assert failing is not None
    durable.fail(failing, error_type="empty", message="<b>No text</b> was found.")
    for _ in range(6):
        metrics.request_seconds.labels("GET", "/api/v1/slow/{id}/").observe(0.8)

    page = operator.get("/admin/status/").content.decode()

    assert '<span class="status-bad">30' in page
    assert "&lt;b&gt;No text&lt;/b&gt;" in page
    assert "/api/v1/slow/{id}/" in page
    assert page.count("data:image/svg+xml;base64,") == 2
    assert "<script>" not in page.partition("content-main")[2]
    assert "does not answer" not in page


def test_a_database_that_is_slow_leaves_the_rest_of_the_page(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_figures, "_in_database", lambda: (None, None))
    monkeypatch.setattr(status_page.work_figures, "failures", lambda *_: None)
    answer = operator.get("/admin/status/")
    assert answer.status_code == 200
    assert b"does not answer" in answer.content
    assert answer.content.count(b"did not answer in time") == 2


def test_it_shows_workers_of_other_machines_and_without_redis_its_own(
    operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = presence.Living("worker-ingest", "pod-7", 31, 200_000_000, 12.5)
    monkeypatch.setattr(presence, "everywhere", lambda: [worker])
    page = operator.get("/admin/status/").content.decode()
    assert "<td>worker-ingest</td><td>pod-7</td>" in page
    monkeypatch.setattr(presence, "everywhere", lambda: None)
    assert f"<td>web</td><td>{socket.gethostname()}</td>" in operator.get("/admin/status/").content.decode()


def test_the_front_of_the_admin_leads_there(operator: Any) -> None:
    assert 'href="/admin/status/"' in operator.get("/admin/").content.decode()


def test_slowest_routes_come_first_and_rare_ones_are_left_out() -> None:
    for route, seconds, count in (
        ("/quick/", 0.004, 100),
        ("/slow/", 3.0, 10),
        ("/rare/", 20.0, 1),
        ("/admin/x/", 9.0, 10),
    ):
        for _ in range(count):
            metrics.request_seconds.labels("GET", route).observe(seconds)
    (family,) = [each for each in metrics.REGISTRY.collect() if each.name == "chatsphere_http_request_seconds"]

    found = slow_routes(family)

    assert [route.name for route in found] == ["GET /slow/", "GET /quick/"]
    assert (found[0].requests, round(found[0].mean, 2), found[0].p95) == (10, 3.0, 5.0)
    assert slow_routes(None) == []
