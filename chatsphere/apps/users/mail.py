"""Mails as durable work: a row with the deed, a hint to the worker, a sweep for what was missed."""

from __future__ import annotations

from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.utils import timezone

from chatsphere.apps.users.models import OutgoingMail
from chatsphere.core import durable
from chatsphere.core.hints import hint_after_commit, send_hint

TASK = "chatsphere.apps.users.tasks.deliver_mail"


def post(*, recipient: str, subject: str, body: str) -> None:
    """Send a mail after the caller's transaction; ``recipient`` empty costs the same and reaches nobody."""
    mail = OutgoingMail.objects.create(recipient=recipient, subject=" ".join(subject.split())[:200], body=body)
    hint_after_commit(TASK, str(mail.pk))


def deliver(mail_id: UUID) -> None:
    """Send one mail if it is due; a server that does not answer is tried again later."""
    mail = durable.claim(OutgoingMail, mail_id)
    if mail is None:
        return
    try:
        if mail.recipient:
            send_mail(mail.subject, mail.body, settings.DEFAULT_FROM_EMAIL, [mail.recipient])
    except (SMTPException, OSError) as error:
        durable.retry_later(mail, error_type="mail_server", message=str(error))
        return
    OutgoingMail.objects.filter(pk=mail.pk, fence=mail.fence).delete()


def sweep() -> int:
    """Hint at the mails that are due; how many."""
    due = OutgoingMail.objects.filter(durable.due(timezone.now())).order_by("available_at")
    ids = list(due.values_list("pk", flat=True)[:500])
    for mail_id in ids:
        send_hint(TASK, str(mail_id))
    return len(ids)
