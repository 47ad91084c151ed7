"""What a retraining of a chatbot would do and cost, before anybody asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.prices import embedding_cost
from chatsphere.apps.training.recipe import Cutting, cutting_of, wanted_embedder


@dataclass(frozen=True, slots=True)
class Estimate:
    """``documents`` are to be read again, ``chunks`` to be embedded. ``chunking`` is empty when nothing is to be read.

    ``seconds`` of embedding, as fast as this workspace's last runs with the same model were; None when there was none. Documents that are
    cut anew are counted with the tokens they have now.
    """

    current_model: str
    model: str
    chunking: Cutting
    documents: int
    chunks: int
    tokens: int
    cost_micros: int
    currency: str
    seconds: int | None

    @property
    def is_needed(self) -> bool:
        return bool(self.chunking) or self.model != self.current_model


def estimate(chatbot: Chatbot) -> Estimate:
    """Compare what the configuration says with what answers. Four queries that read no text. Raises EngineMisconfigured."""
    current, wanted = chatbot.embedding_model, wanted_embedder(chatbot).model.id
    cutting = cutting_of(chatbot)
    recut = sql("outdated_documents", {"chatbot": chatbot.pk, "chunking": Jsonb(cutting)})[0]
    model = wanted if current else ""  # a chatbot that was never trained takes the wanted one at its first training
    missing = {"chunks": 0, "tokens": 0}
    if model != current:
        missing = sql("count_missing_of_chatbot", {"chatbot": chatbot.pk, "model": model})[0]
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
        tokens=tokens,
        cost_micros=cost + new_cost,
        currency=currency,
        seconds=_seconds(chatbot, model, tokens),
    )


def _seconds(chatbot: Chatbot, model: str, tokens: int) -> int | None:
    recent = sql("embedding_speed", {"workspace": chatbot.workspace_id, "model": model})[0]
    done, seconds = float(recent["tokens"] or 0), float(recent["seconds"] or 0)
    return round(tokens * seconds / done) if done and seconds else None
