"""Asking for the weekly digest, and ending it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.analytics import digest
from chatsphere.apps.analytics.models import DigestSubscription
from chatsphere.apps.analytics.serializers import DigestSerializer
from chatsphere.apps.analytics.views import TAGS
from chatsphere.core.permissions import IsPerson, person_of
from chatsphere.core.principal import principal_of


class Digest(GenericAPIView[DigestSubscription]):
    """The weekly digest of this workspace, for the person who asks."""

    permission_classes = (IsPerson,)
    pagination_class = None
    serializer_class = DigestSerializer

    @extend_schema(operation_id="analytics_digest_retrieve", responses={200: DigestSerializer}, tags=TAGS)
    def get(self, request: Request) -> Response:
        """Whether you get it."""
        mine = DigestSubscription.objects.in_workspace(principal_of(request).workspace_id)
        return Response({"subscribed": mine.filter(user_id=person_of(request)).exists()})

    @extend_schema(
        operation_id="analytics_digest_subscribe", request=None, responses={200: DigestSerializer}, tags=TAGS
    )
    def put(self, request: Request) -> Response:
        """A mail each Monday from now on."""
        DigestSubscription.objects.get_or_create(
            workspace_id=principal_of(request).workspace_id, user_id=person_of(request)
        )
        return Response({"subscribed": True})

    @extend_schema(operation_id="analytics_digest_unsubscribe", responses={204: None}, tags=TAGS)
    def delete(self, request: Request) -> Response:
        """No more of them."""
        mine = DigestSubscription.objects.in_workspace(principal_of(request).workspace_id)
        mine.filter(user_id=person_of(request)).delete()
        return Response(status=204)


@csrf_exempt  # the signed link is the proof, and mail programs post it (RFC 8058)
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest) -> HttpResponse:
    """The link in the mail. Looking at it changes nothing, since programs follow links; the button, or the mail program, ends it."""
    if request.method == "GET":
        button = _("No more of these mails")
        return HttpResponse(format_html('<form method="post"><button>{}</button></form>', button))
    is_ours = digest.unsubscribe(request.GET.get("token", ""))
    text = _("You get no more of these mails.") if is_ours else _("This link is not valid.")
    return HttpResponse(format_html("<p>{}</p>", text), status=200 if is_ours else 404)
