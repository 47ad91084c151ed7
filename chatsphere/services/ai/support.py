"""Whether passages bear out a statement, by words, numbers, names and negations.

Each statement is laid beside the sentences and table rows of its passages. It stands when most of its words are in one to three of them, none of
its parts is about something else, no part says of the same words the opposite, its numbers and names stand in those sentences or
right beside them, and none of them has changed places with another: a number belongs to what it is said of. Between two languages only
numbers, identifiers and names can be compared. docs/algorithms/guardrails.md has the rules and figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from chatsphere.services.ai.facts import (
    CAPITAL_NOUNS,
    Fact,
    capitals_of,
    facts_of,
    figures_of,
    has_name,
    identifiers_of,
    places_of,
    without_identifiers,
    without_measures,
    words_of,
)
from chatsphere.services.ai.negation import (
    Clause,
    clauses_of,
    finer_clauses,
    is_elliptic,
    read_clause,
    set_other_bounds,
)
from chatsphere.services.ai.sentences import Kind, Sentence, split_sentences
from chatsphere.services.content.table_columns import is_above
from chatsphere.services.types import SearchHit
from chatsphere.services.vector_store.analysis import analyze

LEAST_COVERED: Final = 0.5  # share of a statement's words that its sentences must have
MOST_SENTENCES: Final = 3  # that a statement may sum up
LEAST_OPPOSED: Final = 0.5  # share of a clause's words that a sentence saying the opposite must have
LEAST_OWNED: Final = 0.5
SUBJECT: Final = 2  # words at the beginning that say what a sentence is about
ALIKE: Final = 5  # letters that words of one stem share, of those longer than that
CODE_COVERED: Final = 0.6

_STOPS: Final = ".!?:|\n。！？："
_FACT_CLAUSES: Final = re.compile(
    r"(?:,|;)\s|[，；、。]|\s(?:and|or|with|und|oder|sowie|mit|et|ou|avec|y|o|con|e|en|met|и|или)\s|\s[–—-]\s|(?<=[.!?])\s"
)
_POINTS_BACK: Final = re.compile(
    r"\W*(?:it|its|they|their|this|he|she|his|her|er|sie|es|ihr|sein|il|elle|ils|elles|son|sa|ello|su|esso|hij|zij|он|она|оно|它|其|该)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Unit:
    """One sentence or table row of a passage, with the heads of its columns."""

    text: str
    language: str
    is_row: bool
    owners: frozenset[str]  # identifiers that it speaks of

    terms: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.terms = terms_of(self.text, self.language)


class Evidence:
    """A passage, read once for all statements that rest on it. ``language`` is that of the passage and of the statements."""

    def __init__(self, passage: SearchHit, language: str) -> None:
        self.passage, self.language = passage, language
        self.context = " ".join((passage.title, *passage.heading_path))

    @cached_property
    def units(self) -> list[Unit]:
        text, found = self.passage.text, list[Unit]()
        last = default = frozenset(identifiers_of(self.context))
        for sentence in split_sentences(text) or [Sentence(0, len(text))]:
            content = text[sentence.start : sentence.end]
            own = frozenset(identifiers_of(content))
            owners = own or (last if _POINTS_BACK.match(content) else default)
            last = owners or last
            header = self._header(sentence)
            found.append(Unit(f"{header}\n{content}" if header else content, self.language, bool(header), owners))
        return found

    def _header(self, sentence: Sentence) -> str:
        if sentence.header:
            return self.passage.text[slice(*sentence.header)]
        is_row = sentence.kind is Kind.ROW and is_above(self.passage.columns, self.passage.text, sentence.start)
        return f"| {' | '.join(self.passage.columns)} |" if is_row else ""

    def says(self, text: str) -> bool:
        """Whether a statement stands there word for word, from the beginning of a sentence to the end of one."""
        place, source = self.passage.text.find(text), self.passage.text
        if place < 0 or not text:
            return False
        before, after = source[:place].rstrip(" *_-"), source[place + len(text) :]
        begins = not before or before[-1] in _STOPS
        return begins and (text[-1] in _STOPS or not after.strip() or after.lstrip(" *_")[:1] in _STOPS)

    @cached_property
    def context_terms(self) -> set[str]:
        return terms_of(self.context, self.language)

    @cached_property
    def whole(self) -> str:
        return f"{self.context}\n{self.passage.text}"

    @cached_property
    def clauses(self) -> list[tuple[Clause, set[str]]]:
        """What each clause of the passage says, with its terms."""
        return [clause for unit in self.units for clause in _clauses_of(unit.text, self.language)]

    @cached_property
    def owned(self) -> list[tuple[set[str], frozenset[str]]]:
        """The terms of each clause, and the identifiers that it speaks of."""
        return [
            (
                terms_of(clause, self.language) if not unit.is_row else unit.terms,
                frozenset(identifiers_of(clause)) or unit.owners,
            )
            for unit in self.units
            for clause in ([unit.text] if unit.is_row else clauses_of(unit.text))
        ]

    @cached_property
    def parts(self) -> list[_Part]:
        """Stretches of a sentence that hold one or a few facts."""
        return [part for unit in self.units for part in _parts_of(unit, self.language)]


@dataclass(frozen=True, slots=True)
class _Part:
    words: frozenset[str]  # terms and owners, without units of measure
    facts: dict[str, frozenset[str]]  # by kind
    subject: frozenset[str]  # the first words of its sentence


def _clauses_of(text: str, language: str) -> list[tuple[Clause, set[str]]]:
    found, before = list[tuple[Clause, set[str]]](), set[str]()
    for coarse in clauses_of(text):
        subject = set[str]()
        for part in finer_clauses(coarse, language):
            if is_elliptic(part, language):
                found.append((read_clause(part, language), subject | before))
                continue
            clause = read_clause(part, language)
            terms = terms_of(clause.text, language)
            found.append((clause, terms))
            before, subject = (terms if not subject else before), subject | terms
        before = found[-1][1] if found else before
    return found


def terms_of(text: str, language: str) -> set[str]:
    """Stems without function words."""
    return set(analyze(text, language))


def is_borne_out(text: str, evidence: Sequence[Evidence], language: str, *, is_foreign: bool = False) -> bool:
    """Whether these passages together say what a statement says. ``is_foreign``: it is in another language than they are."""
    if any(each.says(text) for each in evidence):
        return True
    if is_foreign:
        return _facts_stand_anywhere(text, evidence, language)
    found = _Matched.of(text, evidence, language)
    return (
        found.is_covered
        and not _is_opposed(text, evidence, language)
        and _facts_stand(text, found, language)
        and not _is_moved(text, evidence, language)
        and not _belongs_to_another(text, evidence, language)
    )


def is_not_contradicted(text: str, evidence: Sequence[Evidence], language: str) -> bool:
    """For what only leads to a statement."""
    return not _is_opposed(text, evidence, language)


def is_copied_code(text: str, evidence: Sequence[Evidence]) -> bool:
    """Whether code is made of words of the passages."""
    known = set().union(*(analyze(each.whole, "") for each in evidence))
    wanted = set(analyze(re.sub(r"^```\w*|```$", "", text), ""))
    return not wanted or len(wanted & known) >= CODE_COVERED * len(wanted)


# --- words ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Matched:
    """The sentences that hold most of a statement's words, and whether that is enough."""

    units: tuple[Unit, ...]
    beside: tuple[Unit, ...]  # their neighbours
    context: str
    is_covered: bool

    @classmethod
    def of(cls, text: str, evidence: Sequence[Evidence], language: str) -> _Matched:
        wanted = terms_of(read_clause(text, language).text, language)
        context = set().union(*(each.context_terms for each in evidence))
        places = [(each, place) for each in evidence for place in range(len(each.units))]
        chosen, left = list[tuple[Evidence, int]](), set(wanted)
        while places and left and len(chosen) < MOST_SENTENCES:
            best = max(places, key=lambda place: len(shared_words(left, place[0].units[place[1]].terms)))
            gain = shared_words(left, best[0].units[best[1]].terms)
            if not gain:
                break
            chosen.append(best)
            left -= gain
        left -= shared_words(left, context)
        units = tuple(each.units[place] for each, place in chosen)
        beside = tuple(unit for each, place in chosen for unit in _beside(each.units, place))
        covered = bool(wanted) and bool(units) and len(wanted - left) >= LEAST_COVERED * len(wanted)
        is_covered = covered and not _has_strange_part(text, left, wanted, language)
        return cls(units, beside, " ".join(each.context for each in evidence), is_covered)


def _beside(units: Sequence[Unit], place: int) -> list[Unit]:
    """A row's neighbours are about something else."""
    if units[place].is_row:
        return []
    return [units[near] for near in (place - 1, place + 1) if 0 <= near < len(units) and not units[near].is_row]


def _has_strange_part(text: str, left: set[str], wanted: set[str], language: str) -> bool:
    """Whether a part of the statement has no word of the passages: half of it true, half invented."""
    parts = [terms_of(part, language) & wanted for part in _FACT_CLAUSES.split(text)]
    return any(len(part) >= 2 and part <= left for part in parts)


def shared_words(wanted: set[str], known: set[str]) -> set[str]:
    """The words of ``wanted`` that are known, or begin as a known one does."""
    exact = wanted & known
    rest = wanted - exact
    if not rest:
        return exact
    beginnings = {word[:ALIKE] for word in known if len(word) >= ALIKE}
    return exact | {word for word in rest if len(word) > ALIKE and word[:ALIKE] in beginnings}


# --- negations -----------------------------------------------------------------------------------------------------


def _is_opposed(text: str, evidence: Sequence[Evidence], language: str) -> bool:
    known = [clause for each in evidence for clause in each.clauses]
    return any(_clause_is_opposed(read_clause(part, language), known, language) for part in clauses_of(text))


def _clause_is_opposed(clause: Clause, known: Sequence[tuple[Clause, set[str]]], language: str) -> bool:
    ordered = list(dict.fromkeys(term for term in analyze(clause.text, language) if not any(map(str.isdigit, term))))
    wanted = set(ordered)
    if len(wanted) < 2:
        return False
    same, other = set[str](), set[str]()
    opponent: Clause | None = None
    for source, terms in known:
        shared = shared_words(wanted, terms)
        if _is_negative_of(source, shared, language) == _is_negative_of(clause, shared, language):
            same = max(same, shared, key=len)
        elif len(shared) > len(other):
            other, opponent = shared, source
    if opponent is None or len(other) < LEAST_OPPOSED * len(wanted) or set_other_bounds(clause, opponent):
        return False
    subject = set(ordered[:2])
    return len(other) > len(same) or (subject <= other and not subject <= same)


def _is_negative_of(clause: Clause, shared: set[str], language: str) -> bool:
    """ "Without a reason" negates the reason alone."""
    without = shared_words(shared, terms_of(clause.without, language)) if clause.without else set()
    return clause.is_negative != (bool(without) and 2 * len(without) >= len(shared))


# --- numbers and names ---------------------------------------------------------------------------------------------


def _facts_stand(text: str, found: _Matched, language: str) -> bool:
    """Every number, identifier and name stands in the matched sentences, beside them, or in a title or heading."""
    source = "\n".join((found.context, *(unit.text for unit in (*found.units, *found.beside))))
    owners = frozenset[str]().union(*(unit.owners for unit in found.units))
    return _all_stand(facts_of(text, language), source, owners)


def _facts_stand_anywhere(text: str, evidence: Sequence[Evidence], language: str) -> bool:
    return _all_stand(facts_of(text, language), "\n".join(each.whole for each in evidence), frozenset())


def _all_stand(facts: Sequence[Fact], source: str, owners: frozenset[str]) -> bool:
    figures, identifiers, words = figures_of(source), identifiers_of(source) | owners, words_of(source)
    for fact in facts:
        if fact.kind == "figure" and fact.value not in figures:
            return False
        if fact.kind == "identifier" and not any(each.startswith(fact.value) for each in identifiers):
            return False
        if fact.kind == "name" and not has_name(fact.value, words):
            return False
    return True


def _belongs_to_another(text: str, evidence: Sequence[Evidence], language: str) -> bool:
    """Whether something is said of an identifier that the passages say of another one."""
    asked = identifiers_of(text)
    if not asked:
        return False
    return any(
        _part_belongs_to_another(part, evidence, language) for part in re.split(r"[,;]\s", text) if identifiers_of(part)
    )


def _part_belongs_to_another(part: str, evidence: Sequence[Evidence], language: str) -> bool:
    asked = identifiers_of(part)
    wanted = terms_of(without_identifiers(part), language)
    scored = [(len(shared_words(wanted, terms)), owners) for each in evidence for terms, owners in each.owned]
    best = max((score for score, _ in scored), default=0)
    if not wanted or best < LEAST_OWNED * len(wanted):
        return False
    return all(owners and not _names_any(asked, owners) for score, owners in scored if score == best)


def _names_any(asked: set[str], owners: frozenset[str]) -> bool:
    return any(owner.startswith(name) or name.startswith(owner) for name in asked for owner in owners)


def _is_moved(text: str, evidence: Sequence[Evidence], language: str) -> bool:
    """Whether a number or name stands where the passages have another one of its kind, and they have it elsewhere."""
    unit = Unit(text, language, is_row=False, owners=frozenset())
    known = [part for each in evidence for part in each.parts]
    whole = _facts_by_kind(text, language)
    for part, place in _parts_with_text(unit, language):
        for kind, values in part.facts.items():
            for value in values:
                if _has_changed_places(kind, value, part, place, known, whole, language):
                    return True
    return False


def _has_changed_places(
    kind: str,
    value: str,
    part: _Part,
    text: str,
    known: Sequence[_Part],
    whole: dict[str, frozenset[str]],
    language: str,
) -> bool:
    beside = part.facts["figure"] if kind == "name" else frozenset[str]()
    context = (set(part.words) - _group_of(value, kind, text, language)) | beside
    shares = [(shared_words(context, {*each.words, *(beside & each.facts["figure"])}), each) for each in known]
    most = max((_weight(shared, part) for shared, _ in shares), default=0)
    best = [(shared, each) for shared, each in shares if _weight(shared, part) == most]
    if 2 * most <= _weight(context, part) or any(value in each.facts.get(kind, ()) for _, each in best):
        return False
    mine = part.facts[kind] if kind == "name" else whole[kind]
    rivals = [shared for shared, each in best if each.facts.get(kind, frozenset()) - mine]
    holders = [shared for shared, each in shares if value in each.facts.get(kind, ())]
    return bool(rivals and holders) and all(
        any(_is_further_off(holder, rival, part) for rival in rivals) for holder in holders
    )


def _weight(shared: set[str], part: _Part) -> int:
    """What a part is said of counts twice."""
    return len(shared) + len(shared & part.subject)


def _is_further_off(holder: set[str], rival: set[str], part: _Part) -> bool:
    ours, theirs = holder & part.subject, rival & part.subject
    return holder < rival or (ours < theirs and _weight(holder, part) < _weight(rival, part))


def _group_of(value: str, kind: str, text: str, language: str) -> set[str]:
    """The terms of a name with those that stand beside it, as in "Dublin (Ireland)"."""
    if kind != "name":
        return terms_of(value, language)
    names = capitals_of(text)
    place = next((n for n, fact in enumerate(names) if fact.value == value), 0)
    first = last = place
    while first > 0 and not re.search(r"\w", text[names[first - 1].end : names[first].start]):
        first -= 1
    while last + 1 < len(names) and not re.search(r"\w", text[names[last].end : names[last + 1].start]):
        last += 1
    return set().union(*(terms_of(fact.value, language) for fact in names[first : last + 1]), terms_of(value, language))


def _parts_of(unit: Unit, language: str) -> list[_Part]:
    return [part for part, _ in _parts_with_text(unit, language)]


def _parts_with_text(unit: Unit, language: str) -> list[tuple[_Part, str]]:
    """Later parts of a sentence are said of its first words, too."""
    pieces = [unit.text] if unit.is_row else _with_words(_FACT_CLAUSES.split(unit.text), language)
    found, subject = list[tuple[_Part, str]](), frozenset[str]()
    for piece in pieces:
        plain = without_measures(piece)
        words = frozenset(terms_of(plain, language)) | (unit.owners if not identifiers_of(piece) else frozenset())
        words |= frozenset(identifiers_of(piece))
        own = frozenset(dict.fromkeys(analyze(plain, language)[:SUBJECT]))
        subject = subject if subject and _lacks_subject(piece, language) else own
        found.append((_Part(words | subject, _facts_by_kind(piece, language), subject), piece))
    return found


def _lacks_subject(piece: str, language: str) -> bool:
    """Whether a later part goes on about the same: it names nothing with a capital letter or an identifier."""
    return not identifiers_of(piece) and not _inside(f"x {piece}", language)


def _with_words(pieces: Sequence[str], language: str) -> list[str]:
    """Pieces that hold facts alone go with the one before."""
    found = list[str]()
    for piece in pieces:
        if not piece.strip():
            continue
        facts = set().union(*(terms_of(fact.value, language) for fact in _inside(piece, language)), figures_of(piece))
        is_small = len(piece.split()) <= 2 or language not in CAPITAL_NOUNS
        if found and is_small and not terms_of(piece, language) - facts:
            found[-1] = f"{found[-1]}, {piece}"
        else:
            found.append(piece)
    return found


def _inside(text: str, language: str) -> list[Fact]:
    return [fact for fact in places_of(text, language) if fact.start > 0]


def _facts_by_kind(text: str, language: str) -> dict[str, frozenset[str]]:
    facts = facts_of(text, language)
    names = places_of(text, language) if language in CAPITAL_NOUNS else [fact for fact in facts if fact.kind == "name"]
    return {
        "figure": frozenset(fact.value for fact in facts if fact.kind == "figure"),
        "name": frozenset(fact.value for fact in names),
    }
