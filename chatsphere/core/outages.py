"""Tells an outage of what ChatSphere stands on from a mistake in the work: the database away, read-only or full, the disk full."""

from __future__ import annotations

import errno
from enum import Enum, auto

from django.db import InterfaceError, OperationalError
from psycopg import Error as PsycopgError
from psycopg import InterfaceError as PsycopgInterfaceError
from psycopg import OperationalError as PsycopgOperationalError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_FULL = "53100"
_READ_ONLY = "25006"
# Classes of SQLSTATE: connection exceptions, insufficient resources, operator intervention (a restart; not a statement's time limit).
_AWAY = ("08", "53", "57P")


class Outage(Enum):
    """What is out of order."""

    AWAY = auto()
    READ_ONLY = auto()
    FULL = auto()


def outage_of(exc: BaseException) -> Outage | None:
    """The outage behind an error, looking through what it was raised from (Django wraps PostgreSQL's errors); None for anything else.

    A deadlock, a statement's time limit and a broken constraint are no outages: they come from the work itself.
    """
    cause: BaseException | None = exc
    while cause is not None:
        found = _of(cause)
        if found is not None:
            return found
        cause = cause.__cause__
    return None


def _of(exc: BaseException) -> Outage | None:
    if isinstance(exc, OSError):
        return Outage.FULL if exc.errno in _NO_ROOM else None
    if isinstance(exc, PsycopgError):
        return _of_state(exc.sqlstate, is_connection=isinstance(exc, (PsycopgOperationalError, PsycopgInterfaceError)))
    is_without_cause = isinstance(exc, (OperationalError, InterfaceError)) and exc.__cause__ is None
    return Outage.AWAY if is_without_cause else None


def _of_state(state: str | None, *, is_connection: bool) -> Outage | None:
    if state is None:
        return Outage.AWAY if is_connection else None
    named = {_FULL: Outage.FULL, _READ_ONLY: Outage.READ_ONLY}
    return named.get(state, Outage.AWAY if state.startswith(_AWAY) else None)
