"""Everything that changes test sets, evaluations and gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import as_stored, read_configuration
from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.apps.evaluation.hints import RUN_EVALUATION, RUN_GENERATION
from chatsphere.apps.evaluation.models import Evaluation, Generation, PublishGate, TestQuestion, TestSet
from chatsphere.apps.evaluation.models.evaluation import OPEN
from chatsphere.apps.training.hints import INGEST
from chatsphere.apps.users.models import Workspace
from chatsphere.core import durable
from chatsphere.core.durable import LostLease
from chatsphere.core.exceptions import Conflict, Invalid, NotFound
from chatsphere.core.hints import hint_after_commit
from chatsphere.core.identifiers import new_id
from chatsphere.core.principal import Principal

MOST_SETS = 50  # of a chatbot
MOST_QUESTIONS = 1_000  # of a test set
MOST_OPEN = 4  # evaluations of a workspace that wait or run


@transaction.atomic
def create_test_set(*, chatbot: Chatbot, name: str, description: str = "") -> TestSet:
    """A test set without questions. Raises Invalid (the name is taken), Conflict (too many)."""
    sets = TestSet.objects.in_workspace(chatbot.workspace_id).filter(chatbot=chatbot)
    if sets.count() >= MOST_SETS:
        raise Conflict(_("A chatbot has at most %(most)s test sets.") % {"most": MOST_SETS}, type="too_many")
    with _unique_name():
        made: TestSet = TestSet.objects.create(
            workspace_id=chatbot.workspace_id, chatbot=chatbot, name=name, description=description
        )
    return made


@transaction.atomic
def rename_test_set(*, test_set: TestSet, changes: Mapping[str, str]) -> TestSet:
    """Change name or description; the questions and their revision stay. Raises Invalid when the name is taken."""
    for name, value in changes.items():
        setattr(test_set, name, value)
    with _unique_name():
        test_set.save(update_fields=[*changes, "updated_at"])
    return test_set


@transaction.atomic
def delete_test_set(*, test_set: TestSet) -> None:
    """Delete it with its questions and evaluations. Raises Conflict while it guards the publishing of its chatbot."""
    if PublishGate.objects.in_workspace(test_set.workspace_id).filter(test_set=test_set).exists():
        raise Conflict(_("The publish gate of this chatbot uses this test set. Change the gate first."), type="in_use")
    test_set.delete()


@transaction.atomic
def add_questions(*, test_set: TestSet, questions: Sequence[Mapping[str, Any]], origin: str) -> list[TestQuestion]:
    """Add questions in one new revision; those asked there already, word for word, are left out. Raises Conflict when it gets too large."""
    locked = _next_revision(test_set)
    known = set(current(locked).values_list("question", flat=True))
    unique = {each["question"]: each for each in questions if each["question"] not in known}
    if len(known) + len(unique) > MOST_QUESTIONS:
        raise Conflict(_("A test set holds at most %(most)s questions.") % {"most": MOST_QUESTIONS}, type="too_many")
    rows = [
        TestQuestion(workspace_id=locked.workspace_id, test_set=locked, key=new_id(), since=locked.revision, origin=origin, **each)
        for each in unique.values()
    ]  # fmt: skip
    made: list[TestQuestion] = TestQuestion.objects.bulk_create(rows)
    return made


@transaction.atomic
def edit_question(*, question: TestQuestion, changes: Mapping[str, Any]) -> TestQuestion:
    """A new state of a question under the next revision; evaluations keep the old one. Raises Conflict when somebody else just edited it."""
    locked = _next_revision(question.test_set)
    _close(question, locked)
    kept = {
        name: getattr(question, name) for name in ("question", "expects", "answers", "passages", "history", "origin")
    }
    made: TestQuestion = TestQuestion.objects.create(
        workspace_id=locked.workspace_id,
        test_set=locked,
        key=question.key,
        since=locked.revision,
        **{**kept, **changes},
    )
    return made


@transaction.atomic
def remove_question(*, question: TestQuestion) -> None:
    """It is asked no more; evaluations that asked it keep it."""
    _close(question, _next_revision(question.test_set))


def current(test_set: TestSet) -> Any:
    """The questions as they stand now."""
    return TestQuestion.objects.in_workspace(test_set.workspace_id).filter(test_set_id=test_set.pk, until=None)


def asked_in(evaluation: Evaluation) -> Any:
    """The questions as they stood in the revision of an evaluation."""
    rows = TestQuestion.objects.in_workspace(evaluation.workspace_id).filter(
        test_set_id=evaluation.test_set_id, since__lte=evaluation.revision
    )
    return rows.exclude(until__lte=evaluation.revision)


@transaction.atomic
def start_evaluation(
    *, test_set: TestSet, version: ChatbotVersion | None = None, principal: Principal | None = None
) -> Evaluation:
    """Queue an evaluation of a version, or of the chatbot's configuration as it stands. Raises Conflict: no questions, or too many open.

    It costs one message of the month a question, and the tokens that the model uses.
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=test_set.workspace_id)
    _require_room(test_set)
    chatbot = Chatbot.objects.in_workspace(test_set.workspace_id).get(pk=test_set.chatbot_id)
    test_set.refresh_from_db(fields=["revision"])
    count = current(test_set).count()
    if not count:
        raise Conflict(_("This test set has no questions yet. Add or generate some first."), type="no_questions")
    stored = version.configuration if version is not None else chatbot.configuration
    made: Evaluation = Evaluation.objects.create(
        workspace_id=test_set.workspace_id,
        chatbot_id=test_set.chatbot_id,
        test_set=test_set,
        revision=test_set.revision,
        version=version.number if version is not None else None,
        configuration=as_stored(read_configuration(stored)),
        embedding_model=chatbot.embedding_model,
        knowledge_version=chatbot.knowledge_version,
        questions_count=count,
        requested_by=principal.user_id if principal else None,
        api_key_id=principal.api_key_id if principal else None,
    )
    hint_after_commit(RUN_EVALUATION, str(made.pk), queue=INGEST)
    return made


@transaction.atomic
def cancel_evaluation(*, evaluation: Evaluation) -> Evaluation:
    """End it; results so far stay. Raises Conflict when it has ended already."""
    fresh: Evaluation = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    try:
        durable.cancel(fresh)
    except LostLease:
        raise Conflict(_("This evaluation has ended already."), type="already_ended") from None
    return fresh


@transaction.atomic
def generate_questions(
    *, test_set: TestSet, wanted: int, with_model: bool, principal: Principal | None = None
) -> Generation:
    """Queue the writing of questions from the chatbot's own content. Raises Conflict while another one runs."""
    try:
        with transaction.atomic():
            made: Generation = Generation.objects.create(
                workspace_id=test_set.workspace_id,
                chatbot_id=test_set.chatbot_id,
                test_set=test_set,
                wanted=wanted,
                with_model=with_model,
                requested_by=principal.user_id if principal else None,
            )
    except IntegrityError:
        raise Conflict(_("Questions are being written for this test set already."), type="in_flight") from None
    hint_after_commit(RUN_GENERATION, str(made.pk), queue=INGEST)
    return made


@transaction.atomic
def set_gate(*, chatbot: Chatbot, test_set_id: UUID | None, tolerance: float = 0.0) -> PublishGate | None:
    """Guard the publishing of a chatbot by one of its test sets; None takes the gate away. Raises Invalid for a foreign test set."""
    gates = PublishGate.objects.in_workspace(chatbot.workspace_id).filter(chatbot=chatbot)
    if test_set_id is None:
        gates.delete()
        return None
    sets = TestSet.objects.in_workspace(chatbot.workspace_id).filter(chatbot=chatbot, pk=test_set_id)
    if not sets.exists():
        raise Invalid(fields={"test_set": [_("This chatbot has no such test set.")]})
    gate: PublishGate = PublishGate.objects.update_or_create(
        chatbot=chatbot,
        defaults={"test_set_id": test_set_id, "tolerance": tolerance, "workspace_id": chatbot.workspace_id},
    )[0]
    return gate


def _require_room(test_set: TestSet) -> None:
    waiting = Evaluation.objects.in_workspace(test_set.workspace_id).filter(OPEN).count()
    if waiting >= MOST_OPEN:
        raise Conflict(
            _("%(most)s evaluations of this workspace wait or run already. Wait for one, or cancel it.")
            % {"most": MOST_OPEN},
            type="too_many",
        )


def _next_revision(test_set: TestSet) -> TestSet:
    """Lock the set and raise its revision; edits of one set happen one after the other."""
    if (
        not TestSet.objects.in_workspace(test_set.workspace_id)
        .filter(pk=test_set.pk)
        .update(revision=F("revision") + 1)
    ):
        raise NotFound
    locked: TestSet = TestSet.objects.in_workspace(test_set.workspace_id).get(pk=test_set.pk)
    return locked


def _close(question: TestQuestion, test_set: TestSet) -> None:
    rows = TestQuestion.objects.in_workspace(test_set.workspace_id).filter(pk=question.pk, until=None)
    if not rows.update(until=test_set.revision):
        raise Conflict(_("Somebody else has just changed this question. Read it again."), type="changed_meanwhile")


@contextmanager
def _unique_name() -> Iterator[None]:
    """Turns the database's refusal of a second set with one name into a validation error."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Invalid(fields={"name": [_("Another test set of this chatbot has this name.")]}) from error
