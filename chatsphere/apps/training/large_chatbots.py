"""Keeps searches in large chatbots fast: asks the engine which ones need it, and lets it work in short transactions."""

from __future__ import annotations

import logging
import time

from django.db import transaction

from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.database import run as sql
from chatsphere.core import engines
from chatsphere.services.errors import RetryableError
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")


def index_until(deadline: float) -> bool:
    """Do steps until there are none or ``time.monotonic()`` passes ``deadline``; whether some may be left.

    A chatbot whose documents have been coming in for less than a minute is left for later: its indexes would be made for a part of what
    it is about to know, with the cores that its documents wait for. What is to be done is read from the rows themselves, so a killed
    worker loses one step at most, and nothing has to be noted.
    """
    store = engines.vector_store()
    with transaction.atomic():
        outgrown = store.outgrown(engine_connection())
        busy = {row["chatbot_id"] for row in sql("just_begun", {})} if outgrown else set()
    try:
        for chatbot in outgrown:
            while chatbot.chatbot_id not in busy and _step(chatbot):
                if time.monotonic() > deadline:
                    return True
    except RetryableError as error:
        logger.warning("The index of chunks could not be brought up to date, the clock tries again: %s", error)
        return True
    return False


def _step(chatbot: ChatbotRef) -> bool:
    with transaction.atomic():
        return engines.vector_store().index_step(engine_connection(), chatbot=chatbot)
