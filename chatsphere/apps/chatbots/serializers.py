"""What goes in and out of the chatbots' endpoints."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chatsphere.apps.chatbots.configuration import ConfigurationSerializer, as_stored, read_configuration
from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.apps.chatbots.slugs import slug_of
from chatsphere.apps.users.serializers import budget_field
from chatsphere.core.query import SparseFields
from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.serializers import LineField, StrictSerializer

BUDGET_HELP = "What all answers of this chatbot may cost a day."
VISITOR_BUDGET_HELP = "What answers to one visitor may cost a day."
LIKE_AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


def version_field() -> serializers.IntegerField:
    """A version's number in a body, within what its column holds; it may be left out or null."""
    return serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2**31 - 1,
        help_text=gettext_lazy("A version's number; null: the configuration as it stands now."),
    )


class ChatbotSerializer(SparseFields):
    """A chatbot. ``configuration`` shows every key, defaults included."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    is_active = serializers.BooleanField()
    configuration = serializers.SerializerMethodField()
    published_version = serializers.IntegerField(
        source="published_number",
        allow_null=True,
        help_text=gettext_lazy("The version that answers; null: the configuration as it stands."),
    )
    budget_per_day = serializers.IntegerField(allow_null=True, help_text=BUDGET_HELP)
    visitor_budget_per_day = serializers.IntegerField(allow_null=True, help_text=VISITOR_BUDGET_HELP)
    sources_count = serializers.IntegerField()
    warnings = serializers.SerializerMethodField(
        help_text=gettext_lazy("In the answer to a change: what of it reaches the trained content only by `retrain`.")
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @extend_schema_field(ConfigurationSerializer)
    def get_configuration(self, chatbot: Chatbot) -> dict[str, Any]:
        return as_stored(read_configuration(chatbot.configuration))

    def get_warnings(self, _chatbot: Chatbot) -> list[str]:
        warnings: list[str] = self.context.get("warnings", [])
        return warnings


class ChatbotInput(StrictSerializer):
    """What a member may say of a chatbot."""

    name = LineField(max_length=200)
    slug = serializers.CharField(
        required=False,
        max_length=80,
        help_text=gettext_lazy(
            "Names the chatbot in the OpenAI-compatible API; made from the name when it is left out."
        ),
    )
    is_active = serializers.BooleanField(required=False, help_text=gettext_lazy("An inactive chatbot answers nobody."))
    configuration = ConfigurationSerializer(required=False)
    budget_per_day = budget_field(BUDGET_HELP)
    visitor_budget_per_day = budget_field(VISITOR_BUDGET_HELP)

    def validate_slug(self, value: str) -> str:
        if value != slug_of(value) or LIKE_AN_ID.match(value):
            raise serializers.ValidationError(_("Use small letters, digits and single hyphens, 70 at most."))
        return value


class ChatbotFilters(serializers.Serializer[Any]):
    """How a list of chatbots can be narrowed."""

    is_active = serializers.BooleanField(required=False)
    slug = serializers.CharField(required=False)
    search = serializers.CharField(required=False, max_length=200, help_text=gettext_lazy("A part of the name."))


class VersionSerializer(QuickFields, serializers.Serializer[Any]):
    """A frozen configuration."""

    number = serializers.IntegerField()
    note = serializers.CharField()
    configuration = serializers.SerializerMethodField()
    is_published = serializers.SerializerMethodField(help_text=gettext_lazy("Whether it answers now."))
    published_at = serializers.DateTimeField(
        allow_null=True, help_text=gettext_lazy("When it was published last; null: never.")
    )
    created_by = serializers.UUIDField(source="created_by_id", allow_null=True)
    created_at = serializers.DateTimeField()

    @extend_schema_field(ConfigurationSerializer)
    def get_configuration(self, version: ChatbotVersion) -> dict[str, Any]:
        return as_stored(read_configuration(version.configuration))

    def get_is_published(self, version: ChatbotVersion) -> bool:
        return bool(version.chatbot.published_version_id == version.pk)


class VersionInput(StrictSerializer):
    """What may be said of a new version."""

    note = serializers.CharField(required=False, max_length=500, allow_blank=True)
