"""kill -9 of a worker before and after each step of training: what it had begun is done again, nothing is lost and nothing stands twice."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile

from chatsphere.apps.training import actions, large
from chatsphere.apps.training.models import Document, Placement
from chatsphere.services.content.extract.text_parts import text_parts
from tests.apps.training.deadly import (
    BOTH,
    CHUNK,
    CLAIM,
    COUNT,
    EMBED,
    END,
    HOLD,
    HOLD_ALL,
    MEMBER,
    READ,
    STORE,
    SWITCH,
    TRAINING,
    VECTORS,
    assert_whole,
    done_again,
    killed_at,
)
from tests.apps.training.test_large import paragraphs, pdf_of
from tests.apps.training.world import make_source, says, trained

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

TOGETHER = (CLAIM, READ, CHUNK, HOLD_ALL, STORE, EMBED, VECTORS, END, COUNT)
ALONE = (CLAIM, READ, CHUNK, HOLD, STORE, EMBED, VECTORS, SWITCH, END, COUNT)
ARCHIVE = (CLAIM, READ, STORE, EMBED, VECTORS, MEMBER, END)
PARTS = (READ, CHUNK, HOLD, STORE, EMBED, VECTORS, MEMBER, END, COUNT)
IN_PARTS = {
    f"{TRAINING}.large:LARGE_TEXT": 1000,
    f"{TRAINING}.large:PAGES_A_PART": 3,
    "chatsphere.services.content.extract.text_parts:text_parts.__defaults__": [4000, 0],
}


def text(number: int) -> str:
    words = " ".join(["filler"] * 90)
    parts = [f"## Part {n}\n\nDocument{number} part{n} speaks of topic{number}x{n}. {words}." for n in range(4)]
    return "\n\n".join([f"# Document {number}", *parts, f"# Shared\n\n## Notice\n\nThe same everywhere. {words}."])


def archive() -> ContentFile[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(3):
            file.writestr(f"{number}.md", text(number))
    return ContentFile(buffer.getvalue(), name="all.zip")


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", TOGETHER)
def test_documents_that_are_trained_together(chatbot: Any, place: str, moment: str) -> None:
    for number in range(3):
        make_source(chatbot, text(number), name=f"Document {number}")
    killed_at(place, moment)
    done_again()
    assert_whole(chatbot, documents=3, ready=3)
    assert says(chatbot, "topic2x3", "topic2x3")


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", ALONE)
def test_a_document_whose_text_has_changed(chatbot: Any, place: str, moment: str) -> None:
    source = trained(chatbot, text(1))
    actions.update_source(source=source, changes={"content": text(1).replace("topic1x2", "topic1changed")})
    killed_at(place, moment)
    if place not in (END, COUNT) or (place, moment) == (END, "before"):
        assert says(chatbot, "topic1x2", "topic1x2")  # until the switch the old text answers
    done_again()
    assert_whole(chatbot, documents=1, ready=2)
    assert says(chatbot, "topic1changed", "topic1changed")
    assert not says(chatbot, "topic1x2", "topic1x2")


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", ARCHIVE)
def test_an_archive_in_the_middle_of_which_the_worker_dies(chatbot: Any, place: str, moment: str) -> None:
    make_source(chatbot, name="all.zip", source_type="file", options={}, file=archive(), media_type="application/zip")
    killed_at(place, moment, call=1 if place in (CLAIM, END) else 2)
    done_again()
    assert_whole(chatbot, documents=3, ready=1)
    assert says(chatbot, "topic2x3", "topic2x3")


def upload(chatbot: Any, name: str, media_type: str, data: bytes) -> None:
    file = ContentFile(data, name=name)
    make_source(chatbot, name=name, source_type="file", options={}, file=file, media_type=media_type)


def second(place: str) -> int:
    """Which call of a step is one for the second part."""
    return {CLAIM: 1, END: 1, COUNT: 1, HOLD: 4}.get(place, 2)


@pytest.fixture
def _in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE_TEXT", 1000)
    monkeypatch.setattr(large, "PAGES_A_PART", 3)
    monkeypatch.setattr(text_parts, "__defaults__", (4000, 0))


@pytest.mark.usefixtures("_in_parts")
@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", PARTS)
def test_a_large_text_in_the_middle_of_which_the_worker_dies(chatbot: Any, place: str, moment: str) -> None:
    upload(chatbot, "big.txt", "text/plain", paragraphs(300))
    killed_at(place, moment, call=second(place), values=IN_PARTS)
    done_again()
    assert_whole(chatbot, documents=4, ready=1)
    for number in (0, 150, 299):
        assert says(chatbot, f"topic{number}", f"topic{number} ")


@pytest.mark.usefixtures("_in_parts")
@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", PARTS)
def test_a_large_pdf_in_the_middle_of_which_the_worker_dies(chatbot: Any, place: str, moment: str) -> None:
    upload(chatbot, "big.pdf", "application/pdf", pdf_of(8))
    killed_at(place, moment, call=second(place), values=IN_PARTS)
    done_again()
    assert_whole(chatbot, documents=3, ready=1)
    assert sorted(Document.objects.values_list("key", flat=True)) == ["", "pages 4-6", "pages 7-9"]
    assert set(Placement.objects.values_list("page", flat=True)) == {1, 4, 7}
    for page in (1, 5, 8):
        assert says(chatbot, f"topic{page}", f"topic{page} ")
