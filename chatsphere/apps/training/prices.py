"""What embedding costs, from the operator's price list."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
from django.conf import settings

_MILLION: Final = 1_000_000


def embedding_cost(model: str, tokens: int) -> tuple[int, str]:
    """Micro-units and currency by the ``embedding`` prices of ``MODEL_PRICES`` (micro-units a million tokens); 0 without a price.

    ``openai:<model>@<dimensions>`` has the price of ``openai:<model>``.
    """
    prices = _prices(settings.MODEL_PRICES)
    price = prices.get(model) or prices.get(model.rpartition("@")[0], {})
    return (tokens * int(price.get("embedding", 0)) + _MILLION // 2) // _MILLION, str(price.get("currency", "USD"))


@cache
def _prices(text: str) -> dict[str, dict[str, Any]]:
    prices: dict[str, dict[str, Any]] = orjson.loads(text)
    return prices
