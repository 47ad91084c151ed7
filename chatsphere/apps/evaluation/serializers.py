"""What goes in and out of the endpoints of evaluation."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chatsphere.apps.chatbots.serializers import version_field
from chatsphere.apps.evaluation.models import Evaluation, Generation, Result, TestQuestion, TestSet
from chatsphere.core.serializers import FiniteFloatField, LineField, StrictSerializer

LONGEST_IMPORT = 900_000  # characters


class PassageSerializer(StrictSerializer):
    """Where an answer stands: all that is named must fit."""

    source_id = serializers.UUIDField(required=False)
    document_id = serializers.UUIDField(required=False)
    quote = serializers.CharField(required=False, max_length=4_000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(_("Name a source, a document or a quote."))
        return {name: str(value) for name, value in attrs.items()}


class EarlierMessageSerializer(StrictSerializer):
    """A message before the question."""

    role = serializers.ChoiceField(choices=["user", "assistant"])
    text = serializers.CharField(max_length=4_000)


class QuestionInput(StrictSerializer):
    """A test question."""

    question = serializers.CharField(max_length=2_000)
    expects = serializers.ChoiceField(
        choices=TestQuestion.Expects.choices,
        required=False,
        help_text=gettext_lazy("`refusal`: the content has no answer, and the chatbot must say so."),
    )
    answers = serializers.ListField(
        child=serializers.CharField(max_length=2_000),
        required=False,
        max_length=20,
        help_text=gettext_lazy("Accepted answers; one of them must stand in the answer."),
    )
    passages = PassageSerializer(many=True, required=False)
    history = EarlierMessageSerializer(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("expects") == "refusal" and (attrs.get("answers") or attrs.get("passages")):
            raise serializers.ValidationError(_("A question that must be refused has no answers and no passages."))
        if len(attrs.get("passages", ())) > 20 or len(attrs.get("history", ())) > 20:
            raise serializers.ValidationError(_("Give at most 20 passages and 20 earlier messages."))
        return attrs


class QuestionsInput(StrictSerializer):
    """Questions to add."""

    questions = QuestionInput(many=True, allow_empty=False)


class ImportInput(StrictSerializer):
    """A file of questions."""

    format = serializers.ChoiceField(choices=["csv", "jsonl"])
    content = serializers.CharField(max_length=LONGEST_IMPORT, trim_whitespace=False)


class QuestionSerializer(serializers.ModelSerializer[TestQuestion]):
    """A question of a test set. Its id stays the same through all edits."""

    id = serializers.UUIDField(source="key")

    class Meta:
        model = TestQuestion
        fields = ("id", "question", "expects", "answers", "passages", "history", "origin", "since", "created_at")
        read_only_fields = fields


class TestSetInput(StrictSerializer):
    """Name and description of a test set."""

    __test__ = False
    name = LineField(max_length=200)
    description = serializers.CharField(max_length=2_000, required=False, allow_blank=True)


class GenerationSerializer(serializers.ModelSerializer[Generation]):
    """The writing of questions from the content."""

    error = serializers.SerializerMethodField()

    class Meta:
        model = Generation
        fields = ("id", "state", "wanted", "with_model", "written_count", "error", "created_at", "finished_at")
        read_only_fields = fields

    def get_error(self, generation: Generation) -> dict[str, str] | None:
        return _error(generation)


class TestSetSerializer(serializers.ModelSerializer[TestSet]):
    """A test set."""

    __test__ = False
    chatbot = serializers.UUIDField(source="chatbot_id", read_only=True)
    questions_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = TestSet
        fields = ("id", "chatbot", "name", "description", "revision", "questions_count", "created_at", "updated_at")
        read_only_fields = fields


class TestSetDetailSerializer(TestSetSerializer):
    """A test set with the last writing of questions for it."""

    generation = serializers.SerializerMethodField()

    class Meta:
        model = TestSet
        fields = (*TestSetSerializer.Meta.fields, "generation")
        read_only_fields = fields

    @extend_schema_field(GenerationSerializer(allow_null=True))
    def get_generation(self, test_set: TestSet) -> dict[str, Any] | None:
        newest = test_set.generations.order_by("-id").first()
        return dict(GenerationSerializer(newest).data) if newest is not None else None


class GenerateInput(StrictSerializer):
    """How many questions are wanted."""

    count = serializers.IntegerField(required=False, default=30, min_value=1, max_value=200)
    with_model = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text=gettext_lazy("Let the chatbot's model write them; null: where it has one that can."),
    )


class EvaluateInput(StrictSerializer):
    """What is evaluated."""

    version = version_field()


class SummarySerializer(serializers.Serializer[Any]):
    """Measures over all questions; null where no question could be measured. Shares are between 0 and 1."""

    questions = serializers.IntegerField()
    score = serializers.FloatField(
        allow_null=True,
        help_text=gettext_lazy(
            "Mean over the questions: 1 for a refusal that is wanted, 1 or the F1 where accepted answers are given, at most 0.5 where none are."
        ),
    )
    unchecked = serializers.IntegerField(
        required=False,
        help_text=gettext_lazy("Questions without accepted answers: what was said to them is not measured."),
    )
    hit_rate = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("An expected passage was among those given to the model.")
    )
    hit_at_1 = serializers.FloatField(allow_null=True)
    hit_at_3 = serializers.FloatField(allow_null=True)
    hit_at_5 = serializers.FloatField(allow_null=True)
    hit_at_10 = serializers.FloatField(allow_null=True)
    mrr = serializers.FloatField(allow_null=True)
    refusal_accuracy = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("Refused where it must, answered where it can.")
    )
    refused_wrongly = serializers.IntegerField()
    answered_wrongly = serializers.IntegerField()
    citation_validity = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("Cited statements that their passage bears out.")
    )
    answer_contained = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("An accepted answer stands in the answer.")
    )
    answer_f1 = serializers.FloatField(allow_null=True)
    latency_p50_ms = serializers.IntegerField(allow_null=True)
    latency_p95_ms = serializers.IntegerField(allow_null=True)
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost = serializers.IntegerField(help_text=gettext_lazy("Micro-units."))


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """An evaluation."""

    chatbot = serializers.UUIDField(source="chatbot_id", read_only=True)
    test_set = serializers.UUIDField(source="test_set_id", read_only=True)
    progress = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Evaluation
        fields = (
            "id", "chatbot", "test_set", "revision", "knowledge_version", "version", "configuration", "state", "progress", "summary", "error",
            "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_progress(self, evaluation: Evaluation) -> dict[str, int]:
        return {"done": evaluation.done_count, "total": evaluation.questions_count}

    @extend_schema_field(SummarySerializer(allow_null=True))
    def get_summary(self, evaluation: Evaluation) -> dict[str, Any] | None:
        return evaluation.summary or None

    def get_error(self, evaluation: Evaluation) -> dict[str, str] | None:
        return _error(evaluation)


class ResultSerializer(serializers.ModelSerializer[Result]):
    """One question of an evaluation."""

    question_id = serializers.UUIDField(source="question.key", read_only=True)
    question = serializers.CharField(source="question.question", read_only=True)
    expects = serializers.CharField(source="question.expects", read_only=True)
    cost = serializers.IntegerField(source="cost_micros", read_only=True)

    class Meta:
        model = Result
        fields = (
            "id", "question_id", "question", "expects", "score", "is_refused", "rank", "contained", "f1", "statements",
            "supported", "finish_reason", "probability", "answer", "citations", "model", "prompt_tokens",
            "completion_tokens", "cost", "latency_ms",
        )  # fmt: skip
        read_only_fields = fields


class ResultFilters(StrictSerializer):
    """Narrows the results of an evaluation."""

    below = FiniteFloatField(
        required=False, min_value=0, max_value=1, help_text=gettext_lazy("Only results with a lower score.")
    )


class ComparisonFilters(StrictSerializer):
    """Which evaluation to compare with."""

    locals()["with"] = serializers.UUIDField(
        required=False, help_text=gettext_lazy("The earlier evaluation; left out: the one before of this test set.")
    )


class ChangedQuestionSerializer(serializers.Serializer[Any]):
    """A question that was answered better or worse."""

    question_id = serializers.UUIDField()
    question = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """Two evaluations side by side, over the questions that both asked."""

    before = serializers.UUIDField()
    after = serializers.UUIDField()
    questions = serializers.IntegerField()
    measures = serializers.DictField(
        child=serializers.JSONField(), help_text=gettext_lazy("`{before, after, change}` by name.")
    )
    improved = ChangedQuestionSerializer(many=True)
    worse = ChangedQuestionSerializer(many=True)
    only_before = serializers.IntegerField()
    only_after = serializers.IntegerField()


class RiskSerializer(serializers.Serializer[Any]):
    """The share of questions without an answer among the surest ones."""

    coverage = serializers.FloatField()
    risk = serializers.FloatField()


class CalibrationSerializer(serializers.Serializer[Any]):
    """Weights for the decision to answer, fitted to the questions of an evaluation."""

    weights = serializers.DictField(child=serializers.FloatField())
    min_score = serializers.FloatField(help_text=gettext_lazy("With which the weights are used."))
    answerable = serializers.IntegerField()
    unanswerable = serializers.IntegerField()
    balanced_accuracy_before = serializers.FloatField()
    balanced_accuracy_after = serializers.FloatField(
        help_text=gettext_lazy("On questions that were not fitted (five-fold).")
    )
    auroc = serializers.FloatField(help_text=gettext_lazy("Of the weights in use."))
    risk_coverage = RiskSerializer(many=True)


class GateSerializer(serializers.Serializer[Any]):
    """The publish gate of a chatbot."""

    test_set = serializers.UUIDField(allow_null=True, help_text=gettext_lazy("null: every version may be published."))
    tolerance = serializers.FloatField()


class GateInput(StrictSerializer):
    """Which test set guards publishing."""

    test_set = serializers.UUIDField(allow_null=True)
    tolerance = FiniteFloatField(
        required=False,
        default=0.0,
        min_value=0,
        max_value=1,
        help_text=gettext_lazy("How much a measure may fall: 0.02 is two points. Default 0."),
    )


def _error(row: Evaluation | Generation) -> dict[str, str] | None:
    return {"type": row.error_type, "message": row.error_message} if row.error_type else None
