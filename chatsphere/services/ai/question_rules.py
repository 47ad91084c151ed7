"""Questions that a passage answers, found by rules: a heading that asks, a definition, a number with its unit, a cell of a table, a list, and else
what its heading is about. Each has the answer as it stands in the passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chatsphere.services.ai.sentences import Kind, Sentence, split_sentences
from chatsphere.services.content.markup import plain_words

LONGEST_QUESTION: Final = 200
LONGEST_ANSWER: Final = 400
SHORTEST_SENTENCE: Final = 25
LONGEST_CELL: Final = 80
LEAST_ITEMS, MOST_ITEMS = 3, 8
PAIR, DEFINITION, NUMBER, CELL, LIST, HEADING = range(6)  # the clearest kind first

_EN_UNIT: Final = r"(?P<unit>(?:(?:working|business|calendar|full|consecutive)\s)?[^\W\d_]+)"
_NUMBER: Final = r"(?P<number>\d[\d.,]*\d|\d)"


@dataclass(frozen=True, slots=True)
class WrittenQuestion:
    """``quote`` stands verbatim in the passage and holds the answer; ``answer`` is what must be said."""

    question: str
    answer: str
    quote: str
    rank: int


@dataclass(frozen=True, slots=True)
class _Rules:
    """Of one language. ``numbers`` are patterns with ``what``, ``verb``, ``number``, ``unit`` and the question each gives."""

    definition: tuple[re.Pattern[str], str]
    numbers: tuple[tuple[re.Pattern[str], str], ...]
    cell: str
    items: str
    subject: str


_EN_BASE: Final = {"costs": "cost", "takes": "take", "lasts": "last", "weighs": "weigh", "gets": "get", "has": "have", "holds": "hold"}  # fmt: skip
_LANGUAGES: Final = {
    "en": _Rules(
        (
            re.compile(
                r"(?P<what>(?:(?:An?|The)\s+)?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>is|are)\s+(?P<answer>(?:an?|the)\s.+)"
            ),
            "What {verb} {what}?",
        ),
        (
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>costs|takes|lasts|weighs|gets|has|holds)\s+(?:(?:up to|at most|at least|about|only)\s+)?{_NUMBER}\s{_EN_UNIT}(?P<rest>(?:\s[\w-]+){{0,5}})[.]?$"
                ),
                "How many {unit}{rest} does {what} {base}?",
            ),
            (
                re.compile(
                    r"(?P<what>[^\W\d_][\w'’& -]{2,60}?)\s+(?P<verb>costs)\s+(?P<number>[€$£]\s?\d[\d.,]*\d)(?P<unit>)(?P<rest>)"
                ),
                "How much does {what} {base}?",
            ),
            (
                re.compile(rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>is|are)\s+{_NUMBER}\s{_EN_UNIT}"),
                "What {verb} {what}?",
            ),
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][^.!?,;:|]{{4,80}}?)\s+(?P<verb>within|after|for|by|until|before)\s+{_NUMBER}\s{_EN_UNIT}"
                ),
                "{what} {verb} how many {unit}?",
            ),
        ),
        "What is the “{column}” of “{row}”?",
        "Which points are listed under “{heading}”?",
        "What does it say about “{heading}”?",
    ),
    "de": _Rules(
        (
            re.compile(
                r"(?P<what>(?:Der|Die|Das|Ein|Eine)?\s?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>ist|sind)\s+(?P<answer>(?:ein|eine|der|die|das)\s.+)"
            ),
            "Was {verb} {what}?",
        ),
        (
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>beträgt|betragen|kostet|kosten|dauert|wiegt|hat|erhält|bekommt|umfasst)\s+(?:(?:bis zu|höchstens|mindestens|etwa|nur)\s+)?{_NUMBER}\s(?P<unit>[^\W\d_]+)"
                ),
                "Wie viele {unit} {verb} {what}?",
            ),
        ),
        "Was steht bei „{row}“ unter „{column}“?",
        "Welche Punkte stehen unter „{heading}“?",
        "Was steht zum Thema „{heading}“?",
    ),
    "fr": _Rules(
        (
            re.compile(
                r"(?P<what>(?:Le|La|Les|L['’]|Un|Une)?\s?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>est|sont)\s+(?P<answer>(?:une?|des|l[ae])\s.+)"
            ),
            "Qu'est-ce que {what} ?",
        ),
        (
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>est|sont)\s+de\s+{_NUMBER}\s(?P<unit>[^\W\d_]+)"
                ),
                "De combien de {unit} {verb} {what} ?",
            ),
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>coûtent?|durent?|dure|pèse|compte|reçoit|contient)\s+{_NUMBER}\s(?P<unit>[^\W\d_]+)"
                ),
                "Combien de {unit} {verb} {what} ?",
            ),
        ),
        "Que vaut « {column} » pour « {row} » ?",
        "Quels points figurent sous « {heading} » ?",
        "Que dit-on de « {heading} » ?",
    ),
    "es": _Rules(
        (
            re.compile(
                r"(?P<what>(?:El|La|Los|Las|Un|Una)?\s?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>es|son)\s+(?P<answer>(?:una?|el|la)\s.+)"
            ),
            "¿Qué {verb} {what}?",
        ),
        (
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>es|son)\s+de\s+{_NUMBER}\s(?P<unit>[^\W\d_]+)"
                ),
                "¿De cuánto {verb} {what}?",
            ),
            (
                re.compile(
                    rf"(?P<what>[^\W\d_][\w'’& -]{{2,60}}?)\s+(?P<verb>cuesta|cuestan|dura|duran|pesa|tiene|recibe)\s+{_NUMBER}\s(?P<unit>[^\W\d_]+)"
                ),
                "¿Qué cantidad de {unit} {verb} {what}?",
            ),
        ),
        "¿Qué valor tiene «{column}» para «{row}»?",
        "¿Qué puntos figuran en «{heading}»?",
        "¿Qué se dice sobre «{heading}»?",
    ),
}
_POINTS_BACK: Final = re.compile(
    r"(?:it|its|this|that|these|those|there|they|he|she|we|you|i|what|which|who|here|if|when|one|"
    r"es|dies\w*|das|sie|er|wir|hier|was|wer|ce|cela|il|elle|ils|elles|esto|eso|este|esta|esos)(?:\s|$)",
    re.IGNORECASE,
)
_SMALL: Final = frozenset(
    [
        "The",
        "A",
        "An",
        "Every",
        "Each",
        "All",
        "Our",
        "Your",
        "Der",
        "Die",
        "Das",
        "Ein",
        "Eine",
        "Jede",
        "Jeder",
        "Jedes",
        "Le",
        "La",
        "Les",
        "Un",
        "Une",
        "Chaque",
        "El",
        "Los",
        "Las",
        "Una",
        "Cada",
    ]
)
_HEADING_MARKS: Final = re.compile(r"^[#\s]+|[\s:#*_]+$")
_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+•‣·–]|\(?\d{1,3}[.)])[ \t]+(?P<item>\S.*)$")
_CELLS: Final = re.compile(r"(?<!\\)\|")


def write_questions(text: str, *, heading_path: Sequence[str], language: str = "en") -> list[WrittenQuestion]:
    """The questions that rules find, clearest kind first, each of them once. A heading that asks is the only question of its passage. In
    languages without rules of their own those of English are used."""
    rules = _LANGUAGES.get(language.split("-")[0], _LANGUAGES["en"])
    heading = _HEADING_MARKS.sub("", heading_path[-1]) if heading_path else ""
    if heading.endswith(("?", "？", "؟")) and len(heading) <= LONGEST_QUESTION:
        return list(_pair(text, heading))
    found = [*_from_sentences(text, rules), *_from_rows(text, rules), *_from_list(text, heading, rules)]
    if not found:
        found = list(_about(text, heading, rules))
    unique: dict[str, WrittenQuestion] = {}
    for each in found:
        unique.setdefault(each.question.casefold(), each)
    return sorted(unique.values(), key=lambda each: each.rank)


def _pair(text: str, heading: str) -> Iterator[WrittenQuestion]:
    """The whole answer behind its question, or, of a long one, its first sentence."""
    body = text[len(heading) :] if text.startswith(heading) else text
    answer = body.strip()
    sentences = _sentences(body)
    if len(answer) > LONGEST_ANSWER and sentences:
        answer = sentences[0]
    if answer and len(answer) <= LONGEST_ANSWER:
        yield WrittenQuestion(heading, answer, answer, PAIR)


def _from_sentences(text: str, rules: _Rules) -> Iterator[WrittenQuestion]:
    for sentence in _sentences(text):
        if len(sentence) >= SHORTEST_SENTENCE and not _POINTS_BACK.match(sentence):
            yield from _definition(sentence, rules)
            yield from _number(sentence, rules)


def _definition(sentence: str, rules: _Rules) -> Iterator[WrittenQuestion]:
    pattern, template = rules.definition
    match = pattern.match(sentence)
    if match is not None and not _POINTS_BACK.match(match["what"]):
        question = template.format(what=_inside(match["what"]), verb=match["verb"])
        yield WrittenQuestion(question, match["answer"].rstrip(". "), sentence, DEFINITION)


def _number(sentence: str, rules: _Rules) -> Iterator[WrittenQuestion]:
    for pattern, template in rules.numbers:
        match = pattern.match(sentence)
        if match is not None and not _POINTS_BACK.match(match["what"]):
            parts = {name: value or "" for name, value in match.groupdict().items()}
            what = match["what"] if template.startswith("{what}") else _inside(match["what"])
            values = {"rest": "", **parts, "what": what, "base": _EN_BASE.get(match["verb"], "")}
            answer = f"{match['number']} {parts['unit']}".strip().rstrip(".,")
            yield WrittenQuestion(template.format(**values), answer, sentence, NUMBER)
            return


def _from_rows(text: str, rules: _Rules) -> Iterator[WrittenQuestion]:
    """A cell of each row, another column each time. The first column names the row."""
    for number, row in enumerate(each for each in split_sentences(text) if each.kind is Kind.ROW and each.header):
        columns, cells = _cells(text, row.header), _cells(text, (row.start, row.end))
        usable = [
            place
            for place in range(1, min(len(columns), len(cells)))
            if columns[place] and 0 < len(cells[place]) <= LONGEST_CELL
        ]
        if usable and cells[0]:
            place = usable[number % len(usable)]
            question = rules.cell.format(column=columns[place], row=cells[0])
            if len(question) <= LONGEST_QUESTION:
                yield WrittenQuestion(question, cells[place], text[row.start : row.end], CELL)


def _cells(text: str, span: tuple[int, int] | None) -> list[str]:
    if span is None:
        return []
    line = text[span[0] : span[1]].split("\n", 1)[0].strip().strip("|")
    return [plain_words(cell).strip() for cell in _CELLS.split(line)]


def _from_list(text: str, heading: str, rules: _Rules) -> Iterator[WrittenQuestion]:
    """The first list below the heading, if it is one that somebody can recite."""
    items: list[str] = []
    lines: list[str] = []
    for line in text.split("\n"):
        match = _ITEM.match(line)
        if match is not None:
            items.append(plain_words(match["item"]).strip())
            lines.append(line)
        elif items and line.strip():
            break
    answer = ", ".join(items)
    if LEAST_ITEMS <= len(items) <= MOST_ITEMS and 3 <= len(heading) <= 80 and len(answer) <= LONGEST_ANSWER:
        quote = lines[0].strip()
        yield WrittenQuestion(rules.items.format(heading=heading), answer, quote, LIST)


def _about(text: str, heading: str, rules: _Rules) -> Iterator[WrittenQuestion]:
    said = [each for each in _sentences(text) if len(each) >= SHORTEST_SENTENCE and each != heading]
    if said and 3 <= len(heading) <= 80:
        yield WrittenQuestion(rules.subject.format(heading=heading), said[0], said[0], HEADING)


def _sentences(text: str) -> list[str]:
    found: list[Sentence] = [each for each in split_sentences(text) if each.kind is Kind.SENTENCE]
    return [text[each.start : each.end] for each in found if each.end - each.start <= LONGEST_ANSWER]


def _inside(what: str) -> str:
    """As it is written inside of a sentence."""
    what = what.strip()
    return what[0].lower() + what[1:] if what.split()[0] in _SMALL else what
