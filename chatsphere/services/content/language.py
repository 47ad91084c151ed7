"""The language of a text, from its script where that decides, else from its letters (py3langid, loaded at first use)."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib import import_module
from typing import Any

_SAMPLE = 900  # characters that are looked at
_LETTERS_NEEDED = 24  # fewer say too little
_CONFIDENCE_NEEDED = 0.5

# Those that companies write in; rare ones only take short texts away from them.
_LANGUAGES = [
    "af",
    "ar",
    "az",
    "be",
    "bg",
    "bn",
    "bs",
    "ca",
    "cs",
    "cy",
    "da",
    "de",
    "el",
    "en",
    "es",
    "et",
    "eu",
    "fa",
    "fi",
    "fr",
    "ga",
    "gl",
    "gu",
    "he",
    "hi",
    "hr",
    "hu",
    "hy",
    "id",
    "is",
    "it",
    "ja",
    "ka",
    "kk",
    "km",
    "kn",
    "ko",
    "lt",
    "lv",
    "mk",
    "ml",
    "mn",
    "mr",
    "ms",
    "ne",
    "nl",
    "nn",
    "no",
    "pa",
    "pl",
    "pt",
    "ro",
    "ru",
    "si",
    "sk",
    "sl",
    "sq",
    "sr",
    "sv",
    "sw",
    "ta",
    "te",
    "th",
    "tl",
    "tr",
    "uk",
    "ur",
    "uz",
    "vi",
    "zh",
]

_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("el", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("hy", re.compile("[\u0530-\u058f]")),
    ("ka", re.compile("[\u10a0-\u10ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
)
# Of English text 25 to 40 % of the words, of text in the other languages next to none.
_ENGLISH = frozenset(
    [
        "the",
        "and",
        "of",
        "to",
        "is",
        "that",
        "with",
        "this",
        "you",
        "your",
        "which",
        "when",
        "from",
        "it",
        "be",
        "by",
        "can",
        "has",
        "have",
        "are",
        "not",
        "or",
        "for",
        "their",
        "they",
        "these",
        "those",
        "there",
        "must",
        "each",
        "into",
        "other",
        "an",
        "as",
        "if",
        "was",
        "were",
        "more",
        "on",
    ]
)
_SURELY_ENGLISH = 0.18
_WORDS_NEEDED = 40
_NEARLY_ASCII = 1.03  # bytes a character: quotation marks and dashes, a foreign name
_WORD = re.compile(r"[^\W\d_]+")
_MARKUP = re.compile(r"```.*?```|`[^`]*`|https?://\S+|<[^>]*>|\]\([^)]*\)", re.DOTALL)


def detect_language(text: str) -> str:
    """BCP 47 code of the main language, ``""`` when the text is too short or too mixed to say.

    Looks at up to 900 characters from the beginning, the middle and the end. The first call in a process loads a model
    of some 10 MB; scripts used by one language alone are decided without it, and so is what is surely English, in a tenth of the time.
    """
    sample = _MARKUP.sub(" ", _sample(text))
    if _is_surely_english(sample):
        return "en"
    letters = "".join(_WORD.findall(sample))
    if not letters:
        return ""
    by_script = _language_of_script(letters)
    if by_script:
        return by_script
    if len(letters) < _LETTERS_NEEDED:
        return ""
    code, confidence = _identifier().classify(sample)
    return str(code) if confidence >= _CONFIDENCE_NEEDED else ""


def _sample(text: str) -> str:
    if len(text) <= _SAMPLE:
        return text
    part = _SAMPLE // 3
    middle = len(text) // 2
    return f"{text[:part]} {text[middle : middle + part]} {text[-part:]}"


def _is_surely_english(sample: str) -> bool:
    if len(sample.encode("utf-8", "replace")) > _NEARLY_ASCII * len(
        sample
    ):  # something else may be in it, in words or without spaces
        return False
    words = sample.lower().split()
    known = sum(map(_ENGLISH.__contains__, words))
    return len(words) >= _WORDS_NEEDED and known >= _SURELY_ENGLISH * len(words) and "the" in words


def _language_of_script(letters: str) -> str:
    counts = Counter({code: len(pattern.findall(letters)) for code, pattern in _SCRIPTS})
    if counts["ja"] and counts["ja"] + counts["zh"] > len(letters) / 2 and counts["ja"] > len(letters) / 20:
        return "ja"
    code, count = counts.most_common(1)[0]
    return code if count > len(letters) / 2 else ""


@cache
def _identifier() -> Any:
    langid = import_module("py3langid.langid")  # numpy and a model: not for processes that never ask
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LANGUAGES)
    return identifier
