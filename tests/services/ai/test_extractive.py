from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.extractive import (
    ExtractiveChatModel,
    PickedSentence,
    TextEmbedder,
    answer_text,
    pick_sentences,
    preselect,
)
from chatsphere.services.errors import UpstreamUnavailable
from chatsphere.services.types import ChatDone, ChatPrompt, FinishReason, SearchHit, TextDelta, Vectors

Passage = Callable[..., SearchHit]

REFUNDS = "Orders ship in two days. Refunds are paid within 14 days of the return. Shipping is free."
HOURS = "Our office is in Vienna. It is open from 9 to 17 on weekdays."


class Away:
    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        raise UpstreamUnavailable


class Nearest:
    """Every sentence with the given word points where the question points; the others elsewhere."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.asked: list[str] = []

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked = list(texts)
        near = [index == 0 or self.word in text for index, text in enumerate(texts)]
        return np.array([[1, 0] if is_near else [0, 1] for is_near in near], np.float32)


async def answer(embedder: TextEmbedder | None, question: str, passages: Sequence[SearchHit]) -> tuple[str, ChatDone]:
    events = [
        event async for event in ExtractiveChatModel(embedder).stream(ChatPrompt(question, passages, language="en"))
    ]
    done = events.pop()
    assert isinstance(done, ChatDone)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), done


async def test_quotes_the_sentence_with_its_number(passage: Passage) -> None:
    text, done = await answer(None, "When are refunds paid?", [passage(HOURS), passage(REFUNDS, number=2)])
    assert text == "Refunds are paid within 14 days of the return. [2]"
    assert done.finish_reason is FinishReason.STOP
    assert done.usage.completion_tokens > 0
    assert done.model == "extractive"


async def test_meaning_decides_where_words_do_not(passage: Passage) -> None:
    text, _ = await answer(Nearest("weekdays"), "When can I visit?", [passage(REFUNDS), passage(HOURS, number=2)])
    assert text == "Our office is in Vienna. It is open from 9 to 17 on weekdays. [2]"


async def test_declines_when_nothing_supports_an_answer(passage: Passage) -> None:
    text, done = await answer(Nearest("nothing has this"), "Who won the cup?", [passage(REFUNDS)])
    assert (text, done.finish_reason) == ("", FinishReason.REFUSED_NO_CONTEXT)


async def test_declines_without_passages() -> None:
    text, done = await answer(None, "When are refunds paid?", [])
    assert (text, done.finish_reason) == ("", FinishReason.REFUSED_NO_CONTEXT)


async def test_answers_by_words_while_the_embedder_is_away(passage: Passage) -> None:
    text, _ = await answer(Away(), "When are refunds paid?", [passage(REFUNDS)])
    assert text == "Refunds are paid within 14 days of the return. [1]"


async def test_a_table_row_is_quoted_under_its_header(passage: Passage) -> None:
    table = "Prices:\n\n| Plan | Price |\n|---|---|\n| Basic | 5 euros |\n| Pro | 9 euros |"
    text, _ = await answer(None, "What is the price of the Pro plan?", [passage(table)])
    assert text.startswith("| Plan | Price |\n|---|---|\n| Pro | 9 euros |\n\n[1]")


async def test_rows_that_hold_fewer_words_of_the_question_are_left_out(passage: Passage) -> None:
    table = "| Plan | Users | Price |\n|---|---|---|\n| Basic | 3 | 5 euros |\n| Pro | 20 | 9 euros |\n| Pro plus | 50 | 12 euros |"
    text, _ = await answer(Nearest("euros"), "How many users has the Basic plan?", [passage(table)])
    assert "| Basic | 3 | 5 euros |" in text
    assert "Pro" not in text


async def test_what_follows_a_question_answers_it(passage: Passage) -> None:
    faq = "**Q: How do I reset my password?**\nA: Click on the sign-in page. Wait.\n\n**Q: Is there an app?**\nA: Yes."
    text, _ = await answer(None, "How do I reset my password?", [passage(faq)])
    assert text.startswith("Click on the sign-in page. Wait. [1]")


async def test_a_follow_up_is_answered_about_its_subject(passage: Passage) -> None:
    hours = [passage("The office opens at 7."), passage("The canteen opens at noon.", number=2)]
    prompt = ChatPrompt("When does it open?", hours, about="When does it open? canteen", language="en")
    events = [event async for event in ExtractiveChatModel(None).stream(prompt)]
    assert isinstance(events[0], TextDelta)
    assert events[0].text == "The canteen opens at noon. [2]"


async def test_embeds_at_most_ten_sentences(passage: Passage) -> None:
    embedder = Nearest("refund")
    await answer(embedder, "When are refunds paid?", [passage("A refund sentence here. " * 3 + REFUNDS * 20)] * 4)
    many = [
        passage(" ".join(f"Refund rule {n} of part {number}." for n in range(9)), number=number) for number in range(8)
    ]
    await answer(embedder, "refund rules?", many)
    assert len(embedder.asked) == 1 + 10


def test_quotes_are_slices_of_their_passage(passage: Passage) -> None:
    passages = [passage(REFUNDS), passage(HOURS), passage("- **Refunds** [apply](https://example.org) to *all* orders")]
    candidates = preselect("When are refunds paid for orders?", passages, language="en")
    for picked in pick_sentences(candidates, [0.5] * len(candidates)):
        assert passages[picked.passage_index].text[picked.start : picked.end] == picked.text


def test_a_sentence_found_twice_is_quoted_once_from_the_better_passage(passage: Passage) -> None:
    candidates = preselect("refunds paid", [passage(REFUNDS), passage(REFUNDS, number=2)], language="en")
    assert {candidate.passage_index for candidate in candidates} == {0}


def test_at_most_three_and_only_near_the_best(passage: Passage) -> None:
    text = "Refunds are paid. Refunds are due. Refunds are late. Refunds are early. The sky is blue."
    candidates = preselect("refunds", [passage(text)], language="en")
    picked = pick_sentences(candidates, [0.5] * len(candidates))
    assert len(picked) == 3
    assert all("Refunds" in sentence.text for sentence in picked)


def test_pieces_join_to_one_text() -> None:
    pieces = answer_text([PickedSentence(0, 0, 4, "One.", 1.0), PickedSentence(2, 0, 4, "Two.", 0.9)])
    assert "".join(pieces) == "One. [1] Two. [3]"


def test_rows_of_one_table_stand_under_one_header_and_text_below_it() -> None:
    header = "| Plan | Price |\n|---|---|"
    rows = [PickedSentence(0, place, 9, f"| {place} | 5 |", 1.0, header, is_block=True) for place in (60, 40)]
    pieces = answer_text([rows[0], PickedSentence(1, 0, 4, "One.", 0.9), rows[1]])
    assert "".join(pieces) == f"{header}\n| 40 | 5 |\n| 60 | 5 |\n\n[1]\n\nOne. [2]"
    assert "".join(answer_text([PickedSentence(1, 0, 4, "One.", 0.9), rows[0]])).startswith(f"One. [2]\n\n{header}")


async def test_a_quote_from_within_bold_text_leaves_no_stray_stars(passage: Passage) -> None:
    rule = "**Guests see their boards only. Guests cannot invite others.** Members can."
    text, _ = await answer(None, "Which boards do guests see?", [passage(rule)])
    assert text == "Guests see their boards only. [1]"
    text, _ = await answer(None, "Whom can guests invite?", [passage(rule)])
    assert text.startswith("Guests cannot invite others. [1]")


FORMATS = "## Supported formats\n\nYou can attach:\n\n- **Documents:** PDF and TXT\n- **Images:** PNG and SVG\n- **Sheets:** CSV"


async def test_a_question_for_all_items_gets_the_whole_list(passage: Passage) -> None:
    text, _ = await answer(None, "Which formats are supported?", [passage(FORMATS)])
    assert text == f"{FORMATS.partition(chr(10) * 2)[2]}\n\n[1]"


async def test_footnotes_of_a_document_are_no_citations(passage: Passage) -> None:
    tower = passage("The tower is 300 metres high.[2] See [2](https://x.example/2) about the height of the tower.")
    text, _ = await answer(None, "How high is the tower?", [tower, passage(HOURS, number=2)])
    assert text.startswith("The tower is 300 metres high.")
    shown, report = scan_answer(text, [tower, passage(HOURS, number=2)], language="en")
    assert [each.passage for each in report.citations] == [tower]
    assert report.grounded
    assert "[2]" not in shown
    assert "[#2](https://x.example/2)" in shown


async def test_a_list_that_goes_on_says_so_and_is_quoted_as_far_as_it_is_shown(passage: Passage) -> None:
    items = [f"- Charger {name} has {'rather ' * 10}long cables." for name in "ABCDEFGHIJKLMN"]
    hit = passage("We sell these chargers:\n\n" + "\n".join(items))
    text, _ = await answer(None, "Which chargers do you sell?", [hit])
    shown, _, mark = text.partition("\n…")
    assert mark == "\n\n[1]"
    assert hit.text.startswith(shown)
    assert "Charger B" in shown
    assert "Charger N" not in shown
    _, report = scan_answer(text, [hit], language="en")
    assert report.citations[0].quote == shown
    assert report.grounded


async def test_a_question_how_often_gets_what_says_it(passage: Passage) -> None:
    hit = passage(
        "## Oiling the machine\n\n1. Unplug the machine.\n2. Put one drop of oil in.\n\nDo it every three months."
    )
    text, _ = await answer(None, "How often must I oil the machine?", [hit])
    assert text == "Do it every three months. [1]"
    text, _ = await answer(None, "How do I oil the machine?", [hit])
    assert text.startswith("1. Unplug")


async def test_a_question_for_one_item_gets_that_item(passage: Passage) -> None:
    text, _ = await answer(None, "Which formats for images are supported?", [passage(FORMATS)])
    assert text == "**Images:** PNG and SVG [1]"


async def test_steps_come_together(passage: Passage) -> None:
    steps = (
        "Files stay for a month. To restore a file:\n\n1. Open the trash.\n2. Select the file.\n3. Click **Restore**."
    )
    text, _ = await answer(None, "How do I restore a file?", [passage(steps)])
    assert text == f"{steps.partition('. ')[2]}\n\n[1]"


async def test_beside_a_row_that_says_all_nothing_else_that_shares_a_word_is_quoted(passage: Passage) -> None:
    table = "| Plan | Price |\n|---|---|\n| Basic | 5 euros |\n| Pro | 9 euros |"
    text, _ = await answer(
        Nearest("Pro"),
        "What is the price of the Pro plan?",
        [passage(table), passage("Pro users may export.", number=2)],
    )
    assert text.endswith("| Pro | 9 euros |\n\n[1]")


async def test_a_row_whose_header_is_elsewhere_is_no_table(passage: Passage) -> None:
    text, _ = await answer(None, "What is the price of Pro?", [passage("| Pro | a\\|b | price 9 |\n| Basic | c | 5 |")])
    assert text == "Pro – a\\|b – price 9 [1]"


async def test_broken_lines_are_joined(passage: Passage) -> None:
    text, _ = await answer(None, "When are refunds paid?", [passage("Refunds are\npaid **within\n14 days**. Bye.")])
    assert text == "Refunds are paid **within 14 days**. [1]"


async def test_a_chatbot_without_a_language_answers_too(passage: Passage) -> None:
    events = [
        event
        async for event in ExtractiveChatModel(None).stream(ChatPrompt("When is a refund paid?", [passage(REFUNDS)]))
    ]
    assert events[0] == TextDelta("Refunds are paid within 14 days of the return. [1]")


async def test_only_what_holds_the_part_number_is_quoted(passage: Passage) -> None:
    table = "| Part | Price |\n|---|---|\n| TM-4090 | 10 |\n| TM-4091 | 20 |\n| TM-5030 | 30 |"
    text, _ = await answer(Nearest("TM"), "What is the price of TM4091?", [passage(table)])
    assert "| TM-4091 | 20 |" in text
    assert "TM-4090" not in text
    assert "TM-5030" not in text


HUB = """## Resetting the Hub

A factory reset removes all settings. Measurements stay.

1. Unplug the cables.
2. Press the button for ten seconds.

Afterwards the Hub needs to be paired again.

## Pairing the Hub

1. Connect the network cable.
2. Scan the code.

## Changing the battery

The sensors use one CR123A cell. Open the sensor with a coin and replace the battery. Press the button once."""


async def test_who_asks_how_to_do_something_gets_the_steps(passage: Passage) -> None:
    text, _ = await answer(None, "How do I pair the Hub?", [passage(HUB)])
    assert "1. Connect the network cable.\n2. Scan the code." in text
    text, _ = await answer(None, "How can I factory reset the hub?", [passage(HUB)])
    assert "1. Unplug the cables.\n2. Press the button for ten seconds." in text
    assert "Connect the network cable" not in text


async def test_without_steps_the_paragraph_below_the_heading_tells_how(passage: Passage) -> None:
    text, _ = await answer(None, "How do I change the battery?", [passage(HUB)])
    assert text.startswith(
        "The sensors use one CR123A cell. Open the sensor with a coin and replace the battery. Press"
    )


async def test_a_sentence_brings_along_what_it_leans_on(passage: Passage) -> None:
    limits = "Keys are free. Each key may send 120 requests a minute. Over that the API answers 429."
    text, _ = await answer(None, "What does the API answer?", [passage(limits)])
    assert text == "Each key may send 120 requests a minute. Over that the API answers 429. [1]"


async def test_a_question_for_a_time_gets_the_sentence_behind_that_names_it(passage: Passage) -> None:
    refunds = "You get a refund within the trial. It goes to your card. This takes seven days. Call us."
    text, _ = await answer(None, "When do I get a refund?", [passage(refunds)])
    assert text == "You get a refund within the trial. It goes to your card. This takes seven days. [1]"


class Graded:
    """What holds the word is a little nearer than the rest."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return np.array([[1, 0], *([0.8 if self.word in text else 0.7, 0] for text in texts[1:])], np.float32)


async def test_sentences_stand_in_the_order_of_their_passage(passage: Passage) -> None:
    shipping = "Shipping to Norway costs 9 euros.\n\nGifts are wrapped.\n\nShipping costs to Norway are paid by you."
    text, _ = await answer(Graded("paid"), "shipping costs Norway", [passage(shipping)])
    assert text == "Shipping to Norway costs 9 euros. [1] Shipping costs to Norway are paid by you. [1]"


async def test_neighbours_share_one_number(passage: Passage) -> None:
    text, _ = await answer(
        None, "vouchers valid", [passage("Vouchers are valid for a year. Vouchers stay valid in sales.")]
    )
    assert text == "Vouchers are valid for a year. Vouchers stay valid in sales. [1]"


PAIR = "Do you offer phone support?\nOnly on the Enterprise plan, around the clock."


async def test_a_curated_answer_to_another_question_is_shown_behind_its_question(passage: Passage) -> None:
    pair = replace(passage(PAIR), heading_path=("Do you offer phone support?",))
    text, _ = await answer(None, "Do you offer chat support?", [pair])
    assert text == "Do you offer phone support? Only on the Enterprise plan, around the clock. [1]"
    text, _ = await answer(None, "Is phone support on the Enterprise plan?", [pair])
    assert text == "Only on the Enterprise plan, around the clock. [1]"


async def test_a_curated_answer_to_another_question_stands_beside_nothing(passage: Passage) -> None:
    pair = replace(passage(PAIR), heading_path=("Do you offer phone support?",))
    found = [passage("Keycloak is supported.", number=2), pair]
    text, _ = await answer(None, "Is Keycloack supportd?", found)
    assert text == "Keycloak is supported. [1]"


async def test_steps_about_something_else_do_not_answer_how_it_works(passage: Passage) -> None:
    alerts = "Alerts are sent by e-mail as soon as a sensor reports a value above its limit."
    steps = "## Cleaning a sensor\n\n1. Take the sensor off the wall.\n2. Wipe it with a cloth."
    text, _ = await answer(
        Nearest("Alerts"), "How do alerts of a sensor work?", [passage(steps), passage(alerts, number=2)]
    )
    assert text.startswith(alerts)
