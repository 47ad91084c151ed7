"""/metrics: who may read it, what it counts, and how the figures of many processes become one."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psutil
import pytest
from django.core.cache import cache
from django.utils import timezone

from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.users.ledger import Kind, Usage, record_usage
from chatsphere.core import durable, metric_files, metrics, process, work_figures
from chatsphere.core.middleware.request_log import RequestLog
from chatsphere.core.observed import observed, watched
from chatsphere.services.errors import UpstreamTimeout
from tests.core.test_logs import ask

STRANGER = "203.0.113.7"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.METRICS_DIR = tmp_path / "metrics"
    monkeypatch.setattr(work_figures, "_kept", None)
    monkeypatch.setattr(process, "role", "web")
    metrics.forget()


def value(text: str, sample: str) -> float:
    """Of one line of the exposition; 0 when it is not there."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"chatsphere_{name}", labels) or 0.0


# --- who may read it -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        (STRANGER, {}, 404),
        ("", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": STRANGER}, 404),
        ("::ffff:127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),  # a proxy that nobody has named
        ("127.0.0.1", {"Via": "1.1 proxy"}, 404),
        (STRANGER, {"Authorization": "Bearer of-the-monitoring"}, 200),
        (STRANGER, {"Authorization": "Bearer of-somebody-else"}, 404),
        (STRANGER, {"Authorization": "Bearer "}, 404),
    ],
)
def test_it_is_open_to_this_machine_and_to_the_token(
    client: Any, settings: Any, address: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = "of-the-monitoring"
    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert answer.status_code == status
    assert (b"chatsphere_build_info" in answer.content) is (status == 200)


@pytest.mark.django_db
def test_without_a_token_no_token_opens_it(client: Any) -> None:
    for given in ("Bearer ", "Bearer", "", "Bearer None"):
        assert client.get("/metrics", headers={"Authorization": given}, REMOTE_ADDR=STRANGER).status_code == 404


@pytest.mark.django_db
def test_a_trusted_proxy_is_asked_for_whom_it_asks(client: Any, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ("127.0.0.1",)
    settings.METRICS_ALLOWED = ("10.0.0.0/8",)
    inside, outside = ({"X-Forwarded-For": each} for each in ("10.1.2.3", STRANGER))
    assert client.get("/metrics", headers=inside).status_code == 200
    assert client.get("/metrics", headers=outside).status_code == 404


@pytest.mark.django_db
def test_it_may_come_by_address_as_probes_do_and_is_only_read(client: Any) -> None:
    assert client.get("/metrics", headers={"Host": "10.1.2.3"}).status_code == 200
    assert client.post("/metrics").status_code == 405


# --- what it counts ------------------------------------------------------------------------------------------------


async def test_requests_are_counted_by_route_never_by_path() -> None:
    from chatsphere.config.asgi import application

    for path in ("/healthz", "/healthz", "/one/path", "/another/path"):
        await ask(application, path)

    assert counted("http_requests_total", method="GET", route="/healthz", status="200") == 2
    assert counted("http_requests_total", method="GET", route="unmatched", status="404") == 2
    assert counted("http_request_seconds_count", method="GET", route="/healthz") == 2
    assert counted("http_open_requests") == 0


async def test_a_made_up_method_is_no_label_and_an_error_closes_the_request() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        assert counted("http_open_requests") == 1
        raise ValueError

    application = RequestLog(broken)
    with pytest.raises(ValueError):
        await application({"type": "http", "method": "MADEUP", "path": "/", "headers": []}, None, None)  # type: ignore[arg-type]

    assert counted("http_requests_total", method="other", route="/", status="499") == 1
    assert counted("http_open_requests") == 0


async def test_calls_to_models_are_counted_by_provider_and_outcome() -> None:
    class Embedder:
        async def embed_query(self, text: str) -> str:
            if text == "slow":
                raise UpstreamTimeout
            return text

        def embed_passages(self, texts: list[str]) -> list[str]:
            return texts

    embedder = watched("embedding", "openai:a-customers-word", Embedder())
    assert await embedder.embed_query("x") == "x"
    assert embedder.embed_passages(["y"]) == ["y"]
    with pytest.raises(UpstreamTimeout):
        await embedder.embed_query("slow")
    with pytest.raises(asyncio.CancelledError), observed("chat", "openai:x"):
        raise asyncio.CancelledError

    assert counted("model_calls_total", provider="openai", kind="embedding", outcome="ok") == 2
    assert counted("model_calls_total", provider="openai", kind="embedding", outcome="upstream_timeout") == 1
    assert counted("model_calls_total", provider="openai", kind="chat", outcome="cancelled") == 1
    assert counted("model_call_seconds_count", provider="openai", kind="embedding") == 3


@pytest.mark.django_db
def test_tokens_and_cost_are_counted_when_they_are_booked(alice: Any) -> None:
    usage = {"workspace_id": alice.default_workspace_id, "kind": Kind.CHAT, "model": "openai:x"}
    record_usage(Usage(**usage, request_key="1", prompt_tokens=7, completion_tokens=2, cost_micros=30, currency="EUR"))

    assert counted("tokens_total", provider="openai", kind="prompt") == 7
    assert counted("tokens_total", provider="openai", kind="completion") == 2
    assert counted("cost_micros_total", provider="openai", currency="EUR") == 30


@pytest.fixture
def source(alice: Any) -> TrainingSource:
    from chatsphere.apps.chatbots.actions import create_chatbot

    workspace = alice.default_workspace_id
    chatbot = create_chatbot(workspace_id=workspace, name="Anna")
    return TrainingSource.objects.create(workspace_id=workspace, chatbot=chatbot, source_type="text", name="s")


@pytest.mark.django_db
def test_waiting_work_is_looked_up_and_ended_work_counted(client: Any, source: TrainingSource) -> None:
    long_ago = timezone.now() - timezone.timedelta(seconds=100)
    run = Run.objects.create(
        workspace_id=source.workspace_id, chatbot=source.chatbot, source=source, available_at=long_ago
    )
    text = client.get("/metrics").content.decode()
    assert value(text, 'chatsphere_work_open{kind="training.run",state="queued"}') == 1
    assert 99 <= value(text, 'chatsphere_work_oldest_seconds{kind="training.run"}') < 200
    assert value(text, 'chatsphere_work_open{kind="webhooks.delivery",state="queued"}') == 0
    assert value(text, 'chatsphere_up{server="postgresql"}') == 1
    assert value(text, "chatsphere_database_bytes") > 1_000_000

    claimed = durable.claim(Run, run.pk)
    assert claimed is not None
    durable.fail(claimed, error_type="empty", message="No text.")
    assert counted("work_ended_total", kind="training.run", state="failed", error="empty") == 1
    assert ("training.run", "empty", 1, "No text.") in (work_figures.failures(hours=1, most=5) or [])


@pytest.mark.django_db
def test_a_server_that_is_away_is_told_and_hides_nothing_else(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_figures, "_in_database", lambda: (None, None))
    monkeypatch.setattr(work_figures, "_hints", lambda: None)
    text = client.get("/metrics").content.decode()
    assert value(text, 'chatsphere_up{server="postgresql"}') == 0
    assert "chatsphere_build_info{" in text
    assert value(text, 'chatsphere_up{server="redis"}') == 0


@pytest.mark.django_db
def test_lookups_are_not_repeated_for_every_reader(client: Any, django_assert_max_num_queries: Any) -> None:
    client.get("/metrics")
    with django_assert_max_num_queries(0):
        client.get("/metrics")
    cache.clear()


# --- many processes ------------------------------------------------------------------------------------------------


def left_by(folder: Path, pid: int, created: float, count: int, is_open: int = 0) -> None:
    """What another process has written."""
    requests = ["chatsphere_http_requests_total", {"method": "GET", "route": "/x", "status": "200"}, count]
    families = [
        {"name": "chatsphere_http_requests", "type": "counter", "help": "h", "samples": [requests]},
        {
            "name": "chatsphere_http_open_requests",
            "type": "gauge",
            "help": "h",
            "samples": [["chatsphere_http_open_requests", {}, 3]],
        },
        {
            "name": "chatsphere_breaker_open",
            "type": "gauge",
            "help": "h",
            "samples": [["chatsphere_breaker_open", {"provider": "openai"}, is_open]],
        },
    ]
    folder.mkdir(exist_ok=True)
    (folder / f"{pid}.json").write_bytes(
        orjson.dumps({"pid": pid, "created": created, "role": "worker-ingest", "families": families})
    )


REQUESTS = 'chatsphere_http_requests_total{method="GET",route="/x",status="200"}'


@pytest.mark.django_db
def test_processes_add_up_and_sums_never_fall_when_one_ends(client: Any, settings: Any) -> None:
    living, gone = os.getppid(), 2**22 + 1
    metrics.requests.labels("GET", "/x", "200").inc()
    left_by(settings.METRICS_DIR, living, psutil.Process(living).create_time(), 10, is_open=1)
    left_by(settings.METRICS_DIR, gone, 1.0, 100)

    first, second = (client.get("/metrics").content.decode() for _ in range(2))

    for text in (first, second):
        assert value(text, REQUESTS) == 111
        assert value(text, "chatsphere_http_open_requests") == 3  # of the living one only
        assert value(text, 'chatsphere_breaker_open{provider="openai"}') == 1
        assert value(text, f'chatsphere_process_resident_bytes{{pid="{living}",role="worker-ingest"}}') > 0
    assert not (settings.METRICS_DIR / f"{gone}.json").exists()


@pytest.mark.django_db
def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_first(client: Any, settings: Any) -> None:
    reused = os.getppid()
    left_by(settings.METRICS_DIR, reused, psutil.Process(reused).create_time() - 50, 10)
    text = client.get("/metrics").content.decode()
    assert value(text, REQUESTS) == 10
    assert value(text, "chatsphere_http_open_requests") == 0
    assert f'pid="{reused}"' not in text


def test_a_process_publishes_what_the_next_one_reads(settings: Any) -> None:
    metrics.requests.labels("GET", "/x", "200").inc(5)
    metric_files.publish()
    (written,) = settings.METRICS_DIR.glob("*.json")
    stored = orjson.loads(written.read_bytes())
    assert (stored["pid"], stored["role"]) == (os.getpid(), "web")
    samples = [sample for family in stored["families"] for sample in family["samples"]]
    assert ["chatsphere_http_requests_total", {"method": "GET", "route": "/x", "status": "200"}, 5.0] in samples


def test_a_fork_begins_at_nothing() -> None:
    metrics.requests.labels("GET", "/x", "200").inc(5)
    metrics.open_requests.inc()
    metrics.forget()
    assert counted("http_requests_total", method="GET", route="/x", status="200") == 0
    assert counted("http_open_requests") == 0


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_costs_only_the_others(client: Any, settings: Any, tmp_path: Path) -> None:
    settings.METRICS_DIR = tmp_path / "file" / "metrics"
    (tmp_path / "file").write_text("no folder")
    metrics.requests.labels("GET", "/x", "200").inc()
    metric_files.publish()
    metric_files.forget_all()
    assert value(client.get("/metrics").content.decode(), REQUESTS) == 1


def test_files_of_an_earlier_start_are_removed_unless_somebody_lives(settings: Any) -> None:
    left_by(settings.METRICS_DIR, 2**22 + 1, 1.0, 100)
    metric_files.forget_all()
    assert list(settings.METRICS_DIR.glob("*.json")) == []

    left_by(settings.METRICS_DIR, os.getppid(), psutil.Process(os.getppid()).create_time(), 1)
    metric_files.forget_all()
    assert len(list(settings.METRICS_DIR.glob("*.json"))) == 1


def test_every_metric_is_forgotten_by_a_fork() -> None:
    labelled = [each for each in vars(metrics).values() if getattr(each, "_labelnames", ())]
    for each in labelled:
        each.labels(*(str(uuid4()) for _ in each._labelnames))
    metrics.forget()
    assert [each._name for each in labelled if each._metrics] == []
