"""From text to terms: the same for a chunk and for a question, so that they meet.

A word is case-folded, stemmed by its language's Snowball algorithm and freed of Latin accents. Scripts without spaces
(Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese) become pairs of neighbouring characters. An identifier is found
whole and in parts: ``AWS::S3`` gives ``aw``, ``s3`` and ``awss3``; ``maxTokens`` and ``max_tokens`` both give
``maxtoken`` beside their words. Numbers stay, ``1,000`` as ``1000``. Markdown's link targets and tags are not read.

Whoever changes what comes out raises ``ANALYSIS_VERSION``: stored terms carry it.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, pairwise
from threading import Lock
from typing import Any, Final

import Stemmer

from chatsphere.services.scripts import HANGUL, UNSPACED, UNSPACED_OR_HANGUL
from chatsphere.services.vector_store.stop_words import STOP_WORDS

ANALYSIS_VERSION: Final = 1
TERM_SPACE: Final = 1_000_000_000  # pgvector's largest number of sparse dimensions; terms are numbered 1 to this

_SNOWBALL: Final = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nb": "norwegian",
    "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_UNSPACED: Final = UNSPACED + HANGUL
# Python's \w leaves out combining marks, without which Hindi, Arabic or Hebrew words fall apart. The Indic blocks are
# taken whole but for the danda, their full stop.
_MARKS: Final = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0963\u0966-\u0dff\u0f18\u0f19\u0f71-\u0f84"
    "\u135d-\u135f\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
)
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_WORD: Final = re.compile(rf"[{_UNSPACED}]+|(?:(?![_{_UNSPACED}])[\w{_MARKS}])+")
_COMPOUND: Final = re.compile(r"(?<![^\W_])[^\W_]++(?:(?:::|[._@&-])[^\W_]++)+|\b[A-Za-z](?:\+\+|#)")
_CAMEL: Final = re.compile(r"\b[A-Za-z]*[a-z][A-Z][A-Za-z0-9]*")
_CAMEL_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_THOUSANDS: Final = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")  # begins with what is rare: the rest is skipped quickly
_MARKUP: Final = re.compile(r"\]\([^()\s]*\)|</?[A-Za-z][^<>]{0,300}>")
_ESCAPE: Final = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_SEPARATORS: Final = re.compile(r"[:._@&-]+")
_LONGEST_COMPOUND: Final = 60  # longer ones are addresses and hashes, whose parts suffice
_MOST_REMEMBERED: Final = 120_000  # words, and words with their punctuation, in all languages together: 16 MB
_LONGEST_REMEMBERED: Final = 40  # longer ones do not come again


def count_terms(text: str, language: str) -> Counter[int]:
    """How often each numbered term occurs. ``language`` is BCP 47; without a known one words are taken as they stand."""
    return Counter(term_numbers(text, language))


def term_numbers(text: str, language: str) -> Iterator[int]:
    """The numbers of all terms, as often as they occur.

    No term reaches across white space, so what stands between two spaces is analysed once and remembered.
    """
    tokens = _tokens(_primary(language))
    return chain.from_iterable(map(tokens.__getitem__, _plain(text).split()))


def analyze(text: str, language: str) -> list[str]:
    """The terms as words, for people and tests; compounds come after the plain words."""
    primary = _primary(language)
    return [term for word in _words(_plain(text)) if (term := _term(word, primary))]


def plain_words(text: str) -> list[str]:
    """The words of a text before they become terms: folded, unstemmed, identifiers in parts and whole."""
    return _words(_plain(text))


def number_words(words: Sequence[str], language: str) -> list[int]:
    """The numbers of such words' terms, 0 for function words; nothing is remembered, so words may be made up by the thousand.
    ``language`` is a primary one (``de``, not ``de-AT``)."""
    function_words, stemmer = STOP_WORDS.get(language, ()), _stemmer(language)
    with _tokens(language).lock:
        stems = stemmer.stemWords(words) if stemmer else words  # one call: half of the time of a call a word
    return [
        number_term(_without_accents(stem)) if stem and word not in function_words else 0
        for word, stem in zip(words, stems, strict=True)
    ]


def number_term(term: str) -> int:
    """A stable number from 1 to TERM_SPACE; two of 100,000 terms share one about five times."""
    return zlib.crc32(term.encode()) % TERM_SPACE + 1


_REMEMBERED: Final[list[dict[str, Any]]] = []  # all of the following, two a language


def _make_room() -> None:
    """All languages share one bound: a process that has seen twenty holds no more than one that has seen one. What comes often is soon back."""
    if sum(map(len, _REMEMBERED)) >= _MOST_REMEMBERED:
        for each in _REMEMBERED:
            each.clear()


class _TermNumbers(dict[str, int]):
    """Word → number of its term, filled as words come."""

    LEFT_OUT: Final = 0

    def __init__(self, language: str) -> None:
        self.language = language
        self.lock = Lock()  # Snowball's stemmers keep state between calls

    def __missing__(self, word: str) -> int:
        with self.lock:
            term = _term(word, self.language)
            number = number_term(term) if term else self.LEFT_OUT
        if len(word) <= _LONGEST_REMEMBERED:
            _make_room()
            self[word] = number
        return number


class _Tokens(dict[str, tuple[int, ...]]):
    """What stands between two spaces → the numbers of its terms."""

    def __init__(self, language: str) -> None:
        self._numbers = _TermNumbers(language)
        self.lock = self._numbers.lock
        _REMEMBERED.extend((self, self._numbers))

    def __missing__(self, token: str) -> tuple[int, ...]:
        numbers = map(self._numbers.__getitem__, _words(token))
        terms = tuple(number for number in numbers if number != _TermNumbers.LEFT_OUT)
        if len(token) <= _LONGEST_REMEMBERED:
            _make_room()
            self[token] = terms
        return terms


@cache
def _tokens(language: str) -> _Tokens:
    return _Tokens(language)


@cache
def _stemmer(language: str) -> Stemmer.Stemmer | None:
    algorithm = _SNOWBALL.get(language)
    return Stemmer.Stemmer(algorithm, 0) if algorithm else None  # 0: its own cache is off, ours is enough


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()


def _term(word: str, language: str) -> str:
    if word in STOP_WORDS.get(language, ()):
        return ""
    stemmer = _stemmer(language)
    return _without_accents(stemmer.stemWord(word) if stemmer else word)


def _without_accents(word: str) -> str:
    """Latin only: in other scripts a mark makes another letter."""
    if word.isascii() or ord(word[0]) > 0x24F:
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not 0x300 <= ord(c) <= 0x36F)


def _words(text: str) -> list[str]:
    """Of text that ``_plain`` has gone over."""
    folded = text.casefold()
    words: list[str] = _ASCII_WORD.findall(folded) if folded.isascii() else list(_pairs(_WORD.findall(folded)))
    words += [_joined(compound) for compound in _COMPOUND.findall(folded) if len(compound) <= _LONGEST_COMPOUND]
    for name in _CAMEL.findall(text):
        words.extend(map(str.lower, _CAMEL_PART.findall(name)))
    return words


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = _MARKUP.sub(" ", text) if "<" in text or "](" in text else text
    text = _ESCAPE.sub("", text) if "\\" in text else text
    return _THOUSANDS.sub("", text) if "," in text else text


def _pairs(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if len(word) > 2 and UNSPACED_OR_HANGUL.match(word):
            yield from map("".join, pairwise(word))
        else:
            yield word


def _joined(compound: str) -> str:
    """``e-1234`` as ``e1234``; among digits alone the separator matters: ``3.5`` is not ``35``."""
    joined = _SEPARATORS.sub("", compound)
    return _SEPARATORS.sub(".", compound) if joined.isdigit() else joined
