"""A table of words tells which signs may stand in a text, and never misses one."""

from __future__ import annotations

import random

import pytest

from chatsphere.services.content import sign_words
from chatsphere.services.content.sign_words import SignWords

GROUPS = (("ignor", "not follow"), (" now", " mode ", "hidden "), ("<|", "[inst]", "system :"), ("忽略", " the ai "))
PARTS = ["ignore", "following", "not", "now", "know", "model", "mode", "hidden", "<|x", "[inst]", "system", ":", "the", "ai", "忽略了", "x" * 70]  # fmt: skip


def _stand_in(words: list[str]) -> int:
    text = f" {' '.join(words)} "
    return sum(1 << number for number, signs in enumerate(GROUPS) if any(sign in text for sign in signs))


def test_no_sign_is_missed_and_plain_words_say_that_there_is_none() -> None:
    signs = SignWords(GROUPS)
    chooser = random.Random(3)
    for _ in range(3_000):
        words = chooser.choices(PARTS, k=chooser.randint(0, 6))
        there = _stand_in(words)
        assert signs.groups_in(words) & there == there, words
    assert signs.groups_in(["plain", "words", "know", "model"]) == 0
    assert signs.groups_in([]) == 0


def test_a_group_is_named_for_the_rarest_word_of_its_sign() -> None:
    signs = SignWords(GROUPS)
    assert signs.groups_in(["the"]) == 0, "of “the ai” it is “ai” that is rare"
    assert signs.groups_in(["the", "ai"]) == 0b1000
    assert signs.groups_in(["y" * 60 + "ignored"]) == 0b0001, (
        "words too long to be remembered are looked through as well"
    )


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_words, "_MOST_REMEMBERED", 10)
    signs = SignWords(GROUPS)
    signs.groups_in([f"word{number}" for number in range(25)])
    signs.groups_in(["z" * 41])
    assert 0 < len(signs) <= 10
