"""Settings that are written as one JSON object, an entry a name: MODEL_PROVIDERS, MODEL_PRICES."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any


def problems(text: str, what: str, problems_of: Callable[[str, Any], Iterator[str]]) -> Iterator[str]:
    """What is wrong with the setting, one sentence each: with the whole, which should be ``what``, or with one of its entries."""
    try:
        given: Any = json.loads(text or "{}")
    except ValueError:
        yield "is no JSON"
        return
    if not isinstance(given, dict):
        yield f"must be an object of {what}"
        return
    for name, entry in given.items():
        yield from problems_of(name, entry)
