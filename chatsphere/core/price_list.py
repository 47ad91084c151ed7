"""The operator's price list, as the setting MODEL_PRICES spells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

AMOUNTS = ("prompt", "completion", "embedding")  # micro-units a million tokens


def problems(text: str) -> Iterator[str]:
    """What is wrong with the setting, one sentence each."""
    try:
        given: Any = json.loads(text or "{}")
    except ValueError:
        yield "is no JSON"
        return
    if not isinstance(given, dict):
        yield "must be an object of prices by model"
        return
    for model, price in given.items():
        yield from _problems_of(model, price)


def _problems_of(model: str, price: Any) -> Iterator[str]:
    if not isinstance(price, dict):
        yield f"the price of {model!r} must be an object with {', '.join(AMOUNTS)}"
        return
    for name, value in price.items():
        if name == "currency":
            if not (isinstance(value, str) and len(value) == 3 and value.isalpha()):
                yield f"the currency of {model!r} must be a code of three letters, as USD"
        elif name not in AMOUNTS:
            yield f"{name!r} of {model!r} is not known; there are {', '.join(AMOUNTS)} and currency"
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            yield f"{name!r} of {model!r} must be a whole number, micro-units a million tokens"
