"""Features that operators switch while everything runs: in the admin, or with ``manage.py flag``.

A process reads all flags with one statement every two seconds at most, in sync and async code alike; a request that comes in between costs a
look into a dictionary. So a change holds in every process within two seconds, and a flag that nobody set costs nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chatsphere.apps.users.named_sql import SQL, fetch_all
from chatsphere.core.async_database import DATABASE_AWAY, autocommit

FRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that may be on or off. ``by_workspace``: it can differ from workspace to workspace."""

    name: str
    help: str
    default: bool = True
    by_workspace: bool = True

    def is_on(self, workspace_id: UUID | None = None) -> bool:
        """For sync code. Raises what the database raises when flags were never read and it is away."""
        if _known.is_stale:
            _known.take(fetch_all("flags", {}))
        return _known.decide(self, workspace_id)

    async def is_on_async(self, workspace_id: UUID | None = None) -> bool:
        """The same for async code; while the database is away what was known last holds, else the default."""
        if _known.is_stale:
            _known.postpone()  # whoever comes meanwhile goes by what is known
            try:
                async with autocommit() as connection:
                    _known.take(await (await connection.execute(SQL["flags"])).fetchall())
            except DATABASE_AWAY:
                _known.postpone()
        return _known.decide(self, workspace_id)


@dataclass(frozen=True, slots=True)
class _Said:
    everyone: bool | None
    percent: float | None
    on_for: frozenset[UUID]
    off_for: frozenset[UUID]

    def decide(self, feature: Feature, workspace_id: UUID | None) -> bool:
        if self.everyone is not None:
            return self.everyone
        if workspace_id in self.off_for:
            return False
        if workspace_id in self.on_for:
            return True
        if self.percent is not None:
            return workspace_id is not None and _share(feature.name, workspace_id) < self.percent
        return feature.default and not self.on_for


class _Known:
    """What this process read last."""

    def __init__(self) -> None:
        self._flags: Mapping[str, _Said] = {}
        self._until = 0.0

    @property
    def is_stale(self) -> bool:
        return time.monotonic() >= self._until

    def postpone(self) -> None:
        self._until = time.monotonic() + FRESH_SECONDS

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._flags = {row["name"]: _said(row) for row in rows}
        self.postpone()

    def decide(self, feature: Feature, workspace_id: UUID | None) -> bool:
        said = self._flags.get(feature.name)
        return feature.default if said is None else said.decide(feature, workspace_id)

    def forget(self) -> None:
        self._until = 0.0


def forget() -> None:
    """Have this process read the flags again at the next question, as after a change of its own."""
    _known.forget()


def _said(row: Mapping[str, Any]) -> _Said:
    percent = None if row["percent"] is None else float(row["percent"])
    return _Said(row["everyone"], percent, frozenset(row["on_for"]), frozenset(row["off_for"]))


def _share(name: str, workspace_id: UUID) -> float:
    """Where a workspace stands between 0 and 100: the same in every process, another order for each feature."""
    digest = hashlib.sha256(name.encode() + workspace_id.bytes).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * 100


_known = _Known()

REGISTRATION = Feature(
    "registration", "Strangers may register; when off, people join by invitation only.", by_workspace=False
)
CRAWLING = Feature(
    "crawling",
    "Web pages and sites are read. When off, new web sources are refused and runs that visit pages pause; they go on later.",
)
RERANKING = Feature("reranking", "Questions and passages go to the reranker, where `RERANKER` names one.")
CLOSE_READING = Feature(
    "close-reading", "The sentences of the best hits are read by the local embedding model and order them anew."
)
FEATURES: Mapping[str, Feature] = {each.name: each for each in (REGISTRATION, CRAWLING, RERANKING, CLOSE_READING)}
