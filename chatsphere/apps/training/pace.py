"""The pace at which all workers together ask a host: the turn is a key in Redis that expires."""

from __future__ import annotations

import logging
import math
import time
from typing import Final

from django.core.cache import cache
from redis.exceptions import RedisError

from chatsphere.services.content.polite import LONGEST_WAIT, OwnPace

logger = logging.getLogger("chatsphere.training")

_LOOK_SECONDS: Final = 0.1


class SharedPace:
    """One turn a host for all processes, in whole seconds; each process keeps its own pace besides, also while Redis is away."""

    def __init__(self) -> None:
        self._own = OwnPace(time.monotonic, time.sleep)

    def wait(self, host: str, seconds: float) -> None:
        """Return when it is our turn."""
        if seconds > 0:
            self._wait_for_others(host, seconds)
        self._own.wait(host, seconds)

    def _wait_for_others(self, host: str, seconds: float) -> None:
        ends_at = time.monotonic() + max(LONGEST_WAIT, 2 * seconds)
        try:
            while not cache.add(f"crawl-turn:{host}", 1, timeout=math.ceil(seconds)) and time.monotonic() < ends_at:
                time.sleep(_LOOK_SECONDS)
        except RedisError:
            logger.warning("Redis is away; web sites are asked at this process's own pace.")
