"""What happened in a workspace, and what it has used."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users.member_serializers import AuditEventSerializer, AuditFilters, WorkspaceUsageSerializer
from chatsphere.apps.users.models import AuditEvent
from chatsphere.apps.users.quota import current_use
from chatsphere.apps.users.views.people import my_workspace
from chatsphere.core.permissions import IsPerson, require_role
from chatsphere.core.query import read_filters

TAGS = ["Workspaces"]
LOOKUPS = {"since": "occurred_at__gte", "until": "occurred_at__lt"}


class AuditEventList(ListAPIView[AuditEvent]):
    permission_classes = (IsPerson,)
    serializer_class = AuditEventSerializer
    ordering = "-occurred_at"

    def get_queryset(self) -> Any:
        workspace = my_workspace(self.request, self.kwargs["workspace_id"])
        require_role(workspace.role, "admin")
        given = read_filters(self.request, AuditFilters)
        filters = {LOOKUPS.get(name, name): value for name, value in given.items()}
        return AuditEvent.objects.filter(workspace_id=workspace.pk, **filters)

    @extend_schema(tags=TAGS, parameters=[AuditFilters])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Who did what to which object, from where, as admin."""
        return self.list(request, *args, **kwargs)


class WorkspaceUsage(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={200: WorkspaceUsageSerializer})
    def get(self, request: Request, workspace_id: Any) -> Response:
        """What is used of each quota now, and its limit."""
        workspace = my_workspace(request, workspace_id)
        return Response(WorkspaceUsageSerializer({"quotas": current_use(workspace.pk)}).data)
