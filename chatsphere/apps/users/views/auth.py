"""Joining, signing in and out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import actions
from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.users.models import Session
from chatsphere.apps.users.selectors import membership_of, workspaces_of
from chatsphere.apps.users.serializers import (
    RefreshSerializer,
    RegisterSerializer,
    RegistrationSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenPairSerializer,
)
from chatsphere.core.permissions import IsPerson, person_of

TAGS = ["Accounts"]


def validated(serializer: Any) -> dict[str, Any]:
    """The checked body. Raises DRF's ValidationError, which becomes 422."""
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def _from_where(request: Request) -> dict[str, Any]:
    agent = request.headers.get("User-Agent", "").replace("\x00", "")
    return {"user_agent": agent, "actor": actor_of(request)}


class RegisterView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=RegisterSerializer, responses={201: RegistrationSerializer, 202: None})
    def post(self, request: Request) -> Response:
        """Join: a person, a workspace that they own, and the first session.

        Where addresses must be proven, the answer is always 202 without a body, and the mail tells.
        """
        data = validated(RegisterSerializer(data=request.data))
        if settings.EMAIL_VERIFICATION_REQUIRED:
            user = actions.register_quietly(**data, actor=actor_of(request))
            if user is not None:
                actions.request_verification(user=user)
            return Response(status=status.HTTP_202_ACCEPTED)
        made = actions.register(**data, **_from_where(request))
        membership = membership_of(user_id=made.user.pk, workspace_id=made.workspace.pk)
        answer = {
            "user": membership,
            "workspace": workspaces_of(made.user.pk).get(pk=made.workspace.pk),
            "access": made.tokens.access,
            "refresh": made.tokens.refresh,
        }
        return Response(RegistrationSerializer(answer).data, status=status.HTTP_201_CREATED)


class TokenView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=SignInSerializer, responses={200: TokenPairSerializer})
    def post(self, request: Request) -> Response:
        """Sign in with address and password; 401 `second_factor_required` asks to repeat it with a `code`."""
        data = validated(SignInSerializer(data=request.data))
        tokens = actions.sign_in(**data, **_from_where(request))
        return Response(TokenPairSerializer(tokens).data)


class RefreshView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=RefreshSerializer, responses={200: TokenPairSerializer})
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair. A token that was exchanged before ends its session."""
        data = validated(RefreshSerializer(data=request.data))
        return Response(TokenPairSerializer(actions.refresh_session(**data, actor=actor_of(request))).data)


class LogoutView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the session of a refresh token; its access tokens are bad from that moment."""
        actions.sign_out(**validated(RefreshSerializer(data=request.data)), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionList(ListAPIView[Session]):
    permission_classes = (IsPerson,)
    serializer_class = SessionSerializer

    def get_queryset(self) -> Any:
        return Session.objects.filter(user_id=person_of(self.request), ended_at=None)

    @extend_schema(tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Where I am signed in."""
        return self.list(request, *args, **kwargs)


class SessionDetail(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, session_id: Any) -> Response:
        """End one of my sessions."""
        actions.end_session(user_id=person_of(request), session_id=session_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
