"""Fingerprints of documents that say nearly the same."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest

from chatsphere.services.content import sketch as sketches
from chatsphere.services.content.sketch import BANDS, BINS, band_keys, likeness, sketch

WORDS = [f"word{number}" for number in range(3_000)]


def text_of(seed: int, words: int = 800) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def shares_a_band(one: str, other: str, *, scope: bytes = b"a", other_scope: bytes = b"a") -> bool:
    return bool(set(band_keys(sketch(one), scope=scope)) & set(band_keys(sketch(other), scope=other_scope)))


def test_case_and_white_space_do_not_count() -> None:
    text = text_of(1)
    assert sketch(text) == sketch(text.upper().replace(" ", " \n"))
    assert len(sketch(text)) == BINS
    assert len(band_keys(sketch(text), scope=b"a")) == BANDS


def test_an_edited_paragraph_keeps_a_text_nearly_the_same() -> None:
    text = text_of(1)
    edited = text.replace(" ".join(text.split()[400:420]), "quite another sentence here")
    assert likeness(sketch(text), sketch(edited)) > 0.85
    assert shares_a_band(text, edited)


def test_different_texts_are_told_apart() -> None:
    assert likeness(sketch(text_of(1)), sketch(text_of(2))) < 0.1
    assert not any(shares_a_band(text_of(1), text_of(seed)) for seed in range(2, 40))


def test_half_a_text_is_half_like_it() -> None:
    whole = text_of(1, words=4_000)
    half = " ".join(whole.split()[:2_000])
    assert 0.3 < likeness(sketch(whole), sketch(half)) < 0.7


def test_the_same_text_of_another_scope_shares_nothing() -> None:
    assert not shares_a_band(text_of(1), text_of(1), other_scope=b"b")


def test_writing_without_spaces_is_compared_by_characters() -> None:
    letters = [chr(0x4E00 + number) for number in range(500)]
    text = "".join(random.Random(3).choices(letters, k=600))
    assert likeness(sketch(text), sketch(text[:300] + "一" + text[300:])) > 0.85


def test_a_short_text_has_no_sketch() -> None:
    assert sketch("Hello there") == []
    assert sketch("") == []
    assert band_keys([], scope=b"a") == []


def test_a_megabyte_takes_little_time() -> None:
    text = text_of(5, words=130_000)
    began = time.process_time()
    sketch(text)
    assert time.process_time() - began < 1.0


def test_a_sketch_does_not_depend_on_how_a_text_is_cut_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        text_of(7, words=20_000),
        "".join(random.Random(3).choices("一二三四五六七八九十百千", k=9_000)),
        "x" * 5_000,
    ]
    whole = [sketch(text) for text in texts]
    for size in (100, 4_096):
        monkeypatch.setattr(sketches, "_BLOCK", size)
        assert [sketch(text) for text in texts] == whole


def test_a_sketch_takes_no_more_memory_than_ten_times_its_text() -> None:
    text = text_of(5, words=250_000)
    tracemalloc.start()
    sketch(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(text), f"{peak:,} bytes for {len(text):,}"
