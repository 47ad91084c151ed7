"""How fast each kind of route may be called, and what clients are told of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``limit`` requests in ``seconds``; all of them may come at once, then one each ``seconds / limit``."""

    name: str
    limit: int
    seconds: int

    @property
    def step(self) -> int:
        """Microseconds that one request costs."""
        return max(1, self.seconds * SECOND // self.limit)

    @property
    def window(self) -> int:
        """Microseconds that may be used up."""
        return self.step * self.limit

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.limit};w={self.seconds}'


@dataclass(frozen=True, slots=True)
class Charge:
    """One request against a rate; ``subject`` is who or what is limited, such as ``key:<id>``."""

    rate: Rate
    subject: str

    @property
    def redis_key(self) -> str:
        return f"chatsphere:rate:{self.rate.name}:{self.subject}"


@dataclass(frozen=True, slots=True)
class RateDecision:
    """The answer for the tightest of the limits asked for. Times are seconds; ``is_counted`` is False when no limiter could be asked."""

    is_allowed: bool
    rate: Rate
    remaining: int
    reset_after: float
    retry_after: float = 0.0
    is_counted: bool = True

    def headers(self) -> dict[str, str]:
        """``RateLimit`` and ``RateLimit-Policy`` as in the IETF's draft."""
        if not self.is_counted:
            return {}
        left = f'"{self.rate.name}";r={self.remaining};t={math.ceil(self.reset_after)}'
        return {"RateLimit": left, "RateLimit-Policy": self.rate.policy}


DEFAULTS = {
    "default": (600, 60),  # a person or key
    "ask": (120, 60),  # the same for chat and search
    "anonymous": (60, 60),  # an address without a credential
    "visitor": (20, 600),  # a visitor of a chatbot
    "visitor_address": (100, 600),  # an address, over all names that a browser's key gives its visitors
    "visitor_reads": (120, 60),  # an address that reads conversations with a browser's key
    "sign_in": (10, 60),  # an account
    "sign_in_address": (60, 60),  # an address, over all accounts
    "second_factor": (10, 60),  # codes of an account's second factor
    "registration": (20, 3600),  # an address
    "reset": (5, 3600),  # an account that forgot its password
    "reset_address": (30, 3600),  # an address, over all accounts
}


def rate(name: str) -> Rate:
    """The rate in force: the operator's in RATE_LIMITS, else the one above. Raises KeyError for an unknown name."""
    return _rates(tuple(settings.RATE_LIMITS))[name]


def problems(overrides: Sequence[str]) -> list[str]:
    """What is wrong in RATE_LIMITS, for the settings to say."""
    return [text for text in overrides if _read(text) is None]


@lru_cache(maxsize=8)
def _rates(overrides: tuple[str, ...]) -> dict[str, Rate]:
    rates = {name: Rate(name, limit, seconds) for name, (limit, seconds) in DEFAULTS.items()}
    return rates | {own.name: own for text in overrides if (own := _read(text)) is not None}


def _read(text: str) -> Rate | None:
    """``default=600/60`` as a Rate."""
    name, _equals, figures = text.partition("=")
    limit, _slash, seconds = figures.partition("/")
    if name not in DEFAULTS or not limit.isdecimal() or not seconds.isdecimal() or 0 in (int(limit), int(seconds)):
        return None
    return Rate(name, int(limit), int(seconds))


def decide(charges: Sequence[Charge], answers: Sequence[int]) -> RateDecision:
    """The decision over several limits from the script's answer: three figures a limit."""
    rows = [tuple(answers[index : index + 3]) for index in range(0, len(answers), 3)]
    pairs = list(zip(charges, rows, strict=True))
    refused = [pair for pair in pairs if not pair[1][0]]
    charge, (_room, busy, wait) = max(refused, key=lambda pair: pair[1][2]) if refused else min(pairs, key=_share_left)
    return RateDecision(
        is_allowed=not refused,
        rate=charge.rate,
        remaining=_left(charge.rate, busy),
        reset_after=busy / SECOND,
        retry_after=wait / SECOND,
    )


def _left(rate: Rate, busy: int) -> int:
    return max(0, (rate.window - busy) // rate.step)


def _share_left(pair: tuple[Charge, tuple[int, ...]]) -> float:
    charge, (_room, busy, _wait) = pair
    return _left(charge.rate, busy) / charge.rate.limit
