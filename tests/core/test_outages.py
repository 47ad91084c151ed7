"""Outages are told from mistakes, and answered 503 with a time to come back."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, InternalError, OperationalError
from psycopg_pool import PoolTimeout

from chatsphere.core import async_database
from chatsphere.core.exceptions import answer_to, headers
from chatsphere.core.outages import Outage, outage_of
from chatsphere.services.errors import RetryableError


def _of_django(kind: type[Exception], cause: psycopg.Error) -> Exception:
    try:
        raise kind(str(cause)) from cause
    except kind as error:
        return error


@pytest.mark.parametrize(
    ("error", "outage", "type_"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Outage.FULL, "storage_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), Outage.FULL, "storage_full"),
        (_of_django(OperationalError, psycopg.errors.DiskFull()), Outage.FULL, "storage_full"),
        (_of_django(InternalError, psycopg.errors.ReadOnlySqlTransaction()), Outage.READ_ONLY, "read_only"),
        (psycopg.errors.ReadOnlySqlTransaction(), Outage.READ_ONLY, "read_only"),
        (_of_django(OperationalError, psycopg.errors.AdminShutdown()), Outage.AWAY, "unavailable"),
        (_of_django(OperationalError, psycopg.errors.TooManyConnections()), Outage.AWAY, "unavailable"),
        (psycopg.OperationalError("connection refused"), Outage.AWAY, "unavailable"),
        (psycopg.InterfaceError("the connection is closed"), Outage.AWAY, "unavailable"),
        (OperationalError("no connection in time"), Outage.AWAY, "unavailable"),
    ],
)
def test_an_outage_is_503_and_says_when_to_come_back(error: Exception, outage: Outage, type_: str) -> None:
    answer = answer_to(error, "a test")

    assert outage_of(error) is outage
    assert (answer.status, answer.type) == (503, type_)
    assert int(headers(answer)["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "error",
    [
        _of_django(OperationalError, psycopg.errors.DeadlockDetected()),
        _of_django(OperationalError, psycopg.errors.QueryCanceled()),
        _of_django(IntegrityError, psycopg.errors.UniqueViolation()),
        FileNotFoundError(errno.ENOENT, "no such file"),
        KeyError("a bug"),
    ],
)
def test_trouble_of_the_work_itself_is_no_outage(error: Exception) -> None:
    assert outage_of(error) is None


def test_a_search_that_met_an_outage_is_no_fault_of_the_model_provider() -> None:
    lost = RetryableError("The search could not be done")
    lost.__cause__ = psycopg.OperationalError("the connection is lost")

    assert answer_to(lost, "a test").type == "unavailable"
    assert answer_to(RetryableError("too slow"), "a test").status == 503


async def test_a_database_that_is_away_keeps_nobody_waiting_for_long(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATABASES = {"default": settings.DATABASES["default"] | {"HOST": "127.0.0.1", "PORT": "1"}}
    monkeypatch.setattr(async_database, "RECONNECT_SECONDS", 0.1)
    monkeypatch.setattr(async_database, "AWAY_WAIT_SECONDS", 0.1)
    away = await async_database.pool("away")
    try:
        with pytest.raises(PoolTimeout):
            await away.getconn(timeout=3)  # long enough to find out
        with pytest.raises(PoolTimeout):
            await asyncio.wait_for(away.getconn(), 5)
    finally:
        await async_database.close_pool()
