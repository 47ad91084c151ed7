"""What an answer cost, from the operator's price list."""

from __future__ import annotations

from django.conf import settings

from chatsphere.core.price_list import prices
from chatsphere.services.types import TokenUsage

MILLION = 1_000_000


def cost_micros(model: str, usage: TokenUsage) -> tuple[int, str]:
    """Micro-units and currency by ``MODEL_PRICES`` (micro-units a million tokens); 0 for a model without a price."""
    price = prices(settings.MODEL_PRICES).get(model, {})
    total = usage.prompt_tokens * int(price.get("prompt", 0)) + usage.completion_tokens * int(
        price.get("completion", 0)
    )
    return (total + MILLION // 2) // MILLION, str(price.get("currency", "USD"))


def estimated_cost(models: str, *, prompt_tokens: int, completion_tokens: int) -> int:
    """Micro-units that an answer may cost; of a chain of models (with commas) the dearest counts. 0 without a price."""
    usage = TokenUsage(prompt_tokens, completion_tokens)
    return max(cost_micros(model.strip(), usage)[0] for model in models.split(","))
