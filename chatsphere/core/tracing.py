"""Traces by OpenTelemetry, from HTTP through workers to models and searches; off, and not even loaded, without TRACING_ENDPOINT.

Attributes are ids, routes, states and models: no texts, no addresses with queries, no credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.conf import settings

import chatsphere
from chatsphere.core import context, process
from chatsphere.services import propagation

logger = logging.getLogger("chatsphere.lifespan")
PARENT = "traceparent"

_api: Any = None  # opentelemetry.trace, when it is on
_tracer: Any = None


def set_up() -> None:
    """Begin to trace in this process, if settings ask for it. A missing extra is told, not raised: answers matter more."""
    if not settings.TRACING_ENDPOINT or _tracer is not None:
        return
    try:
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        export = import_module("opentelemetry.sdk.trace.export")
    except ImportError:
        logger.error("TRACING_ENDPOINT is set, but the extra is not installed: pip install 'chatsphere[tracing]'")
        return
    begin(export.BatchSpanProcessor(exporter.OTLPSpanExporter(endpoint=settings.TRACING_ENDPOINT)))


def begin(processor: Any) -> None:
    """Trace into this span processor; ``set_up`` makes the one of production."""
    global _api, _tracer  # one tracer a process is the point
    _api = import_module("opentelemetry.trace")
    sdk, sampling = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.sampling")
    resources = import_module("opentelemetry.sdk.resources")
    names = {"service.name": f"chatsphere-{process.role or 'command'}", "service.version": chatsphere.__version__}
    sampler = sampling.ParentBased(sampling.TraceIdRatioBased(settings.TRACING_SAMPLE))
    provider = sdk.TracerProvider(resource=resources.Resource.create(names), sampler=sampler)
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("chatsphere", chatsphere.__version__)
    _tracer.provider = provider
    propagation.headers = outgoing


def end() -> None:
    """Send what is left and stop tracing."""
    global _api, _tracer
    if _tracer is not None:
        _tracer.provider.shutdown()
    _api = _tracer = None
    propagation.headers = dict


def is_on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


@contextmanager
def span(
    name: str, attributes: Mapping[str, Any] | None = None, *, kind: str = "INTERNAL", parent: str = ""
) -> Iterator[Any]:
    """A span around a block, below the current one or below ``parent`` (a W3C traceparent). Gives None and costs next to nothing when
    tracing is off. An error marks the span by its class; its message, which may hold texts, stays out."""
    if _tracer is None:
        yield None
        return
    made = _tracer.start_span(
        name, context=_parent(parent), kind=getattr(_api.SpanKind, kind), attributes={**_ids(), **(attributes or {})}
    )
    try:
        with _api.use_span(made, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            yield made
    except BaseException as error:
        made.set_attribute("error.type", type(error).__name__)
        if isinstance(error, Exception):
            made.set_status(_api.StatusCode.ERROR)
        raise
    finally:
        made.end()


def outgoing() -> dict[str, str]:
    """Headers that let another server go on with this trace; none when there is no trace."""
    if _tracer is None:
        return {}
    at = _api.get_current_span().get_span_context()
    return {PARENT: f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"} if at.is_valid else {}


def _parent(given: str) -> Any:
    if not given:
        return None
    propagator = import_module("opentelemetry.trace.propagation.tracecontext").TraceContextTextMapPropagator()
    return propagator.extract({PARENT: given})


def _ids() -> dict[str, str]:
    return {f"chatsphere.{name}": value for name, value in context.known().items()}
