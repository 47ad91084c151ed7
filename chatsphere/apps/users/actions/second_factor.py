"""The second factor (TOTP, RFC 6238): set up, confirmed, asked for, switched off.

A code is good for its 30 seconds and one step to either side, and once. Recovery codes are good once each.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users import attempts, audit
from chatsphere.apps.users.actions.sessions import end_sessions
from chatsphere.apps.users.audit import Actor
from chatsphere.apps.users.models import RecoveryCode, SecondFactor, User
from chatsphere.apps.users.selectors import has_second_factor
from chatsphere.core.exceptions import Conflict, Invalid, Unauthenticated

STEP_SECONDS = 30
DIGITS = 6
DRIFT_STEPS = 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
ISSUER = "ChatSphere"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app must know; ``uri`` is what its camera reads."""

    secret: str
    uri: str


def begin_second_factor(*, user_id: UUID, password: str, actor: Actor) -> Enrolment:
    """A fresh secret that is not in force yet; beginning again replaces it. Raises Invalid (password), Conflict (in force already)."""
    user = _with_password(user_id, password, actor)
    secret = secrets.token_bytes(SECRET_BYTES)
    text = base64.b32encode(secret).decode()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user_id)
        if SecondFactor.objects.filter(user_id=user_id, enabled_at__isnull=False).exists():
            raise Conflict(_("A second factor is in force already. Switch it off first."), type="second_factor_enabled")
        SecondFactor.objects.update_or_create(user_id=user_id, defaults={"secret": text, "last_step": 0})
    return Enrolment(text, _totp(text).get_provisioning_uri(user.email, ISSUER))


def confirm_second_factor(*, user_id: UUID, session_id: UUID | None, code: str, actor: Actor) -> list[str]:
    """In force from now on; ends all other sessions. Returns the recovery codes, this once. Raises Invalid, Throttled, Conflict."""
    user = User.objects.get(pk=user_id)
    attempts.admit_second_factor(user.email)
    with transaction.atomic():
        waiting = SecondFactor.objects.select_for_update().filter(user_id=user_id, enabled_at=None).first()
        if waiting is None:
            raise Conflict(
                _("There is nothing to confirm. Begin by setting up a second factor."), type="nothing_to_confirm"
            )
        is_right = _accept_step(waiting, code)
        if is_right:
            SecondFactor.objects.filter(pk=user_id).update(enabled_at=timezone.now())
            codes = _renew_codes(user_id)
            end_sessions(user_id=user_id, reason="second_factor.enabled", except_session=session_id)
            _audit(actor, "second_factor.enabled", user)
    if not is_right:
        attempts.note_wrong_code(user.email)
        raise _wrong_code()
    attempts.note_right_code(user.email)
    return codes


def disable_second_factor(*, user_id: UUID, password: str, code: str, actor: Actor) -> None:
    """Sign-in asks for the password alone again. Raises Invalid for a wrong password or code, Throttled, Conflict when there is none."""
    user = _proved(user_id, password, code, actor)
    with transaction.atomic():
        SecondFactor.objects.filter(user_id=user_id).delete()
        RecoveryCode.objects.filter(user_id=user_id).delete()
        _audit(actor, "second_factor.disabled", user)


def renew_recovery_codes(*, user_id: UUID, password: str, code: str, actor: Actor) -> list[str]:
    """Ten new codes; the old ones are worth nothing. Raises as ``disable_second_factor`` does."""
    user = _proved(user_id, password, code, actor)
    with transaction.atomic():
        codes = _renew_codes(user_id)
        _audit(actor, "recovery_codes.renewed", user)
    return codes


def require_code(user: User, code: str, actor: Actor) -> None:
    """The second half of a sign-in whose password was right. Does nothing for a person without a second factor.

    Raises Unauthenticated: ``second_factor_required`` without a code, ``invalid_code`` for a wrong or used one; Throttled after many.
    """
    if not has_second_factor(user.pk):
        return
    if not code:
        raise Unauthenticated(
            _("Repeat the request with the `code` of your authenticator app, or a recovery code."),
            type="second_factor_required",
        )
    attempts.admit_second_factor(user.email)
    if not _spend(user, code, actor):
        attempts.note_wrong_code(user.email)
        audit.record(
            audit.as_person(actor, user), "second_factor.refused", workspace_id=user.default_workspace_id,
            object_type="user", object_id=user.pk,
        )  # fmt: skip
        raise Unauthenticated(_("This code is not right, or was used before."), type="invalid_code")
    attempts.note_right_code(user.email)


def _proved(user_id: UUID, password: str, code: str, actor: Actor) -> User:
    user = _with_password(user_id, password, actor)
    if not has_second_factor(user_id):
        raise Conflict(_("No second factor is in force."), type="second_factor_disabled")
    attempts.admit_second_factor(user.email)
    if not _spend(user, code, actor):
        attempts.note_wrong_code(user.email)
        raise _wrong_code()
    attempts.note_right_code(user.email)
    return user


def _with_password(user_id: UUID, password: str, actor: Actor) -> User:
    user = User.objects.get(pk=user_id)
    attempts.admit_sign_in(user.email, actor.ip_address)
    if not user.check_password(password):
        attempts.note_failure(user.email, actor.ip_address)
        raise Invalid(fields={"password": [_("This is not your password.")]})
    return user


@transaction.atomic
def _spend(user: User, code: str, actor: Actor) -> bool:
    """Use a code up, of the app or for recovery: of two requests with the same one exactly one wins."""
    plain = code.replace(" ", "").replace("-", "").upper()
    if len(plain) == DIGITS:
        factor = SecondFactor.objects.select_for_update().filter(user_id=user.pk, enabled_at__isnull=False).first()
        return factor is not None and _accept_step(factor, plain)
    unused = RecoveryCode.objects.filter(user_id=user.pk, code_hash=_hash(user.pk, plain), used_at=None)
    if not unused.update(used_at=timezone.now()):
        return False
    left = RecoveryCode.objects.filter(user_id=user.pk, used_at=None).count()
    _audit(audit.as_person(actor, user), "recovery_code.used", user, left=left)
    return True


def _accept_step(factor: SecondFactor, code: str) -> bool:
    """Whether the code belongs to a step near now that is later than the last accepted one, which it then becomes."""
    if not (code.isascii() and code.isdigit() and len(code) == DIGITS):
        return False
    totp, now = _totp(factor.secret), int(time.time()) // STEP_SECONDS
    for step in range(max(now - DRIFT_STEPS, factor.last_step + 1), now + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate(step * STEP_SECONDS), code.encode()):
            later = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step)
            return bool(later.update(last_step=step))
    return False


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - what authenticator apps understand


def _renew_codes(user_id: UUID) -> list[str]:
    RecoveryCode.objects.filter(user_id=user_id).delete()
    plain = [base64.b32encode(secrets.token_bytes(10)).decode() for _number in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user_id=user_id, code_hash=_hash(user_id, each)) for each in plain)
    return ["-".join(each[at : at + 4] for at in range(0, len(each), 4)).lower() for each in plain]


def _hash(user_id: UUID, code: str) -> bytes:
    # 80 random bits: nobody tries them all, so a plain hash will do.
    return hashlib.sha256(user_id.bytes + code.encode()).digest()


def _wrong_code() -> Invalid:
    return Invalid(fields={"code": [_("This code is not right, or was used before.")]})


def _audit(actor: Actor, action: str, user: User, **details: object) -> None:
    audit.record(
        actor,
        action,
        workspace_id=user.default_workspace_id,
        object_type="user",
        object_id=user.pk,
        details=details,
    )
