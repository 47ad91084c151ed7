"""What comes in and what is shown."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chatsphere.apps.chatbots.configuration import ConfigurationSerializer
from chatsphere.apps.chatbots.serializers import version_field
from chatsphere.apps.conversations.models import Citation, Conversation, Feedback, Message
from chatsphere.apps.conversations.question import LONGEST_ATTRIBUTES, MOST_ATTRIBUTES
from chatsphere.core.quick_fields import QuickFields
from chatsphere.core.serializers import LineField, StrictSerializer

LONGEST_MESSAGE = 8_000
LONGEST_QUERY = 2_000
MOST_RESULTS = 50


class VisitorSerializer(StrictSerializer):
    """Who is asking, as you know them."""

    external_id = serializers.CharField(max_length=200, help_text=_("Your own id of this person."))
    name = LineField(max_length=200, required=False, allow_blank=True, default="")
    email = serializers.EmailField(required=False, allow_blank=True)
    attributes = serializers.JSONField(
        required=False,
        default=dict,
        help_text=_("Added to what is known; when both together are too many, the new ones take its place."),
    )

    def validate_attributes(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MOST_ATTRIBUTES or len(str(value)) > LONGEST_ATTRIBUTES:
            raise serializers.ValidationError(_("Give an object of at most 50 keys and 8,000 characters."))
        return value


class ChatSerializer(StrictSerializer):
    """A message to a chatbot."""

    message = serializers.CharField(max_length=LONGEST_MESSAGE)
    conversation_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    stream = serializers.BooleanField(required=False, default=False)
    visitor = VisitorSerializer(required=False, allow_null=True, default=None)


class RegenerateSerializer(StrictSerializer):
    """How the question is to be answered once more."""

    stream = serializers.BooleanField(required=False, default=False)


class EditSerializer(StrictSerializer):
    """The question in other words."""

    message = serializers.CharField(max_length=LONGEST_MESSAGE)
    stream = serializers.BooleanField(required=False, default=False)


class ReplaySerializer(StrictSerializer):
    """With which settings the question is answered."""

    version = version_field()
    configuration = ConfigurationSerializer(
        required=False, default=dict, help_text=_("Keys that are different this time.")
    )


class HandoffSerializer(StrictSerializer):
    """Why a person is needed, and what it is about."""

    reason = LineField(max_length=40, required=False, allow_blank=True, default="")
    summary = serializers.CharField(
        max_length=4_000,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Empty: made of the visitor's last questions."),
    )


class AgentMessageSerializer(StrictSerializer):
    """What a person writes."""

    content = serializers.CharField(max_length=LONGEST_MESSAGE)


class FiltersSerializer(StrictSerializer):
    """Narrows a search; an empty list finds nothing."""

    source_ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    document_ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    languages = serializers.ListField(child=serializers.CharField(max_length=20), required=False, max_length=20)
    access_tags = serializers.ListField(child=LineField(max_length=100), required=False, max_length=100)


class SearchSerializer(StrictSerializer):
    """What to look for."""

    query = serializers.CharField(max_length=LONGEST_QUERY)
    k = serializers.IntegerField(required=False, default=8, min_value=1, max_value=MOST_RESULTS)
    filters = FiltersSerializer(required=False, allow_null=True, default=None)


class ScoresSerializer(serializers.Serializer[Any]):
    """Every score of a hit: cosine, BM25, the mean of their z-scores with what is in it because the title names the period that the question
    means, and for the meaning of its words (`words` is the mean cosine of those nearest to the question's);
    the cosine of its closest sentence and the score of the last order, where it was read closely (a reranker gives the last one only)."""

    dense = serializers.FloatField(allow_null=True)
    sparse = serializers.FloatField(allow_null=True)
    fused = serializers.FloatField()
    period = serializers.FloatField(allow_null=True)
    words = serializers.FloatField(allow_null=True)
    sentence = serializers.FloatField(allow_null=True)
    rerank = serializers.FloatField(allow_null=True)


class SearchResultSerializer(serializers.Serializer[Any]):
    """A found chunk at its best place."""

    rank = serializers.IntegerField()
    score = serializers.FloatField()
    chunk_id = serializers.UUIDField()
    document_id = serializers.UUIDField()
    source_id = serializers.UUIDField()
    title = serializers.CharField()
    url = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    heading_path = serializers.ListField(child=serializers.CharField())
    text = serializers.CharField()
    char_start = serializers.IntegerField()
    char_end = serializers.IntegerField()
    scores = ScoresSerializer()


class SearchAnswerSerializer(serializers.Serializer[Any]):
    """What was found, best first."""

    results = SearchResultSerializer(many=True)
    took_ms = serializers.FloatField()


class QuoteSerializer(QuickFields, serializers.Serializer[Any]):
    """A stretch of a document, word for word."""

    quote = serializers.CharField()
    char_start = serializers.IntegerField()
    char_end = serializers.IntegerField()


class CitationSerializer(QuickFields, serializers.ModelSerializer[Citation]):
    """A quote that stands verbatim in the document at ``[char_start, char_end)``; ``quotes`` are all that the answer rests on."""

    quotes = QuoteSerializer(many=True)

    class Meta:
        model = Citation
        fields = (
            "index", "source_id", "document_id", "chunk_id", "title", "url", "page", "quote", "char_start", "char_end",
            "quotes",
        )  # fmt: skip
        read_only_fields = fields


class UsageSerializer(serializers.Serializer[Any]):
    """What an answer used."""

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    cost = serializers.IntegerField(help_text=_("Micro-units of the currency."))
    currency = serializers.CharField()


class AnswerMessageSerializer(serializers.Serializer[Any]):
    """The assistant's message."""

    id = serializers.UUIDField()
    role = serializers.CharField(help_text="`assistant`")
    content = serializers.CharField(help_text=_("Refers to citations as `[1]`."))
    citations = CitationSerializer(many=True)
    grounded = serializers.BooleanField(
        allow_null=True,
        help_text=_("Whether the cited passages bear the answer out; null when there is nothing to check."),
    )
    ungrounded = serializers.ListField(
        child=serializers.CharField(), help_text=_("The statements that no cited passage bears out.")
    )
    finish_reason = serializers.ChoiceField(
        choices=["stop", "length", "refused_no_context", "blocked", "handoff", "handoff_offered", "cancelled", "error"]
    )
    model = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    usage = UsageSerializer()
    latency_ms = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class AnswerSerializer(serializers.Serializer[Any]):
    """A whole answer; also the data of ``message.completed``."""

    conversation_id = serializers.UUIDField()
    message = AnswerMessageSerializer()


class RehearsedSerializer(serializers.Serializer[Any]):
    """An answer that is not kept."""

    content = serializers.CharField()
    citations = CitationSerializer(many=True)
    grounded = serializers.BooleanField(allow_null=True)
    ungrounded = serializers.ListField(child=serializers.CharField())
    finish_reason = serializers.CharField()
    model = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    usage = UsageSerializer()
    latency_ms = serializers.IntegerField()
    trace = serializers.JSONField()


class ReplayedSerializer(serializers.Serializer[Any]):
    """An answer beside the one that other settings give."""

    original = AnswerSerializer()
    replay = RehearsedSerializer()


class ConversationFilters(StrictSerializer):
    """Narrows a list of conversations."""

    chatbot = serializers.UUIDField(required=False)
    visitor = serializers.CharField(required=False, max_length=200, help_text=_("Your own id of the visitor."))
    channel = serializers.ChoiceField(choices=Conversation.Channel.choices, required=False)
    since = serializers.DateTimeField(required=False, help_text=_("Begun at this time or later."))
    until = serializers.DateTimeField(required=False, help_text=_("Begun before this time."))
    search = serializers.CharField(
        required=False,
        max_length=200,
        help_text=_("Words that a message has, all of them; a phrase in quotes; -word leaves out."),
    )
    has_feedback = serializers.BooleanField(required=False, allow_null=True, default=None)
    unanswered = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text=_("With a question that was declined.")
    )


class ConversationVisitorSerializer(QuickFields, serializers.Serializer[Any]):
    """Who asked."""

    id = serializers.UUIDField()
    external_id = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField()
    attributes = serializers.JSONField()
    is_verified = serializers.BooleanField()


class ConversationSerializer(QuickFields, serializers.ModelSerializer[Conversation]):
    """A conversation without its messages."""

    chatbot = serializers.UUIDField(source="chatbot_id", read_only=True)
    visitor = ConversationVisitorSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Conversation
        fields = (
            "id",
            "chatbot",
            "visitor",
            "channel",
            "state",
            "handoff_reason",
            "handoff_summary",
            "handed_off_at",
            "title",
            "messages_count",
            "created_at",
            "last_message_at",
        )
        read_only_fields = fields


class VisitedConversationSerializer(serializers.Serializer[Any]):
    """A conversation as its visitor sees it."""

    id = serializers.UUIDField()
    chatbot = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Conversation.State.choices)
    handed_off_at = serializers.DateTimeField(allow_null=True)
    can_hand_off = serializers.BooleanField(help_text=_("Whether a visitor of this chatbot may ask for a person."))
    last_event = serializers.IntegerField(help_text=_("`Last-Event-ID` for a stream that begins here; 0: none so far."))
    messages_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    last_message_at = serializers.DateTimeField()


class FeedbackSerializer(QuickFields, serializers.ModelSerializer[Feedback]):
    """What somebody thought of an answer."""

    class Meta:
        model = Feedback
        fields = ("rating", "comment", "created_at", "updated_at")
        read_only_fields = fields


class FeedbackRequestSerializer(StrictSerializer):
    """A thumb, and why."""

    rating = serializers.ChoiceField(choices=Feedback.Rating.choices)
    comment = serializers.CharField(max_length=4_000, required=False, allow_blank=True, default="")


class MessageSerializer(QuickFields, serializers.ModelSerializer[Message]):
    """A message of a conversation, with all that belongs to it."""

    parent = serializers.UUIDField(source="parent_id", read_only=True, allow_null=True)  # type: ignore[assignment]
    role = serializers.CharField(read_only=True, help_text="`user`, `assistant` or `agent`.")
    citations = CitationSerializer(many=True, read_only=True)
    feedback = serializers.SerializerMethodField()
    usage = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = (
            "id", "parent", "role", "state", "content", "citations", "grounded", "unsupported", "finish_reason", "model",
            "version", "usage", "latency_ms", "first_token_ms", "feedback", "error", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(FeedbackSerializer(allow_null=True))
    def get_feedback(self, message: Message) -> dict[str, Any] | None:
        given = getattr(message, "feedback", None)
        return dict(FeedbackSerializer(given).data) if given is not None else None

    @extend_schema_field(UsageSerializer)
    def get_usage(self, message: Message) -> dict[str, Any]:
        return {
            "prompt_tokens": message.prompt_tokens,
            "completion_tokens": message.completion_tokens,
            "total_tokens": message.prompt_tokens + message.completion_tokens,
            "cost": message.cost_micros,
            "currency": message.currency,
        }

    def get_error(self, message: Message) -> dict[str, str] | None:
        if message.state != Message.State.FAILED:
            return None
        return {"type": message.error_type, "message": message.error_message}


class VisitedMessageSerializer(QuickFields, serializers.ModelSerializer[Message]):
    """A message as the visitor of its conversation sees it."""

    parent = serializers.UUIDField(source="parent_id", read_only=True, allow_null=True)  # type: ignore[assignment]
    role = serializers.CharField(
        read_only=True, help_text=_("`user`, `assistant`, or `agent`: a person who took the conversation over.")
    )
    citations = CitationSerializer(many=True, read_only=True)

    class Meta:
        model = Message
        fields = ("id", "parent", "role", "state", "content", "citations", "grounded", "finish_reason", "created_at")
        read_only_fields = fields


class StreamFilters(StrictSerializer):
    """How long a stream lasts."""

    wait = serializers.IntegerField(
        required=False,
        default=900,
        min_value=0,
        max_value=900,
        help_text=_(
            "Seconds after which it ends at the latest; 0: with what is there. Short ones serve clients that cannot read streams."
        ),
    )


class MessageFilters(StrictSerializer):
    """Narrows the messages of a conversation."""

    after = serializers.UUIDField(required=False, help_text=_("Only messages that are newer than this one."))


class TraceSerializer(serializers.Serializer[Any]):
    """How an answer came about."""

    message = serializers.UUIDField()
    question = serializers.CharField()
    model = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    usage = UsageSerializer()
    search_text = serializers.CharField(
        help_text=_("What was searched for: the question, or a follow-up made searchable.")
    )
    rewrite = serializers.JSONField(
        help_text=_(
            "Who completed a follow-up question (`by`: model or words), in how many `ms`, with how many tokens; null when no model was to."
        )
    )
    words_only = serializers.BooleanField(
        help_text=_(
            "Whether it was searched by words alone: without vectors, or because the question could not be embedded."
        )
    )
    candidates = serializers.ListField(child=serializers.JSONField(), help_text=_("All hits with every score."))
    neighbours = serializers.ListField(
        child=serializers.JSONField(),
        help_text=_("What stands before or after the hits in the prompt, and was shown with them."),
    )
    decision = serializers.JSONField(help_text=_("Whether the question could be answered, and why."))
    prompt = serializers.JSONField(help_text=_("What the model was given."))
    guardrails = serializers.JSONField(
        help_text=_("What was blocked, redacted, withheld, doubted or removed from the answer; empty: nothing.")
    )
    timings = serializers.JSONField(help_text=_("Milliseconds."))
