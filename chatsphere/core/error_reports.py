"""Errors to Sentry, scrubbed; off, and not even loaded, without SENTRY_DSN."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from django.conf import settings

import chatsphere
from chatsphere.core import context, process
from chatsphere.services.log_lines import redacted_data

logger = logging.getLogger("chatsphere.lifespan")
KEPT = (
    "event_id",
    "timestamp",
    "platform",
    "level",
    "logger",
    "release",
    "environment",
    "exception",
    "logentry",
    "tags",
    "sdk",
    "type",
    "contexts",
)

_is_on = False


def set_up(**options: Any) -> None:
    """Begin to report in this process, if settings ask for it. ``options`` are sentry-sdk's, for tests."""
    global _is_on  # one client a process is the point
    if not settings.SENTRY_DSN or _is_on:
        return
    try:
        sentry, integration = import_module("sentry_sdk"), import_module("sentry_sdk.integrations.logging")
    except ImportError:
        logger.error("SENTRY_DSN is set, but the extra is not installed: pip install 'chatsphere[sentry]'")
        return
    sentry.init(
        dsn=settings.SENTRY_DSN,
        release=f"chatsphere@{chatsphere.__version__}",
        environment=settings.SENTRY_ENVIRONMENT,
        before_send=scrubbed,
        include_local_variables=False,
        max_breadcrumbs=0,
        auto_enabling_integrations=False,
        default_integrations=False,
        integrations=[integration.LoggingIntegration(level=None, event_level=logging.ERROR)],
        **options,
    )
    _is_on = True


def end() -> None:
    """Send what is left and stop reporting."""
    global _is_on
    if _is_on:
        import_module("sentry_sdk").get_client().close(timeout=2.0)
    _is_on = False


def scrubbed(event: dict[str, Any], _hint: Any) -> dict[str, Any]:
    """What may leave: the error, where it happened and ids. Requests, people, variables and source lines stay here, secrets are hidden."""
    kept = {name: event[name] for name in KEPT if name in event}
    kept["tags"] = {**(kept.get("tags") or {}), **context.known(), "process": process.role or "command"}
    entry = kept.get("logentry")
    if isinstance(entry, dict):
        entry.pop("params", None)  # they stand in the message, too, where secrets are hidden
    clean: dict[str, Any] = redacted_data(_without_code(kept), settings.LOGGING["secrets"])
    return clean


_LEFT_OUT = frozenset({"vars", "pre_context", "context_line", "post_context"})


def _without_code(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_code(each) for name, each in value.items() if name not in _LEFT_OUT}
    return [_without_code(each) for each in value] if isinstance(value, (list, tuple)) else value
