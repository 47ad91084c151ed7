"""What an operator sees of real processes: logs that belong together, figures that add up, one trace through all of them, and no texts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.deployment import Deployment, Person, deployment, join, wait_for
from tests.stubs.openai_stub import Settings, default_tokens, running_stub
from tests.stubs.otlp_collector import collecting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
QUESTION = "What does a lost library card cost?"
SOURCE = "four euros and fifty cents"
SEEN = (  # figures of web, workers and providers that this much use must have moved
    "chatsphere_answer_first_token_seconds",
    "chatsphere_tasks",
    "chatsphere_model_calls",
    "chatsphere_tokens",
    "chatsphere_search_seconds",
    "chatsphere_cache_requests",
    "chatsphere_pool_connections",
)
PUBLISHED = 6.0  # seconds until every process has written its figures


@pytest.fixture
def collected() -> Iterator[tuple[str, list[bytes]]]:
    with collecting() as found:
        yield found


@pytest.fixture
def house(tmp_path: Path, collected: tuple[str, list[bytes]]) -> Iterator[Deployment]:
    """Two web processes, workers and beat, with a model provider."""
    with running_stub(Settings(tokens=default_tokens(20))) as (_, base_url):
        settings = {
            "OPENAI_BASE_URL": base_url,
            "OPENAI_API_KEY": "key-of-the-provider",
            "CHAT_MODEL": "openai:stub",
            "TRACING_ENDPOINT": collected[0],
            "METRICS_DIR": str(tmp_path / "metrics"),
            "WEB_CONCURRENCY": "2",
            "LOG_FORMAT": "json",
        }
        with deployment(tmp_path, **settings) as made:
            made.start("worker", "ingest")
            made.start("worker", "default")
            made.start("beat")
            yield made


def test_logs_figures_and_traces_of_real_processes(house: Deployment, collected: tuple[str, list[bytes]]) -> None:
    port = house.start_web()
    person = join(f"http://127.0.0.1:{port}")
    with person.client() as http:
        answer = http.post(f"/api/v1/chatbots/{person.chatbot}/chat/", json={"message": QUESTION}).json()["message"]
        assert answer["finish_reason"] == "stop", answer
        source = http.get(f"/api/v1/chatbots/{person.chatbot}/sources/").json()["results"][0]["id"]
    _figures_add_up(person, port, house.web[port].pid)
    _logs_belong_together(house, answer["id"], source)
    _one_trace_goes_through_all(house, collected[1])


def _figures_add_up(person: Person, port: int, server: int) -> None:
    """Also when one of the web processes was killed meanwhile."""
    before = _counted(port)
    _ask(person, 9)
    time.sleep(PUBLISHED)
    assert _counted(port) - before == 9
    victim = max(psutil.Process(server).children(), key=lambda each: each.create_time())
    os.kill(victim.pid, signal.SIGKILL)
    _ask(person, 6)
    time.sleep(PUBLISHED)
    assert _counted(port) - before == 15
    families = _families(port)
    for name in SEEN:
        moved = sum(each.value for family, samples in families.items() if family == name for each in samples)
        assert moved > 0, (name, sorted(families))


def _ask(person: Person, times: int) -> None:
    """Each with a connection of its own, so that both processes get some."""
    for _ in range(times):
        wait_for(lambda: _is_answered(person), message="nobody answers")


def _is_answered(person: Person) -> bool:
    try:
        with person.client() as http:
            return http.get("/api/v1/chatbots/").status_code == 200
    except httpx2.TransportError:  # it went to the process that was killed
        return False


def _families(port: int) -> dict[str, list[Any]]:
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


def _counted(port: int) -> float:
    samples = _families(port)["chatsphere_http_requests"]
    return float(
        sum(
            each.value
            for each in samples
            if each.name.endswith("_total")
            and each.labels["route"] == "/api/v1/chatbots/"
            and (each.labels["method"], each.labels["status"]) == ("GET", "200")
        )
    )


def _logs_belong_together(house: Deployment, message: str, source: str) -> None:
    lines = {log.name: log.read_text() for log in house.folder.glob("*.log")}
    told = {
        name: [orjson.loads(line) for line in text.splitlines() if line.startswith("{")] for name, text in lines.items()
    }
    web = [line for name, found in told.items() if name.startswith("web") for line in found]
    workers = [line for name, found in told.items() if name.startswith("worker") for line in found]
    trained = [line for line in workers if line.get("source_id") == source]
    assert [line["state"] for line in trained if line["event"] == "work ended"] == ["succeeded"], workers
    assert all(line.get("run_id") and line.get("workspace_id") and line.get("chatbot_id") for line in trained)
    created = {line["request_id"] for line in web if line.get("route", "").endswith("/sources/")}
    assert created & {line.get("request_id") for line in trained}, "the request that asked for it stands there, too"
    assert any(line.get("message_id") == message for line in web), "an answer's lines name its message"
    for name, text in lines.items():
        for secret in (QUESTION, SOURCE, "key-of-the-provider", " word7"):
            assert secret not in text, f"{secret!r} stands in {name}"


def _one_trace_goes_through_all(house: Deployment, got: list[bytes]) -> None:
    def spans() -> list[tuple[str, str, bytes]]:
        return [
            (_service(resource), span.name, span.trace_id)
            for message in [ExportTraceServiceRequest.FromString(body) for body in list(got)]
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def whole() -> bool:
        found = spans()
        asked = {trace for _, name, trace in found if name.startswith("POST") and name.endswith("/sources/")}
        trained = {trace for service, _, trace in found if service == "chatsphere-worker-ingest"}
        answered = {trace for _, name, trace in found if name.startswith("POST") and name.endswith("/chat/")}
        provided = {trace for _, name, trace in found if name.startswith("chat ")}
        return bool(asked & trained) and bool(answered & provided)

    wait_for(whole, 30, message=f"no trace goes from the request to the worker and to the provider: {set(spans())}")
    for body in got:
        assert QUESTION.encode() not in body
        assert SOURCE.encode() not in body


def _service(found: Any) -> str:
    names = {each.key: each.value.string_value for each in found.resource.attributes}
    return str(names["service.name"])
