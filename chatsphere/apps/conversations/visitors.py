"""Who asks, when a page in a browser or a signed visitor token says so."""

from __future__ import annotations

from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.question import VisitorClaim
from chatsphere.core.exceptions import Invalid, Unauthenticated
from chatsphere.core.principal import Principal, PrincipalKind


def claim_of(principal: Principal, claimed: VisitorClaim | None) -> VisitorClaim | None:
    """The visitor of the signed token, else the one that the body claims. Raises Invalid when the body names somebody else."""
    signed = principal.visitor
    if signed is None:
        return claimed
    if claimed is not None and claimed.external_id != signed.external_id:
        raise Invalid(fields={"visitor.external_id": [_("This is not the visitor of X-Visitor-Token.")]})
    return VisitorClaim(signed.external_id, signed.name, signed.email, signed.attributes)


def check_visitor(principal: Principal, configuration: Configuration) -> None:
    """Raise Unauthenticated for a page without a visitor token, where the chatbot asks for one."""
    is_page = principal.kind is PrincipalKind.PUBLISHABLE_KEY
    if configuration.verified_visitors_only and is_page and principal.visitor is None:
        raise Unauthenticated(
            _("This chatbot answers verified visitors only. Send a signed token in X-Visitor-Token."),
            type="visitor_token_required",
        )
