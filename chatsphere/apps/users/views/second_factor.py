"""The second factor of the person who asks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import actions
from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.users.models import RecoveryCode, SecondFactor
from chatsphere.apps.users.serializers import password_field
from chatsphere.apps.users.views.auth import TAGS, validated
from chatsphere.core.permissions import IsPerson, person_of, principal_of
from chatsphere.core.serializers import StrictSerializer


def code_field(**options: Any) -> serializers.CharField:
    """Six digits of the app, or a recovery code."""
    return serializers.CharField(max_length=40, help_text="Six digits of your app, or a recovery code.", **options)


class ProofSerializer(StrictSerializer):
    password = password_field()
    code = code_field()


class SetUpSerializer(StrictSerializer):
    password = password_field()


class ConfirmSerializer(StrictSerializer):
    code = code_field()


class SecondFactorSerializer(serializers.Serializer[Any]):
    is_enabled = serializers.BooleanField()
    enabled_at = serializers.DateTimeField(allow_null=True)
    recovery_codes_left = serializers.IntegerField()


class EnrolmentSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="To type into the app; shown this once.")
    uri = serializers.CharField(help_text="`otpauth://…`, to show as a QR code.")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(
        child=serializers.CharField(), help_text="Each is good once; shown this once."
    )


class SecondFactorView(APIView):
    permission_classes = (IsPerson,)
    is_open_without_second_factor = True

    @extend_schema(tags=TAGS, responses={200: SecondFactorSerializer})
    def get(self, request: Request) -> Response:
        """Whether my sign-in asks for a code, and how many recovery codes are left."""
        factor = SecondFactor.objects.filter(user_id=person_of(request), enabled_at__isnull=False).first()
        left = RecoveryCode.objects.filter(user_id=person_of(request), used_at=None).count()
        answer = {
            "is_enabled": factor is not None,
            "enabled_at": factor and factor.enabled_at,
            "recovery_codes_left": left,
        }
        return Response(SecondFactorSerializer(answer).data)

    @extend_schema(tags=TAGS, request=SetUpSerializer, responses={201: EnrolmentSerializer})
    def post(self, request: Request) -> Response:
        """Begin to set up a second factor (TOTP); it is in force once a code has confirmed it."""
        data = validated(SetUpSerializer(data=request.data))
        enrolment = actions.begin_second_factor(user_id=person_of(request), actor=actor_of(request), **data)
        return Response(EnrolmentSerializer(enrolment).data, status=status.HTTP_201_CREATED)


class ConfirmSecondFactor(APIView):
    permission_classes = (IsPerson,)
    is_open_without_second_factor = True

    @extend_schema(tags=TAGS, request=ConfirmSerializer, responses={200: RecoveryCodesSerializer})
    def post(self, request: Request) -> Response:
        """Confirm it with a code of the app. All my other sessions end; the answer holds the recovery codes, this once."""
        data = validated(ConfirmSerializer(data=request.data))
        codes = actions.confirm_second_factor(
            user_id=person_of(request), session_id=principal_of(request).session_id, actor=actor_of(request), **data
        )
        return Response({"recovery_codes": codes})


class DisableSecondFactor(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=ProofSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Switch it off, with password and code."""
        data = validated(ProofSerializer(data=request.data))
        actions.disable_second_factor(user_id=person_of(request), actor=actor_of(request), **data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RenewRecoveryCodes(APIView):
    permission_classes = (IsPerson,)

    @extend_schema(tags=TAGS, request=ProofSerializer, responses={200: RecoveryCodesSerializer})
    def post(self, request: Request) -> Response:
        """Ten new recovery codes in place of the old ones, with password and code."""
        data = validated(ProofSerializer(data=request.data))
        codes = actions.renew_recovery_codes(user_id=person_of(request), actor=actor_of(request), **data)
        return Response({"recovery_codes": codes})
