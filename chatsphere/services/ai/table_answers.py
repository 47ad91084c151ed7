"""Questions to a table: a cell by the names of its row and column, rows by a bound on their figures, or all of it.

Sentences are chosen by likeness; what a table says is found by its names. A row is meant when the question holds all words of its first cell,
a column when it holds one of its name's (or asks for what such a column is usually called: "cost" means Price).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chatsphere.services.ai.answer_units import Unit
from chatsphere.services.ai.question_kinds import Bound, asks_for_all, bound_in
from chatsphere.services.ai.sentences import Kind
from chatsphere.services.content.table_columns import cells_of, is_above
from chatsphere.services.types import SearchHit
from chatsphere.services.vector_store.analysis import count_terms

LOOKED_AT: Final = 4  # passages; of a table that a bound is set for, all
MOST_ROWS: Final = 15  # of a whole table; then a row of dots says that more follow
_LISTING: Final = (  # what a question for all of something says beside its name
    "list name show all every complete full sell offer have provide available exist liste alle zeige nenne bieten bietet verkaufen verkauft führen führt haben"
)
_NUMBER: Final = re.compile(r"-?\d+(?:[.,]\d{3})*(?:[.,]\d{1,2})?(?!\d)")
_SAME: Final = tuple(
    frozenset(group.split())
    for group in (
        "price prices cost costs fee fees charge charged expensive cheap cheaper much pay eur usd euro",
        "preis preise kosten kostet gebühr gebühren teuer günstig günstiger entgelt bezahlen",
        "prix coût coûte tarif tarifs cher",
        "precio precios cuesta coste costo tarifa",
        "prezzo costo costa tariffa",
        "weight heavy weigh weighs",
        "gewicht schwer wiegt",
        "length long lange länge lang",
        "size large big größe groß",
        "meaning mean means description",
        "bedeutung bedeutet beschreibung",
        "delivery ship shipping deliver delivered",
        "lieferzeit lieferung lieferbar",
    )
)


@dataclass(frozen=True, slots=True)
class Row:
    unit: Unit
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that stand in one passage below one header. ``about`` are the words of title, headings and first column's name."""

    passage_index: int
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    about: frozenset[int]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of one passage's table, in its order; ``is_cut`` when more of what was asked for follow, or may."""

    table: Table
    rows: tuple[Row, ...]
    is_cut: bool = False


def rows_asked_for(
    question: str, terms: set[int], passages: Sequence[SearchHit], units: Sequence[tuple[int, Unit]], language: str
) -> list[Rows]:
    """The rows that a question to a table means; none where it is no such question. ``terms`` are what it names. A bound gets those of every
    passage over which the table goes, in its order."""
    everywhere = list(_tables(passages, units, language))
    tables = [table for table in everywhere if table.passage_index < LOOKED_AT]
    if not tables:
        return []
    if within := _within_bound(question, tables, everywhere, passages, language):
        return within
    meant = terms | _likenesses(question, language)
    found = _cells(tables, terms, meant, language) or _whole(question, terms - _listing(language), tables)
    return [found] if found else []


def named_by(question: str, found: Sequence[Rows], language: str) -> Sequence[Rows]:
    """Those that a follow-up names itself ("And Business?"), not only with what was asked before; all where it names none."""
    terms = set(count_terms(question, language))
    own = [
        replace(part, rows=tuple(row for row in part.rows if _is_named(row.cells[0], terms, language)))
        for part in found
    ]
    return [part for part in own if part.rows] or found


def _tables(passages: Sequence[SearchHit], units: Sequence[tuple[int, Unit]], language: str) -> Iterator[Table]:
    for index, passage in enumerate(passages):
        groups: dict[tuple[tuple[str, ...], str], list[Row]] = {}
        for place, unit in units:
            if place == index and unit.kind is Kind.ROW:
                names = names_of(passage, unit)
                text = passage.text[unit.start : unit.end]
                row = Row(unit, text, tuple(cells_of(text)))
                if len(names) == len(row.cells) > 1:
                    groups.setdefault((names, unit.heading), []).append(row)
        for (names, heading), rows in groups.items():
            about = count_terms("\n".join((passage.title, *passage.heading_path, heading, names[0])), language)
            yield Table(index, names, tuple(rows), frozenset(about))


def names_of(passage: SearchHit, unit: Unit) -> tuple[str, ...]:
    """The names of a row's columns, from its passage or, where its header stands in another chunk, from what is known of it."""
    if unit.header:
        return tuple(cells_of(passage.text[slice(*unit.header)].partition("\n")[0]))
    return passage.columns if is_above(passage.columns, passage.text, unit.start) else ()


def _likenesses(question: str, language: str) -> set[int]:
    """The terms of what the columns may be called that a question asks for."""
    words = set(re.findall(r"\w+", question.casefold()))
    alike = [word for group in _SAME if words & group for word in group]
    return set(count_terms(" ".join(alike), language))


def _cells(tables: Iterable[Table], terms: set[int], meant: set[int], language: str) -> Rows | None:
    """The rows that are named, of the table whose columns are named best."""
    best: tuple[int, Rows] | None = None
    for table in tables:
        rows = tuple(row for row in table.rows if _is_named(row.cells[0], terms, language))
        keys = {term for row in rows for term in count_terms(row.cells[0], language)}
        wanted = meant - keys - set(count_terms(table.names[0], language))
        columns = sum(bool(wanted & set(count_terms(name, language))) for name in table.names[1:])
        if rows and columns and (best is None or columns > best[0]):
            best = columns, Rows(table, rows)
    return best[1] if best else None


def _is_named(cell: str, terms: set[int], language: str) -> bool:
    key = set(count_terms(cell, language))
    return bool(key) and key <= terms


def _within_bound(
    question: str, tables: Iterable[Table], everywhere: Sequence[Table], passages: Sequence[SearchHit], language: str
) -> list[Rows]:
    """Those of the first table about it whose figures in the named column are within the bound."""
    found = bound_in(question)
    if found is None:
        return []
    bound, rest = found
    terms = set(count_terms(rest, language))
    meant = terms | _likenesses(rest, language)
    for table in tables:
        column = next((n for n, name in enumerate(table.names) if n and meant & set(count_terms(name, language))), 0)
        values = {row: _value(row.cells[column]) for row in table.rows}
        if column and terms & table.about and sum(value is not None for value in values.values()) > 1:
            parts = sorted(_same_table(table, everywhere, passages), key=lambda part: _place(part, passages))
            return _first_rows([(part, _admitted(part, column, bound)) for part in parts], goes_on=len(parts) > 1)
    return []


def _same_table(table: Table, everywhere: Sequence[Table], passages: Sequence[SearchHit]) -> list[Table]:
    """It and its other parts, where it is so long that it lies in several chunks of its document."""
    document = passages[table.passage_index].document_id
    others = [each for each in everywhere if each.names == table.names and each.about == table.about]
    return [each for each in others if passages[each.passage_index].document_id == document]


def _place(table: Table, passages: Sequence[SearchHit]) -> int:
    return passages[table.passage_index].char_start + table.rows[0].unit.start


def _admitted(table: Table, column: int, bound: Bound) -> list[Row]:
    values = [(row, _value(row.cells[column])) for row in table.rows]
    return [row for row, value in values if value is not None and bound.admits(value)]


def _first_rows(parts: Sequence[tuple[Table, Sequence[Row]]], *, goes_on: bool) -> list[Rows]:
    """As many as may be shown. Of a table in several chunks nobody knows here whether all of them were found."""
    found, left = list[Rows](), MOST_ROWS
    for table, rows in parts:
        if rows and left:
            found.append(Rows(table, tuple(rows[:left])))
        left = max(0, left - len(rows))
    is_cut = goes_on or sum(len(rows) for _, rows in parts) > MOST_ROWS
    return [*found[:-1], replace(found[-1], is_cut=is_cut)] if found else []


def _value(cell: str) -> float | None:
    match = _NUMBER.search(cell)
    if match is None:
        return None
    whole, mark, part = match.group().rpartition("," if "," in match.group()[-3:] else ".")
    if not mark or len(part) == 3:
        return float(match.group().replace(",", "").replace(".", ""))
    return float(f"{whole.replace(',', '').replace('.', '')}.{part}")


def _listing(language: str) -> set[int]:
    return set(count_terms(_LISTING, language))


def _whole(question: str, terms: set[int], tables: Sequence[Table]) -> Rows | None:
    """The table that is about all that the question names."""
    if not asks_for_all(question):
        return None
    for table in tables:
        if terms and terms <= table.about:
            goes_on = any(other.passage_index != table.passage_index and other.names == table.names for other in tables)
            return Rows(table, table.rows[:MOST_ROWS], is_cut=len(table.rows) > MOST_ROWS or goes_on)
    return None


def header_of(names: Sequence[str]) -> str:
    """A header of these names, in Markdown."""
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
