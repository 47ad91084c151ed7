"""What a chatbot's configuration says of training: how documents are cut, and which model embeds them."""

from __future__ import annotations

from typing import Final

from chatsphere.apps.chatbots.configuration import Configuration, read_configuration
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.core import engines
from chatsphere.services.ai.base import Embedder
from chatsphere.services.content.chunking import ChunkSettings
from chatsphere.services.types import EmbeddingModel

_LONGEST_TO_TARGET: Final = 1.6  # how much longer than usual a chunk may be, when nothing is said of that
_TOKENS_A_WORD: Final = 3  # room for words of any language, and for the context
Cutting = dict[str, int]


def cutting_of(chatbot: Chatbot) -> Cutting:
    """Usual and greatest length of chunks in words, as it stands in the report of each version."""
    configuration = read_configuration(chatbot.configuration)
    return _cutting(configuration)


def chunk_settings(cutting: Cutting, model: EmbeddingModel) -> ChunkSettings:
    """The settings of the chunker. Chunks are never longer than the model reads."""
    wanted = max(ChunkSettings().max_tokens, cutting["max_words"] * _TOKENS_A_WORD)
    is_default = cutting == _cutting(Configuration())
    tokens = ChunkSettings().max_tokens if is_default else wanted
    return ChunkSettings(**cutting, max_tokens=min(tokens, model.max_tokens))


def wanted_embedder(chatbot: Chatbot) -> Embedder:
    """The embedder that the configuration names, else the one of this installation. Raises EngineMisconfigured."""
    return engines.embedder(read_configuration(chatbot.configuration).embedding_model)


def _cutting(configuration: Configuration) -> Cutting:
    default = ChunkSettings()
    target = configuration.chunk_words or default.target_words
    most = round(target * _LONGEST_TO_TARGET) if configuration.chunk_words else default.max_words
    return {"target_words": target, "max_words": max(configuration.chunk_max_words or most, target)}
