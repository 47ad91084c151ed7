"""Passwords and the proof of an address."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import actions
from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.users.member_serializers import (
    ChangePasswordSerializer,
    ConfirmResetSerializer,
    EmailSerializer,
    TokenSerializer,
)
from chatsphere.apps.users.views.auth import TAGS, validated
from chatsphere.core.permissions import IsPerson, person_of, principal_of


class ChangePassword(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=ChangePasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set another password. All my other sessions end."""
        data = validated(ChangePasswordSerializer(data=request.data))
        actions.change_password(
            user_id=person_of(request), session_id=principal_of(request).session_id, actor=actor_of(request), **data
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class RequestReset(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=EmailSerializer, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for a code by mail. The answer is the same whether there is an account or not."""
        data = validated(EmailSerializer(data=request.data))
        actions.request_reset(actor=actor_of(request), **data)
        return Response(status=status.HTTP_202_ACCEPTED)


class ConfirmReset(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=ConfirmResetSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a password with the code of the mail, once. All my sessions end."""
        data = validated(ConfirmResetSerializer(data=request.data))
        actions.confirm_reset(actor=actor_of(request), **data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VerifyEmail(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, request=TokenSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Prove my address with the code of the mail."""
        data = validated(TokenSerializer(data=request.data))
        actions.verify_email(actor=actor_of(request), **data)
        return Response(status=status.HTTP_204_NO_CONTENT)
