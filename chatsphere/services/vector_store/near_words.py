"""Words of a question that a chatbot's chunks do not hold, matched with words that they do: misspelt ones, and compounds.

A chatbot's vocabulary is kept as numbers only, so words cannot be compared. The words near to a question's word are made instead, analysed
as chunks were, and looked up: nothing more is stored, and whatever was trained before is reached as well. What is near takes the place of the
unknown word.

- **Misspelt**: all words one step away (a letter left out, put in, exchanged, or two swapped; Damerau, 1964: four of five mistakes), the
  first letter kept. The one that most chunks hold is taken.
- **Compounds**: an unknown word in two known parts, with a linking element between them (``Kündigungs|frist``), the pair whose rarer part is the
  most common (after Koehn and Knight, 2003). In languages that write compounds in one word also the other way round: any two words of
  the question as one that is known (``Frist der Kündigung``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Final, NamedTuple

import numpy as np

from chatsphere.services.vector_store.analysis import number_words, plain_words
from chatsphere.services.vector_store.term_counts import Counts, TermCounts, Terms

COMPOUNDING: Final = frozenset({"de", "nl", "da", "sv", "no", "nb", "nn", "fi", "hu"})
SHORTEST_MISSPELT: Final = 5  # letters; shorter words have too many neighbours
LONGEST_LOOKED_AT: Final = 40
SHORTEST_PART: Final = 4
MOST_UNKNOWN: Final = 6  # words of a question that are matched; each costs about a millisecond
MOST_JOINED: Final = 8  # words of a question that are tried in pairs
LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    "de": ("", "s", "es", "n", "en", "er", "e"),
    "nl": ("", "s", "en", "e"),
    "da": ("", "s", "e"),
    "sv": ("", "s"),
    "no": ("", "s", "e"),
    "nb": ("", "s", "e"),
    "nn": ("", "s", "e"),
}
# A question parts a verb ("schicke … zurück") of which documents have the noun.
_NOUNS_OF_PARTICLES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("de", "zurück"): (
        *("rückgabe", "rücksendung", "rückversand", "rückerstattung", "rückzahlung", "retoure", "rücknahme"),
        *("zurückgeben", "zurücksenden", "zurückschicken", "zurückzahlen", "zurückerstatten"),
    )
}
_ALPHABETS: Final = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ", "αβγδεζηθικλμνξοπρστυφχψω")


class Part(NamedTuple):
    """The first word of a compound without its link, the second, and how common the rarer of them is."""

    first: int
    second: int
    frequency: int


class Vocabulary:
    """In how many chunks of a chatbot each term is."""

    def __init__(self, terms: TermCounts) -> None:
        self._terms = terms

    def frequencies(self, numbers: Sequence[int]) -> list[int]:
        """In order; 0 for what no chunk holds."""
        counts: list[int] = self._counts(np.array(numbers, np.int32)).tolist()
        return counts

    def most_common(self, numbers: Sequence[int]) -> int:
        """The number that most chunks hold, of equals the greatest; 0 when no chunk holds any."""
        asked = np.array(numbers, np.int32)
        counts = self._counts(asked)
        most = counts.max(initial=0)
        return int(asked[counts == most].max()) if most else 0

    def _counts(self, asked: Terms) -> Counts:
        if not len(self._terms.terms):
            return np.zeros(len(asked), np.int64)
        places = np.minimum(np.searchsorted(self._terms.terms, asked), len(self._terms.terms) - 1)
        return np.where(self._terms.terms[places] == asked, self._terms.counts[places], 0)

    def __len__(self) -> int:
        return len(self._terms.terms)


class Near(NamedTuple):
    """Terms to search for beside those of the question, and the question's unknown ones that they stand for."""

    added: set[int]
    replaced: set[int]


def near_terms(text: str, languages: Iterable[str], vocabulary: Vocabulary) -> Near:
    """What a question does not say, but nearly. Some milliseconds for an unknown word."""
    near = Near(set(), set())
    for language in languages:
        primary = language.partition("-")[0].lower()
        words = [word for word in dict.fromkeys(plain_words(text)) if word.isalpha() and len(word) <= LONGEST_LOOKED_AT]
        numbered = [(word, number) for word, number in zip(words, number_words(words, primary), strict=True) if number]
        for number, found in _near(numbered, primary, vocabulary):
            near.added.update(found)
            near.replaced.add(number)
        if primary in COMPOUNDING:
            near.added.update(_joined([word for word, _ in numbered][:MOST_JOINED], primary, vocabulary))
    return near


def writes_compounds(languages: Iterable[str]) -> bool:
    """Whether a question in these languages may name a known compound by its parts alone, so that known words are looked at, too."""
    return any(language.partition("-")[0].lower() in COMPOUNDING for language in languages)


def _near(
    words: Sequence[tuple[str, int]], language: str, vocabulary: Vocabulary
) -> Iterator[tuple[int, Sequence[int]]]:
    """Unknown terms, each with the known ones it stands for."""
    frequencies = vocabulary.frequencies([number for _, number in words])
    unknown = [pair for pair, frequency in zip(words, frequencies, strict=True) if not frequency]
    for word, number in unknown[:MOST_UNKNOWN]:
        nouns = _NOUNS_OF_PARTICLES.get((language, word), ())
        if nouns and (noun := vocabulary.most_common(number_words(nouns, language))):
            yield number, [noun]
        elif right := _spelt_right(word, language, vocabulary):
            yield number, [right]
        elif parts := _parts(word, language, vocabulary):
            yield number, parts[:2]


def _spelt_right(word: str, language: str, vocabulary: Vocabulary) -> int:
    """The number of the most common word one step away, of a short German verb that of its infinitive; 0 when there is none."""
    if len(word) < SHORTEST_MISSPELT and language == "de" and word.endswith("e"):
        return vocabulary.most_common(number_words([f"{word}n"], language))  # too short for the stemmer: "öle", "ölen"
    alphabet = next((letters for letters in _ALPHABETS if set(word) & set(letters)), "")
    if len(word) < SHORTEST_MISSPELT or not alphabet:
        return 0
    return vocabulary.most_common(number_words(list(_one_step_away(word, alphabet)), language))


def _one_step_away(word: str, alphabet: str) -> Iterator[str]:
    for place in range(1, len(word) + 1):
        before, after = word[:place], word[place:]
        yield from (before + letter + after for letter in alphabet)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in alphabet if letter != after[0])
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def _parts(word: str, language: str, vocabulary: Vocabulary) -> Part | None:
    """The best way to cut a word in two known ones."""
    cuts = [
        (word[:place].removesuffix(link), word[place:])
        for place in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
        for link in LINKS.get(language, ("",))
        if word[:place].endswith(link) and place - len(link) >= SHORTEST_PART
    ]
    firsts, seconds = (number_words([cut[side] for cut in cuts], language) for side in (0, 1))
    known = zip(firsts, seconds, vocabulary.frequencies(firsts), vocabulary.frequencies(seconds), strict=True)
    parts = [Part(first, second, min(counts)) for first, second, *counts in known if first and second]
    best = max(parts, key=lambda part: part.frequency, default=None)
    return best if best is not None and best.frequency else None


def _joined(words: Sequence[str], language: str, vocabulary: Vocabulary) -> list[int]:
    """Known compounds of any two words of the question."""
    compounds = [
        first + link + second
        for first, second in permutations([word for word in words if len(word) >= SHORTEST_PART], 2)
        for link in LINKS.get(language, ("",))
    ]
    numbers = list(dict.fromkeys(number_words(compounds, language)))
    return [number for number, count in zip(numbers, vocabulary.frequencies(numbers), strict=True) if count]
