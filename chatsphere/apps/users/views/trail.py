"""What happened in a workspace, and what it has used."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import audit
from chatsphere.apps.users.member_serializers import AuditEventSerializer, AuditFilters, WorkspaceUsageSerializer
from chatsphere.apps.users.models import AuditEvent
from chatsphere.apps.users.quota import current_use
from chatsphere.apps.users.views.people import my_workspace
from chatsphere.core.csv_export import CSV_OR_JSON, csv_response, wants_csv
from chatsphere.core.permissions import IsPerson, require_role
from chatsphere.core.query import read_filters

TAGS = ["Workspaces"]
LOOKUPS = {"since": "occurred_at__gte", "until": "occurred_at__lt"}


COLUMNS = AuditEventSerializer.Meta.fields


class AuditEventList(ListAPIView[AuditEvent]):
    permission_classes = (IsPerson,)
    serializer_class = AuditEventSerializer
    renderer_classes = CSV_OR_JSON
    ordering = "-occurred_at"

    def get_queryset(self) -> Any:
        workspace = my_workspace(self.request, self.kwargs["workspace_id"])
        require_role(workspace.role, "admin")
        given = read_filters(self.request, AuditFilters)
        filters = {LOOKUPS.get(name, name): value for name, value in given.items()}
        return AuditEvent.objects.filter(workspace_id=workspace.pk, **filters)

    @extend_schema(
        tags=TAGS,
        parameters=[AuditFilters],
        responses={
            (200, "application/json"): AuditEventSerializer(many=True),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="All lines that the filters leave."),
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Who did what to which object, from where, as admin; with `Accept: text/csv` all of it as one table."""
        if not wants_csv(request):
            return self.list(request, *args, **kwargs)
        rows = self.get_queryset().order_by("-occurred_at", "-id").values_list(*COLUMNS)
        workspace_id = self.kwargs["workspace_id"]
        audit.record(
            audit.actor_of(request),
            "audit.exported",
            workspace_id=workspace_id,
            object_type="workspace",
            object_id=workspace_id,
        )
        return csv_response("audit-events.csv", COLUMNS, rows.iterator(500))


class WorkspaceUsage(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={200: WorkspaceUsageSerializer})
    def get(self, request: Request, workspace_id: Any) -> Response:
        """What is used of each quota now, and its limit."""
        workspace = my_workspace(request, workspace_id)
        return Response(WorkspaceUsageSerializer({"quotas": current_use(workspace.pk)}).data)
