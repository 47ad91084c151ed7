"""Me, my colleagues, my workspaces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import actions
from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.users.member_serializers import PasswordSerializer, PersonalDataSerializer
from chatsphere.apps.users.models import Membership, Workspace
from chatsphere.apps.users.selectors import has_second_factor, membership_of, personal_data, workspaces_of
from chatsphere.apps.users.serializers import MemberSerializer, ProfileSerializer, WorkspaceSerializer
from chatsphere.apps.users.views.auth import TAGS, validated
from chatsphere.core.exceptions import Conflict, NotFound
from chatsphere.core.permissions import (
    IsMember,
    IsPerson,
    person_of,
    principal_of,
    require_role,
    require_second_factor,
)


class MeView(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={200: ProfileSerializer})
    def get(self, request: Request) -> Response:
        """Who I am, in the workspace in which this request acts."""
        return Response(ProfileSerializer(_my_membership(request)).data)

    @extend_schema(tags=TAGS, request=ProfileSerializer(partial=True), responses={200: ProfileSerializer})
    def patch(self, request: Request) -> Response:
        """Change my name; admins and owners also the company's. Tier and limit are the operators' to change."""
        membership = _my_membership(request)
        data = validated(ProfileSerializer(membership, data=request.data, partial=True))
        if "workspace" in data:
            require_role(membership.role, "admin")
            actions.change_workspace(workspace=membership.workspace, changes=data["workspace"], actor=actor_of(request))
        if "user" in data:
            actions.change_profile(user_id=membership.user_id, **data["user"])
        return Response(ProfileSerializer(_my_membership(request)).data)


class DeleteMeView(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=PasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Delete my account, and the workspaces that nobody else is in. 409 while a workspace needs me as its owner."""
        data = validated(PasswordSerializer(data=request.data))
        actions.delete_account(user_id=person_of(request), actor=actor_of(request), **data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportMeView(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={200: PersonalDataSerializer})
    def get(self, request: Request) -> Response:
        """All that is stored about me as a person."""
        return Response(PersonalDataSerializer(personal_data(person_of(request)), context={"request": request}).data)


def _my_membership(request: Request) -> Membership:
    return membership_of(user_id=person_of(request), workspace_id=principal_of(request).workspace_id)


class MemberList(ListAPIView[Membership]):
    """The members of my workspace, and nobody else."""

    permission_classes = (IsMember,)
    scope = "users"
    serializer_class = MemberSerializer

    def get_queryset(self) -> Any:
        workspace_id = principal_of(self.request).workspace_id
        return Membership.objects.select_related("user").filter(workspace_id=workspace_id)

    @extend_schema(tags=TAGS, operation_id="users_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The members of the workspace in which this request acts."""
        return self.list(request, *args, **kwargs)


class WorkspaceList(ListAPIView[Workspace]):
    permission_classes = (IsPerson,)
    serializer_class = WorkspaceSerializer

    def get_queryset(self) -> Any:
        return workspaces_of(person_of(self.request))

    @extend_schema(tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """My workspaces."""
        return self.list(request, *args, **kwargs)

    @extend_schema(tags=TAGS, responses={201: WorkspaceSerializer})
    def post(self, request: Request) -> Response:
        """Another workspace of my own, on the default plan."""
        data = validated(WorkspaceSerializer(data=request.data))
        made = actions.create_workspace(owner_id=person_of(request), actor=actor_of(request), **data)
        workspace = workspaces_of(person_of(request)).get(pk=made.pk)
        return Response(WorkspaceSerializer(workspace).data, status=status.HTTP_201_CREATED)


class WorkspaceDetail(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={200: WorkspaceSerializer})
    def get(self, request: Request, workspace_id: Any) -> Response:
        """One of my workspaces."""
        return Response(WorkspaceSerializer(my_workspace(request, workspace_id)).data)

    @extend_schema(tags=TAGS, request=WorkspaceSerializer(partial=True), responses={200: WorkspaceSerializer})
    def patch(self, request: Request, workspace_id: Any) -> Response:
        """Change name or time zone, as admin or owner."""
        workspace = my_workspace(request, workspace_id)
        require_role(workspace.role, "admin")
        data = validated(WorkspaceSerializer(workspace, data=request.data, partial=True))
        if data.get("second_factor_required") and not has_second_factor(person_of(request)):
            raise Conflict(_("Set up a second factor of your own first."), type="second_factor_disabled")
        return Response(
            WorkspaceSerializer(
                actions.change_workspace(workspace=workspace, changes=data, actor=actor_of(request))
            ).data
        )

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, workspace_id: Any) -> Response:
        """Delete a workspace, as owner. It answers nothing from now on; the operators can restore it for seven days."""
        workspace = my_workspace(request, workspace_id)
        require_role(workspace.role, "owner")
        actions.delete_workspace(workspace_id=workspace.pk, user_id=person_of(request), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def my_workspace(request: Request, workspace_id: Any) -> Any:
    """A workspace of which the caller is a member, with their ``role``. Raises NotFound."""
    workspace = workspaces_of(person_of(request)).filter(pk=workspace_id).first()
    if workspace is None:
        raise NotFound
    if workspace.second_factor_required and not has_second_factor(person_of(request)):
        require_second_factor(replace(principal_of(request), lacks_second_factor=True))
    return workspace
