from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chatsphere.services.ai.answer_units import LONGEST, Unit, units_of
from chatsphere.services.types import SearchHit

Passage = Callable[..., SearchHit]
FORMATS = "Files count. You can attach:\n\n- **Images:** PNG and\n  JPEG\n- Sheets: CSV\n\nNothing else."
STEPS = "## Restoring\n\n1. Open the trash.\n2. Click. Wait.\n\nDone it is."


def quotes(hit: SearchHit) -> list[str]:
    return [hit.text[unit.start : unit.end] for unit in units_of(hit)]


def unit_with(hit: SearchHit, words: str) -> Unit:
    return next(unit for unit in units_of(hit) if words in hit.text[unit.start : unit.end])


def test_a_list_is_quoted_with_its_lead_in_and_by_item(passage: Passage) -> None:
    whole = "You can attach:\n\n- **Images:** PNG and\n  JPEG\n- Sheets: CSV"
    hit = passage(FORMATS)
    assert quotes(hit) == ["Files count.", whole, "**Images:** PNG and\n  JPEG", "Sheets: CSV", "Nothing else."]
    assert [unit.is_list for unit in units_of(hit)] == [False, True, False, False, False]


def test_steps_stand_together_only(passage: Passage) -> None:
    assert quotes(passage(STEPS)) == ["1. Open the trash.\n2. Click. Wait.", "Done it is."]
    assert unit_with(passage(STEPS), "Open").heading == "Restoring"


@pytest.mark.parametrize("text", ["- only one item", f"- {'long ' * (LONGEST // 5)}\n- two", "1. alone\n\nText."])
def test_a_single_item_and_a_long_list_are_no_list(text: str, passage: Passage) -> None:
    assert not any(unit.is_list for unit in units_of(passage(text)))


def test_of_a_long_list_the_first_items_are_quoted_and_it_is_known_to_go_on(passage: Passage) -> None:
    items = [f"- Item number {n} is {'very ' * 12}good." for n in range(12)]
    hit = passage("We have:\n\n" + "\n".join(items) + "\n\nThat is all.")
    [whole] = [unit for unit in units_of(hit) if unit.is_list]
    quote = hit.text[whole.start : whole.end]
    assert whole.is_cut
    assert quote.startswith("We have:\n\n- Item number 0")
    assert quote.endswith("good.")
    assert LONGEST - 100 < len(quote) <= LONGEST
    assert items[-1].removeprefix("- ") in quotes(hit), "an item behind the cut may answer alone"
    assert not any(unit.is_cut for unit in units_of(passage(FORMATS)))


def test_steps_behind_the_cut_say_nothing_alone(passage: Passage) -> None:
    hit = passage("\n".join(f"{n}. Turn screw {n} {'a bit ' * 12}to the left." for n in range(1, 15)))
    assert [unit.is_cut for unit in units_of(hit)] == [True]


def test_an_answer_behind_its_question_is_one(passage: Passage) -> None:
    hit = passage("Q: Offline?\nA: Yes. For 14 days.\nQ: Linux?\nA: No.\n\nMore text.")
    assert quotes(hit) == ["Yes. For 14 days.", "No.", "More text."]
    assert [unit.asked for unit in units_of(hit)] == ["Offline?", "Linux?", ""]


def test_a_heading_that_asks_is_a_question_too(passage: Passage) -> None:
    inside = passage("### How do I reset it?\n\nClick here. Wait.\n\n### Hours\n\nNine to five.")
    assert unit_with(inside, "Click").asked == "How do I reset it?"
    assert (unit_with(inside, "Nine").asked, unit_with(inside, "Nine").heading) == ("", "Hours")
    above = replace(passage("Click here.\n\nLater text."), heading_path=("FAQ", "How?"))
    assert unit_with(above, "Click").asked == "How?"
    assert (unit_with(above, "Later").asked, unit_with(above, "Later").heading) == ("", "How?")


def test_a_link_alone_answers_nothing(passage: Passage) -> None:
    assert quotes(passage("[Signing in](sso.md)\n\nUse [this](a.md) page.")) == ["Use [this](a.md) page."]


def test_the_title_alone_answers_nothing(passage: Passage) -> None:
    assert quotes(passage("Mobile apps\n\nThere are two.", title="Mobile Apps")) == ["There are two."]
    assert quotes(passage("Our apps\n\nThere are two.")) == ["There are two."]  # the first line of a text file


def test_a_first_line_that_says_something_stays(passage: Passage) -> None:
    assert quotes(passage("We close at 5.\n\nMore.")) == ["We close at 5.", "More."]
    assert quotes(passage("Our apps")) == ["Our apps"]
    assert quotes(passage("Our apps\n\nMore.", char_start=9)) == ["Our apps", "More."]


def test_rows_and_code_stay_what_they_are(passage: Passage) -> None:
    hit = passage("| A | B |\n|---|---|\n| 1 | 2 |\n\n```\n- a\n- b\n```")
    row, code = units_of(hit)[0], units_of(hit)[-1]
    assert hit.text[row.start : row.end] == "| 1 | 2 |"
    assert row.header == (0, 19)
    assert hit.text[code.start : code.end] == "```\n- a\n- b\n```"
