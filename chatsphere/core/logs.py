"""One look for the logs of all processes: JSON lines, or text for people, each with the ids of what it is about.

Messages come from Python's own ``logging``, ours and those of libraries; structlog gives them their form. A message's further fields are
its ``extra={"data": {…}}``. Secrets are taken out at the very end (``services.log_lines``).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter

from chatsphere.core import context, process
from chatsphere.services.log_lines import is_suspicious, redacted, redacted_data

Event = MutableMapping[str, Any]
# Libraries that tell at INFO what our own lines tell better.
QUIET = (
    "celery",
    "kombu",
    "httpx",
    "httpx2",
    "httpcore",
    "openai",
    "urllib3",
    "asyncio",
    "mcp",
    "botocore",
    "fontTools",
)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_MARK = "_of_chatsphere"


class SafeFormatter(ProcessorFormatter):
    """structlog's formatter for ``logging``, without secrets."""

    def __init__(self, *, is_json: bool, known: Sequence[str] = ()) -> None:
        renderer = (
            _json
            if is_json
            else structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0, pad_level=False
            )
        )
        last = [structlog.processors.format_exc_info, renderer] if is_json else [renderer]
        super().__init__(
            foreign_pre_chain=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _add_what_is_known,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, *last],
        )
        self._is_json = is_json
        self._known = tuple(known)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if not is_suspicious(line, self._known):
            return line
        return (
            _json_line(redacted_data(orjson.loads(line), self._known)) if self._is_json else redacted(line, self._known)
        )


def configure(options: Mapping[str, Any]) -> None:
    """Django's LOGGING_CONFIG: ``level``, ``format`` (``json`` or ``text``) and ``secrets`` that no line may hold. Repeatable."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter(is_json=options["format"] == "json", known=options.get("secrets", ())))
    setattr(handler, _MARK, True)
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not hasattr(each, _MARK)] + [handler]
    root.setLevel(options["level"])
    for name in ("django", "django.server", "celery", "celery.task"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    requests = logging.getLogger("django.request")
    requests.filters = [_tells_more_than_the_request_line]


def _tells_more_than_the_request_line(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)


def _add_what_is_known(_logger: Any, _method: str, event: Event) -> Event:
    record = event["_record"]
    if process.role:
        event["process"] = process.role
    event.update(context.known())
    data = getattr(record, "data", None)
    if isinstance(data, Mapping):
        event.update(data)
    return event


def _json(_logger: Any, _method: str, event: Event) -> str:
    first = {name: event.pop(name) for name in ("timestamp", "level", "logger")}
    return _json_line(first | dict(event))


def _json_line(event: dict[str, Any]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
