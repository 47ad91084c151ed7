"""What a question wants: steps, a measure, or all of something. Told by how it begins, in the languages that visitors of companies write."""

from __future__ import annotations

import re
from typing import Final

_HOW_TO: Final = re.compile(
    r"\s*(?:(?:and|but|so|hi|hello|please|und|hallo|et|y|e)[, ]+)*(?:"
    r"how (?:do|does|can|could|should|would|must|may|am|is it possible)(?: i| we| you| one| to| it| that)*\b|how to\b|hwo (?:do|to)\b"
    r"|(?:what are |which are )?the steps\b|what (?:do|must|should) i do to\b|steps to\b|(?:can you )?(?:show|tell) me how\b"
    r"|wie (?:geht|gehen|funktioniert|funktionieren|läuft|kann|könnte|muss|soll|sollte|darf|lässt)\b|wie \w+ (?:ich|man|wir)\b|wie wird\b"
    r"|comment\b(?! (?:s'appelle|va))|cómo\b|como (?:faço|posso|fazer|se|puedo|hago)\b|come (?:si|posso|faccio|devo|fare|funziona)\b"
    r"|hoe (?:kan|moet|doe|maak|werkt|stel|\w+ (?:ik|je|we))\b|jak (?!długo|często|daleko|wysok)\w+"
    r"|как (?!долго|часто|далеко|высок)\w+|hur (?:kan|gör|ska|får|man|\w+ (?:jag|man|vi))\b|hvordan\b"
    r")",
    re.IGNORECASE,
)
_MEASURE: Final = re.compile(
    r"\b(?:how (?:much|many|long|often|far|high|fast|soon|old|big|large|heavy|late|early|quickly)|when|price|cost|costs|rate limit|limit|maximum|minimum"
    r"|wie (?:viel|viele|lange?|oft|weit|hoch|schnell|schwer|groß|teuer|spät|alt|häufig)|wann|wieviel\w*|kostet|kosten|preis|frist|dauert"
    r"|combien|quand|prix|coûte|cuánt\w+|cuándo|precio|cuesta|quant[oaie]|quando|prezzo|costa|custa|preço|hoeveel|wanneer|hoe (?:lang|vaak|duur)"
    r"|ile|kiedy|jak (?:długo|często)|сколько|когда|hur (?:länge|mycket|många|ofta)|när|hvor (?:lenge|længe|mange|meget|mye|ofte))\b",
    re.IGNORECASE,
)
_HOW_OFTEN: Final = re.compile(
    r"\b(?:how (?:often|frequently|many times)|wie (?:oft|häufig)|in welche[mn] (?:abständen|abstand|turnus)|combien de fois|à quelle fréquence|cuántas veces|con qué frecuencia"
    r"|quante volte|ogni quanto|con che frequenza|quantas vezes|com que frequência|hoe vaak|jak często|как часто|hur ofta|hvor (?:ofte|tit))\b",
    re.IGNORECASE,
)
_ALL: Final = re.compile(
    r"\s*(?:please )?(?:(?:list|show|name|give|tell)(?: me)?(?: all| every| the| of)*|(?:what|which)\b.*\b(?:are there|are available|do you (?:have|offer|sell|support))\b"
    r"|what are (?:all|the)\b|all\b|every\b|welche\b.*\b(?:gibt es|habt ihr|haben sie|bieten sie|sind verfügbar)\b|(?:nenne?|zeige?|liste)(?: mir)?(?: alle| die)*\b|alle\b"
    r"|quel(?:le)?s sont\b|quel(?:le)?s\b.*\by a-t-il\b|cuáles son\b|qué\b.*\bhay\b|quali sono\b|quais são\b|welke\b.*\b(?:zijn er|bestaan er)\b)",
    re.IGNORECASE,
)
_CONSEQUENCE: Final = re.compile(
    r"\s*(?:what happens|what if|was passiert|was geschieht|que se passe|qué (?:pasa|ocurre|sucede)|cosa succede|o que acontece|wat gebeurt)\b",
    re.IGNORECASE,
)
_COMPARED: Final = re.compile(
    r"\b(?P<word>less than|cheaper than|under|below|up to|at most|no more than|fewer than|more than|over|above|at least|weniger als|unter|bis zu|höchstens|maximal"
    r"|günstiger als|billiger als|mehr als|über|mindestens|ab|teurer als|moins de|plus de|menos de|más de|meno di|più di)\s+(?:€|EUR|\$|£)?\s?(?P<number>\d+(?:[.,]\d+)?)",
    re.IGNORECASE,
)
_LESS: Final = frozenset(
    [
        "less than",
        "cheaper than",
        "under",
        "below",
        "fewer than",
        "weniger als",
        "unter",
        "günstiger als",
        "billiger als",
        "moins de",
        "menos de",
        "meno di",
    ]
)
_AT_MOST: Final = frozenset(["up to", "at most", "no more than", "bis zu", "höchstens", "maximal"])
_AT_LEAST: Final = frozenset(["at least", "mindestens", "ab"])


def asks_how_to(question: str) -> bool:
    """Whether steps are wanted; "how much" and "wie lange" want a measure."""
    return _HOW_TO.match(question) is not None


def asks_measure(question: str) -> bool:
    """Whether a figure, a price or a time is wanted."""
    return _MEASURE.search(question) is not None


def asks_how_often(question: str) -> bool:
    """Whether it is asked how often something happens or is to be done."""
    return _HOW_OFTEN.search(question) is not None


def asks_for_all(question: str) -> bool:
    """Whether a whole list is wanted."""
    return _ALL.match(question) is not None


def asks_what_happens(question: str) -> bool:
    """Whether a consequence is wanted."""
    return _CONSEQUENCE.match(question) is not None


class Bound:
    """What a question says of the figures it wants: "less than €10"."""

    def __init__(self, word: str, number: float) -> None:
        self._word, self._number = word.casefold(), number

    def admits(self, value: float) -> bool:
        """Whether a value is one of those that are meant."""
        if self._word in _LESS:
            return value < self._number
        if self._word in _AT_MOST:
            return value <= self._number
        return value >= self._number if self._word in _AT_LEAST else value > self._number


def bound_in(question: str) -> tuple[Bound, str] | None:
    """The bound and the question without it; None where it names none."""
    found = _COMPARED.search(question)
    if found is None:
        return None
    number = float(found["number"].replace(",", "."))
    return Bound(found["word"], number), question[: found.start()] + question[found.end() :]
