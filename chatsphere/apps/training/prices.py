"""What embedding costs, from the operator's price list."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from chatsphere.core.price_list import prices

_MILLION: Final = 1_000_000


def embedding_cost(model: str, tokens: int) -> tuple[int, str]:
    """Micro-units and currency by the ``embedding`` prices of ``MODEL_PRICES`` (micro-units a million tokens); 0 without a price.

    ``openai:<model>@<dimensions>`` has the price of ``openai:<model>``.
    """
    listed = prices(settings.MODEL_PRICES)
    price = listed.get(model) or listed.get(model.rpartition("@")[0], {})
    return (tokens * int(price.get("embedding", 0)) + _MILLION // 2) // _MILLION, str(price.get("currency", "USD"))
