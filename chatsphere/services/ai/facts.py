"""Numbers, identifiers and names in a text: what a statement must not change.

A number is compared by its value (``1,000`` is ``1000``, ``4,90`` is ``4.9``), an identifier (letters and digits: ``TH-100-EU``) without its
separators, a name by its letters. Names are capital letters inside a sentence; in German, where every noun has one, two in a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

CAPITAL_NOUNS: Final = frozenset({"de", "lb", "nds"})

_FIGURE: Final = re.compile(r"\d+(?:[.,:\u202f\u00a0]\d+)*")
_IDENTIFIER: Final = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9_./-]*\d)(?=[0-9_./-]*[A-Za-z])[A-Za-z0-9]+(?:[-_./][A-Za-z0-9]+)*(?![A-Za-z0-9])"
)
_MEASURE: Final = re.compile(
    r"(?:v|\$)?\d[\d.,:]*(?:[a-zµ]{1,3}|[KMGT]i?[Bb]|[VWAhHs]|kWh|st|nd|rd|th)?", re.IGNORECASE
)
_GROUPS: Final = re.compile(r"\d{1,3}(?:[.,\u202f\u00a0]\d{3})+")
_GROUPS_AND_DECIMALS: Final = re.compile(r"(\d{1,3}(?:[.,\u202f\u00a0]\d{3})+)[.,](\d{1,2})")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NO_NAME_BEFORE: Final = '.!?:;–—•*#|>\n"“„«»¿¡…'
_BEHIND_IN: Final = re.compile(r"(?:^|\s)(?:in|aus|nach|bei|von)\s$", re.IGNORECASE)
_NUMBER_WORDS: Final = {
    word: str(value)
    for value, words in {
        1: "one once ein eine einen einem einer un une uno una um uma один одна 一",
        2: "two twice both zwei deux dos due dois duas twee два две 两 二",
        3: "three drei trois tres tre três drie три 三",
        4: "four vier quatre cuatro quattro quatro четыре 四",
        5: "five fünf cinq cinco cinque vijf пять 五",
        6: "six sechs seis sei zes шесть 六",
        7: "seven sieben sept siete sette sete zeven семь 七",
        8: "eight acht huit ocho otto oito восемь 八",
        9: "nine neun neuf nueve nove negen девять 九",
        10: "ten zehn dix diez dieci dez tien десять 十",
        12: "twelve dozen zwölf douze doce dodici doze twaalf двенадцать",
        14: "fourteen vierzehn quatorze catorce fortnight",
        15: "fifteen fünfzehn quinze quince quindici",
        20: "twenty zwanzig vingt veinte venti vinte twintig",
        24: "twenty-four vierundzwanzig",
        30: "thirty dreißig trente treinta trenta trinta dertig",
        60: "sixty sechzig soixante sesenta sessanta",
        90: "ninety neunzig noventa novanta",
        100: "hundred hundert cent cien cento honderd",
    }.items()
    for word in words.split()
}  # fmt: skip
_UNITS: Final = re.compile(
    r"(?:business |working |calendar )?(?:days?|weeks?|months?|years?|hours?|minutes?|seconds?|times|percent|euros?|dollars?|pounds?"
    r"|tage?n?|wochen?|monate?n?|jahre?n?|stunden?|minuten?|sekunden?|prozent|werktage?n?"
    r"|jours?|semaines?|mois|ans|années|heures?|días?|semanas?|mes(?:es)?|años?|horas?|giorni|settimane|mesi|anni|ore|dias|anos|dagen|weken|maanden|jaar|uur)\b",
    re.IGNORECASE,
)

_MEASURED: Final = re.compile(
    rf"\d+(?:[.,:]\d+)*[ \u00a0]?(?:{_UNITS.pattern}|[^\W\d_]{{1,3}}(?!\w)|[%€$£°])?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Fact:
    """``value`` is what is compared, ``kind`` "figure", "identifier" or "name"; ``start`` and ``end`` where it stands."""

    kind: str
    value: str
    start: int
    end: int


def facts_of(text: str, language: str) -> list[Fact]:
    """In reading order. Of names only those that are surely some; numbers in words only before a unit such as "days"."""
    identifiers = [_identifier(match) for match in _IDENTIFIER.finditer(text) if not _MEASURE.fullmatch(match.group())]
    taken = [(fact.start, fact.end) for fact in identifiers]
    figures = [
        Fact("figure", value, match.start(), match.end())
        for match in _FIGURE.finditer(text)
        if not _is_inside(match.start(), taken) and (value := _value(match.group())) != ""
    ]
    names = [fact for fact in _names(text, language) if not _is_inside(fact.start, taken)]
    return sorted([*identifiers, *figures, *_words_before_units(text), *names], key=lambda fact: fact.start)


def places_of(text: str, language: str) -> list[Fact]:
    """Names that may have changed places with another: those of ``facts_of`` and, where every noun has a capital, what stands behind "in" or
    "from" without an article."""
    capitals = _capitals(text)
    if language not in CAPITAL_NOUNS:
        return capitals
    named = {fact.start for fact in _names(text, language)}
    return [fact for fact in capitals if fact.start in named or _BEHIND_IN.search(text[: fact.start])]


def capitals_of(text: str) -> list[Fact]:
    """Every word with a capital letter inside the sentence or at its beginning."""
    return _capitals(text)


def figures_of(text: str) -> set[str]:
    """The values of all numbers of a text, in digits or words, also those inside identifiers; afternoon hours both ways."""
    values = {_value(match.group()) for match in _FIGURE.finditer(text)}
    values |= {_value(part) for match in _FIGURE.finditer(text) for part in re.split(r"[.,:]", match.group())}
    words = set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)?", text.casefold()))
    values |= {value for word, value in _NUMBER_WORDS.items() if word in words}
    if re.search(r"[一二三四五六七八九十两]", text):
        values |= {_NUMBER_WORDS[character] for character in text if character in _NUMBER_WORDS}
    if re.search(r"\d\s?[ap]\.?m\b|\d:\d\d|\d\s?Uhr|\d\s?h\b|点", text):
        hours = {int(value) for value in values if value.isdigit() and int(value) <= 24}
        values |= {str(hour + 12) for hour in hours if hour <= 12} | {str(hour - 12) for hour in hours if hour > 12}
    return values


def identifiers_of(text: str) -> set[str]:
    return {_joined(match.group()) for match in _IDENTIFIER.finditer(text) if not _MEASURE.fullmatch(match.group())}


def without_identifiers(text: str) -> str:
    return _IDENTIFIER.sub(lambda match: match.group() if _MEASURE.fullmatch(match.group()) else " ", text)


def without_measures(text: str) -> str:
    """The text without its identifiers, numbers and the units behind these."""
    return _MEASURED.sub(" ", without_identifiers(text))


def words_of(text: str) -> set[str]:
    """Every word in small letters, and the parts of hyphenated ones."""
    words = {word.casefold() for word in _WORD.findall(text)}
    return words | {part for word in words for part in re.split(r"['’-]", word) if part}


def has_name(name: str, words: set[str]) -> bool:
    """Whether a name stands among words, with or without the ending of a genitive or plural."""
    forms = {name, name.removesuffix("s"), re.split(r"['’]", name)[0]}
    return bool(forms & words) or any(len(name) >= 4 and word.startswith(name[:-1]) for word in words)


def _identifier(match: re.Match[str]) -> Fact:
    return Fact("identifier", _joined(match.group()), match.start(), match.end())


def _joined(identifier: str) -> str:
    return re.sub(r"[-_./]", "", identifier).casefold()


def _words_before_units(text: str) -> list[Fact]:
    found = []
    for match in re.finditer(r"[^\W\d_]+(?:-[^\W\d_]+)?(?=[ -])", text):
        value = _NUMBER_WORDS.get(match.group().casefold(), "1")
        if value != "1" and _UNITS.match(text, match.end() + 1):
            found.append(Fact("figure", value, match.start(), match.end()))
    return found


def _value(figure: str) -> str:
    """``""`` for a part that says nothing: minutes of a full hour."""
    if ":" in figure:
        hours, _, minutes = figure.partition(":")
        return str(int(hours)) if minutes == "00" else f"{int(hours)}:{minutes}"
    if _GROUPS.fullmatch(figure):
        return str(int(re.sub(r"\D", "", figure)))
    if match := _GROUPS_AND_DECIMALS.fullmatch(figure):
        figure = f"{re.sub(r'[^0-9]', '', match[1])}.{match[2]}"
    parts = re.split(r"[.,\u202f\u00a0]", figure)
    if len(parts) != 2:
        return ".".join(str(int(part)) for part in parts)
    decimals = parts[1].rstrip("0")
    return f"{int(parts[0])}.{decimals}" if decimals else str(int(parts[0]))


def _names(text: str, language: str) -> list[Fact]:
    capitals = _capitals(text)
    if language not in CAPITAL_NOUNS:
        return [fact for fact in capitals if fact.start > 0 and fact.end - fact.start >= 3]
    pairs = pairwise(capitals)
    return [second for first, second in pairs if first.start > 0 and text[first.end : second.start] == " "]


def _capitals(text: str) -> list[Fact]:
    found = []
    for match in _WORD.finditer(text):
        before = text[: match.start()].rstrip(" (")
        is_inside = before != "" and before[-1] not in _NO_NAME_BEFORE and not before[-1].isdigit()
        if match.group()[0].isupper() and (is_inside or match.start() == 0):
            found.append(Fact("name", match.group().casefold(), match.start(), match.end()))
    return found


def _is_inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)
