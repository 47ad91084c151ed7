"""Questions in another language than the chatbot's documents, and the embedding models that place them beside each other."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from chatsphere.services.content.language import detect_language
from chatsphere.services.vector_store.asking_words import EMPTY

LEAST_SHOWN: Final = 2  # function words of one language, more than of any other
MOST_UNKNOWN: Final = 0.5  # share of chunks whose language nobody knows

# Multilingual models, by what providers and their compatible servers call them.
_READS_MANY: Final = re.compile(
    r"text-embedding-3-(?:small|large)|text-embedding-ada-002|multilingual|bge-m3|embed-v4|labse|gemini-embedding|embeddinggemma"
    r"|mistral-embed|jina-embeddings-v[3-9]|voyage-(?:[3-9]|large-2)|qwen3-embedding|arctic-embed-[lm]-v2|nomic-embed-text-v2"
    r"|titan-embed-text-v2|text-embedding-v[3-9]|solar-embedding"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SCRIPT_OF: Final = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr", "kk", "mn", "ky", "tg"), "CYRILLIC"),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ckb"), "ARABIC"),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), "DEVANAGARI"),
    **dict.fromkeys(("he", "yi"), "HEBREW"),
    "el": "GREEK",
    "hy": "ARMENIAN",
    "ka": "GEORGIAN",
    "th": "THAI",
    "bn": "BENGALI",
    "ta": "TAMIL",
    "te": "TELUGU",
    "ko": "HANGUL",
    "zh": "CJK",
    "ja": "CJK",
}
_KANA: Final = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}
_SEVERAL: Final = frozenset({"sr", "kk", "mn"})  # are written in Latin, too


def reads_many(model_id: str) -> bool:
    """Whether a model places a question beside passages in another language; of an unknown one it is not assumed."""
    return _READS_MANY.search(model_id.lower()) is not None


def is_foreign(text: str, languages: Mapping[str, int]) -> bool:
    """Whether a question is surely in none of the chatbot's languages: its words then only mislead. ``languages`` are those of its chunks; False
    while that of most chunks is not known, or the question's own."""
    present = {language: chunks for language, chunks in languages.items() if chunks > 0}
    known = {language.partition("-")[0].lower() for language in present} - {""}
    if not known or present.get("", 0) > MOST_UNKNOWN * sum(present.values()):
        return False
    script = _script_of(text)
    if script and not _are_written_in(script, known):
        return True
    own, other = _function_words(text, known)
    if own >= max(1, other):
        return False
    if other >= LEAST_SHOWN:
        return True
    language = detect_language(text)
    return bool(language) and language not in known


def _function_words(text: str, known: Collection[str]) -> tuple[int, int]:
    """How many a question has of the chatbot's language that shows most, and of any other one."""
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
    shown = {language: sum(word in empty for word in words) for language, empty in EMPTY.items()}
    own = max((count for language, count in shown.items() if language in known), default=0)
    return own, max((count for language, count in shown.items() if language not in known), default=0)


def _are_written_in(script: str, languages: Collection[str]) -> bool:
    scripts = {_SCRIPT_OF.get(language, "LATIN") for language in languages}
    return script in scripts or (script == "LATIN" and not _SEVERAL.isdisjoint(languages))


def _script_of(text: str) -> str:
    """The script of most letters; empty for text without letters."""
    names = (unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha())
    counts = Counter(_KANA.get(name, name) for name in names)
    return max(counts, key=counts.__getitem__) if counts else ""
