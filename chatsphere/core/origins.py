"""Web origins: scheme, host and port of a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^\s/?#@,;*\\]{1,255}", re.IGNORECASE)


def is_origin(text: str) -> bool:
    """Whether this is one origin: no path, no pattern, no list."""
    return ORIGIN.fullmatch(text) is not None


def bad_origins(names: Sequence[str]) -> list[str]:
    """Those of CORS_ALLOWED_ORIGINS that are no origin, for the settings to name."""
    return [name for name in names if not is_origin(name)]
