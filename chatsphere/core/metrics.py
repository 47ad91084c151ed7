"""The figures of this process. They are plain numbers in memory; ``core.metric_files`` brings those of all processes together.

No label's values may grow without end: routes are templates, providers are the operator's, ids of workspaces and chatbots never stand here.
docs/operations/monitoring.md has the list; a test compares it with this one.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LONG = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"chatsphere_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = QUICK) -> Histogram:
    return Histogram(f"chatsphere_{name}", text, labels, registry=REGISTRY, buckets=buckets)


# Requests
requests = _counter(
    "http_requests_total", "Requests that ended, by the template of their route.", "method", "route", "status"
)
request_seconds = _histogram(
    "http_request_seconds", "Time to the end of an answer; of a stream to its beginning.", "method", "route"
)
open_requests = Gauge("chatsphere_http_open_requests", "Requests and streams that are open now.", registry=REGISTRY)
stream_seconds = _histogram("http_stream_seconds", "How long streams lasted.", "route", buckets=LONG)
limited = _counter("rate_limited_total", "Requests that a rate limit refused, by limit.", "rate")

# Answers and models
answers = _counter("answers_total", "Answers that ended, by how they ended.", "provider", "outcome")
first_token_seconds = _histogram("answer_first_token_seconds", "From the question to the first words.", "provider")
answer_seconds = _histogram("answer_seconds", "From the question to the end of the answer.", "provider", buckets=LONG)
model_calls = _counter(
    "model_calls_total", "Calls to models, `ok` or the type of their error.", "provider", "kind", "outcome"
)
model_seconds = _histogram("model_call_seconds", "How long calls to models lasted.", "provider", "kind", buckets=LONG)
search_seconds = _histogram("search_seconds", "How long searches in chatbots' knowledge lasted.", "outcome")
tokens = _counter("tokens_total", "Tokens that were booked.", "provider", "kind")
cost = _counter("cost_micros_total", "What was booked, in millionths of the currency.", "provider", "currency")

# Work
tasks = _counter("tasks_total", "Celery tasks that ended.", "task", "outcome")
task_seconds = _histogram("task_seconds", "How long Celery tasks lasted.", "task", buckets=LONG)
work_ended = _counter(
    "work_ended_total",
    "Durable work that ended: runs, deliveries, evaluations …; `error` is empty or the reason.",
    "kind",
    "state",
    "error",
)


def provider_of(model: str) -> str:
    """``openai`` of ``openai:gpt-5``. What customers may write behind the colon is no label."""
    return model.partition(":")[0] or "none"


def forget() -> None:
    """Begin at nothing, as a forked process must: what its parent counted is not its own."""
    for metric in (request_seconds, requests, stream_seconds, limited, answers, first_token_seconds, answer_seconds):
        metric.clear()
    for metric in (model_calls, model_seconds, search_seconds, tokens, cost, tasks, task_seconds, work_ended):
        metric.clear()
    open_requests.set(0)
