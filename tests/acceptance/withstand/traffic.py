"""People who use a platform while something breaks, and what they saw of it."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Self

import httpx2

PATIENCE = 60.0  # seconds in which everything must be well again
_FINE = frozenset({200, 201, 202, 204})
PAUSE = 0.15  # seconds between two requests of a person


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: what it was, when it began and ended, and its status or the name of what the client raised."""

    what: str
    began: float
    ended: float
    status: int | str
    retry_after: str | None = None

    @property
    def is_fine(self) -> bool:
        return self.status in _FINE

    @property
    def is_declared(self) -> bool:
        """An answer that the contract knows: no error of ours but 503, and that with a time to come back."""
        return isinstance(self.status, int) and (self.status < 500 or (self.status == 503 and bool(self.retry_after)))


@dataclass
class Traffic:
    """Three people with one chatbot: one reads, one asks, one adds sources. What was answered 2xx is noted: it must not be lost."""

    url: str
    token: str
    chatbot: str
    seen: list[Seen] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop, self._lock, self._numbers = Event(), Lock(), itertools.count()
        people = {"read": self._read, "ask": self._ask, "add": self._add}
        self._threads = [Thread(target=self._go_on, args=item, daemon=True) for item in people.items()]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=90)

    def wait_well(self, since: float, *, times: int = 5) -> float:
        """Wait until everybody was served ``times`` times without a failure between; the seconds from ``since`` to the first of these."""
        deadline = since + PATIENCE + 30
        while time.monotonic() < deadline:
            moments = [self._well_at(what, since, times) for what in ("read", "ask", "add")]
            if all(moment is not None for moment in moments):
                return max(0.0, max(moment for moment in moments if moment is not None) - since)
            time.sleep(0.1)
        raise AssertionError(f"not well {PATIENCE + 30:.0f} s after it was over: {self.told()}, last: {self.seen[-6:]}")

    def told(self) -> str:
        """How often which status came, by what was asked."""
        counts = Counter((seen.what, seen.status) for seen in self.seen)
        return ", ".join(f"{what} {status}: {count}" for (what, status), count in sorted(counts.items(), key=str))

    def failures(self) -> str:
        """What users saw that was not the answer, and the longest they waited."""
        bad = Counter(str(seen.status) for seen in self.seen if not seen.is_fine)
        longest = max((seen.ended - seen.began for seen in self.seen), default=0.0)
        kinds = ", ".join(f"{status} × {count}" for status, count in sorted(bad.items())) or "nothing"
        return f"{kinds} of {len(self.seen)} requests; the longest took {longest:.1f} s"

    def undeclared(self) -> list[Seen]:
        return [seen for seen in self.seen if not seen.is_declared]

    def _well_at(self, what: str, since: float, times: int) -> float | None:
        mine = [seen for seen in self.seen if seen.what == what and seen.began >= since]
        row: list[Seen] = []
        for seen in mine:
            row = [*row, seen] if seen.is_fine else []
        return row[0].ended if len(row) >= times else None

    def _go_on(self, what: str, ask: Callable[[httpx2.Client], Any]) -> None:
        with httpx2.Client(base_url=self.url, trust_env=False, timeout=60) as http:
            http.headers["Authorization"] = f"Bearer {self.token}"
            while not self._stop.wait(PAUSE):
                began = time.monotonic()
                try:
                    answer = ask(http)
                    status, again = answer.status_code, answer.headers.get("Retry-After")
                except httpx2.HTTPError as error:
                    status, again = type(error).__name__, None
                with self._lock:
                    self.seen.append(Seen(what, began, time.monotonic(), status, again))

    def _read(self, http: httpx2.Client) -> Any:
        return http.get(f"/api/v1/chatbots/{self.chatbot}/sources/?limit=5")

    def _ask(self, http: httpx2.Client) -> Any:
        answer = http.post(f"/api/v1/chatbots/{self.chatbot}/chat/", json={"message": "When is the house open?"})
        if answer.is_success:
            self.answers.append(answer.json()["message"]["id"])
        return answer

    def _add(self, http: httpx2.Client) -> Any:
        number = next(self._numbers)
        source = {"source_type": "text", "name": f"Room {number}", "content": f"Room {number} is open at nine."}
        answer = http.post(f"/api/v1/chatbots/{self.chatbot}/sources/", json=source)
        if answer.is_success:
            self.sources.append(answer.json()["id"])
        return answer
