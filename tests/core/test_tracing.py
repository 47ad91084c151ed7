"""Traces go from the web through workers to models; error reports carry no texts. Both are off, and not loaded, until they are asked for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chatsphere.core import context, error_reports, task_context, tracing
from chatsphere.core.middleware.request_log import RequestLog
from chatsphere.core.observed import observed
from chatsphere.services import propagation
from chatsphere.services.ai.openai import _headers
from chatsphere.services.errors import UpstreamTimeout
from tests.core.test_logs import ask
from tests.stubs.otlp_collector import collecting

WORKSPACE = UUID("0198c0ff-ee01-7000-8000-000000000000")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.begin(SimpleSpanProcessor(exporter))
    yield exporter
    tracing.end()


async def _view(scope: Any, _receive: Any, send: Any) -> None:
    """Sends a hint, asks a model, answers."""
    context.bind(workspace_id=WORKSPACE)
    headers: dict[str, Any] = {}
    task_context._add_ids(headers=headers)
    scope["sent"].update(headers)
    scope["to_model"].update(_headers())
    with observed("embedding", "openai:m"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _request(given: dict[str, str] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    sent: dict[str, Any] = {}
    to_model: dict[str, str] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await _view(scope | {"sent": sent, "to_model": to_model}, receive, send)

    await ask(RequestLog(application), "/x", query=b"a-secret-query", headers=given)
    return sent, to_model


def _work(headers: dict[str, Any]) -> None:
    task = SimpleNamespace(name="chatsphere.apps.training.tasks.run_training", request=SimpleNamespace(**headers))
    task_context._enter(task_id="t", task=task)
    with pytest.raises(UpstreamTimeout), observed("embedding", "openai:m"):
        raise UpstreamTimeout("a text of the customer")
    task_context._leave(task_id="t", task=task, state="SUCCESS")


async def test_one_trace_goes_from_the_request_to_the_worker_and_its_calls(spans: InMemorySpanExporter) -> None:
    sent, to_model = await _request({"traceparent": f"00-{TRACE}-{SPAN}-01"})
    _work(sent)

    found = {(span.name, span.kind.name): span for span in spans.get_finished_spans()}
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {TRACE}
    request, task = found["GET unmatched", "SERVER"], found["task run_training", "CONSUMER"]
    calls = [span for span in spans.get_finished_spans() if span.name == "embedding openai"]
    assert f"{request.parent.span_id:016x}" == SPAN
    assert task.parent.span_id == request.context.span_id
    assert [call.parent.span_id for call in calls] == [request.context.span_id, task.context.span_id]
    assert request.attributes["http.response.status_code"] == 200
    assert calls[1].attributes["error.type"] == "UpstreamTimeout"
    assert calls[1].attributes["chatsphere.workspace_id"] == str(WORKSPACE)
    assert to_model["traceparent"] == f"00-{TRACE}-{request.context.span_id:016x}-01"


async def test_no_text_and_no_query_stands_in_a_span(spans: InMemorySpanExporter) -> None:
    sent, _ = await _request()
    _work(sent)
    everything = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "a text of the customer" not in everything
    assert "a-secret-query" not in everything


async def test_without_tracing_nothing_is_sent_along() -> None:
    sent, to_model = await _request({"traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert "traceparent" not in sent.get(task_context.HEADER, {})
    assert "traceparent" not in to_model
    assert propagation.headers() == {}


def test_nothing_of_it_is_loaded_as_long_as_it_is_off() -> None:
    # redis-py looks at the metrics part of the SDK by itself, where that is installed.
    code = (
        "import sys, django; django.setup(); from chatsphere.core import tracing, error_reports; import chatsphere.config.asgi;"
        "tracing.set_up(); error_reports.set_up();"
        "sys.exit(any(name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'sentry_sdk')) for name in sys.modules))"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.test"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


async def test_spans_reach_a_collector_by_otlp(settings: Any) -> None:
    with collecting() as (settings.TRACING_ENDPOINT, got):
        try:
            tracing.set_up()
            sent, _ = await _request()
            _work(sent)
        finally:
            tracing.end()

    messages = [ExportTraceServiceRequest.FromString(body) for body in got]
    names = {
        span.name
        for message in messages
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert names == {"GET unmatched", "embedding openai", "task run_training"}


# --- error reports -------------------------------------------------------------------------------------------------


@pytest.fixture
def reported(settings: Any) -> Iterator[list[dict[str, Any]]]:
    from sentry_sdk.transport import Transport

    events: list[dict[str, Any]] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json for item in envelope.items if item.type == "event")

    settings.SENTRY_DSN = "https://public@errors.example.com/1"
    error_reports.set_up(transport=Kept)
    yield events
    error_reports.end()


def test_an_error_is_reported_with_ids_and_without_texts(reported: list[dict[str, Any]]) -> None:
    a_local_variable = "a text of the customer"
    with context.bound(request="request-1", workspace_id=WORKSPACE):
        try:
            raise ValueError("Authorization: Bearer s3cr3t-s3cr3t")
        except ValueError:
            logging.getLogger("chatsphere.x").exception("It broke with password=%s", "s3cr3t-s3cr3t")
    logging.getLogger("chatsphere.x").warning("no error")

    (event,) = reported
    assert event["exception"]["values"][0]["type"] == "ValueError"
    assert event["tags"]["request_id"] == "request-1"
    assert event["tags"]["workspace_id"] == str(WORKSPACE)
    text = str(event)
    assert "s3cr3t" not in text
    assert a_local_variable not in text
    assert "server_name" not in event


def test_requests_and_people_stay_here() -> None:
    event = {
        "message": "m",
        "request": {"data": "x", "headers": {}},
        "user": {"ip_address": "1.2.3.4"},
        "extra": {"a": 1},
    }
    assert error_reports.scrubbed(event, None).keys() == {"tags"}
