"""Privacy over HTTP: ask for the export or erasure of a visitor, read the receipt, fetch the export."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.conversations.models import PrivacyRequest
from chatsphere.apps.conversations.privacy import request_privacy
from chatsphere.apps.users import audit
from chatsphere.core.exceptions import Forbidden, Invalid, NotFound
from chatsphere.core.principal import Principal, principal_of

TAGS = ["privacy"]
LONGEST_ID = 200


class PrivacyRequestSerializer(serializers.ModelSerializer[PrivacyRequest]):
    """The receipt. It does not name the visitor: ``subject`` is SHA-256 over the bytes of the workspace's id and the external id."""

    subject = serializers.SerializerMethodField()
    has_download = serializers.SerializerMethodField(help_text=gettext_lazy("An export is kept for seven days."))

    class Meta:
        model = PrivacyRequest
        fields = (
            "id", "kind", "state", "subject", "counts", "has_download", "expires_at", "error_type", "error_message",
            "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_subject(self, row: PrivacyRequest) -> str:
        return bytes(row.subject_hash).hex()

    def get_has_download(self, row: PrivacyRequest) -> bool:
        return row.kind == PrivacyRequest.Kind.EXPORT and row.state == "succeeded" and not _is_over(row)


class PrivacyView(GenericAPIView[PrivacyRequest]):
    """For admins, and for servers whose key has the scope."""

    scope = "privacy:write"
    read_role = write_role = "admin"
    serializer_class = PrivacyRequestSerializer

    def rows(self) -> QuerySet[PrivacyRequest]:
        """The requests that the caller may see; a key that is bound to chatbots sees those about its chatbots only."""
        principal = _caller(self.request)
        found: QuerySet[PrivacyRequest] = PrivacyRequest.objects.in_workspace(principal.workspace_id)
        if principal.chatbot_ids is not None:
            found = found.filter(chatbot_ids__contained_by=list(principal.chatbot_ids))
        return found

    def one(self, request_id: UUID) -> PrivacyRequest:
        row = self.rows().filter(pk=request_id).first()
        if row is None:
            raise NotFound
        return row


class ExportVisitor(PrivacyView):
    @extend_schema(operation_id="privacy_export", request=None, responses={202: PrivacyRequestSerializer}, tags=TAGS)
    def post(self, request: Request, external_id: str) -> Response:
        """Collect what is stored about a visitor. The answer is the receipt; fetch the export when it has `succeeded`."""
        return _requested(request, PrivacyRequest.Kind.EXPORT, external_id)


class EraseVisitor(PrivacyView):
    @extend_schema(operation_id="privacy_erase", request=None, responses={202: PrivacyRequestSerializer}, tags=TAGS)
    def post(self, request: Request, external_id: str) -> Response:
        """Erase a visitor for good: conversations, messages, citations, feedback, traces, webhook payloads, streams, figures."""
        return _requested(request, PrivacyRequest.Kind.ERASE, external_id)


class PrivacyRequestList(PrivacyView):
    @extend_schema(
        operation_id="privacy_requests_list", responses={200: PrivacyRequestSerializer(many=True)}, tags=TAGS
    )
    def get(self, _request: Request) -> Response:
        """Receipts, newest first."""
        page = self.paginate_queryset(self.rows().defer("result", "external_id"))
        return self.get_paginated_response(PrivacyRequestSerializer(page, many=True).data)


class PrivacyRequestDetail(PrivacyView):
    @extend_schema(operation_id="privacy_requests_retrieve", responses={200: PrivacyRequestSerializer}, tags=TAGS)
    def get(self, _request: Request, request_id: UUID) -> Response:
        """One receipt."""
        return Response(PrivacyRequestSerializer(self.one(request_id)).data)


class PrivacyDownload(PrivacyView):
    @extend_schema(
        operation_id="privacy_requests_download",
        responses={(200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, description="All of it, as JSON.")},
        tags=TAGS,
    )
    def get(self, request: Request, request_id: UUID) -> HttpResponse:
        """The export itself, as a file."""
        row = self.one(request_id)
        if not row.result or _is_over(row):
            raise NotFound(_("There is no export here, or it is not ready, or was kept for seven days already."))
        audit.record(
            audit.actor_of(request), "privacy.downloaded", workspace_id=row.workspace_id,
            object_type="privacy_request", object_id=row.pk,
        )  # fmt: skip
        answer = HttpResponse(row.result, content_type="application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="visitor-{row.pk}.json"'
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _requested(request: Request, kind: str, external_id: str) -> Response:
    principal = _caller(request)
    if len(external_id) > LONGEST_ID or "\x00" in external_id:
        raise Invalid(fields={"external_id": [_("An external id has at most 200 characters.")]})
    row = request_privacy(
        workspace_id=principal.workspace_id,
        kind=kind,
        external_id=external_id,
        chatbot_ids=principal.chatbot_ids,
        actor=audit.actor_of(request),
    )
    return Response(PrivacyRequestSerializer(row).data, status=202)


def _caller(request: Any) -> Principal:
    principal = principal_of(request)
    if principal.visitor is not None:
        raise Forbidden(_("Ask for this without X-Visitor-Token."))
    return principal


def _is_over(row: PrivacyRequest) -> bool:
    return row.expires_at is not None and row.expires_at <= timezone.now()
