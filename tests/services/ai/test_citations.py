from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.ai.citations import CitationScanner, find_quote, scan_answer
from chatsphere.services.types import SearchHit

Passage = Callable[..., SearchHit]

REFUNDS = "Orders ship in two days. Refunds are paid within 14 days of the return. Shipping is free."
OFFICE = "Our office is in Vienna. It is open from 9 to 17 on weekdays."


@pytest.fixture
def passages(passage: Passage) -> list[SearchHit]:
    return [passage(REFUNDS, char_start=100), passage(OFFICE, number=2)]


@pytest.mark.parametrize(
    ("answer", "shown", "numbers"),
    [
        ("Paid in 14 days [1].", "Paid in 14 days [1].", [1]),
        ("Paid [1][2].", "Paid [1][2].", [1, 2]),
        ("Paid [1, 2].", "Paid [1][2].", [1, 2]),
        ("Paid [1-2].", "Paid [1][2].", [1, 2]),
        ("Paid [1, 9].", "Paid [1].", [1]),
        ("Paid [9].", "Paid.", []),
        ("Paid [0] and [00].", "Paid and.", []),
        ("Paid【2†source】.", "Paid[1].", [1]),
        ("An array [a] and [x, 1].", "An array [a] and [x, 1].", []),
        ("Not closed [1", "Not closed [1", []),
        ("```\na[7] = b[1]\n```", "```\na[7] = b[1]\n```", []),
    ],
)
def test_only_numbers_of_passages_get_through(
    passages: list[SearchHit], answer: str, shown: str, numbers: list[int]
) -> None:
    text, report = scan_answer(answer, passages, language="en")
    assert text == shown
    assert [citation.index for citation in report.citations] == numbers


@given(
    st.lists(
        st.sampled_from(["[1]", " [2]", "[3]", "[1", ", 2]", "]", "[", " word", "`", "```", "【1】", "\n", "1"]),
        max_size=15,
    ),
    st.integers(1, 4),
)
def test_cuts_between_deltas_change_nothing(parts: list[str], size: int) -> None:
    hit = _hit()
    whole = "".join(parts)
    scanner = CitationScanner([hit, hit])
    shown = "".join(scanner.feed(whole[start : start + size])[0] for start in range(0, len(whole), size))
    shown += scanner.finish()[0]
    assert shown == scanner.text == scan_answer(whole, [hit, hit])[0]


def _hit() -> SearchHit:
    from uuid import UUID

    one = UUID(int=1)
    return SearchHit(one, one, one, "", "", None, (), REFUNDS, 0, len(REFUNDS), None, None, 0.0)


def test_what_is_copied_whole_is_quoted_whole(passage: Passage) -> None:
    text = "Bring these:\n\n- a passport\n- two photos\n\nThe fee is 5 euros. Cash only."
    answer = "Bring these:\n\n- a passport\n- two photos\n\n[1] The fee is 5 euros. Cash only. [1] So pay in cash. [1]"
    _, report = scan_answer(answer, [passage(text, char_start=10)], language="en")
    (citation,) = report.citations
    assert (citation.quote, citation.char_start) == ("Bring these:\n\n- a passport\n- two photos", 10)
    assert citation.more[0] == ("The fee is 5 euros. Cash only.", 10 + text.index("The"), 10 + len(text))


def test_a_quote_is_found_across_other_line_ends(passage: Passage) -> None:
    hit = passage("The fee is\n5 euros. Pay in\ncash.")
    _, report = scan_answer("The fee is 5 euros. Pay in cash. [1]", [hit], language="en")
    assert report.citations[0].quote == hit.text


def test_holds_back_only_what_may_become_a_marker(passages: list[SearchHit]) -> None:
    scanner = CitationScanner(passages)
    assert scanner.feed("Paid [")[0] == "Paid"
    assert scanner.feed("1")[0] == ""
    shown, new = scanner.feed("] soon")
    assert shown == " [1] soon"
    assert [citation.index for citation in new] == [1]
    assert scanner.feed(" [1]")[1] == []


def test_quotes_the_supporting_sentence_with_its_place_in_the_document(passages: list[SearchHit]) -> None:
    _, report = scan_answer("You get refunds within 14 days [1].", passages, language="en")
    (citation,) = report.citations
    assert citation.quote == "Refunds are paid within 14 days of the return."
    assert REFUNDS[citation.char_start - 100 : citation.char_end - 100] == citation.quote
    assert report.grounded


def test_a_verbatim_statement_is_its_own_quote(passages: list[SearchHit]) -> None:
    _, report = scan_answer("Shipping is free. [1] It is open from 9 to 17 on weekdays. [2]", passages, language="en")
    assert [citation.quote for citation in report.citations] == [
        "Shipping is free.",
        "It is open from 9 to 17 on weekdays.",
    ]
    assert all(citation.support == 1.0 for citation in report.citations)


@pytest.mark.parametrize(
    "statement",
    [
        "Refunds are paid within 30 days of the return [1].",
        "Refunds are paid by Alice within 14 days of the return [1].",
        "The museum shows paintings of old masters [1].",
    ],
)
def test_a_statement_its_passage_does_not_make_is_not_grounded(passages: list[SearchHit], statement: str) -> None:
    _, report = scan_answer(statement, passages, language="en")
    assert len(report.unsupported) == 1
    assert not report.grounded


def test_an_answer_without_citations_is_not_grounded(passages: list[SearchHit]) -> None:
    _, report = scan_answer("Refunds are paid within 14 days of the return.", passages, language="en")
    assert not report.grounded
    assert report.uncited == ("Refunds are paid within 14 days of the return.",)


def test_a_marker_vouches_for_its_paragraph_as_far_as_its_passage_bears_it_out(passages: list[SearchHit]) -> None:
    _, report = scan_answer("Orders ship in two days. Refunds are paid within 14 days [1].", passages, language="en")
    assert report.grounded
    _, report = scan_answer("Parcels travel by balloon. Refunds are paid within 14 days [1].", passages, language="en")
    assert report.unsupported == ("Parcels travel by balloon.",)
    _, report = scan_answer("Orders ship in two days.\n\nRefunds are paid in 14 days [1].", passages, language="en")
    assert report.uncited == ("Orders ship in two days.",)


def test_two_sentences_are_quoted_when_both_are_needed(passage: Passage) -> None:
    quote = find_quote("Vienna office hours: open weekdays 9 to 17 in Vienna office", 1, passage(OFFICE), "en")
    assert quote.quote == OFFICE
