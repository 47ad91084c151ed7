"""The operator's price list, as the setting MODEL_PRICES spells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import orjson

from chatsphere.core import json_settings

AMOUNTS = ("prompt", "completion", "embedding")  # micro-units a million tokens


def problems(text: str) -> Iterator[str]:
    """What is wrong with the setting, one sentence each."""
    return json_settings.problems(text, "prices by model", _problems_of)


@cache
def prices(text: str) -> Mapping[str, Mapping[str, Any]]:
    """The list by model: AMOUNTS, and the ``currency``."""
    found: dict[str, dict[str, Any]] = orjson.loads(text or "{}")
    return found


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
