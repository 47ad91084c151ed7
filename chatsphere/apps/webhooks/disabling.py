"""When an endpoint stops being told of events."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.users.models import Membership, Role
from chatsphere.apps.webhooks.models import Delivery, Endpoint
from chatsphere.core.durable import DurableState


@transaction.atomic
def disable(*, endpoint_id: UUID, reason: str) -> None:
    """Switch an endpoint off and drop what waits for it; owners hear of it by mail unless a member did it. Repeating it is harmless."""
    now = timezone.now()
    active = Endpoint.objects.filter(pk=endpoint_id, is_active=True)
    if not active.update(is_active=False, disabled_reason=reason, disabled_at=now, updated_at=now):
        return
    cancel_waiting(endpoint_id=endpoint_id)
    if reason != Endpoint.Disabled.BY_MEMBER:
        endpoint = Endpoint.objects.get(pk=endpoint_id)
        transaction.on_commit(partial(_tell_owners, endpoint), robust=True)


def cancel_waiting(*, endpoint_id: UUID) -> None:
    """Deliveries that wait are cancelled; they can be sent again when the endpoint is back."""
    Delivery.objects.filter(endpoint_id=endpoint_id, state=DurableState.QUEUED).update(
        state=DurableState.CANCELLED, finished_at=timezone.now(), error_type="endpoint_disabled"
    )


def _tell_owners(endpoint: Endpoint) -> None:
    owners = Membership.objects.filter(workspace_id=endpoint.workspace_id, role=Role.OWNER)
    addresses = list(owners.values_list("user__email", flat=True))
    text = _(
        "ChatSphere sends no more webhooks to %(url)s. %(reason)s\n\n"
        "Mend the endpoint, switch it on again, and ask for what it missed: "
        "POST /api/v1/webhooks/endpoints/%(id)s/redeliver/."
    )
    values = {"url": endpoint.url, "reason": endpoint.get_disabled_reason_display(), "id": endpoint.pk}
    send_mail(_("A webhook endpoint was switched off"), text % values, None, addresses)
