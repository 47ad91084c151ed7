"""Turns connection URLs into what Django, Celery and redis-py want to read."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo


def database(url: str, *, pool_size: int, statement_timeout_ms: int) -> dict[str, Any]:
    """Django's DATABASES entry for a libpq URL; a Unix socket is written ``postgresql://user@/name?host=/folder``.

    Raises ValueError when libpq cannot read the URL.
    """
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError as error:
        raise ValueError(str(error).strip()) from error
    options = {name: value for name, value in parts.items() if name not in _DJANGO_NAMES}
    options["options"] = f"-c statement_timeout={statement_timeout_ms} {parts.get('options', '')}".strip()
    options["pool"] = {"min_size": 0, "max_size": pool_size, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{django: parts.get(libpq, "") for libpq, django in _DJANGO_NAMES.items()},
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


_DJANGO_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def conninfo(entry: dict[str, Any], *, statement_timeout_ms: int) -> str:
    """The libpq string of a DATABASES entry, for the hot path's own pool."""
    parts = {libpq: entry[django] for libpq, django in _DJANGO_NAMES.items() if entry.get(django)}
    extra = {k: v for k, v in entry.get("OPTIONS", {}).items() if k not in ("pool", "options")}
    return make_conninfo("", **parts, **extra, options=f"-c statement_timeout={statement_timeout_ms}")


def broker(redis_url: str) -> str:
    """Celery's spelling of a Redis URL: ``unix://`` becomes ``redis+socket://``."""
    split = urlsplit(redis_url)
    if split.scheme != "unix":
        return redis_url
    db = parse_qs(split.query).get("db", ["0"])[0]
    return f"redis+socket://{split.path}?virtual_host={db}"
