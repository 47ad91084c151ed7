"""What goes in and out over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from chatsphere.apps.users import tokens
from chatsphere.apps.users.mailboxes import one_spelling
from chatsphere.apps.users.models import APIKey, Membership, Role, Session
from chatsphere.apps.users.scopes import PUBLISHABLE_SCOPES, SCOPES
from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.serializers import LineField, StrictSerializer

MAX_PASSWORD = 256
MAX_TOKEN = 4096


def password_field(**options: Any) -> serializers.CharField:
    """A password as typed: no trimming, long phrases welcome."""
    return serializers.CharField(
        max_length=MAX_PASSWORD, trim_whitespace=False, write_only=True, style={"input_type": "password"}, **options
    )


def days_field(least: int, help_text: str) -> serializers.IntegerField:
    """A retention period; null keeps things for ever."""
    return serializers.IntegerField(
        min_value=least, max_value=36_500, allow_null=True, required=False, help_text=f"{help_text} Null keeps them."
    )


MOST_MONEY = 10**15


def budget_field(help_text: str) -> serializers.IntegerField:
    """A cap on money; null takes it away."""
    text = f"{help_text} In micro-units of the currency of the price list: 5000000 is 5.00. Null: no cap."
    return serializers.IntegerField(
        min_value=0,
        max_value=MOST_MONEY,
        allow_null=True,
        required=False,
        help_text=f"{text} Set by admins and owners.",
    )


class AddressField(serializers.EmailField):
    """An e-mail address of a person, in its one spelling."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=254, **options)

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        try:
            return one_spelling(text)
        except ValueError:
            self.fail("invalid")


class RegisterSerializer(StrictSerializer):
    email = AddressField()
    password = password_field()
    name = LineField(max_length=200, required=False, allow_blank=True)
    company_name = LineField(max_length=200, required=False, allow_blank=True)


class SignInSerializer(StrictSerializer):
    email = AddressField()
    password = password_field()
    code = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="Of a second factor, or a recovery code."
    )


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=MAX_TOKEN)


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="For `Authorization: Bearer …`; short-lived.")
    refresh = serializers.CharField(help_text="Good for one refresh; a second use ends the session.")


class WorkspaceSerializer(StrictSerializer):
    """The tenant, as its members see it."""

    id = serializers.UUIDField(read_only=True)
    name = LineField(max_length=200)
    subscription_tier = serializers.CharField(source="plan_id", read_only=True)
    usage_limit = serializers.IntegerField(
        source="messages_per_month", read_only=True, allow_null=True, help_text="Messages a month; null is unlimited."
    )
    time_zone = serializers.CharField(max_length=64, required=False, help_text="An IANA name such as Europe/Berlin.")
    second_factor_required = serializers.BooleanField(
        required=False, help_text="Members without a second factor can do nothing here."
    )
    keep_conversations_days = days_field(1, "Conversations without a new message for so many days are deleted.")
    keep_traces_days = days_field(1, "Traces of answers are deleted after so many days.")
    keep_deliveries_days = days_field(1, "Webhook events and their deliveries are deleted after so many days.")
    keep_audit_days = days_field(90, "Lines of the audit trail are deleted after so many days, 90 at least.")
    budget_per_day = budget_field("What all answers of a day may cost.")
    budget_per_month = budget_field("What all answers of a month may cost.")
    role = serializers.ChoiceField(choices=Role.choices, read_only=True, help_text="Yours in this workspace.")
    created_at = serializers.DateTimeField(read_only=True)

    def validate_time_zone(self, value: str) -> str:
        if value not in available_timezones():
            raise serializers.ValidationError(_("This is no time zone of the IANA database."))
        return value


class ProfileSerializer(StrictSerializer):
    """A person in the workspace in which the request acts."""

    id = serializers.UUIDField(source="user.id", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = LineField(source="user.name", max_length=200, allow_blank=True)
    is_email_verified = serializers.BooleanField(source="user.is_email_verified", read_only=True)
    company_name = LineField(
        source="workspace.name", max_length=200, help_text="Name of the workspace; admins and owners change it."
    )
    subscription_tier = serializers.CharField(source="workspace.plan_id", read_only=True)
    usage_limit = serializers.IntegerField(
        source="workspace.messages_per_month",
        read_only=True,
        allow_null=True,
        help_text="Messages a month; null is unlimited.",
    )
    workspace = serializers.UUIDField(source="workspace_id", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)


class RegistrationSerializer(serializers.Serializer[Any]):
    """The answer to a registration."""

    user = ProfileSerializer()
    workspace = WorkspaceSerializer()
    access = serializers.CharField()
    refresh = serializers.CharField()


class MemberSerializer(QuickFields, serializers.ModelSerializer[Membership]):
    """A person as the others in the workspace see them."""

    id = serializers.UUIDField(source="user.id", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = LineField(source="user.name", read_only=True)
    joined_at = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "email", "name", "role", "joined_at")
        read_only_fields = ("role",)


class SessionSerializer(QuickFields, serializers.ModelSerializer[Session]):
    """A place where one is signed in."""

    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ("id", "user_agent", "ip_address", "is_current", "created_at", "last_used_at", "expires_at")
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["request"].user.session_id)


class APIKeySerializer(QuickFields, serializers.ModelSerializer[APIKey]):
    """A key without its secret."""

    prefix = serializers.SerializerMethodField(help_text="The part of the key that may be shown.")
    chatbots = serializers.SerializerMethodField(help_text="Null: every chatbot of the workspace.")

    class Meta:
        model = APIKey
        fields = (
            "id",
            "kind",
            "name",
            "prefix",
            "last_four",
            "scopes",
            "chatbots",
            "created_by",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_at",
        )
        read_only_fields = fields

    def get_prefix(self, key: APIKey) -> str:
        return tokens.key_prefix(key.kind, key.pk)

    def get_chatbots(self, key: APIKey) -> list[str] | None:
        return None if key.all_chatbots else [str(link.chatbot_id) for link in key.chatbot_links.all()]


class NewAPIKeySerializer(APIKeySerializer):
    """A key with its secret, which is shown this once."""

    secret = serializers.CharField(read_only=True)

    class Meta:
        model = APIKey
        fields = (*APIKeySerializer.Meta.fields, "secret")
        read_only_fields = fields


class CreateAPIKeySerializer(StrictSerializer):
    name = LineField(max_length=200)
    kind = serializers.ChoiceField(choices=APIKey.Kind.choices, default=APIKey.Kind.SECRET)
    scopes = serializers.MultipleChoiceField(choices=sorted(SCOPES), required=False)
    chatbots = serializers.ListField(
        child=serializers.UUIDField(), allow_null=True, required=False, min_length=1, max_length=100
    )
    expires_at = serializers.DateTimeField(allow_null=True, required=False)

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError(_("This moment has passed."))
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == APIKey.Kind.PUBLISHABLE:
            return _publishable(attrs)
        if not attrs.get("scopes"):
            raise serializers.ValidationError({"scopes": [_("Name at least one scope.")]})
        return attrs


def _publishable(attrs: dict[str, Any]) -> dict[str, Any]:
    if len(set(attrs.get("chatbots") or ())) != 1:
        raise serializers.ValidationError({"chatbots": [_("A publishable key belongs to exactly one chatbot.")]})
    if set(attrs.get("scopes") or PUBLISHABLE_SCOPES) != PUBLISHABLE_SCOPES:
        raise serializers.ValidationError({"scopes": [_("A publishable key has the scope `chat` only.")]})
    return {**attrs, "scopes": PUBLISHABLE_SCOPES}


class RotateAPIKeySerializer(StrictSerializer):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=7 * 86_400,
        default=86_400,
        help_text=gettext_lazy("How long the old key goes on; a day when not said."),
    )
