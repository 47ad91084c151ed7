"""What ``chatsphere check`` asks the servers of this configuration. Imported once Django is set up; each probe returns what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import Error, connection
from redis import RedisError

from chatsphere.core import engines, schema
from chatsphere.core.redis_clients import probe
from chatsphere.services.errors import EngineError

OLDEST_POSTGRES = 150_000
OLDEST_PGVECTOR = (0, 8)
OLDEST_REDIS = (6, 2)


class Finding(Exception):
    """One sentence: what is wrong and what to do."""


def postgres() -> str:
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=5) as connection:
            version = connection.info.server_version
            row = connection.execute(
                "SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
    except psycopg.Error as error:
        raise Finding(f"DATABASE_URL does not answer: {str(error).strip()}") from error
    if version < OLDEST_POSTGRES:
        raise Finding(f"PostgreSQL {version // 10_000} is too old; version 15 or newer is needed")
    if row is None:
        raise Finding("the server has no extension `vector`; install pgvector 0.8 or newer there")
    if _numbers(row[0]) < OLDEST_PGVECTOR:
        raise Finding(f"pgvector {row[0]} is too old; install 0.8 or newer and run ALTER EXTENSION vector UPDATE")
    return f"PostgreSQL {version // 10_000}, pgvector {row[0]}"


def migrations() -> str:
    try:
        waiting, problems = schema.waiting(connection), schema.problems(connection)
    except Error as error:
        raise Finding(f"the database does not answer: {str(error).strip()}") from error
    if problems:
        raise Finding(f"the schema is half applied: {'; '.join(problems)}")
    if waiting:
        raise Finding(f"{len(waiting)} migrations are not applied; run `chatsphere migrate`")
    return "all applied"


def redis() -> str:
    found = f"Redis {_redis_version('REDIS_URL')}"
    if settings.CACHE_REDIS_URL:
        found += f", for cache and limits {_redis_version('CACHE_REDIS_URL')}"
    return found


def _redis_version(setting: str) -> str:
    try:
        with probe(5, getattr(settings, setting)) as client:
            told: Any = client.info("server")
    except (RedisError, OSError) as error:
        raise Finding(f"{setting} does not answer: {error}") from error
    version = str(
        told.get("redis_version") or next(iter(told.values()))["redis_version"]
    )  # a cluster tells it by server
    if _numbers(version) < OLDEST_REDIS:
        raise Finding(f"Redis {version} of {setting} is too old; version 6.2 or newer, or Valkey, is needed")
    return version


def uploads() -> str:
    content = uuid4().hex.encode()
    try:
        name = default_storage.save(f"check/{uuid4().hex}", ContentFile(content))
        with default_storage.open(name) as file:
            is_same = file.read() == content
        default_storage.delete(name)
    except OSError as error:
        raise Finding(f"the storage of uploads cannot be used: {error}") from error
    if not is_same:
        raise Finding("the storage of uploads gave back something other than what was written")
    return "written, read and removed"


def embedding_model() -> str:
    try:
        vectors = engines.embedder().embed_passages(["Does it answer?"])
    except EngineError as error:
        raise Finding(f"{settings.EMBEDDING_MODEL}: {error}") from error
    return f"{settings.EMBEDDING_MODEL}, {vectors.shape[1]} dimensions"


def vector_store() -> str:
    try:
        return engines.vector_store().describe()
    except EngineError as error:
        raise Finding(f"VECTOR_STORE={settings.VECTOR_STORE}: {error}") from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


PROBES: dict[str, Callable[[], str]] = {
    "database": postgres,
    "migrations": migrations,
    "redis": redis,
    "uploads": uploads,
    "embedding model": embedding_model,
    "vector store": vector_store,
}
NEEDS = {"migrations": "database"}  # asked only when that one is well
