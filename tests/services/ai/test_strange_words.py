"""A statement may say in other words what a passage says; a word that is near to nothing in it is invented."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from chatsphere.services.ai import strange_words
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.local_files import MINILM
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.ai.strange_words import doubted
from chatsphere.services.ai.word_meanings import names_of_words, pack
from chatsphere.services.errors import UpstreamUnavailable
from chatsphere.services.types import Reading, SearchHit

Passage = Callable[..., SearchHit]
SHIPPING = "Orders ship in two days from our warehouse in Kassel. Refunds are paid to the card that was used."


class Reader:
    """The real model, read in this process."""

    tells_words = True

    def __init__(self) -> None:
        self.model = LocalModel(MINILM.model.id)
        self.asked: list[str] = []

    def read_passages(self, texts: object) -> list[Reading]:
        raise NotImplementedError

    async def read_question(self, text: str) -> Reading:
        self.asked.append(text)
        vectors, (rows,) = self.model.read(self.model.encode_words([text]))
        return Reading(vectors[0], pack(rows, exact=True))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture
def shipping(passage: Passage, reader: Reader) -> SearchHit:
    _, (rows,) = reader.model.read(reader.model.encode_words([SHIPPING]))
    return replace(passage(SHIPPING), word_meanings=pack(rows))


@pytest.mark.parametrize(
    "text",
    [
        SHIPPING,
        "Cost-effective, well-known (and ISO-9001) products: it's 12.50 €!",
        "Naïve cafés re-open; user_name and foo.bar stay",
        "The the THE orders Orders",
    ],
)
def test_the_words_of_a_reading_are_named_in_its_order(reader: Reader, text: str) -> None:
    _, (rows,) = reader.model.read(reader.model.encode_words([text]))
    assert len(names_of_words(text)) == len(rows)


@pytest.mark.parametrize(
    ("answer", "is_doubted"),
    [
        ("Orders ship in two days by hot air balloon [1].", True),
        ("Refunds are paid to the unicorn that was used [1].", True),
        ("Orders ship in two days from our submarine in Kassel [1].", True),
        ("Orders are dispatched in two days from our depot in Kassel [1].", False),
        ("Refunds are paid back to the credit card that was used [1].", False),
        ("Orders ship in two days from our warehouse in Kassel [1].", False),
    ],
)
async def test_invented_words_are_told_from_other_words(
    reader: Reader, shipping: SearchHit, answer: str, is_doubted: bool
) -> None:
    _, report = scan_answer(answer, [shipping], language="en")
    assert report.grounded, "by its words it is borne out"
    found = await doubted(report.doubtful, reader)
    assert bool(found) is is_doubted
    _, again = scan_answer(answer, [shipping], language="en", doubted=found)
    assert again.grounded is not is_doubted
    assert again.unsupported == tuple(found)


async def test_what_stands_there_word_for_word_is_not_looked_at(reader: Reader, shipping: SearchHit) -> None:
    reader.asked.clear()
    _, report = scan_answer("Orders ship in two days from our warehouse in Kassel. [1]", [shipping], language="en")
    assert await doubted(report.doubtful, reader) == frozenset()
    assert reader.asked == []


async def test_without_the_meanings_of_a_passage_its_words_decide_alone(
    reader: Reader, shipping: SearchHit, passage: Passage
) -> None:
    text = "Orders ship by balloon [1]."
    unknown = scan_answer(text, [passage(SHIPPING)], language="en")[1].doubtful
    assert await doubted(unknown, reader) == frozenset()
    assert await doubted(scan_answer(text, [shipping], language="en")[1].doubtful, None) == frozenset()
    german = scan_answer("Der Versand erfolgt mit dem Ballon nach Kassel [1].", [shipping], language="de")[1]
    assert german.doubtful == ()


async def test_a_reader_that_fails_or_is_slow_holds_up_no_answer(
    shipping: SearchHit, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(Reader):
        def __init__(self) -> None: ...

        async def read_question(self, text: str) -> Reading:
            raise UpstreamUnavailable

    class Slow(Away):
        async def read_question(self, text: str) -> Reading:
            await asyncio.sleep(60)
            raise AssertionError

    monkeypatch.setattr(strange_words, "PATIENCE", 0.05)
    doubtful = scan_answer("Orders ship by balloon [1].", [shipping], language="en")[1].doubtful
    assert await doubted(doubtful, Away()) == frozenset()
    assert await doubted(doubtful, Slow()) == frozenset()
