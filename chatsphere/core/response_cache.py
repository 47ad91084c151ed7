"""Answers to reads that cost much and change seldom, kept in this process.

Nothing here is ever told to forget. The key of an answer holds a version that the database raises in the same transaction as the write
(``users_workspace.catalog_version``), and every request reads that version together with its credential: after a write nobody asks for the old key.
So a cache a process is enough, a lost Redis changes nothing, and an answer under a stale version just falls out at the end of the queue.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock

from django.http import HttpResponse
from django.http.response import HttpResponseBase

LARGEST_KEPT = 256 * 1024
counted: Counter[str] = Counter()  # "hit" and "miss", for metrics


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer with status 200, as the view gave it."""

    content: bytes
    headers: tuple[tuple[str, str], ...]

    def response(self) -> HttpResponse:
        """A fresh answer that middleware may change."""
        response = HttpResponse(self.content)
        for name, value in self.headers:
            response.headers[name] = value
        return response


class ResponseCache:
    """At most ``capacity`` bytes of answers; what was unused for longest goes first."""

    def __init__(self, capacity: int = 8 * 1024 * 1024) -> None:
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._size = 0
        self._capacity = capacity
        self._lock = Lock()

    def get(self, key: Hashable) -> HttpResponse | None:
        """The answer, as new; None when there is none. Counts a hit or a miss."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
        counted["miss" if kept is None else "hit"] += 1
        return None if kept is None else kept.response()

    def put(self, key: Hashable, response: HttpResponseBase) -> None:
        """Keep a whole answer with status 200; others are passed over."""
        if response.status_code != 200 or not isinstance(response, HttpResponse) or response.cookies:
            return
        kept = Kept(response.content, tuple(response.items()))
        if len(kept.content) > LARGEST_KEPT:
            return
        with self._lock:
            self._forget(key)
            self._kept[key] = kept
            self._size += len(kept.content)
            while self._size > self._capacity:
                self._forget(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget all, for tests."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _forget(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        self._size -= len(gone.content) if gone is not None else 0


responses = ResponseCache()
