"""How reports are asked for and shown."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chatsphere.apps.analytics.models import QuestionCluster
from chatsphere.apps.analytics.reports import DIMENSIONS
from chatsphere.core.serializers import LineField, StrictSerializer

INTERVALS = ("hour", "day", "week")


class PeriodFilters(serializers.Serializer[Any]):
    """Which chatbot and from when to when."""

    chatbot = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False, help_text=_("Rounded down to the hour; default 30 days ago."))
    until = serializers.DateTimeField(required=False, help_text=_("Rounded up to the hour; default now."))


class OverviewFilters(PeriodFilters):
    """The same with the steps of the series."""

    interval = serializers.ChoiceField(choices=INTERVALS, required=False, help_text=_("Default: day."))


class UsageFilters(PeriodFilters):
    """The same with what to group by."""

    by = serializers.CharField(
        required=False,
        help_text=_("Dimensions with commas: chatbot, key, model, channel, day, kind. Default: chatbot,key,day,model."),
    )

    def validate_by(self, value: str) -> list[str]:
        names = [name.strip() for name in value.split(",")]
        if len(set(names)) != len(names) or any(name not in DIMENSIONS for name in names):
            raise serializers.ValidationError(_("Choose from: chatbot, key, model, channel, day, kind; each once."))
        return names


class SourceFilters(PeriodFilters):
    """The same with which sources."""

    state = serializers.ChoiceField(choices=("cited", "never_cited", "stale"), required=False)


class FiguresSerializer(serializers.Serializer[Any]):
    """The figures of a period. Percentiles are null without an answer and off by 2 % at most; ``cost`` is in micro-units."""

    conversations = serializers.IntegerField(help_text=_("That began in this period."))
    messages = serializers.IntegerField(help_text=_("Questions with their answers."))
    visitors = serializers.IntegerField(help_text=_("Distinct ones."))
    answered = serializers.IntegerField()
    refused = serializers.IntegerField()
    failed = serializers.IntegerField()
    handed_off = serializers.IntegerField()
    feedback_up = serializers.IntegerField(help_text=_("Ratings of answers of this period, whenever they came."))
    feedback_down = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    embedding_tokens = serializers.IntegerField()
    cost = serializers.IntegerField()
    latency_p50_ms = serializers.IntegerField(allow_null=True)
    latency_p95_ms = serializers.IntegerField(allow_null=True)
    first_token_p50_ms = serializers.IntegerField(allow_null=True)
    first_token_p95_ms = serializers.IntegerField(allow_null=True)


class StepSerializer(FiguresSerializer):
    """The figures of one hour, day or week."""

    at = serializers.DateTimeField()


class CostSerializer(serializers.Serializer[Any]):
    """What was spent in one currency, in micro-units."""

    currency = serializers.CharField()
    cost = serializers.IntegerField()


class OverviewSerializer(serializers.Serializer[Any]):
    """How the chatbots do. ``change`` holds shares (0.1 is 10 % more than in the period before), null without one."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    interval = serializers.ChoiceField(choices=INTERVALS)
    time_zone = serializers.CharField()
    currency = serializers.CharField()
    costs = CostSerializer(many=True)
    totals = FiguresSerializer()
    previous = FiguresSerializer()
    change = serializers.DictField(child=serializers.FloatField(allow_null=True))
    series = StepSerializer(many=True)


class UsageLineSerializer(serializers.Serializer[Any]):
    """One line of usage; the dimensions that were not asked for are missing."""

    chatbot = serializers.UUIDField(required=False, allow_null=True)
    key = serializers.UUIDField(required=False, allow_null=True)
    model = serializers.CharField(required=False)
    channel = serializers.CharField(required=False)
    day = serializers.DateTimeField(required=False)
    kind = serializers.CharField(required=False)
    lines = serializers.IntegerField(help_text=_("Answers, searches and training steps together."))
    messages = serializers.IntegerField()
    answered = serializers.IntegerField()
    refused = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    embedding_tokens = serializers.IntegerField()
    cost = serializers.IntegerField(help_text=_("In micro-units of the currency."))
    currency = serializers.CharField()


@extend_schema_serializer(component_name="UsageReport")
class UsageSerializer(serializers.Serializer[Any]):
    """What was used, by whom and for how much."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    by = serializers.ListField(child=serializers.CharField())
    truncated = serializers.BooleanField(help_text=_("JSON shows 10,000 lines; CSV shows all."))
    results = UsageLineSerializer(many=True)


class SourceLineSerializer(serializers.Serializer[Any]):
    """A source and how often answers cited it."""

    id = serializers.UUIDField()
    chatbot = serializers.UUIDField()
    name = serializers.CharField()
    source_type = serializers.CharField()
    status = serializers.CharField()
    searchable = serializers.CharField()
    chunks_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    last_synced_at = serializers.DateTimeField(allow_null=True)
    refresh = serializers.CharField()
    citations = serializers.IntegerField()
    answers = serializers.IntegerField(help_text=_("That cite it at least once."))
    last_cited_at = serializers.DateTimeField(allow_null=True, help_text=_("The hour."))
    never_cited = serializers.BooleanField(help_text=_("Not in this period."))
    stale = serializers.BooleanField(help_text=_("From the web, and not read for 30 days."))


class SourcesSerializer(serializers.Serializer[Any]):
    """The sources of a workspace, most cited first."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    totals = serializers.DictField(child=serializers.IntegerField())
    results = SourceLineSerializer(many=True)


# --- the inbox ------------------------------------------------------------------------------------------------------


class QuestionFilters(serializers.Serializer[Any]):
    """Which clusters."""

    state = serializers.ChoiceField(choices=QuestionCluster.State.choices, required=False)
    chatbot = serializers.UUIDField(required=False)


class ExampleSerializer(serializers.Serializer[Any]):
    """A question as it was asked."""

    message_id = serializers.UUIDField()
    text = serializers.CharField()
    reason = serializers.CharField()
    asked_at = serializers.DateTimeField()


class ClusterSerializer(serializers.Serializer[Any]):
    """Questions of one meaning. ``question`` is the most central of them."""

    id = serializers.UUIDField()
    chatbot = serializers.UUIDField(source="chatbot_id")
    state = serializers.ChoiceField(choices=QuestionCluster.State.choices)
    question = serializers.CharField()
    asked_count = serializers.IntegerField()
    first_asked_at = serializers.DateTimeField()
    last_asked_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    reopened_at = serializers.DateTimeField(allow_null=True, help_text=_("When it was asked in vain again."))
    reasons = serializers.DictField(child=serializers.IntegerField())
    examples = ExampleSerializer(many=True)


class AnswerWorkSerializer(serializers.Serializer[Any]):
    """What answering came to: each question with the answer before and after."""

    state = serializers.CharField()
    source = serializers.UUIDField(source="source_id")  # type: ignore[assignment]  # DRF keeps fields apart
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error_message = serializers.CharField()
    results = serializers.ListField(child=serializers.DictField())


class ClusterDetailSerializer(ClusterSerializer):
    """The same with the last attempt to answer it."""

    answer = AnswerWorkSerializer(allow_null=True)


class AnswerInput(StrictSerializer):
    """The answer that the content lacked."""

    answer = serializers.CharField(max_length=20_000)
    question = serializers.CharField(
        max_length=2_000, required=False, help_text=_("Default: the cluster's most central question.")
    )
    name = LineField(max_length=300, required=False, help_text=_("Name of the new source."))


# --- coverage -------------------------------------------------------------------------------------------------------


class CoverageFilters(serializers.Serializer[Any]):
    """Of which chatbot."""

    chatbot = serializers.UUIDField(required=False)


class FindingSerializer(serializers.Serializer[Any]):
    """Something about the content that an editor should look at."""

    id = serializers.UUIDField()
    chatbot = serializers.UUIDField(source="chatbot_id")
    source = serializers.UUIDField(source="source_id")  # type: ignore[assignment]  # DRF keeps fields apart
    score = serializers.FloatField()
    data = serializers.DictField()  # type: ignore[assignment]  # DRF keeps fields apart
    created_at = serializers.DateTimeField()


class SuggestionSerializer(serializers.Serializer[Any]):
    """A source that is missing: a question that is asked often."""

    question_id = serializers.UUIDField()
    chatbot = serializers.UUIDField()
    question = serializers.CharField()
    asked_count = serializers.IntegerField()


class CoverageSerializer(serializers.Serializer[Any]):
    """What the content lacks, holds twice, or holds out of date. Found anew each six hours."""

    never_cited = SourceLineSerializer(many=True, help_text=_("Sources that no answer of the last 30 days cites."))
    stale = SourceLineSerializer(many=True)
    changed_at_origin = FindingSerializer(many=True)
    near_duplicates = FindingSerializer(many=True)
    contradictions = FindingSerializer(many=True)
    suggested = SuggestionSerializer(many=True)


class DigestSerializer(serializers.Serializer[Any]):
    """Whether you get the weekly digest of this workspace."""

    subscribed = serializers.BooleanField()
