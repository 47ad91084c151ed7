"""Sentences that the platform itself says in a conversation, in the chatbot's language."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import translation
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import Configuration


def refusal(configuration: Configuration, *, missing: Sequence[str] = ()) -> str:
    """What is said when the content holds no answer: the chatbot's own words, else ours in its language or the reader's. Ours say which
    part numbers, codes or versions of the question stand nowhere (``missing``)."""
    if configuration.refusal_message:
        return configuration.refusal_message
    with translation.override(configuration.language or translation.get_language()):
        if missing:
            return _("The documents I know do not mention %(names)s.") % {"names": ", ".join(missing)}
        return _("I could not find an answer to this in the documents I know.")


def blocked_notice(configuration: Configuration) -> str:
    """What is said to a question about a blocked topic."""
    if configuration.blocked_message:
        return configuration.blocked_message
    with translation.override(configuration.language or translation.get_language()):
        return _("I cannot help with this topic here.")


def unconfirmed_note(language: str) -> str:
    """What stands behind a statement that no passage bears out."""
    with translation.override(language or translation.get_language()):
        return _("(not confirmed by the sources)")


def handoff_notice(language: str) -> str:
    """What is said while a person has taken the conversation over."""
    with translation.override(language or translation.get_language()):
        return _("A person from our team has taken over this conversation and will answer you here.")


def interrupted_message() -> str:
    """Why an answer without a living run has ended."""
    return _("The answer was interrupted by a restart of the server. Please ask again.")
