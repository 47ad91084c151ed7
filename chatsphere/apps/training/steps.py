"""What a run did, step by step: items and seconds, for its report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Steps:
    """Adds to what earlier attempts of the same run reported."""

    def __init__(self, stored: Mapping[str, Mapping[str, Any]]) -> None:
        self._steps: dict[str, dict[str, Any]] = {name: dict(figures) for name, figures in stored.items()}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Adds the block's seconds to a step."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, seconds=time.perf_counter() - begun)

    def add(self, name: str, **figures: float) -> None:
        """Adds figures to a step."""
        step = self._steps.setdefault(name, {})
        for key, value in figures.items():
            step[key] = step.get(key, 0) + value

    def put(self, name: str, **figures: Any) -> None:
        """Sets figures of a step, whatever they were."""
        self._steps.setdefault(name, {}).update(figures)

    def take(self, name: str, figure: str) -> Any:
        """A figure of a step, which it has no more; None without one."""
        return self._steps.get(name, {}).pop(figure, None)

    def figure(self, name: str, figure: str) -> Any:
        """A figure of a step; None without one."""
        return self._steps.get(name, {}).get(figure)

    def note(self, name: str, message: str) -> None:
        """Adds a sentence to a step."""
        self._steps.setdefault(name, {}).setdefault("messages", []).append(message)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Seconds to the millisecond."""
        return {
            name: {key: round(value, 3) if key == "seconds" else value for key, value in step.items()}
            for name, step in self._steps.items()
        }
