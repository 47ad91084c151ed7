"""How often somebody may try to get in. Kept in PostgreSQL: losing Redis opens no door, and without PostgreSQL nobody signs in anyway.

Keys hold a hash of the address: the table says nothing about who has an account.
"""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.utils.translation import gettext as _

from chatsphere.apps.users.named_sql import execute, fetch_one
from chatsphere.core.addresses import limited_as
from chatsphere.core.exceptions import Throttled
from chatsphere.core.rates import rate

FAILURES_BEFORE_LOCK = 10


def admit(name: str, subject: str) -> None:
    """Charge one attempt against a rate of ``core.rates``. Raises Throttled; commits on its own outside a transaction."""
    if not settings.RATE_LIMITS_ENABLED:
        return
    limit = rate(name)
    parameters = {"key": f"{name}:{subject}", "step": limit.step, "window": limit.window}
    if fetch_one("admit_attempt", parameters) is None:
        waiting = fetch_one("wait_for_attempt", parameters)
        raise Throttled(retry_after=waiting["seconds"] if waiting else None)


def admit_sign_in(email: str, ip_address: str) -> None:
    """Before a password is looked at. Raises Throttled for the account, the address, or both together after many failures."""
    if not settings.RATE_LIMITS_ENABLED:
        return
    locked = fetch_one("seconds_locked", {"key": _pair(email, ip_address)})
    if locked:
        raise Throttled(
            _("Too many wrong passwords. Wait, or reset your password."),
            type="locked_out",
            retry_after=locked["seconds"],
        )
    admit("sign_in_address", limited_as(ip_address))
    admit("sign_in", account(email))


def note_failure(email: str, ip_address: str) -> None:
    """A wrong password: after FAILURES_BEFORE_LOCK in a row this account is locked for this address, ever longer."""
    fetch_one("note_failure", {"key": _pair(email, ip_address), "most": FAILURES_BEFORE_LOCK})


def note_success(email: str, ip_address: str) -> None:
    """The right password: earlier failures are forgotten."""
    execute("forget_failures", {"key": _pair(email, ip_address)})


def admit_second_factor(email: str) -> None:
    """Before a code is looked at: locked for the account, from whatever address, as only who knows the password gets here."""
    if not settings.RATE_LIMITS_ENABLED:
        return
    locked = fetch_one("seconds_locked", {"key": _codes(email)})
    if locked:
        raise Throttled(_("Too many wrong codes. Wait a while."), type="locked_out", retry_after=locked["seconds"])
    admit("second_factor", account(email))


def note_wrong_code(email: str) -> None:
    """After FAILURES_BEFORE_LOCK wrong codes in a row the account takes none for ever longer."""
    fetch_one("note_failure", {"key": _codes(email), "most": FAILURES_BEFORE_LOCK})


def note_right_code(email: str) -> None:
    """Earlier wrong codes are forgotten."""
    execute("forget_failures", {"key": _codes(email)})


def account(email: str) -> str:
    """What stands for an account in keys."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]


def _codes(email: str) -> str:
    return f"codes:{account(email)}"


def _pair(email: str, ip_address: str) -> str:
    return f"failures:{account(email)}:{limited_as(ip_address)}"
