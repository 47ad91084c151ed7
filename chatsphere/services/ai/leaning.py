"""Sentences that say nothing without the one before them: "Over that the API answers 429", "Dort entfällt die Gebühr"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chatsphere.services.ai.sentences import Kind, Sentence

MOST_BEFORE: Final = 2  # sentences that are brought along
MOST_BEHIND: Final = 2
LONGEST: Final = 500  # characters with what is brought along

_LEANS: Final = re.compile(
    r"(?:(?:This|That|These|Those|They|He|She|Its|Their|Otherwise|Afterwards|Instead|Both|Then|However|Until then|If (?:so|not)|In (?:this|that|such) case"
    r"|(?:Over|After|Above|Beyond|Below|Before|Because of|With|For|From) (?:that|this|these|those|which))\b|It\b(?! (?:is|was) (?:possible|recommended|important))"
    r"|(?:Dies\w{0,2}|Dort|Damit|Dazu|Danach|Dabei|Dafür|Davon|Darin|Darüber|Darunter|Dadurch|Darauf|Dann|Er|Sonst|Andernfalls|Ansonsten|Hierfür|Hierzu|Hierbei|Außerdem|Zudem"
    r"|Allerdings|Ausgenommen|Beide|Bis dahin|In diesem Fall)\b|Es\b(?! (?:gibt|ist möglich|gelten?))|Das (?:ist|gilt|geht|kostet|dauert|macht|bedeutet|kann|wird|hat)\b"
    r"|(?:Cela|Ceci|Ça|Celui-ci|Celle-ci|Ensuite|Sinon|Au-delà|Dans ce cas|Ces|Cet|Cette|Elles?|Ils?(?! (?:faut|y|est possible)))\b"
    r"|(?:Esto|Eso|Estos|Estas|Ello|Allí|Después|Entonces|De lo contrario|En (?:ese|este) caso|Ambos)\b"
    r"|(?:Questo|Questa|Questi|Queste|Ciò|Altrimenti|Poi|In (?:questo|tal) caso)\b|(?:Isto|Isso|Estes|Depois|Caso contrário|Nesse caso)\b"
    r"|(?:Dit|Deze|Daarna|Daar|Anders|In dat geval)\b)"
)


def leans(sentence: str) -> bool:
    """Whether it points back with its first word."""
    return _LEANS.match(sentence) is not None


def with_what_it_leans_on(text: str, sentences: Sequence[Sentence], start: int, end: int) -> int:
    """Where to begin so that ``text[start:end]`` says something by itself; ``sentences`` are those of the text."""
    place = next((number for number, each in enumerate(sentences) if each.start == start), 0)
    for _ in range(MOST_BEFORE):
        if place == 0 or not leans(text[start:]) or not _is_beside(text, sentences[place - 1], sentences[place]):
            break
        if end - sentences[place - 1].start > LONGEST:
            break
        place -= 1
        start = sentences[place].start
    return start


def with_what_leans_on_it(
    text: str, sentences: Sequence[Sentence], start: int, end: int, *, with_figure: bool = True
) -> int:
    """Where to end so that sentences behind that point back are said, too; ``with_figure``: up to the last that names one."""
    place = next((number for number, each in enumerate(sentences) if each.end == end), len(sentences))
    found = end
    for before, each in zip(sentences[place:], sentences[place + 1 : place + 1 + MOST_BEHIND], strict=False):
        quote = text[each.start : each.end]
        if not leans(quote) or not _is_beside(text, before, each) or each.end - start > LONGEST:
            break
        found = each.end if not with_figure or names_figure(quote) else found
    return found


_FIGURE: Final = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|half|twice|once|daily|weekly|monthly|yearly|free|midnight|noon"
    r"|ein(?:e[nmrs]?)? (?:Tag|Woche|Monat|Jahr|Stunde)\w*|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|zwölf|täglich|wöchentlich|monatlich|jährlich|kostenlos|kostenfrei"
    r"|deux|trois|quatre|cinq|gratuit\w*|dos|tres|cuatro|cinco|gratis|due|tre|quattro|dois|três)\b",
    re.IGNORECASE,
)


_FREQUENCY: Final = re.compile(
    r"\b(?:every (?!(?:one|customer|user|plan|member|order|account)\b)|each (?:time|day|week|month|quarter|year|hour|night)|once|twice|times (?:a|per)|(?:per|a) (?:day|week|month|year)"
    r"|hourly|daily|nightly|weekly|monthly|quarterly|yearly|annual(?:ly)?|regularly"
    r"|alle (?:\d+|zwei|drei|vier|fünf|sechs|zehn|zwölf) (?:\w+ )?(?:Minuten|Stunden|Tage|Wochen|Monate|Jahre)|jede[nsm]? (?:Tag|Woche|Monat|Jahr|Nacht|Stunde|Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonntag)\w*"
    r"|(?:einmal|zweimal|dreimal|\d+ ?mal)|(?:pro|im) (?:Tag|Woche|Monat|Jahr)|stündlich|täglich|wöchentlich|monatlich|vierteljährlich|halbjährlich|jährlich|regelmäßig"
    r"|tous les|toutes les|par (?:jour|semaine|mois|an)|une fois|cada|una vez|al (?:día|mes|año)|ogni|una volta|a cada|uma vez|iedere|elke|per (?:dag|week|maand|jaar))\b",
    re.IGNORECASE,
)


def names_frequency(text: str) -> bool:
    """Whether it says how often."""
    return _FREQUENCY.search(text) is not None


def names_figure(text: str) -> bool:
    """Whether a number stands in it, in figures or as a word, or what says how often or that it is free."""
    return _FIGURE.search(text) is not None


def _is_beside(text: str, before: Sentence, behind: Sentence) -> bool:
    """Whether both are sentences of one paragraph."""
    gap = text[before.end : behind.start]
    return before.kind is behind.kind is Kind.SENTENCE and (gap.isspace() or not gap) and "\n\n" not in gap
