"""Which compression a client likes best, and whole bodies compressed with it.

Qualities are RFC 9110's (12.5.3). Among equals the server's order counts: Zstandard costs least for its size, then Brotli, then gzip.
Levels are those for answers that are made once: a better one costs more time than it saves on the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import brotli
import zstandard
from django.utils.text import compress_string

BROTLI_QUALITY = 4
ZSTD_LEVEL = 3
PADDING = 100  # most random bytes in gzip's header, against guessing secrets by length
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.compress(body, ZSTD_LEVEL),
    "br": lambda body: brotli.compress(body, quality=BROTLI_QUALITY),
    "gzip": lambda body: compress_string(body, max_random_bytes=PADDING),
}
_QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def chosen(accept_encoding: str) -> str | None:
    """The coding of the answer: ``zstd``, ``br`` or ``gzip``; None for the plain body.

    ``identity`` wins only where the client values it more than every coding; a part that cannot be read counts as not accepted.
    """
    wishes = _wishes(accept_encoding)
    anything = wishes.get("*", 0.0)
    qualities = {coding: wishes.get(coding, anything) for coding in CODINGS}
    best = max(qualities, key=lambda coding: qualities[coding])
    return best if qualities[best] > 0 and qualities[best] >= wishes.get("identity", 0.0) else None


def compressed(body: bytes, coding: str) -> bytes | None:
    """The body in this coding, or None when that would not make it shorter."""
    short = CODINGS[coding](body)
    return short if len(short) < len(body) else None


def _wishes(header: str) -> dict[str, float]:
    wishes = {}
    for part in header.lower().split(",")[:50]:
        coding, _, parameter = (piece.strip() for piece in part.partition(";"))
        quality = _QUALITY.fullmatch(parameter) if parameter else None
        if coding and (quality or not parameter):
            wishes["gzip" if coding == "x-gzip" else coding] = float(quality[1]) if quality else 1.0
    return wishes
