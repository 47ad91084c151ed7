"""Passwords and addresses: change, reset, proof. Answers and work are the same whether an account exists or not."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from chatsphere.apps.users import attempts, audit, mail, one_time
from chatsphere.apps.users.actions.accounts import check_password_strength, person_with
from chatsphere.apps.users.actions.sessions import end_sessions
from chatsphere.apps.users.audit import Actor
from chatsphere.apps.users.models import User
from chatsphere.core.addresses import limited_as
from chatsphere.core.exceptions import Invalid


def change_password(
    *, user_id: UUID, session_id: UUID | None, current_password: str, new_password: str, actor: Actor
) -> None:
    """Set another password and end all other sessions. Raises Invalid (wrong or weak), Throttled after too many tries."""
    user = User.objects.get(pk=user_id)
    attempts.admit_sign_in(user.email, actor.ip_address)
    if not user.check_password(current_password):
        attempts.note_failure(user.email, actor.ip_address)
        raise Invalid(fields={"current_password": [_("This is not your present password.")]})
    check_password_strength(new_password, user, field="new_password")
    _set_password(user, new_password, "password.changed", actor, except_session=session_id)


@transaction.atomic
def request_reset(*, email: str, actor: Actor) -> None:
    """Mail a code to the account of this address; without one the same work is done and nothing is sent. Raises Throttled."""
    attempts.admit("reset_address", limited_as(actor.ip_address))
    attempts.admit("reset", attempts.account(email))
    user = person_with(email)
    is_known = user is not None and user.is_active
    code = one_time.reset_code(user if is_known and user else User(email=email))
    values = {"link": f"{settings.CONSOLE_URL}/password-reset/{code}", "token": code}
    mail.post(
        recipient=user.email if is_known and user else "",
        subject=_("Reset your ChatSphere password"),
        body=_(
            "Somebody, hopefully you, wants to reset your password. Open\n%(link)s\n\nor give this code: %(token)s\n\n"
            "It is good for one hour and once. If it was not you, nothing has changed."
        )
        % values,
    )
    audit.record(actor, "password.reset_requested", workspace_id=user.default_workspace_id if user else None)


@transaction.atomic
def confirm_reset(*, token: str, password: str, actor: Actor) -> None:
    """Set a password with the code of the mail, once; every session ends and the address is proven. Raises Invalid."""
    user = one_time.user_of_reset(token)
    check_password_strength(password, user)
    User.objects.filter(pk=user.pk).update(is_email_verified=True)
    _set_password(user, password, "password.reset", audit.as_person(actor, user))


@transaction.atomic
def request_verification(*, user: User) -> None:
    """Mail a code that proves the address."""
    code = one_time.verification_code(user)
    values = {"link": f"{settings.CONSOLE_URL}/verify-email/{code}", "token": code}
    mail.post(
        recipient=user.email,
        subject=_("Confirm your address for ChatSphere"),
        body=_("Welcome to ChatSphere. To confirm your address open\n%(link)s\n\nor give this code: %(token)s")
        % values,
    )


@transaction.atomic
def verify_email(*, token: str, actor: Actor) -> None:
    """The address of the code is proven; doing it twice is no error. Raises Invalid."""
    user_id, email = one_time.read_verification(token)
    user = User.objects.filter(pk=user_id, email=email).first()
    if user is None:
        raise one_time.bad_code()
    if User.objects.filter(pk=user_id, email=email, is_email_verified=False).update(is_email_verified=True):
        audit.record(
            audit.as_person(actor, user),
            "email.verified",
            workspace_id=user.default_workspace_id,
            object_type="user",
            object_id=user.pk,
        )


@transaction.atomic
def _set_password(user: User, password: str, action: str, actor: Actor, *, except_session: UUID | None = None) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user_id=user.pk, reason=action, except_session=except_session)
    audit.record(actor, action, workspace_id=user.default_workspace_id, object_type="user", object_id=user.pk)
