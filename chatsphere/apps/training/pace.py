"""The pace at which all workers together ask a host: Redis hands out its turns, one after the other.

Who comes too early is told when its turn is, keeps it, and does something else until then.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final, cast
from uuid import uuid4

from chatsphere.core.redis_clients import REDIS_AWAY, sync_client
from chatsphere.services.content.polite import LONGEST_WAIT, OwnPace
from chatsphere.services.errors import FetchFailed

logger = logging.getLogger("chatsphere.training")

HORIZON_SECONDS: Final = (
    300.0  # turns are handed out so far ahead; in a longer line one comes again, so that others get in between
)
_KEY: Final = "chatsphere:crawl-turns:"
_BUSY: Final = "Others read this site at the moment. Try it again in some minutes."

# One hash a host: when its next turn is free, when it was visited last, and who holds a turn. Milliseconds, by the clock of Redis.
_TURN: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local delay, holder, horizon = tonumber(ARGV[1]), 'turn:' .. ARGV[2], tonumber(ARGV[3])
local function field(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
local turn = field(holder)
if turn == 0 then
    turn = math.max(now, field('next'))
    if turn - now > horizon then return turn - now end
    redis.call('HSET', KEYS[1], 'next', turn + delay, holder, turn)
end
local left = math.max(turn, field('last') + delay) - now
if left <= 0 then
    redis.call('HDEL', KEYS[1], holder)
    redis.call('HSET', KEYS[1], 'last', now)
end
redis.call('PEXPIRE', KEYS[1], math.max(field('next') - now, delay) + 60000)
return math.max(left, 0)
"""
_VISITED: Final = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'last', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('PEXPIRE', KEYS[1], 60000 + tonumber(ARGV[1]))
"""


class SharedPace:
    """One turn a host for all processes; while Redis is away each process keeps a pace of its own."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._own = OwnPace(time.monotonic, sleep)

    def turn(self, host: str, seconds: float, holder: str) -> float:
        """0.0: it is ``holder``'s turn, and taken. Else the seconds after which to ask again; until then the turn is kept.

        ``seconds`` lie between two turns. One call to Redis.
        """
        if seconds <= 0:
            return 0.0
        try:
            left = self._run(_TURN, host, _ms(seconds), holder, _ms(HORIZON_SECONDS)) / 1000
        except REDIS_AWAY:
            logger.warning("Redis is away; web sites are asked at this process's own pace.")
            return self._own.turn(host, seconds)
        return left if left <= HORIZON_SECONDS else HORIZON_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    def wait(self, host: str, seconds: float) -> None:
        """Return when it is our turn. Raises FetchFailed when that is more than half a minute away."""
        holder = str(uuid4())
        while left := self.turn(host, seconds, holder):
            if left > max(LONGEST_WAIT, 2 * seconds):
                raise FetchFailed(_BUSY, retry_after=left)
            self._sleep(left)

    def follow(self, host: str, seconds: float) -> None:
        """Sleep ``seconds``; the host's next turn begins then."""
        self._own.follow(host, seconds)
        if seconds > 0:
            try:
                self._run(_VISITED, host, _ms(seconds))
            except REDIS_AWAY:
                return

    def _run(self, script: str, host: str, *arguments: str) -> int:
        return cast(int, sync_client().eval(script, 1, _KEY + host, *arguments) or 0)


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))
