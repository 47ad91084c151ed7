"""Personal data and secrets, taken out of a text before a provider sees it.

By pattern and check digit, never by guessing at names: e-mail addresses, telephone numbers, IBANs (mod 97), payment cards (Luhn), and
keys in the forms that well-known issuers give them. What is found becomes a word in brackets, the same for the same kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    IBAN = "iban"
    CARD = "card"
    SECRET = "secret"  # noqa: S105 - a kind, no secret


PERSONAL: Final = frozenset(Kind)
SECRETS: Final = frozenset({Kind.SECRET})


def redact(text: str, kinds: Collection[Kind] = PERSONAL) -> tuple[str, Counter[Kind]]:
    """The text with ``[email]``, ``[phone]``, … in place of what was found, and how many of each. Linear in the text's length."""
    found: Counter[Kind] = Counter()
    for kind, pattern, is_real in _RULES:
        if kind in kinds:
            text = pattern.sub(lambda match, kind=kind, is_real=is_real: _judged(match, kind, is_real, found), text)  # type: ignore[misc]
    return text, found


def _judged(match: re.Match[str], kind: Kind, is_real: Callable[[str], bool], found: Counter[Kind]) -> str:
    if not is_real(match.group()):
        return match.group()
    found[kind] += 1
    return f"[{kind.value}]"


def _is_iban(text: str) -> bool:
    """ISO 13616: letters become numbers, the first four characters go to the end, the rest of the division by 97 is 1."""
    plain = re.sub(r"[\s-]", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """ISO 7812: 13 to 19 digits that fulfil Luhn's sum, not all the same."""
    digits = [int(each) for each in text if each.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [each if place % 2 == 0 else sum(divmod(each * 2, 10)) for place, each in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_phone(text: str) -> bool:
    """E.164 allows 15 digits; fewer than 8, dates and decimal numbers are none."""
    digits = re.sub(r"\D", "", text)
    if not 8 <= len(digits) <= 15 or _DATE.search(text):
        return False
    return text.startswith(("+", "00", "(")) or (text.startswith("0") and len(digits) >= 9)


def _always(_text: str) -> bool:
    return True


_DATE: Final = re.compile(r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})\b")
_SECRET: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\b(?:sk|pk|rk|cs_sk|cs_pk|whsec)[-_](?:[A-Za-z]{2,10}[-_])*[A-Za-z0-9_-]{16,200}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,255}\b|\bgithub_pat_[A-Za-z0-9_]{40,255}\b|\bglpat-[A-Za-z0-9_-]{20,64}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,200}|\bAIza[A-Za-z0-9_-]{35}\b|\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}"
    r"|(?i:\b(?:password|passwort|passwd|api[_ -]?key|secret|token)\b\s*[:=]\s*)[^\s,;\"']{6,200}"
)
_RULES: Final[tuple[tuple[Kind, re.Pattern[str], Callable[[str], bool]], ...]] = (
    (Kind.SECRET, _SECRET, _always),
    (Kind.EMAIL, re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"), _always),
    (Kind.IBAN, re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{2,4}){3,8}\b"), _is_iban),
    (Kind.CARD, re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), _is_card),
    (Kind.PHONE, re.compile(r"(?<![\w.])(?:\+|00|\(|0)[\d(][\d ()/.-]{5,22}\d(?![\w])"), _is_phone),
)
