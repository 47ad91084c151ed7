"""The weekly digest: a mail on Monday morning, in the workspace's time zone, to members who asked for it.

Sent and noted in one transaction, so that a digest whose mail failed is tried again and none is sent for two weeks at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.mime.image import MIMEImage
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from chatsphere.apps.analytics import charts, reports, rolling
from chatsphere.apps.analytics.chart_views import usage_chart_of
from chatsphere.apps.analytics.models import DigestSubscription, QuestionCluster
from chatsphere.apps.analytics.periods import Period
from chatsphere.apps.analytics.reports import Scope
from chatsphere.apps.users.models import Membership, Workspace

HOUR = 7  # of Monday
SALT = "chatsphere.analytics.digest"
QUESTIONS = 5
PATH = "/api/v1/analytics/digest/unsubscribe/"


def send_due(now: datetime | None = None) -> int:
    """Send what is due; returns how many mails. A mail server that does not answer is asked again by the next call."""
    moment, sent = now or datetime.now(UTC), 0
    for subscription_id in DigestSubscription.objects.order_by("pk").values_list("pk", flat=True):
        try:
            sent += _send_one(subscription_id, moment)
        except (SMTPException, OSError):
            continue
    return sent


@transaction.atomic
def _send_one(subscription_id: UUID, now: datetime) -> bool:
    found = DigestSubscription.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        pk=subscription_id, workspace__deleted_at=None, workspace__is_suspended=False, user__is_active=True
    )
    subscription = found.select_related("workspace", "user").first()
    if subscription is None:
        return False
    local = now.astimezone(ZoneInfo(subscription.workspace.time_zone))
    monday = (local - timedelta(days=local.weekday())).date()
    is_early = local.weekday() == 0 and local.hour < HOUR
    if is_early or (subscription.last_week is not None and subscription.last_week >= monday):
        return False
    DigestSubscription.objects.filter(pk=subscription.pk).update(last_week=monday)
    is_member = Membership.objects.filter(workspace=subscription.workspace, user=subscription.user).exists()
    if is_member:
        message_for(subscription, now).send()
    return is_member


def message_for(subscription: DigestSubscription, now: datetime) -> EmailMultiAlternatives:
    """The mail about the week before: text, HTML, two pictures inside, and how to end it."""
    workspace = subscription.workspace
    period = _last_week(workspace, now)
    rolling.freshen(workspace.pk)
    scope = Scope(workspace.pk)
    report = reports.overview(scope, period, "day")
    questions = list(
        QuestionCluster.objects.in_workspace(workspace)
        .filter(state=QuestionCluster.State.UNANSWERED, merged_into=None, chatbot__deleted_at=None)
        .order_by("-rank")
        .values_list("question", "asked_count")[:QUESTIONS]
    )
    pictures = {"messages": charts.overview_chart(report, period.zone), "usage": usage_chart_of(scope, period)}
    leave = unsubscribe_url(subscription)
    subject = _("%(workspace)s: your chatbots last week") % {"workspace": " ".join(workspace.name.split())}
    mail = EmailMultiAlternatives(
        subject,
        _as_text(report, questions, leave),
        settings.DEFAULT_FROM_EMAIL,
        [subscription.user.email],
        headers={"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
    mail.attach_alternative(_as_html(report, questions, leave), "text/html")
    mail.mixed_subtype = "related"  # type: ignore[attr-defined]  # the stubs lack it
    for name, svg in pictures.items():
        picture = MIMEImage(charts.as_png(svg), "png")
        picture.add_header("Content-ID", f"<{name}>")
        picture.add_header("Content-Disposition", "inline", filename=f"{name}.png")
        mail.attach(picture)
    return mail


def unsubscribe_url(subscription: DigestSubscription) -> str:
    """A link that ends this subscription and can do nothing else."""
    token = signing.dumps(str(subscription.pk), salt=SALT)
    return f"{settings.PUBLIC_URL.rstrip('/')}{PATH}?{urlencode({'token': token})}"


def unsubscribe(token: str) -> bool:
    """End the subscription that the link is for; False for a link that we did not make. Repeating it is harmless."""
    try:
        subscription_id = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return False
    DigestSubscription.objects.filter(pk=subscription_id).delete()
    return True


def _last_week(workspace: Workspace, now: datetime) -> Period:
    zone = ZoneInfo(workspace.time_zone)
    local = now.astimezone(zone)
    monday = rolling.start_of_day(local - timedelta(days=local.weekday()), zone)
    return Period(rolling.start_of_day(monday - timedelta(days=6, hours=12), zone), monday, zone)


def _figures(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    names = {
        "messages": _("Messages"), "answered": _("Answered"), "refused": _("Refused"), "visitors": _("Visitors"),
        "feedback_up": _("Rated up"), "feedback_down": _("Rated down"),
    }  # fmt: skip
    return [(str(text), f"{report['totals'][name]:,}", _change(report["change"][name])) for name, text in names.items()]


def _change(share: float | None) -> str:
    return "" if share is None else f"{share:+.0%}"


def _as_text(report: dict[str, Any], questions: Sequence[tuple[str, int]], leave: str) -> str:
    lines = [str(_("Last week, and the change to the week before:")), ""]
    lines += [f"{name:12} {value:>10}  {change}" for name, value, change in _figures(report)]
    if questions:
        lines += ["", str(_("Asked in vain:"))] + [f"- {question} ({count})" for question, count in questions]
    return "\n".join([*lines, "", str(_("No more of these mails: %(link)s")) % {"link": leave}, ""])


def _as_html(report: dict[str, Any], questions: Sequence[tuple[str, int]], leave: str) -> str:
    cell = '<td style="padding:4px 16px 4px 0;text-align:{}">{}</td>'
    rows = format_html_join(
        "",
        "<tr>" + cell.format("left", "{}") + cell.format("right", "<b>{}</b>") + cell.format("right", "{}") + "</tr>",
        _figures(report),
    )
    vain = format_html_join("", "<li>{} ({})</li>", questions)
    asked = format_html("<h3>{}</h3><ul>{}</ul>", _("Asked in vain"), vain) if questions else ""
    return format_html(
        '<div style="font-family:sans-serif;color:#1F2933;max-width:640px"><h2>{}</h2><table>{}</table>'
        '<img src="cid:messages" alt="{}" width="640"><img src="cid:usage" alt="{}" width="640">{}'
        '<p style="color:#616E7C;font-size:12px"><a href="{}">{}</a></p></div>',
        _("Your chatbots last week"),
        rows,
        _("Messages by day, answered and refused"),
        _("Usage by chatbot"),
        asked,
        leave,
        _("No more of these mails"),
    )
