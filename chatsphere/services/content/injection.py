"""Texts that look as if they gave orders to a model instead of telling people something.

A pattern is a suspicion, not a proof: what it finds is held back until somebody has read it. Words are compared without invisible
characters and in one spelling of look-alike letters, because that is how such texts hide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

EXCERPT: Final = 80  # characters on either side

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_TAGS: Final = re.compile(
    "(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]{4,}"
)  # ASCII that nobody sees; flags of regions use it, too

_WHO: Final = r"(?:all|any|the|your|these|those|every|my|previous|prior|above|earlier|preceding|foregoing|existing|original|system|developer|safety|and|or|of)"
_WHAT: Final = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directives?|orders?|context|messages?|constraints?|programming)"
)
_PATTERNS: Final = {
    "ignore_instructions": rf"(?<!not )(?<!n\x27t )(?<!never )\b(?:ignore|disregard|forget|override|bypass|do not (?:follow|obey)|don't (?:follow|obey))\s+(?:{_WHO}\s+){{0,5}}{_WHAT}\b(?:\s+(?:above|before|you (?:were|have been) given))?"
    r"|\b(?:ignoriere?n?|vergiss|missachte)\s+(?:\w+\s+){0,4}(?:anweisung|anweisungen|regeln|vorgaben|befehle)\b"
    r"|\b(?:ignore[zr]?|oublie[zr]?)\s+(?:\w+\s+){0,4}(?:instructions|consignes|règles)\b"
    r"|\b(?:ignora|olvida|ignore)\s+(?:\w+\s+){0,4}(?:instrucciones|instruções|istruzioni|reglas)\b"
    r"|(?:忽略|无视)(?:之前|以上|所有|先前)[^。\n]{0,12}(?:指令|指示|提示|规则)",
    "new_role": r"\byou are now\s+(?:in\s+)?(?:\w+\s+){0,3}(?:mode|dan|unrestricted|jailbroken|an? (?:different|new|evil|unfiltered))\b"
    r"|\b(?:from now on|starting now),? (?:you|the assistant|the ai) (?:must|will|shall|should|are)\b|\b(?:developer|god|jailbreak|dan) mode (?:enabled|activated|on)\b",
    "reveals": r"\b(?:reveal|print|repeat|output|show|leak|disclose|send)\s+(?:\w+\s+){0,3}(?:system prompt|hidden (?:prompt|instructions)|initial (?:prompt|instructions)|your (?:instructions|prompt))\b",
    "chat_markup": r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>|\[/?INST\]|<<SYS>>|^\s*#{0,3}\s*(?:system|assistant)\s*(?:prompt|message)?\s*:\s*(?:you|ignore|from now)",
    "addresses_the_model": r"\b(?:attention|note|important|instructions?)\s+(?:to|for)\s+(?:all\s+|any\s+|the\s+)?(?:ai|a\.i\.|llms?|language models?|chatbots?|assistants?|gpt\w*|claude)\b"
    r"|\b(?:if you are|as) an? (?:ai|llm|language model)\b[^.\n]{0,80}\b(?:must|should|do not|don't|always|never|say|respond|reply|answer)\b"
    r"|\b(?:dear|hey|hello)\s+(?:ai|llm|language model|chatbot)\b[^\n]{0,40}[,:]",
    "exfiltrates": r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{0,400}[?&/=](?:\{|<|\$|%7b|\[)[^)\n]{0,200}\)",
}  # fmt: skip
_COMPILED: Final = {name: re.compile(pattern, re.IGNORECASE | re.MULTILINE) for name, pattern in _PATTERNS.items()}
# What a text must hold for a pattern to be worth trying: one word of each group, in small letters. Looking for plain words costs a
# hundredth of what the patterns cost, and few texts pass.
_OBJECTS: Final = (
    *(
        "instruc",
        "instruç",
        "istruzioni",
        "prompt",
        "rule",
        "guideline",
        "directive",
        "order",
        "context",
        "message",
        "constraint",
    ),
    *(
        "programming",
        "anweisung",
        "regeln",
        "vorgaben",
        "befehle",
        "consignes",
        "règles",
        "reglas",
        "指令",
        "指示",
        "提示",
        "规则",
    ),
)
_VERBS: Final = (
    *(
        "ignor",
        "disregard",
        "forget",
        "override",
        "bypass",
        "not follow",
        "not obey",
        "n't follow",
        "n't obey",
        "vergiss",
    ),
    *("missachte", "oublie", "olvida", "忽略", "无视"),
)
_SPEAKERS: Final = ("system", "assistant", "prompt", "message")
_NEEDED: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "ignore_instructions": (_VERBS, _OBJECTS),
    "new_role": (("you are now", "from now on", "starting now", " mode "),),
    "reveals": (
        ("system prompt", "hidden ", "initial ", "your instructions", "your prompt"),
        ("reveal", "print", "repeat", "output", "show", "leak", "disclose", "send"),
    ),
    "chat_markup": (
        ("<|", "[inst]", "[/inst]", "<<sys>>", *(f"{who}{colon}" for who in _SPEAKERS for colon in (":", " :"))),
    ),
    "addresses_the_model": (
        (" ai", " a.i", " llm", " language model", " chatbot", " assistant", " gpt", " claude"),
        ("attention", "note", "important", "instruction", "if you are", "as a ", "as an ", "dear", "hey", "hello"),
    ),
    "exfiltrates": (("![",), ("http://", "https://")),
}  # fmt: skip
# What the words of a first group have in common is looked for before them; of ASCII without what it cannot hold.
_COMMON: Final = {
    **dict.fromkeys(("not follow", "n't follow"), "t follow"),
    **dict.fromkeys(("not obey", "n't obey"), "t obey"),
    **dict.fromkeys(("you are now", "from now on", "starting now"), " now"),
    **{f"{who}{colon}": "" for who in _SPEAKERS for colon in (":", " :")},  # by _SPEAKS
    "[inst]": "inst]",
    "[/inst]": "inst]",
}
_SPEAKS: Final = re.compile(":(?:" + "|".join(f"(?<={who}{colon})" for who in _SPEAKERS for colon in (":", " :")) + ")")
_FIRST_SIGNS: Final = {
    name: tuple(filter(None, dict.fromkeys(_COMMON.get(word, word) for word in groups[0])))
    for name, groups in _NEEDED.items()
}
_FIRST_SIGNS_IN_ASCII: Final = {name: tuple(filter(str.isascii, signs)) for name, signs in _FIRST_SIGNS.items()}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``pattern`` is its stable name, ``excerpt`` what people are shown."""

    pattern: str
    excerpt: str


def find_injection(text: str) -> Suspicion | None:
    """The first suspicious place of a text, or None. Some ten microseconds a kilobyte of harmless text, linear in its length."""
    if not text.isascii():
        if _TAGS.search(text):
            return Suspicion("hidden_characters", _INVISIBLE.sub("", text)[: 2 * EXCERPT])
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    small = text.lower() if text.isascii() else text.lower().replace("ı", "i").replace("i\u0307", "i")
    words = " ".join(small.split())
    for name in _worth_trying(words):
        if (match := _COMPILED[name].search(text)) is not None:
            return Suspicion(name, text[max(0, match.start() - EXCERPT) : match.end() + EXCERPT].strip())
    return None


def _worth_trying(words: str) -> Iterator[str]:
    for name, signs in (_FIRST_SIGNS_IN_ASCII if words.isascii() else _FIRST_SIGNS).items():
        for sign in signs:  # of nearly all texts all that is done: a generator a group would cost as much as the search
            if sign in words:
                break
        else:
            if name != "chat_markup" or _SPEAKS.search(words) is None:
                continue
        if all(any(word in words for word in group) for group in _NEEDED[name]):
            yield name
