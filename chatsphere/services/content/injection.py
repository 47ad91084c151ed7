"""Texts that look as if they gave orders to a model instead of telling people something.

A pattern is a suspicion, not a proof: what it finds is held back until somebody has read it. Words are compared without invisible
characters and in one spelling of look-alike letters, because that is how such texts hide.
"""

from __future__ import annotations

import re
import unicodedata
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
_FIRST_LOOK: Final = re.compile(
    r"ignor|disregard|forget|override|bypass|obey|follow|vergiss|missachte|oublie|olvida|忽略|无视|you are now|from now on|starting now|mode"
    r"|reveal|print|repeat|output|show|leak|disclose|send|<\||\[/?inst|<<sys|system|assistant|attention|note|important|instruction|if you are|as an?"
    r"|dear|hey|hello|!\[",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``pattern`` is its stable name, ``excerpt`` what people are shown."""

    pattern: str
    excerpt: str


def find_injection(text: str) -> Suspicion | None:
    """The first suspicious place of a text, or None. Some microseconds a kilobyte, linear in its length."""
    if _TAGS.search(text):
        return Suspicion("hidden_characters", _INVISIBLE.sub("", text)[: 2 * EXCERPT])
    if not _FIRST_LOOK.search(text) and text.isascii():
        return None
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    for name, pattern in _COMPILED.items():
        match = pattern.search(plain)
        if match:
            return Suspicion(name, plain[max(0, match.start() - EXCERPT) : match.end() + EXCERPT].strip())
    return None
