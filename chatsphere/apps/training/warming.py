"""What training needs is loaded once in a worker, before it forks its processes: they share the memory, and no first document waits."""

from __future__ import annotations

import gc
import logging
from typing import Any

from celery.signals import worker_init

from chatsphere.apps.training.hints import INGEST
from chatsphere.core import engines
from chatsphere.services.content.language import detect_language
from chatsphere.services.errors import EngineError

logger = logging.getLogger("chatsphere.training")

_SAMPLE = "Every chatbot knows what its company has written, and says where it has read it."


def warm_up() -> None:
    """Load the model of languages and what the chosen embedder is made of: one to two seconds, 20 MB and more. Connects to nothing."""
    detect_language(_SAMPLE)
    try:
        engines.embedder().count_tokens(_SAMPLE)
    except EngineError as error:
        logger.warning("The embedder cannot be made: %s", error)
    engines.forget()  # each process makes its own
    gc.collect()
    gc.freeze()


@worker_init.connect
def _warm_up_before_the_fork(sender: Any, **_: Any) -> None:
    if INGEST in sender.app.amqp.queues.consume_from:
        warm_up()
