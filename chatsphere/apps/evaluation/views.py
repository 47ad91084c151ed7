"""Test sets, their questions and the publish gate over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.evaluation import actions
from chatsphere.apps.evaluation.importing import read_questions
from chatsphere.apps.evaluation.models import PublishGate, TestQuestion, TestSet
from chatsphere.apps.evaluation.serializers import (
    GateInput,
    GateSerializer,
    GenerateInput,
    GenerationSerializer,
    ImportInput,
    QuestionInput,
    QuestionSerializer,
    QuestionsInput,
    TestSetDetailSerializer,
    TestSetInput,
    TestSetSerializer,
)
from chatsphere.apps.evaluation.writing import uses_model
from chatsphere.core.exceptions import NotFound
from chatsphere.core.principal import principal_of

TAGS = ["evaluation"]
SCOPE = "evaluations"


class TestSetList(GenericAPIView[TestSet]):
    """The test sets of a chatbot."""

    __test__ = False
    scope = SCOPE
    serializer_class = TestSetSerializer

    @extend_schema(operation_id="test_sets_list", responses={200: TestSetSerializer(many=True)}, tags=TAGS)
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """Newest first."""
        rows = _counted(request).filter(chatbot_id=chatbot_of(request, chatbot_id).pk)
        return self.get_paginated_response(TestSetSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(
        operation_id="test_sets_create", request=TestSetInput, responses={201: TestSetDetailSerializer}, tags=TAGS
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """A test set without questions."""
        chatbot = chatbot_of(request, chatbot_id)
        body = TestSetInput(data=request.data)
        body.is_valid(raise_exception=True)
        made = actions.create_test_set(chatbot=chatbot, **body.validated_data)
        return _shown(request, made.pk, status=201)


class TestSetDetail(GenericAPIView[TestSet]):
    """One test set."""

    __test__ = False
    scope = SCOPE
    serializer_class = TestSetDetailSerializer

    @extend_schema(operation_id="test_sets_retrieve", responses={200: TestSetDetailSerializer}, tags=TAGS)
    def get(self, request: Request, test_set_id: UUID) -> Response:
        """With the last writing of questions for it."""
        return _shown(request, test_set_id)

    @extend_schema(
        operation_id="test_sets_partial_update",
        request=TestSetInput,
        responses={200: TestSetDetailSerializer},
        tags=TAGS,
    )
    def patch(self, request: Request, test_set_id: UUID) -> Response:
        """Another name or description."""
        test_set = test_set_of(request, test_set_id)
        body = TestSetInput(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        actions.rename_test_set(test_set=test_set, changes=body.validated_data)
        return _shown(request, test_set_id)

    @extend_schema(operation_id="test_sets_destroy", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, test_set_id: UUID) -> Response:
        """With its questions and evaluations."""
        actions.delete_test_set(test_set=test_set_of(request, test_set_id))
        return Response(status=204)


class QuestionList(GenericAPIView[TestQuestion]):
    """The questions of a test set, as they stand now."""

    scope = SCOPE
    serializer_class = QuestionSerializer
    ordering = "id"

    @extend_schema(operation_id="test_questions_list", responses={200: QuestionSerializer(many=True)}, tags=TAGS)
    def get(self, request: Request, test_set_id: UUID) -> Response:
        """In the order in which they were written or last edited."""
        page = self.paginate_queryset(actions.current(test_set_of(request, test_set_id)))
        return self.get_paginated_response(QuestionSerializer(page, many=True).data)

    @extend_schema(
        operation_id="test_questions_create",
        request=QuestionsInput,
        responses={201: QuestionSerializer(many=True)},
        tags=TAGS,
        filters=False,
    )
    def post(self, request: Request, test_set_id: UUID) -> Response:
        """Add questions, in one new revision. Those that stand there already are left out; the answer holds the new ones."""
        test_set = test_set_of(request, test_set_id)
        body = QuestionsInput(data=request.data)
        body.is_valid(raise_exception=True)
        made = actions.add_questions(
            test_set=test_set, questions=body.validated_data["questions"], origin=TestQuestion.Origin.WRITTEN
        )
        return Response(QuestionSerializer(made, many=True).data, status=201)


class QuestionDetail(GenericAPIView[TestQuestion]):
    """One question."""

    scope = SCOPE
    serializer_class = QuestionSerializer

    @extend_schema(operation_id="test_questions_retrieve", responses={200: QuestionSerializer}, tags=TAGS)
    def get(self, request: Request, test_set_id: UUID, question_id: UUID) -> Response:
        """As it stands now."""
        return Response(QuestionSerializer(_question(request, test_set_id, question_id)).data)

    @extend_schema(
        operation_id="test_questions_partial_update",
        request=QuestionInput,
        responses={200: QuestionSerializer},
        tags=TAGS,
    )
    def patch(self, request: Request, test_set_id: UUID, question_id: UUID) -> Response:
        """Change what you name, in a new revision. Evaluations keep the question as they asked it."""
        question = _question(request, test_set_id, question_id)
        body = QuestionInput(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changed = actions.edit_question(question=question, changes=body.validated_data)
        return Response(QuestionSerializer(changed).data)

    @extend_schema(operation_id="test_questions_destroy", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, test_set_id: UUID, question_id: UUID) -> Response:
        """It is asked no more; evaluations keep it."""
        actions.remove_question(question=_question(request, test_set_id, question_id))
        return Response(status=204)


class QuestionImport(GenericAPIView[TestQuestion]):
    """Questions from a file."""

    scope = SCOPE
    serializer_class = QuestionSerializer

    @extend_schema(
        operation_id="test_questions_import",
        request=ImportInput,
        responses={201: QuestionSerializer(many=True)},
        tags=TAGS,
        filters=False,
    )
    def post(self, request: Request, test_set_id: UUID) -> Response:
        """CSV with the columns `question`, `answers` (several separated by `|`), `expects`, `source_id`, `document_id`, `quote`; or JSON Lines
        with the fields of a question. All or nothing: a line that is wrong is named."""
        test_set = test_set_of(request, test_set_id)
        body = ImportInput(data=request.data)
        body.is_valid(raise_exception=True)
        questions = read_questions(body.validated_data["content"], body.validated_data["format"], QuestionInput)
        made = actions.add_questions(test_set=test_set, questions=questions, origin=TestQuestion.Origin.IMPORTED)
        return Response(QuestionSerializer(made, many=True).data, status=201)


class QuestionGeneration(GenericAPIView[Any]):
    """Questions from the chatbot's own content."""

    scope = SCOPE
    serializer_class = GenerationSerializer

    @extend_schema(
        operation_id="test_questions_generate", request=GenerateInput, responses={202: GenerationSerializer}, tags=TAGS
    )
    def post(self, request: Request, test_set_id: UUID) -> Response:
        """Queues the writing of questions, a tenth of which must be refused. The test set shows how far it is. Read them before you rely on them."""
        test_set = test_set_of(request, test_set_id)
        body = GenerateInput(data=request.data)
        body.is_valid(raise_exception=True)
        with_model = body.validated_data["with_model"]
        if with_model is None:
            with_model = uses_model(read_configuration(test_set.chatbot.configuration).model)
        made = actions.generate_questions(
            test_set=test_set,
            wanted=body.validated_data["count"],
            with_model=with_model,
            principal=principal_of(request),
        )
        return Response(GenerationSerializer(made).data, status=202)


class Gate(GenericAPIView[Any]):
    """The publish gate of a chatbot."""

    scope = SCOPE
    serializer_class = GateSerializer

    @extend_schema(operation_id="publish_gate_retrieve", responses={200: GateSerializer}, tags=TAGS)
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """Which test set guards publishing."""
        chatbot = chatbot_of(request, chatbot_id)
        gate = PublishGate.objects.in_workspace(chatbot.workspace_id).filter(chatbot=chatbot).first()
        return _gate(gate)

    @extend_schema(operation_id="publish_gate_update", request=GateInput, responses={200: GateSerializer}, tags=TAGS)
    def put(self, request: Request, chatbot_id: UUID) -> Response:
        """From now on a version is published only when no measure falls by more than `tolerance`; else publishing answers 409
        `version_got_worse` with what got worse, or `evaluation_required` while an evaluation is still to be made."""
        chatbot = chatbot_of(request, chatbot_id)
        body = GateInput(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        return _gate(actions.set_gate(chatbot=chatbot, test_set_id=values["test_set"], tolerance=values["tolerance"]))


def chatbot_of(request: Request, chatbot_id: UUID) -> Chatbot:
    """The chatbot, if it is the caller's. Raises NotFound."""
    found: Chatbot | None = Chatbot.objects.visible_to(principal_of(request)).filter(pk=chatbot_id).first()
    if found is None:
        raise NotFound
    return found


def test_set_of(request: Request, test_set_id: UUID) -> TestSet:
    """The test set with its chatbot, if it is the caller's. Raises NotFound."""
    rows = TestSet.objects.visible_to(principal_of(request)).select_related("chatbot")
    found: TestSet | None = rows.filter(pk=test_set_id).first()
    if found is None:
        raise NotFound
    return found


def _question(request: Request, test_set_id: UUID, question_id: UUID) -> TestQuestion:
    rows = actions.current(test_set_of(request, test_set_id)).filter(key=question_id)
    found: TestQuestion | None = rows.select_related("test_set").first()
    if found is None:
        raise NotFound
    return found


def _counted(request: Request) -> Any:
    count = Count("questions", filter=Q(questions__until=None))
    return TestSet.objects.visible_to(principal_of(request)).annotate(questions_count=count)


def _shown(request: Request, test_set_id: UUID, *, status: int = 200) -> Response:
    test_set = _counted(request).filter(pk=test_set_id).first()
    if test_set is None:
        raise NotFound
    return Response(TestSetDetailSerializer(test_set).data, status=status)


def _gate(gate: PublishGate | None) -> Response:
    values = {"test_set": gate.test_set_id, "tolerance": gate.tolerance} if gate else {"test_set": None, "tolerance": 0}
    return Response(GateSerializer(values).data)
