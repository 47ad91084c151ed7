"""What a retraining of a chatbot would do and cost, before anybody asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.prices import embedding_cost
from chatsphere.apps.training.recipe import Cutting, cutting_of, wanted_embedder
from chatsphere.core import engines
from chatsphere.services.ai.base import tells_words


@dataclass(frozen=True, slots=True)
class Estimate:
    """``documents`` are to be read again, ``chunks`` to be embedded. ``chunking`` is empty when nothing is to be read. Of ``untold`` chunks the model
    that answers can tell what their words mean, and has not yet: they were embedded by an earlier release. That costs nothing but time.

    ``seconds`` of embedding, as fast as this workspace's last runs with the same model were; None when there was none. Documents that are
    cut anew are counted with the tokens they have now.
    """

    current_model: str
    model: str
    chunking: Cutting
    documents: int
    chunks: int
    untold: int
    tokens: int
    cost_micros: int
    currency: str
    seconds: int | None

    @property
    def is_needed(self) -> bool:
        return bool(self.chunking or self.untold) or self.model != self.current_model

    @property
    def only_tells_words(self) -> bool:
        return bool(self.untold) and not self.chunking and self.model == self.current_model


def estimate(chatbot: Chatbot) -> Estimate:
    """Compare what the configuration says with what answers. Five queries that read no text. Raises EngineMisconfigured."""
    current, wanted = chatbot.embedding_model, wanted_embedder(chatbot).model.id
    cutting = cutting_of(chatbot)
    recut = sql("outdated_documents", {"chatbot": chatbot.pk, "chunking": Jsonb(cutting)})[0]
    model = wanted if current else ""  # a chatbot that was never trained takes the wanted one at its first training
    missing = {"chunks": 0, "tokens": 0}
    if model != current:
        missing = sql("count_missing_of_chatbot", {"chatbot": chatbot.pk, "model": model})[0]
    untold = count_untold(chatbot) if model == current else {"chunks": 0, "tokens": 0}
    # Documents are read while the old model still answers, so a change of both embeds their chunks with both.
    cost, currency = embedding_cost(current, int(recut["tokens"]))
    new_cost, currency = embedding_cost(model, int(missing["tokens"])) if model != current else (0, currency)
    tokens = int(recut["tokens"]) + int(missing["tokens"])
    return Estimate(
        current_model=current,
        model=model,
        chunking=cutting if recut["documents"] else {},
        documents=recut["documents"],
        chunks=recut["chunks"] + missing["chunks"],
        untold=untold["chunks"],
        tokens=tokens,
        cost_micros=cost + new_cost,
        currency=currency,
        seconds=_seconds(chatbot, model, tokens + int(untold["tokens"])),
    )


def count_untold(chatbot: Chatbot) -> dict[str, int]:
    """``chunks`` of which the model that answers could tell what their words mean, and their ``tokens``. No query where it cannot."""
    model = chatbot.embedding_model
    if not model or not tells_words(engines.embedder(model)):
        return {"chunks": 0, "tokens": 0}
    return sql("count_untold_of_chatbot", {"chatbot": chatbot.pk, "model": model})[0]


def _seconds(chatbot: Chatbot, model: str, tokens: int) -> int | None:
    recent = sql("embedding_speed", {"workspace": chatbot.workspace_id, "model": model})[0]
    done, seconds = float(recent["tokens"] or 0), float(recent["seconds"] or 0)
    return round(tokens * seconds / done) if done and seconds else None
