from __future__ import annotations

import pytest

from chatsphere.services.ai.tokens import cut_to_tokens, estimate_message_tokens, estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),  # as counted by o200k_base
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("Refunds are paid within 14 days of the return.", 11),
        ("Быстрая коричневая лиса перепрыгивает через ленивую собаку.", 17),
        ("人口は多い。東京は日本の首都です。", 14),
    ],
)
def test_the_estimate_is_careful_and_not_wild(text: str, tokens: int) -> None:
    assert tokens <= estimate_tokens(text) <= 4 * tokens


def test_nothing_costs_nothing() -> None:
    assert estimate_tokens("") == 0
    assert estimate_message_tokens([]) == 0
    assert estimate_message_tokens(["", "abcdefg"]) == 4 + 4 + 2


def test_longer_text_never_costs_less() -> None:
    text = "Ein längerer Satz mit Umlauten äöü und 数字 123."
    estimates = [estimate_tokens(text[:end]) for end in range(len(text))]
    assert estimates == sorted(estimates)


@pytest.mark.parametrize("text", ["word " * 900, "日本の首都" * 900, "日本の首都" * 500 + "word " * 500, "short", ""])
def test_a_cut_text_is_a_beginning_that_fits(text: str) -> None:
    cut = cut_to_tokens(text, 1_000)
    assert text.startswith(cut)
    assert estimate_tokens(cut) <= 1_000
    assert cut == text or estimate_tokens(cut) > 800
