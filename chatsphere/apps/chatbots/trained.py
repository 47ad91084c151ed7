"""Which keys of a configuration decide how a chatbot is trained, and what a change of them means for what it knows already."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.chatbots.models import Chatbot

_CUTTING: Final = ("chunk_words", "chunk_max_words")


def training_warnings(before: Chatbot, after: Chatbot) -> list[str]:
    """Sentences about changes that reach what is trained already only by a retraining; none of a chatbot that was never trained."""
    if not after.embedding_model:
        return []
    old, new = read_configuration(before.configuration), read_configuration(after.configuration)
    warnings = []
    if new.embedding_model not in (old.embedding_model, after.embedding_model):
        warnings.append(
            _("The vectors of %(model)s go on answering until you retrain this chatbot.")
            % {"model": after.embedding_model}
        )
    if any(getattr(old, name) != getattr(new, name) for name in _CUTTING):
        warnings.append(_("Documents that are trained already keep their chunks until you retrain this chatbot."))
    return warnings
