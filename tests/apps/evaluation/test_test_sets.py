"""/api/v1/chatbots/{id}/test-sets/ and what lies below it."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.evaluation import worker
from chatsphere.apps.evaluation.models import Generation, TestQuestion

pytestmark = pytest.mark.django_db


def questions_of(client: Any, test_set: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/test-sets/{test_set.pk}/questions/").json()["results"]
    return found


def test_a_set_is_made_listed_renamed_and_deleted(alice: Any, chatbot: Any, client_of: Any) -> None:
    client, path = client_of(alice), f"/api/v1/chatbots/{chatbot.pk}/test-sets/"

    made = client.post(path, {"name": "Basics"}, format="json")
    again = client.post(path, {"name": "Basics"}, format="json")
    renamed = client.patch(f"/api/v1/test-sets/{made.json()['id']}/", {"name": "Core"}, format="json")

    assert (made.status_code, again.status_code, renamed.json()["name"]) == (201, 422, "Core")
    assert [(row["name"], row["questions_count"]) for row in client.get(path).json()["results"]] == [("Core", 0)]
    assert client.delete(f"/api/v1/test-sets/{made.json()['id']}/").status_code == 204
    assert client.get(path).json()["results"] == []


def test_a_viewer_reads_and_a_stranger_finds_nothing(
    alice: Any, bob: Any, charlie: Any, test_set: Any, client_of: Any
) -> None:
    from chatsphere.apps.users.models import Membership

    Membership.objects.filter(user=bob).exclude(role="owner").update(role="viewer")
    path = f"/api/v1/test-sets/{test_set.pk}/"

    assert client_of(bob).get(path).status_code == 200
    assert client_of(bob).patch(path, {"name": "x"}, format="json").status_code == 403
    assert client_of(charlie).get(path).status_code == 404


def test_an_edit_keeps_the_id_and_what_was_asked_before(alice: Any, test_set: Any, client_of: Any) -> None:
    client = client_of(alice)
    [first, *_] = questions_of(client, test_set)
    path = f"/api/v1/test-sets/{test_set.pk}/questions/{first['id']}/"

    changed = client.patch(path, {"answers": ["B-17"]}, format="json").json()
    client.delete(path)

    assert (changed["id"], changed["answers"], changed["question"]) == (first["id"], ["B-17"], first["question"])
    rows = TestQuestion.objects.filter(key=first["id"]).order_by("id")
    assert [(row.since, row.until) for row in rows] == [(2, 3), (3, 4)]
    assert client.get(path).status_code == 404


def test_questions_that_stand_there_already_are_left_out(alice: Any, test_set: Any, client_of: Any) -> None:
    questions = [{"question": "What is the office dog called?"}, {"question": "Who is new?"}]
    answer = client_of(alice).post(
        f"/api/v1/test-sets/{test_set.pk}/questions/", {"questions": questions}, format="json"
    )
    assert (answer.status_code, [each["question"] for each in answer.json()]) == (201, ["Who is new?"])


def test_a_question_that_must_be_refused_has_no_answer(alice: Any, test_set: Any, client_of: Any) -> None:
    wrong = {"questions": [{"question": "Why?", "expects": "refusal", "answers": ["because"]}]}
    answer = client_of(alice).post(f"/api/v1/test-sets/{test_set.pk}/questions/", wrong, format="json")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("csv", 'question,answers,expects,quote\n"Where, exactly?",B-17|locker B-17,,in locker\nWho?,,refusal,\n'),
        (
            "csv",
            '\ufeffQuestion;Answers;Expects;Quote;\r\n"Where, exactly?";B-17|locker B-17;;in locker;\r\nWho?;;refusal;;\r\n',
        ),
        (
            "csv",
            "QUESTION\tAnswers\tExpects\tQuote\nWhere, exactly?\tB-17|locker B-17\t\tin locker\nWho?\t\trefusal\t\n",
        ),
        (
            "jsonl",
            (
                '{"question": "Where, exactly?", "answers": ["B-17", "locker B-17"], "passages": [{"quote": "in locker"}]}\n\n'
                '{"question": "Who?", "expects": "refusal"}\n'
            ),
        ),
    ],
)
def test_csv_and_json_lines_bring_the_same_questions(
    alice: Any, test_set: Any, client_of: Any, form: str, content: str
) -> None:
    answer = client_of(alice).post(
        f"/api/v1/test-sets/{test_set.pk}/import/", {"format": form, "content": content}, format="json"
    )
    assert answer.status_code == 201, answer.json()
    assert [
        (each["question"], each["answers"], each["expects"], each["passages"], each["origin"])
        for each in answer.json()
    ] == [
        ("Where, exactly?", ["B-17", "locker B-17"], "answer", [{"quote": "in locker"}], "imported"),
        ("Who?", [], "refusal", [], "imported"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "content", "told"),
    [
        ("csv", "question,colour\nWhy?,red\n", "colour"),
        ("csv", "question,expects\nWhy?,maybe\n", "Line 2"),
        ("jsonl", '{"question": "Why?"}\n{"question": ', "Line 2"),
        ("jsonl", "[]", "Line 1"),
        ("jsonl", "", "content"),
    ],
)
def test_an_import_with_a_mistake_brings_nothing_and_names_the_line(
    alice: Any, test_set: Any, client_of: Any, form: str, content: str, told: str
) -> None:
    before = TestQuestion.objects.count()
    answer = client_of(alice).post(
        f"/api/v1/test-sets/{test_set.pk}/import/", {"format": form, "content": content}, format="json"
    )
    assert answer.status_code == 422
    assert told in str(answer.json()["error"]["fields"])
    assert TestQuestion.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_questions_are_written_from_the_content_without_a_model(alice: Any, chatbot: Any, client_of: Any) -> None:
    from tests.apps.conversations.world import teach

    teach(chatbot, "A Finch Pass is a card that opens the garage for visitors.", title="Passes")
    client = client_of(alice)
    made = client.post(f"/api/v1/chatbots/{chatbot.pk}/test-sets/", {"name": "Generated"}, format="json").json()

    queued = client.post(f"/api/v1/test-sets/{made['id']}/generate/", {"count": 10}, format="json")
    second = client.post(f"/api/v1/test-sets/{made['id']}/generate/", {"count": 10}, format="json")
    worker.write(queued.json()["id"])

    assert (queued.status_code, second.status_code) == (202, 409)
    shown = client.get(f"/api/v1/test-sets/{made['id']}/").json()
    assert (shown["generation"]["state"], shown["questions_count"]) == (
        "succeeded",
        shown["generation"]["written_count"],
    )
    rows = client.get(f"/api/v1/test-sets/{made['id']}/questions/").json()["results"]
    assert ("What is a Finch Pass?", "answer", "generated") in [
        (r["question"], r["expects"], r["origin"]) for r in rows
    ]
    assert any(row["expects"] == "refusal" for row in rows)


@pytest.mark.django_db(transaction=True)
def test_a_model_writes_questions_whose_answers_stand_in_the_content(alice: Any, test_set: Any, model: Any) -> None:
    from chatsphere.apps.evaluation.actions import generate_questions

    model.pieces = ("Q: How many days of vacation are paid?\n", "A: 27 days of paid vacation\n")
    generation = generate_questions(test_set=test_set, wanted=3, with_model=True)

    worker.write(str(generation.pk))

    assert Generation.objects.get().state == "succeeded"
    [row] = TestQuestion.objects.filter(origin="generated", expects="answer")
    assert (row.answers, len(model.prompts)) == (["27 days of paid vacation"], 3)
    assert row.passages[0]["quote"].startswith("Every employee")


@pytest.mark.django_db(transaction=True)
def test_questions_of_a_model_are_paid_from_the_budgets(alice: Any, test_set: Any, model: Any, settings: Any) -> None:
    from chatsphere.apps.evaluation.actions import generate_questions
    from chatsphere.apps.users.models import QuotaCounter, QuotaReservation, Workspace

    settings.MODEL_PRICES = '{"scripted:test": {"prompt": 1000000, "completion": 1000000}}'
    settings.CHAT_MODEL = "scripted:test"
    model.pieces = ("Q: How many days of vacation are paid?\n", "A: 27 days of paid vacation\n")
    worker.write(str(generate_questions(test_set=test_set, wanted=3, with_model=True).pk))
    tokens = QuotaCounter.objects.get(metric="tokens").used
    assert tokens > 300
    assert QuotaCounter.objects.get(metric="budget_day").used == tokens  # a micro-unit a token
    assert not QuotaReservation.objects.exists()

    Workspace.objects.filter(pk=alice.default_workspace_id).update(budget_per_day=tokens + 1)
    asked = len(model.prompts)
    worker.write(str(generate_questions(test_set=test_set, wanted=3, with_model=True).pk))
    last = Generation.objects.latest("id")
    assert (last.state, last.error_type, len(model.prompts)) == ("failed", "budget_exceeded", asked)
    assert QuotaCounter.objects.get(metric="budget_day").reserved == 0
