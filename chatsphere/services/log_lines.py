"""What may stand in a line of the log: secrets never do, whoever wrote them into a message.

The last step before a line is written, so that exceptions, libraries and careless messages pass through it, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

HIDDEN = "[hidden]"
SHORTEST_SECRET = 8  # what is shorter would hide half of every line

# Words without which no pattern below can match: looking for them costs a tenth of the patterns themselves.
_SIGNS = ("cs_sk_", "cs_pk_", "whsec_", "eyJ", "sk-", "earer", "asic ", "uthorization", "UTHORIZATION", "://")
_WORDS = re.compile(r"password|passwd|secret|token|api[_-]?key|credential|cookie", re.IGNORECASE)
_PLAIN_WORDS = ("password", "passwd", "secret", "token", "api_key", "api-key", "apikey", "credential", "cookie")
_NAMED = re.compile(rf"(?:{_WORDS.pattern})\w*[\\\"']*\s*[:=]", re.IGNORECASE)
_QUOTE = r"\\*[\"']?"
_BYTES = r"(?:b(?=[\"']))?"
# Two backslashes are one of the value's own; a single one stands before a quote in a text that holds JSON.
_VALUE = r"(?:[^\s\"'\\,;&})\]]|\\\\)"
_PATTERNS = (
    re.compile(r"(?P<keep>cs_[sp]k_[0-9a-f]{0,8})[0-9A-Za-z_\-]*"),  # whose key it is may be seen, the key may not
    re.compile(r"(?P<keep>whsec_|\bsk-)[0-9A-Za-z+/=_\-]{8,}"),
    re.compile(r"(?P<keep>)\beyJ[0-9A-Za-z_\-]{8,}\.[0-9A-Za-z_\-]{4,}(?:\.[0-9A-Za-z_\-]*)?"),
    re.compile(
        rf"(?P<keep>authorization{_QUOTE}\s*[:=,]\s*{_BYTES}{_QUOTE})(?:(?:bearer|basic|digest)\s+)?{_VALUE}+", re.I
    ),
    re.compile(r"(?P<keep>\b(?:bearer|basic)\s+)[0-9A-Za-z._~+/=\-]{8,}", re.I),
    re.compile(r"(?P<keep>[a-z][a-z0-9+.\-]*://[^\s:/@\"'\\]*:)[^\s@/\"'\\]+(?=@)", re.I),
)
_ASSIGNED = re.compile(
    rf"(?P<keep>(?:password|passwd|secret|token|api[_-]?key|credentials?|cookie)s?\w*{_QUOTE}\s*[:=]\s*{_BYTES}{_QUOTE})"
    rf"(?:(?<=[\"'])(?:[^\"'\\]|\\\\){{3,}}|{_VALUE}{{3,}})",
    re.IGNORECASE,
)


def is_suspicious(line: str, known: Sequence[str] = ()) -> bool:
    """Whether ``redacted`` might change this line. Costs two to four microseconds, as most lines hold nothing."""
    known_ones = _known_pattern(tuple(known))
    return (
        any(sign in line for sign in _SIGNS)
        or _names_a_secret(line)
        or (known_ones is not None and known_ones.search(line) is not None)
    )


def _names_a_secret(line: str) -> bool:
    """By plain words first: most lines hold none of them, and a pattern that looks for all costs twenty times as much."""
    lowered = line.lower()
    return any(word in lowered for word in _PLAIN_WORDS) and _NAMED.search(line) is not None


def redacted_data(value: Any, known: Sequence[str] = ()) -> Any:
    """The same for what will become JSON: texts inside are redacted, and values under names such as ``password`` hidden whole."""
    if isinstance(value, Mapping):
        return {name: _under(str(name), each, known) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted_data(each, known) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else redacted(str(value), known)


def _under(name: str, value: Any, known: Sequence[str]) -> Any:
    return HIDDEN if isinstance(value, str) and value and _WORDS.search(name) else redacted_data(value, known)


def redacted(line: str, known: Sequence[str] = ()) -> str:
    """The text without keys, tokens, passwords, credentials in addresses and ``known`` secrets; what it tells otherwise stays."""
    if any(sign in line for sign in _SIGNS):
        for pattern in _PATTERNS:
            line = pattern.sub(rf"\g<keep>{HIDDEN}", line)
    if _names_a_secret(line):
        line = _ASSIGNED.sub(_hide, line)
    pattern_of_known = _known_pattern(tuple(known))
    return pattern_of_known.sub(HIDDEN, line) if pattern_of_known else line


def _hide(match: re.Match[str]) -> str:
    value = match[0][len(match["keep"]) :]
    return match[0] if value.startswith(HIDDEN) or value.isdigit() else f"{match['keep']}{HIDDEN}"


@lru_cache(maxsize=4)
def _known_pattern(known: tuple[str, ...]) -> re.Pattern[str] | None:
    worth = sorted({secret for secret in known if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, worth))) if worth else None


def plain_line(logger: str, level: str, event: str, *, is_json: bool) -> str:
    """One line as the platform's logs have it, for a process that loads nothing of the platform."""
    event = redacted(event)
    if not is_json:
        return f"{event}\n"
    moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = {"timestamp": moment, "level": level, "logger": logger, "process": "embedder", "event": event}
    return orjson.dumps(line).decode() + "\n"
