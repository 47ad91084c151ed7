from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from chatsphere.services.ai.period_bonus import BONUS, MEANS_NONE, SHARE_OF_WIDER, meant_by, prefer_meant
from chatsphere.services.types import SearchHit

Passage = Callable[..., SearchHit]
REPORTS = ("2023 Q1 ACME", "2022 Q3 ACME", "2023 Q3 ACME", "2023 Q2 ACME", "2023 Q2 OTHER")


@pytest.fixture
def hits(passage: Passage) -> Callable[..., list[SearchHit]]:
    """One a title, each a little behind the one before."""

    def make(*titles: str | tuple[str, ...]) -> list[SearchHit]:
        paths = [(title,) if isinstance(title, str) else title for title in titles]
        return [
            replace(passage("Text", number=n), title=path[0], heading_path=path[1:], fused=-n / 100)
            for n, path in enumerate(paths, 1)
        ]

    return make


def titles(hits: Sequence[SearchHit]) -> list[str]:
    return [hit.title for hit in hits]


def test_the_quarter_of_the_question_comes_first_and_shows_why(hits: Callable[..., list[SearchHit]]) -> None:
    found = prefer_meant(meant_by("What was the revenue in the second quarter of 2023?"), hits(*REPORTS))
    assert titles(found) == ["2023 Q2 ACME", "2023 Q2 OTHER", "2023 Q1 ACME", "2022 Q3 ACME", "2023 Q3 ACME"]
    assert [hit.period for hit in found] == [BONUS, BONUS, None, None, None]
    assert found[0].fused == pytest.approx(BONUS - 0.04)


def test_the_newest_of_titles_that_differ_in_the_date_alone_comes_first(
    hits: Callable[..., list[SearchHit]],
) -> None:
    found = prefer_meant(meant_by("What does the latest report say?"), hits(*REPORTS))
    assert titles(found)[0] == "2023 Q3 ACME"
    assert [hit.period for hit in found][1:] == [None] * 4  # of OTHER there is one report only


def test_a_wider_title_gets_a_part(hits: Callable[..., list[SearchHit]]) -> None:
    found = prefer_meant(meant_by("revenue in Q2 2023"), hits("2022 report", "2023 report", "2023 Q2 report"))
    assert titles(found) == ["2023 Q2 report", "2023 report", "2022 report"]
    assert found[1].period == BONUS * SHARE_OF_WIDER
    assert (
        titles(prefer_meant(meant_by("revenue in 2023"), hits("2022 Q2 report", "2023 Q2 report")))[0]
        == "2023 Q2 report"
    )


def test_the_first_heading_with_a_period_counts_not_what_it_is_compared_with(
    hits: Callable[..., list[SearchHit]],
) -> None:
    found = prefer_meant(
        meant_by("sales in Q3 2022"), hits(("2023 Q3 ACME", "Compared with Q3 2022"), ("2022 Q3 ACME",))
    )
    assert titles(found) == ["2022 Q3 ACME", "2023 Q3 ACME"]
    assert found[1].period is None


@pytest.mark.parametrize(
    ("question", "best"), [("What changed in v2.3?", "2.3.1"), ("What changed in the latest version?", "2.10.0")]
)
def test_versions_in_the_headings_of_a_changelog_count(
    question: str, best: str, hits: Callable[..., list[SearchHit]]
) -> None:
    changelog = hits(("Changelog 2023", "2.2.0"), ("Changelog 2023", "2.10.0"), ("Changelog 2023", "2.3.1"))
    assert prefer_meant(meant_by(question), changelog)[0].heading_path == (best,)


@pytest.mark.parametrize("question", ["How do I get a refund?", "What was the revenue?", "Who may park in the yard?"])
def test_a_question_without_a_period_changes_nothing(question: str, hits: Callable[..., list[SearchHit]]) -> None:
    assert meant_by(question) == MEANS_NONE
    assert prefer_meant(meant_by(question), hits(*REPORTS)) == tuple(hits(*REPORTS))


@pytest.mark.parametrize("question", ["The latest refund rules?", "Refunds in Q2 2023?", "Refunds in v2.3?"])
def test_titles_without_a_period_stay_as_they_are(question: str, hits: Callable[..., list[SearchHit]]) -> None:
    found = hits("Refunds", "Delivery", ("Handbook", "Returns"))
    assert prefer_meant(meant_by(question), found) == tuple(found)
    assert prefer_meant(meant_by(question), []) == ()


def test_what_is_asked_now_goes_before_what_was_asked_before() -> None:
    assert meant_by("And in Q3 2023?", "And in Q3 2023? revenue Q2 2023") == meant_by("Q3 2023")
    assert meant_by("And the margin?", "And the margin? revenue Q2 2023") == meant_by("Q2 2023")
