"""Misspelt words and compounds are matched with what the chatbot's chunks hold."""

from __future__ import annotations

import time
from collections import Counter
from uuid import UUID

import numpy as np
import pytest

from chatsphere.services.vector_store.analysis import count_terms
from chatsphere.services.vector_store.base import ChatbotRef
from chatsphere.services.vector_store.near_words import MOST_UNKNOWN, Vocabulary, near_terms
from chatsphere.services.vector_store.term_counts import TermCounts
from chatsphere.services.vector_store.vocabulary_cache import MOST_TERMS, VocabularyCache


def vocabulary(language: str, *chunks: str) -> Vocabulary:
    return Vocabulary(
        TermCounts.of([np.array(sorted(count_terms(chunk, language)), np.int32) for chunk in chunks if chunk])
    )


def near(question: str, language: str, *chunks: str) -> set[int]:
    return near_terms(question, [language], vocabulary(language, *chunks)).added


def terms(words: str, language: str) -> set[int]:
    return set(count_terms(words, language))


@pytest.mark.parametrize("word", ["warrnty", "warranyt", "warramty", "warrannty", "Warrnty?"])
def test_a_misspelt_word_finds_its_neighbour(word: str) -> None:
    assert near(f"How long is the {word}", "en", "The warranty lasts long") == terms("warranty", "en")


def test_the_neighbour_takes_the_place_of_what_was_written() -> None:
    near_ones = near_terms("warrnty of a car", ["en"], vocabulary("en", "The warranty lasts long"))
    assert near_ones.replaced == terms("warrnty", "en")


def test_the_neighbour_that_more_chunks_hold_is_taken() -> None:
    assert near("planed", "en", "He planned it", "She planned it", "A plant") == terms("planned", "en")


def test_a_parted_german_verb_finds_its_noun_and_a_short_one_its_infinitive() -> None:
    question = "Wie schicke ich ein Paket zurück?"
    found = near_terms(question, ["de"], vocabulary("de", "Die Rücksendung ist kostenlos", "Das Paket kommt an"))
    assert terms("Rücksendung", "de") <= found.added
    assert found.replaced >= terms("zurück", "de")
    assert not near(question, "de", "Sie gehen zurück", "Die Rücksendung ist kostenlos") & terms("Rücksendung", "de")
    assert near("Wie öle ich sie?", "de", "Nähmaschine ölen") == terms("ölen", "de")


def test_cyrillic_and_inflected_words_are_matched_by_their_stems() -> None:
    assert near("гаратния", "ru", "Срок гарантии два года") == terms("гарантия", "ru")
    assert near("policeis", "en", "One policy for all") == terms("policies", "en")


@pytest.mark.parametrize("word", ["warranty", "cat", "B-17x", "warr", "strangers"])
def test_known_short_numbered_and_strange_words_are_left_alone(word: str) -> None:
    assert near(word, "en", "The warranty of a car, warm and B-17y") == set()


def test_an_unknown_compound_is_found_by_its_parts() -> None:
    found = near("Wie lang ist die Kündigungsfrist?", "de", "Die Frist für eine Kündigung beträgt vier Wochen.")
    assert found == terms("Kündigung Frist", "de")
    assert near("healthcare", "en", "The care of your health") == terms("health care", "en")
    assert near("opzegtermijn", "nl", "Een termijn van opzeg") == terms("opzeg termijn", "nl")


def test_a_known_compound_is_found_by_the_parts_that_the_question_names() -> None:
    found = near("Welche Frist gilt bei einer Kündigung?", "de", "Die Kündigungsfrist. Eine Frist. Jede Kündigung.")
    assert found == terms("Kündigungsfrist", "de")


def test_a_pasted_page_of_strange_words_costs_little() -> None:
    page = " ".join(f"qwzrt{chr(97 + n % 26)}{chr(97 + n // 26)}xv" for n in range(600))
    known = vocabulary("en", "The warranty lasts two years")
    began = time.process_time()
    near_terms(page, ["en"], known)
    assert time.process_time() - began < 0.25  # MOST_UNKNOWN words; all would take a second
    assert MOST_UNKNOWN < 10


def test_nothing_is_near_while_nothing_is_known() -> None:
    assert near_terms("warrnty", ["en"], Vocabulary(TermCounts.of([]))).added == set()


def _chatbot(number: int) -> ChatbotRef:
    return ChatbotRef(UUID(int=1), UUID(int=number))


def test_a_vocabulary_serves_until_the_totals_move() -> None:
    cache, kept = VocabularyCache(), vocabulary("en", "word")
    cache.put(_chatbot(1), (1, 2.0), kept)
    assert cache.get(_chatbot(1), (1, 2.0)) is kept
    assert (cache.stamp(_chatbot(1)), cache.stamp(_chatbot(2))) == ((1, 2.0), None)
    assert cache.get(_chatbot(2), (1, 2.0)) is None
    assert cache.get(_chatbot(1), (2, 2.0)) is None
    assert cache.get(_chatbot(1), (1, 2.0)) is None  # what was outgrown is let go


def test_the_least_recently_used_vocabularies_make_room() -> None:
    half = Vocabulary(TermCounts(np.arange(MOST_TERMS // 2, dtype=np.int32), np.ones(MOST_TERMS // 2, np.int64)))
    cache, stamp = VocabularyCache(), (1, 1.0)
    for number in (1, 2):
        cache.put(_chatbot(number), stamp, half)
    cache.get(_chatbot(1), stamp)
    cache.put(_chatbot(3), stamp, half)
    kept = Counter({number: cache.get(_chatbot(number), stamp) is not None for number in (1, 2, 3)})
    assert kept == {1: 1, 2: 0, 3: 1}
