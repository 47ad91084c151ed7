"""Members, invitations, audit trail and usage, in and out over HTTP."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from chatsphere.apps.users.models import AuditEvent, Invitation, Role
from chatsphere.apps.users.serializers import (
    MAX_TOKEN,
    AddressField,
    ProfileSerializer,
    SessionSerializer,
    password_field,
)
from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.serializers import StrictSerializer


class RoleSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices)


class TransferSerializer(StrictSerializer):
    user = serializers.UUIDField(help_text="The member who becomes owner.")


class InviteSerializer(StrictSerializer):
    email = AddressField()
    role = serializers.ChoiceField(choices=[choice for choice in Role.choices if choice[0] != Role.OWNER])


class InvitationSerializer(QuickFields, serializers.ModelSerializer[Invitation]):
    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "invited_by", "expires_at", "created_at")
        read_only_fields = fields


class NewInvitationSerializer(InvitationSerializer):
    token = serializers.CharField(read_only=True, help_text="Also in the mail; shown this once.")

    class Meta:
        model = Invitation
        fields = (*InvitationSerializer.Meta.fields, "token")
        read_only_fields = fields


class TokenSerializer(StrictSerializer):
    token = serializers.CharField(max_length=MAX_TOKEN)


class EmailSerializer(StrictSerializer):
    email = AddressField()


class ChangePasswordSerializer(StrictSerializer):
    current_password = password_field()
    new_password = password_field()


class PasswordSerializer(StrictSerializer):
    password = password_field()


class ConfirmResetSerializer(StrictSerializer):
    token = serializers.CharField(max_length=MAX_TOKEN)
    password = password_field()


class AuditEventSerializer(QuickFields, serializers.ModelSerializer[AuditEvent]):
    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "occurred_at",
            "action",
            "actor_kind",
            "actor_id",
            "actor_label",
            "object_type",
            "object_id",
            "ip_address",
            "request_id",
            "details",
        )
        read_only_fields = fields


class AuditFilters(serializers.Serializer[Any]):
    action = serializers.CharField(max_length=60, required=False, help_text="Such as `api_key.created`.")
    actor_id = serializers.UUIDField(required=False)
    object_type = serializers.CharField(max_length=40, required=False, help_text="Such as `source`.")
    object_id = serializers.CharField(max_length=64, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class QuotaSerializer(serializers.Serializer[Any]):
    metric = serializers.CharField()
    period = serializers.DateField(
        allow_null=True, help_text="First day of the month; null for what is counted as it is now."
    )
    used = serializers.IntegerField()
    reserved = serializers.IntegerField(help_text="Held by requests under way.")
    limit = serializers.IntegerField(allow_null=True, help_text="Null is unlimited.")


class WorkspaceUsageSerializer(serializers.Serializer[Any]):
    quotas = QuotaSerializer(many=True)


class PersonalDataSerializer(serializers.Serializer[Any]):
    """What is stored about a person."""

    memberships = ProfileSerializer(many=True)
    sessions = SessionSerializer(many=True)
    audit_events = AuditEventSerializer(many=True)
    date_joined = serializers.DateTimeField()
    last_login = serializers.DateTimeField(allow_null=True)
