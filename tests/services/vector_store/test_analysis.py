"""From text to terms."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.vector_store import analysis
from chatsphere.services.vector_store.analysis import analyze, count_terms, number_term


@pytest.mark.parametrize(
    ("text", "language", "terms"),
    [
        ("Running RUNS ran", "en", ["run", "run", "ran"]),
        ("the of and", "en", []),
        ("Häuser Straße", "de", ["haus", "strass"]),
        ("l'été naïf", "fr", ["ete", "naif"]),
        ("бежать дома", "ru", ["бежа", "дом"]),
        ("नमस्ते दुनिया।", "hi", ["नमस्त", "दुनिय"]),
        ("计算机", "zh", ["计算", "算机"]),
        ("使用python3吧", "zh", ["使用", "python3", "吧"]),
        ("ภาษาไทย", "th", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("ﬁnance", "", ["finance"]),
        ("running", "", ["running"]),
        ("running", "xx", ["running"]),
        ("colour", "en-GB", ["colour"]),
        ("1,000 and 2,5", "en", ["1000", "2", "5"]),
        ("version 3.5", "en", ["version", "3", "5", "3.5"]),
    ],
)
def test_words_become_terms(text: str, language: str, terms: list[str]) -> None:
    assert analyze(text, language) == terms


@pytest.mark.parametrize(
    ("one", "other"),
    [("E-1234", "e1234"), ("AWS::S3", "awss3"), ("max_tokens", "maxTokens"), ("e-mail", "email"), ("C++", "c++")],
)
def test_an_identifier_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert set(analyze(other, "en")) & set(analyze(one, "en"))


def test_an_identifier_is_found_by_its_parts() -> None:
    assert {"creat", "bucket", "createbucket"} <= set(analyze("CreateBucket", "en"))
    assert {"1234", "e1234"} <= set(analyze("E-1234", "en"))


def test_c_plus_plus_and_c_sharp_differ() -> None:
    assert "c++" in analyze("C++ code", "en")
    assert "c#" in analyze("C# code", "en")


def test_markup_is_not_read() -> None:
    text = 'See [the guide](API_Foo.md#x) <a name="anchor"></a> and max\\_tokens'
    assert analyze(text, "en") == ["see", "guid", "max", "token", "maxtoken"]


def test_counts_are_by_number() -> None:
    assert count_terms("Dogs and a dog", "en") == {number_term("dog"): 2}


def test_numbers_do_not_change_between_releases() -> None:
    assert number_term("dog") == 167_159_166
    assert number_term("paper") != number_term("papers")


@given(st.text(max_size=300), st.sampled_from(["", "en", "de", "hi", "zh", "th", "ar", "tr", "el"]))
def test_any_text_is_read_the_same_way_twice(text: str, language: str) -> None:
    assert count_terms(text, language) == count_terms(text, language)
    assert count_terms(text, language).total() == len(analyze(text, language))
    assert all(analyze(text, language))


@pytest.mark.parametrize(
    "text", ["a-" * 50_000, "a" * 100_000, "A" * 50_000 + "a", "aB" * 50_000, "](" * 50_000, "<a" * 50_000, "1," * 50_000,
             "::" * 50_000, "a::" * 30_000, "ก" * 100_000]
)  # fmt: skip
def test_hostile_text_takes_linear_time(text: str) -> None:
    began = time.process_time()
    count_terms(text, "en")
    assert time.process_time() - began < 1.0


def test_what_is_remembered_has_one_bound_for_all_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "_MOST_REMEMBERED", 500)
    for language in ("en", "de", "fr", "es", "fi", "ru", "xx"):
        for start in range(0, 300, 50):
            words = [f"{language}word{number}," for number in range(start, start + 50)]
            assert len(count_terms(" ".join(words), language)) == 50
            assert sum(map(len, analysis._REMEMBERED)) <= 500
