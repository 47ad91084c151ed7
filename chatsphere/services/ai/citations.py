"""From the numbers in an answer to checked quotes.

A model marks a statement with ``[2]``, ``[1, 3]``, ``[1-3]`` or ``【2】``. ``CitationScanner`` reads an answer as it streams: numbers
that name no passage never get through, the others leave in the one form ``[1][2]``, numbered anew in the order of first use. For each statement it then looks up the
sentence of the passage that supports it best and how well. What stands in fenced code is left alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from chatsphere.services.ai.answer_check import FALLBACK_LANGUAGE, Verdict, check_answer
from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.ai.strange_words import Doubtful
from chatsphere.services.types import SearchHit
from chatsphere.services.vector_store.analysis import count_terms

LEAST_SUPPORT = 0.34  # share of a statement's words that its quote must have
TWO_SENTENCES_GAIN = 0.2  # a quote of two sentences must support this much more than one

_NUMBERS = r"\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*"
_MARKER = re.compile(rf"[ \t]?(?:\[\s*({_NUMBERS})\s*\]|【\s*({_NUMBERS})[^】\n]{{0,40}}】)")
_HELD_BACK = re.compile(r"[ \t]?(?:\[[\d\s,;–-]{0,30}|【[^】\n]{0,50})?$")
_RANGE = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")


@dataclass(frozen=True, slots=True)
class Citation:
    """``document.text[char_start:char_end] == quote`` for the cited document; ``index`` is its number in the answer, from 1."""

    index: int
    passage: SearchHit
    quote: str
    char_start: int
    char_end: int
    support: float  # 0 to 1: share of the statement's words
    more: tuple[tuple[str, int, int], ...] = ()  # further quotes of the passage (quote, char_start, char_end)


@dataclass(frozen=True, slots=True)
class CitationReport:
    """``doubtful``: statements that are borne out by most of their words, while others stand in no passage (``strange_words.doubted`` judges them).
    ``citations``: one a number, in order of appearance. ``unsupported``: statements that the passages which vouch for them do not bear
    out. ``uncited``: those that no marker vouches for. ``cited``: all that one does, each once."""

    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]
    uncited: tuple[str, ...]
    cited: tuple[str, ...] = ()
    doubtful: tuple[Doubtful, ...] = ()

    @property
    def grounded(self) -> bool:
        """Something is cited, and every statement is borne out by what vouches for it."""
        return bool(self.citations) and not self.unsupported and not self.uncited

    @property
    def ungrounded(self) -> tuple[str, ...]:
        """Every statement that nothing bears out."""
        return (*self.unsupported, *self.uncited)

    @property
    def states_nothing(self) -> bool:
        """A greeting, a question back, an admission: there is nothing to bear out."""
        return not self.citations and not self.cited and not self.uncited


class CitationScanner:
    """Reads one answer piece by piece. ``text`` is what has been let through."""

    def __init__(self, passages: Sequence[SearchHit], *, language: str = "") -> None:
        self._passages = passages
        self._language = language or FALLBACK_LANGUAGE
        self._held = ""
        self._in_code = False
        self._parts: list[str] = []
        self._plain = ""  # the answer without its markers
        self._marks: list[tuple[int, int]] = []  # place in the plain text, number
        self._citations: dict[int, Citation] = {}  # by number of the passage, in order of first use

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def feed(self, delta: str) -> tuple[str, list[Citation]]:
        """What may be shown now, and the citations that appeared for the first time. Holds back what may become a marker."""
        pending = self._held + delta
        cut = _safe_end(pending)
        self._held = pending[cut:]
        return self._let_through(pending[:cut])

    def finish(self) -> tuple[str, list[Citation]]:
        """The rest, at the end of the stream or where it broke off."""
        pending, self._held = self._held, ""
        return self._let_through(pending)

    def report(self, *, doubted: Collection[str] = ()) -> CitationReport:
        """All citations of the text so far, and what became of each statement. ``doubted`` ones count as not borne out."""
        verdicts = check_answer(self._plain, self._marks, self._passages, language=self._language)
        verdicts = [
            replace(each, is_borne_out=False) if each.strange and self._text_of(each) in doubted else each
            for each in verdicts
        ]
        texts = {each: self._text_of(each) for each in verdicts}
        return CitationReport(
            self._with_all_quotes([self._quote_at(place, number) for place, number in self._marks]),
            tuple(dict.fromkeys(texts[each] for each in verdicts if each.numbers and not each.is_borne_out)),
            tuple(dict.fromkeys(texts[each] for each in verdicts if not each.numbers and not each.is_borne_out)),
            tuple(dict.fromkeys(texts[each] for each in verdicts if each.numbers)),
            tuple(self._doubtful(each) for each in verdicts if each.is_borne_out and each.strange),
        )

    def _text_of(self, verdict: Verdict) -> str:
        return self._plain[verdict.statement.start : verdict.statement.end]

    def _doubtful(self, verdict: Verdict) -> Doubtful:
        passages = tuple(self._passages[number - 1] for number in verdict.numbers)
        return Doubtful(self._text_of(verdict), verdict.strange, passages)

    def _with_all_quotes(self, quotes: Sequence[Citation]) -> tuple[Citation, ...]:
        """The citations with the other places of their passages that later statements rest on."""
        places: dict[int, dict[tuple[int, int], str]] = {}
        for quote in quotes:
            if quote.support >= LEAST_SUPPORT:
                places.setdefault(quote.index, {})[quote.char_start, quote.char_end] = quote.quote
        return tuple(
            replace(citation, more=_other_places(citation, places.get(number, {})))
            for number, citation in self._citations.items()
        )

    def _let_through(self, text: str) -> tuple[str, list[Citation]]:
        known = len(self._citations)
        shown = "".join(self._read(part) for part in re.split(r"(```)", text))
        self._parts.append(shown)
        return shown, list(self._citations.values())[known:]

    def _read(self, part: str) -> str:
        if part == "```":
            self._in_code = not self._in_code
        if self._in_code or not part:
            self._plain += part
            return part
        shown, position = [], 0
        for match in _MARKER.finditer(part):
            self._plain += part[position : match.start()]
            shown += [part[position : match.start()], self._read_marker(match)]
            position = match.end()
        self._plain += part[position:]
        return "".join([*shown, part[position:]])

    def _read_marker(self, match: re.Match[str]) -> str:
        numbers = [n for n in _expand(match.group(1) or match.group(2)) if 1 <= n <= len(self._passages)]
        for number in numbers:
            self._cite(number)
        space = match.group()[0] if match.group()[0].isspace() and numbers else ""
        return space + "".join(f"[{self._citations[number].index}]" for number in numbers)

    def _cite(self, number: int) -> None:
        place = len(self._plain)
        self._marks.append((place, number))
        if number not in self._citations:
            self._citations[number] = replace(self._quote_at(place, number), index=len(self._citations) + 1)

    def _quote_at(self, place: int, number: int) -> Citation:
        """All between this marker and the one before, where it stands there word for word: a list, several sentences. Else what supports the last
        statement best."""
        passage = self._passages[number - 1]
        since = max((other for other, _ in self._marks if other < place), default=0)
        whole = self._plain[since:place].strip().removesuffix("\n…")  # of a list that goes on
        if span := _word_for_word(whole, passage.text):
            return _citation(number, passage, *span, 1.0)
        return find_quote(self._statement_at(place), number, passage, self._language)

    def _statement_at(self, place: int) -> str:
        """The statement before a marker; a marker in front of everything belongs to nothing."""
        paragraph = self._plain.rfind("\n\n", 0, len(self._plain[:place].rstrip())) + 1
        sentences = split_sentences(self._plain[paragraph:place])
        return self._plain[paragraph + sentences[-1].start : paragraph + sentences[-1].end] if sentences else ""


def scan_answer(
    text: str, passages: Sequence[SearchHit], *, language: str = "", doubted: Collection[str] = ()
) -> tuple[str, CitationReport]:
    """A whole answer at once: the text that may be shown and its report."""
    scanner = CitationScanner(passages, language=language)
    scanner.feed(text)
    scanner.finish()
    return scanner.text, scanner.report(doubted=doubted)


def find_quote(statement: str, number: int, passage: SearchHit, language: str = FALLBACK_LANGUAGE) -> Citation:
    """The place of the passage that supports the statement best: itself where it stands there word for word, else one sentence,
    else two neighbours."""
    if span := _word_for_word(statement, passage.text):
        return _citation(number, passage, *span, 1.0)
    spans = [(sentence.start, sentence.end) for sentence in split_sentences(passage.text)] or [(0, len(passage.text))]
    pairs = [(first[0], second[1]) for first, second in itertools.pairwise(spans)]
    wanted = set(count_terms(statement, language))
    wanted = wanted - set(count_terms(" ".join(passage.columns), language)) or wanted
    single = max(((_share(wanted, passage.text[slice(*span)], language), span) for span in spans), key=_first)
    double = max(
        ((_share(wanted, passage.text[slice(*span)], language), span) for span in pairs), key=_first, default=single
    )
    share, span = double if double[0] >= single[0] + TWO_SENTENCES_GAIN else single
    return _citation(number, passage, *span, share)


def _word_for_word(quote: str, text: str) -> tuple[int, int] | None:
    """Where it stands; lines may be broken elsewhere."""
    words = quote.split()
    if not words or words[0] not in text:
        return None
    place = text.find(quote)
    if place >= 0:
        return place, place + len(quote)
    match = re.search(r"\s+".join(map(re.escape, words)), text)
    return match.span() if match else None


def _safe_end(pending: str) -> int:
    """Up to where no marker and no code fence can have begun that the next delta completes."""
    backticks = len(pending) - len(pending.rstrip("`"))
    if backticks % 3:
        return len(pending) - backticks % 3
    held = _HELD_BACK.search(pending)
    return held.start() if held else len(pending)


def _other_places(citation: Citation, places: Mapping[tuple[int, int], str]) -> tuple[tuple[str, int, int], ...]:
    own = (citation.char_start, citation.char_end)
    return tuple((quote, *place) for place, quote in places.items() if place != own)


def _first(pair: tuple[float, tuple[int, int]]) -> float:
    return pair[0]


def _citation(number: int, passage: SearchHit, start: int, end: int, support: float) -> Citation:
    offset = passage.char_start
    return Citation(number, passage, passage.text[start:end], offset + start, offset + end, support)


def _share(wanted: set[int], text: str, language: str) -> float:
    return len(wanted & set(count_terms(text, language))) / len(wanted) if wanted else 0.0


def _expand(numbers: str) -> list[int]:
    found: list[int] = []
    for first, last in _RANGE.findall(numbers):
        found.extend(range(int(first), min(int(last or first), int(first) + 20) + 1))
    return list(dict.fromkeys(found))
