"""Follow-up questions made searchable without a model.

"How long does it take?" finds nothing by itself. When a question leans on what was said before, the words that carry the subject of the
visitor's last questions are put behind it. The question itself stays as it is for the model, which sees the history anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from chatsphere.services.types import Turn
from chatsphere.services.vector_store.stop_words import STOP_WORDS

LOOK_BACK: Final = 2  # earlier questions of the visitor
MOST_WORDS: Final = 12  # words taken from them
SHORT: Final = 3  # a question with so few words of its own leans on the conversation

_WORD: Final = re.compile(r"[^\W_]+(?:[-'._/][^\W_]+)*")
_LEANING: Final = frozenset(
    # English, German, French, Spanish, Italian, Portuguese, Dutch: words that point back
    [
        "it",
        "its",
        "itself",
        "they",
        "them",
        "their",
        "theirs",
        "this",
        "that",
        "these",
        "those",
        "he",
        "him",
        "his",
        "she",
        "her",
        "hers",
        "one",
        "ones",
        "there",
        "former",
        "latter",
        "same",
        "such",
        "then",
        "other",
        "others",
        "another",
        "er",
        "sie",
        "es",
        "ihn",
        "ihm",
        "ihr",
        "ihre",
        "ihren",
        "ihrem",
        "dies",
        "diese",
        "dieser",
        "dieses",
        "das",
        "dort",
        "davon",
        "damit",
        "dazu",
        "dafür",
        "jene",
        "il",
        "ils",
        "elle",
        "elles",
        "lui",
        "leur",
        "leurs",
        "ce",
        "cela",
        "ça",
        "ceci",
        "celui",
        "celle",
        "ceux",
        "celles",
        "y",
        "él",
        "ella",
        "ellos",
        "ellas",
        "esto",
        "eso",
        "esta",
        "este",
        "estos",
        "estas",
        "ese",
        "esa",
        "allí",
        "lo",
        "los",
        "esso",
        "essa",
        "essi",
        "esse",
        "questo",
        "questa",
        "questi",
        "queste",
        "quello",
        "quella",
        "lì",
        "ele",
        "ela",
        "eles",
        "elas",
        "isto",
        "isso",
        "aquilo",
        "het",
        "hij",
        "zij",
        "ze",
        "hem",
        "haar",
        "dit",
        "dat",
        "deze",
        "die",
    ]
)
_OPENERS: Final = re.compile(
    r"\s*(?:and|or|but|so|also|what about|how about|what else|why|und|oder|aber|was ist mit|et|ou|mais|y|o|pero|e|ma)\b",
    re.IGNORECASE,
)


def search_text(question: str, history: Sequence[Turn]) -> str:
    """What to search for: the question, with the subject of earlier ones behind it when it leans on them."""
    earlier = [turn.text for turn in history if turn.role == "user"][-LOOK_BACK:]
    if not earlier or not leans(question):
        return question
    known = {word.casefold() for word in _WORD.findall(question)}
    added = _subject_words(reversed(earlier), known)
    return f"{question} {' '.join(added)}" if added else question


def leans(question: str) -> bool:
    """Whether a question points back: a pronoun, an opener such as "and", or hardly a word of its own."""
    words = [word.casefold() for word in _WORD.findall(question)]
    own = [word for word in words if not _is_empty(word)]
    return len(own) <= SHORT or bool(_OPENERS.match(question)) or any(word in _LEANING for word in words)


def _subject_words(texts: Iterable[str], known: set[str]) -> list[str]:
    """Words with a subject, the newest question's first, each once."""
    found: list[str] = []
    for text in texts:
        for word in _WORD.findall(text):
            folded = word.casefold()
            if folded not in known and not _is_empty(folded):
                known.add(folded)
                found.append(word)
    return found[:MOST_WORDS]


def _is_empty(word: str) -> bool:
    return word in _LEANING or any(word in words for words in _EMPTY)


_EMPTY: Final = tuple(
    STOP_WORDS[language] for language in ("en", "de", "fr", "es", "it", "pt", "nl") if language in STOP_WORDS
)
