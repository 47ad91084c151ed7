"""Who asks, when a page in a browser or a signed visitor token says so."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import Configuration
from chatsphere.apps.conversations.question import VisitorClaim
from chatsphere.core.addresses import client_address, limited_as
from chatsphere.core.exceptions import Invalid, Unauthenticated
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.core.rates import Charge, rate


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


def visitor_charges(request: Any, principal: Principal, visitor: VisitorClaim | None) -> list[Charge]:
    """A visitor has a limit too; who does not say who they are is counted by their address, when a browser's key is used.

    A page may call its visitor anything: new names do not lead round the limit of their address, and nobody uses up that of a visitor
    whom the customer's server named.
    """
    workspace = principal.workspace_id.hex
    if principal.kind is not PrincipalKind.PUBLISHABLE_KEY or principal.visitor is not None:
        return [Charge(rate("visitor"), f"{workspace}:{visitor.external_id}")] if visitor else []
    address = limited_as(client_address(request))
    subject = f"{workspace}:page:{visitor.external_id}" if visitor else f"{workspace}:address:{address}"
    return [Charge(rate("visitor"), subject), Charge(rate("visitor_address"), f"{workspace}:{address}")]
