"""Follow-up questions made searchable without a model.

"How long does it take?" finds nothing by itself. When a question leans on what was said before, the words that carry the subject of the
visitor's last questions are put behind it. The question itself stays as it is for the model, which sees the history anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from chatsphere.services.scripts import UNSPACED_LETTER
from chatsphere.services.types import Turn
from chatsphere.services.vector_store.stop_words import STOP_WORDS

LOOK_BACK: Final = 2  # earlier questions of the visitor
MOST_WORDS: Final = 12  # words taken from them
FEW: Final = 3  # words of its own, none a name: earlier ones may help
SHORT: Final = 1  # a question with so few words of its own leans on the conversation
BEFORE: Final = 2  # words of its own before a pronoun, from which it can mean what the question itself names
SHORT_LETTERS: Final = 5  # the same in scripts without spaces

_WORD: Final = re.compile(r"[^\W_]+(?:[-'._/][^\W_]+)*")
# Words that point back, by language: what is one in Dutch is an article in German.
_LEANING: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": "it its itself they them their theirs this that these those he him his she her hers ones there former latter same such then others another",
        "de": "er es sie ihn ihm ihr ihre ihren ihrem sein seine seinen dies diese dieser dieses diesen diesem dort davon damit dazu dafür daran darin jene jener denen",
        "fr": "il ils elle elles lui leur leurs cela ça ceci celui celle ceux celles y en cette cet ces",
        "es": "él ella ellos ellas esto eso esta este estos estas ese esa esos esas aquel aquella allí",
        "it": "esso essa essi esse questo questa questi queste quello quella quelli quelle lì lui lei loro",
        "pt": "ele ela eles elas isto isso aquilo este esta esse essa estes estas esses essas dele dela",
        "nl": "het hij zij ze hem haar hun dit dat deze die daar daarvan daarmee",
        "ru": "он она оно они его её ее их это этот эта эти там туда",
    }.items()
}  # fmt: skip
_LEANING_AT_THE_END: Final = re.compile(
    r"\b(?:das|den|die|der|dat|die|lo|la|los|las|ce|one|it|them|that|this|those|these|there)\s*[?.!]*$|\b(?:kostet|ist|heißt|bedeutet|geht|macht|dauert|kann ich|muss ich) (?:das|die|den)\b(?! [A-ZÄÖÜ])|\bc'est\b|\best-ce\b(?! que)",
    re.IGNORECASE,
)
_NOT_LEANING: Final = re.compile(
    r"\b(?:(?:is|are|was|were|will|would be|be) there (?:a|an|any|some|no)\b|there (?:is|are|was|were)\b|(?:is|was) it (?:possible|true|necessary|allowed|safe|legal|better|ok|okay)\b|it (?:is|was) (?:possible|true|necessary)|(?:does|did|will|would) it (?:take|cost|mean|matter)s? (?:to|for|if|when)\b|such as|such an?\b|each other|(?:this|next|last) (?:year|month|week|day)|(?:true|sure|says?|said|know|think|fact|means?|given|stated?|noted?) that\b|"
    r"gibt es|ist es (?:möglich|erlaubt|nötig|wahr)|es (?:gibt|möglich|geht um)|y a-t-il|il y a|est-il|faut-il|il faut|peut-on|s'il|quel(?:le)?s? est|qu'est-ce)",
    re.IGNORECASE,
)
_OPENERS: Final = re.compile(
    r"\s*(?:and|or|but|so|also|then|what about|how about|what else|anything else|und|oder|aber|und was|was ist mit|wie sieht es mit|et|ou|mais|et pour|y|o|pero|e|ma|en|maar|и|а|но)\b(?!-)",
    re.IGNORECASE,
)
_UNSPACED_LEANING: Final = re.compile(
    r"它|他们|她们|这(?:个|些|款|种|样)?(?:呢|吗|是|有|要|多|怎|什|能|可|$)|那(?:个|些|么|呢|边)|其中|^那|^还有|^然后|^以及|^呢|それ|これ|あれ|その|そこ|では[、,]|มัน|อันนี้|อันนั้น"
)
_GREETING: Final = re.compile(
    r"\s*(?:hello|hi|hey|good (?:morning|day|evening)|thanks?|thank you|ok|okay|yes|no|hallo|guten (?:tag|morgen|abend)|danke|bonjour|salut|merci|hola|gracias|ciao|buongiorno|grazie|olá|obrigad[oa]|hoi|dank|привет|здравствуйте|спасибо|你好|您好|谢谢|こんにちは)\b",
    re.IGNORECASE,
)
LONGEST_GREETING: Final = 3  # words


def search_text(question: str, history: Sequence[Turn]) -> str:
    """What to search for: the question, with the subject of earlier ones behind it when it leans on them."""
    if not _earlier(history) or not leans(question):
        return question
    known = {word.casefold() for word in _WORD.findall(question)}
    added = _subject_words(reversed(_earlier(history)), known)
    return f"{question} {' '.join(added)}" if added else question


def is_follow_up(question: str, history: Sequence[Turn]) -> bool:
    """Whether a question points back and there is something before it."""
    return bool(_earlier(history)) and points_back(question)


def _earlier(history: Sequence[Turn]) -> list[str]:
    """The visitor's last questions; a greeting is none."""
    said = [turn.text for turn in history if turn.role == "user"]
    return [text for text in said if not _is_greeting(text)][-LOOK_BACK:]


def _is_greeting(text: str) -> bool:
    return len(text.split()) <= LONGEST_GREETING and "?" not in text and bool(_GREETING.match(text))


def leans(question: str) -> bool:
    """Whether earlier words help to find what is asked for: a question that points back, or one of few words or with a pronoun.
    Not where an identifier, or in German a noun, says what it is about."""
    if points_back(question) or UNSPACED_LETTER.search(question):
        return points_back(question)
    words = _WORD.findall(_NOT_LEANING.sub(" ", question))
    own = [word for word in words if not _is_empty(word.casefold())]
    language = _language(words)
    if any(map(_is_identifier, own)) or (language == "de" and any(map(_is_noun, own))):
        return False
    pronouns = _LEANING.get(language, _LEANING["en"])
    return len(own) <= FEW or any(word.casefold() in pronouns for word in words)


def _is_identifier(word: str) -> bool:
    return any(map(str.isdigit, word)) and any(map(str.isalpha, word))


def _is_noun(word: str) -> bool:
    return word[0].isupper()


def points_back(question: str) -> bool:
    """Whether a question cannot be understood alone: an opener such as "and", a pronoun before which it names nothing, or hardly a word of its own."""
    if UNSPACED_LETTER.search(question):
        letters = sum(map(str.isalnum, question))
        return letters <= SHORT_LETTERS or bool(_UNSPACED_LEANING.search(question))
    if _OPENERS.match(question) or _LEANING_AT_THE_END.search(question.strip()):
        return True
    words = _WORD.findall(_NOT_LEANING.sub(" ", question))
    pronouns, own = _LEANING.get(_language(words), _LEANING["en"]), 0
    for place, word in enumerate(words):
        folded = word.casefold()
        if folded in pronouns and own < BEFORE:
            return True
        if not _is_empty(folded):
            if place > 0 and (word[0].isupper() or any(map(str.isdigit, word))):
                return False  # a name: it says what it is about
            own += 1
    return own <= SHORT


def _language(words: Sequence[str]) -> str:
    """Whose function words these are, English where none shows."""
    folded = [word.casefold() for word in words]
    counts = {language: sum(word in known for word in folded) for language, known in STOP_WORDS.items()}
    best = max(counts, key=lambda language: (counts[language], language == "en"))
    return best if counts[best] else "en"


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
    return any(word in words for words in _EMPTY)


_EMPTY: Final = (
    *(STOP_WORDS[language] for language in ("en", "de", "fr", "es", "it", "pt", "nl", "ru") if language in STOP_WORDS),
    *_LEANING.values(),
)
