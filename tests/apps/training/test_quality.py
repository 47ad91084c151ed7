"""What the API tells of the quality of a document: figures, duplicates, and a sentence when something is suspicious."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.training.quality import Duplicate, remarks
from tests.apps.training.world import GUIDE, make_chatbot, trained, unknown_id

PAGES = " ".join(f"Sentence number {n} of this handbook speaks about subject {n * 7}." for n in range(120))


def documents_of(client: Any, source: TrainingSource) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/sources/{source.pk}/documents/")
    assert answer.status_code == 200
    documents: list[dict[str, Any]] = answer.json()["results"]
    return documents


@pytest.mark.django_db(transaction=True)
def test_a_good_document_has_figures_and_no_remark(chatbot: Any, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    [document] = documents_of(client, trained(chatbot, GUIDE))
    report = document["report"]
    assert (report["characters"], report["language"], report["tables"]) == (len(GUIDE), "en", 0)
    assert (report["empty_tables"], report["undecodable_characters"], document["remarks"]) == (0, 0, [])
    assert (document["duplicates"], report["words"] > 50) == ([], True)


@pytest.mark.django_db(transaction=True)
def test_nearly_the_same_documents_of_a_chatbot_are_named(
    chatbot: Any, alice: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    first = trained(chatbot, PAGES, name="Handbook")
    second = trained(chatbot, PAGES.replace("subject 77.", "subject seventy-seven, as everybody knows."), name="Copy")
    trained(make_chatbot(alice, "other"), PAGES, name="Of another chatbot")
    client = client_of(alice)
    with django_assert_max_num_queries(10):
        [document] = documents_of(client, second)
    [like] = document["duplicates"]
    assert (like["source"], like["title"]) == (str(first.pk), "Handbook")
    assert 0.8 <= like["similarity"] <= 1
    assert any("“Handbook”" in remark for remark in document["remarks"])
    detail = client.get(f"/api/v1/documents/{like['document']}/").json()
    assert [each["document"] for each in detail["duplicates"]] == [document["id"]]
    client.delete(f"/api/v1/sources/{first.pk}/")
    assert documents_of(client, second)[0]["duplicates"] == []


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"unreadable_pages": [2, 3], "pages": 9}, "2 of 9 pages are pictures"),
        ({"characters_per_page": 40, "pages": 9, "media_type": "application/pdf"}, "only 40 characters a page"),
        ({"empty_tables": 3}, "3 tables are empty"),
        ({"boilerplate_share": 0.93}, "93 % of the page"),
        ({"undecodable_characters": 5}, "5 characters could not be decoded"),
        ({"hidden_characters_removed": 400}, "400 invisible characters"),
        ({"encoding": "cp1252"}, "read as cp1252"),
    ],
)
def test_each_suspicious_figure_has_its_sentence(report: dict[str, Any], words: str) -> None:
    [sentence] = remarks(report, [])
    assert words in sentence


def test_the_same_text_is_called_the_same() -> None:
    same = Duplicate(unknown_id(), unknown_id(), "Terms", 1.0)
    assert remarks({}, [same]) == ["It says the same as the document “Terms”."]


@pytest.mark.parametrize(
    "report",
    [
        {"characters_per_page": 40, "pages": 9, "media_type": "application/vnd.ms-excel"},
        {"encoding": "iso-8859-1", "encoding_declared": True},
    ],
)
def test_short_sheets_and_declared_encodings_are_in_order(report: dict[str, Any]) -> None:
    assert remarks(report, []) == []


def test_figures_that_are_in_order_say_nothing() -> None:
    assert remarks({"encoding": "UTF_8", "characters_per_page": 2_000, "boilerplate_share": 0.3}, []) == []
