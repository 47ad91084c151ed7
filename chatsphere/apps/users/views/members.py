"""Members and invitations of a workspace that the path names; the caller's role there counts, not the one of X-Workspace."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import actions
from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.users.member_serializers import (
    InvitationSerializer,
    InviteSerializer,
    NewInvitationSerializer,
    RoleSerializer,
    TokenSerializer,
    TransferSerializer,
)
from chatsphere.apps.users.models import Invitation, Membership
from chatsphere.apps.users.serializers import MemberSerializer, WorkspaceSerializer
from chatsphere.apps.users.views.auth import validated
from chatsphere.apps.users.views.people import my_workspace
from chatsphere.core.permissions import IsPerson, person_of, require_role

TAGS = ["Workspaces"]


class MembersOfWorkspace(ListAPIView[Membership]):
    permission_classes = (IsPerson,)
    serializer_class = MemberSerializer

    def get_queryset(self) -> Any:
        workspace = my_workspace(self.request, self.kwargs["workspace_id"])
        return Membership.objects.select_related("user").filter(workspace_id=workspace.pk)

    @extend_schema(tags=TAGS, operation_id="workspace_members_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The members of one of my workspaces."""
        return self.list(request, *args, **kwargs)


class MemberDetail(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=RoleSerializer, responses={200: MemberSerializer})
    def patch(self, request: Request, workspace_id: Any, user_id: Any) -> Response:
        """Give a member another role, as admin; only owners make or change owners."""
        workspace = my_workspace(request, workspace_id)
        require_role(workspace.role, "admin")
        data = validated(RoleSerializer(data=request.data))
        member = actions.change_role(
            workspace_id=workspace.pk,
            user_id=user_id,
            role=data["role"],
            by_role=workspace.role,
            actor=actor_of(request),
        )
        return Response(MemberSerializer(member).data)

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, workspace_id: Any, user_id: Any) -> Response:
        """Take a member out, as admin; or leave, whatever my role. The last owner stays."""
        workspace = my_workspace(request, workspace_id)
        if user_id != person_of(request):
            require_role(workspace.role, "admin")
        actions.remove_member(
            workspace_id=workspace.pk, user_id=user_id, by_role=workspace.role, actor=actor_of(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class TransferView(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=TransferSerializer, responses={200: WorkspaceSerializer})
    def post(self, request: Request, workspace_id: Any) -> Response:
        """Hand the workspace over: the other becomes owner, I become admin."""
        workspace = my_workspace(request, workspace_id)
        require_role(workspace.role, "owner")
        data = validated(TransferSerializer(data=request.data))
        actions.transfer_ownership(
            workspace_id=workspace.pk, from_user=person_of(request), to_user=data["user"], actor=actor_of(request)
        )
        return Response(WorkspaceSerializer(my_workspace(request, workspace_id)).data)


class InvitationList(ListAPIView[Invitation]):
    permission_classes = (IsPerson,)
    serializer_class = InvitationSerializer

    def get_queryset(self) -> Any:
        workspace = my_workspace(self.request, self.kwargs["workspace_id"])
        require_role(workspace.role, "admin")
        return Invitation.objects.in_workspace(workspace.pk).filter(accepted_at=None)

    @extend_schema(tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open invitations, as admin."""
        return self.list(request, *args, **kwargs)

    @extend_schema(tags=TAGS, request=InviteSerializer, responses={201: NewInvitationSerializer})
    def post(self, request: Request, workspace_id: Any) -> Response:
        """Invite somebody by mail, as admin. Another invitation of the same address replaces the first."""
        workspace = my_workspace(request, workspace_id)
        require_role(workspace.role, "admin")
        data = validated(InviteSerializer(data=request.data))
        new = actions.invite(workspace=workspace, invited_by=person_of(request), actor=actor_of(request), **data)
        shown: Any = new.invitation
        shown.token = new.token
        return Response(NewInvitationSerializer(shown).data, status=status.HTTP_201_CREATED)


class InvitationDetail(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, workspace_id: Any, invitation_id: Any) -> Response:
        """Withdraw an invitation, as admin."""
        workspace = my_workspace(request, workspace_id)
        require_role(workspace.role, "admin")
        actions.withdraw_invitation(workspace_id=workspace.pk, invitation_id=invitation_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AcceptInvitation(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=TokenSerializer, responses={200: WorkspaceSerializer})
    def post(self, request: Request) -> Response:
        """Join a workspace with the code of the mail, signed in with the address that was invited."""
        data = validated(TokenSerializer(data=request.data))
        member = actions.accept_invitation(user_id=person_of(request), actor=actor_of(request), **data)
        return Response(WorkspaceSerializer(my_workspace(request, member.workspace_id)).data)
