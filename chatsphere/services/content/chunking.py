"""Cuts a document into chunks: stretches that are found, shown to the model and cited as one.

The document's blocks become *atoms* that are never cut: a heading, a sentence, a list item, a table row, a line of code.
A chunk is a run of neighbouring atoms. Where to cut is chosen for a whole section run at once by dynamic programming
(as Knuth and Plass break paragraphs into lines): each chunk costs the square of its distance from the target length, each
cut costs by what it parts (nothing between sections, a little between paragraphs, more inside a list, a table or code).
``docs/algorithms/chunking.md`` has the rules and the figures behind the defaults.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from chatsphere.services.content.block_spans import item_spans, line_spans, middle_cut, pieces_of, row_spans
from chatsphere.services.content.extract.markdown import heading_text
from chatsphere.services.content.markup import plain_words, search_text
from chatsphere.services.content.piece_lengths import CountTokens, measure_of
from chatsphere.services.content.sentences import sentence_spans
from chatsphere.services.content.table_columns import CONTEXT_SEPARATOR, NAME_SEPARATOR
from chatsphere.services.types import Block, BlockKind, Chunk, ExtractedDocument

Headings = Sequence[tuple[int, str]]  # levels and names, outermost first
_Measured = tuple[int, int, tuple[float, int]]  # a span with its words and tokens

_RESERVED_TOKENS = 3  # special tokens, and the separator of context and text
_WINDOW = 64  # atoms that one chunk may hold; bounds the work for one atom


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Lengths are words (of scripts without spaces and Korean two characters count as one) except where they are tokens of the embedding model."""

    target_words: int = 120
    max_words: int = 192
    max_tokens: int = 256  # of what is embedded: context and text without markup, special tokens included
    context_share: float = 0.3  # of max_tokens that the context may take

    @property
    def text_tokens(self) -> int:
        """What remains of ``max_tokens`` for a chunk's text when the context takes its whole share."""
        return int(self.max_tokens * (1 - self.context_share)) - 2

    def __post_init__(self) -> None:
        if not 0 < self.target_words <= self.max_words:
            raise ValueError("target_words must be positive and not above max_words.")
        if self.max_tokens < 32 or not 0 < self.context_share < 0.8:
            raise ValueError("max_tokens must be at least 32, context_share between 0 and 0.8.")


class _Atom(NamedTuple):
    start: int
    end: int
    block: Block
    block_number: int
    words: float
    tokens: int
    section: int


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under one heading, the heading included, up to the next heading of any level."""

    path: tuple[str, ...]
    level: int


def chunk_document(
    document: ExtractedDocument,
    *,
    title: str,
    count_tokens: CountTokens,
    settings: ChunkSettings = ChunkSettings(),
    above: Headings = (),
) -> Iterator[Chunk]:
    """The document's chunks in order: exact, non-overlapping spans that cover every block's text.

    ``count_tokens`` is the embedder's own, special tokens included; it is asked about once a chunk and once a distinct word.
    No chunk is above ``settings.max_tokens``, counted on ``search_text(chunk.context, chunk.text)``. Time and memory are
    linear in the text; a chunk that continues a table carries the names of the columns in its context. ``above``: the headings under
    which the document begins, as it is a part of a longer one.
    """
    return _Chunker(document, title, count_tokens, settings, above).chunks()


def headings_at_end(document: ExtractedDocument, *, above: Headings = ()) -> Headings:
    """The headings that are open where the document ends: ``above`` of the part that follows it."""
    opened = list(above)
    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            while opened and opened[-1][0] >= block.level:
                opened.pop()
            opened.append((block.level, heading_text(document.text[block.char_start : block.char_end])))
    return tuple(opened)


class _Chunker:
    def __init__(
        self,
        document: ExtractedDocument,
        title: str,
        count_tokens: CountTokens,
        settings: ChunkSettings,
        above: Headings,
    ) -> None:
        self._document = document
        self._text = document.text
        self._title = plain_words(title)
        self._measure_source = measure_of(count_tokens)
        self._count_tokens = count_tokens
        self._settings = settings
        self._text_tokens = settings.text_tokens
        self._open = _sections(above)  # those that the reader is in, outermost first
        self._sections = [self._open[-1] if self._open else _Section((), 0)]
        self._rooms: dict[tuple[int, int], int] = {}
        self._contexts: dict[tuple[tuple[str, ...], int], str] = {}

    def chunks(self) -> Iterator[Chunk]:
        ordinal = 0
        for run in self._runs():
            for atoms in _partition(run, self._rooms_of(run), self._settings, self._sections):
                for chunk in self._fitting(atoms, ordinal):
                    yield chunk
                    ordinal += 1

    def _rooms_of(self, run: Sequence[_Atom]) -> list[int]:
        """``_room_after`` each atom: the same for all of a block, unless it is a table."""
        rooms: list[int] = []
        number = room = -1
        for atom in run:
            if atom.block_number != number or atom.block.kind is BlockKind.TABLE:
                number, room = atom.block_number, self._room_after(atom)
            rooms.append(room)
        return rooms

    def _room_after(self, first: _Atom) -> int:
        """Tokens that remain for a chunk's text when it begins with this atom."""
        key = (first.section, first.block_number if _continues_table(first) else -1)
        room = self._rooms.get(key)
        if room is None:
            context = self._context(self._sections[first.section].path, first)
            room = self._settings.max_tokens - self._measure_source(context)[1] - _RESERVED_TOKENS
            self._rooms[key] = room
        return room

    # --- atoms ---

    def _runs(self) -> Iterator[list[_Atom]]:
        """Atoms between which a chunk may span; text that belongs to no block parts them, and so does a main heading."""
        run: list[_Atom] = []
        for atom in self._atoms():
            if run and self._must_cut(run[-1], atom):
                yield run
                run = []
            run.append(atom)
        if run:
            yield run

    def _must_cut(self, before: _Atom, after: _Atom) -> bool:
        if before.block_number == after.block_number:
            return False  # only white space is left out inside a block
        if not self._text[before.end : after.start].isspace() and before.end != after.start:
            return True
        starts_section = after.block.kind is BlockKind.HEADING and before.block.kind is not BlockKind.HEADING
        return starts_section and after.block.level == 1

    def _atoms(self) -> Iterator[_Atom]:
        section = 0
        for index, block in enumerate(self._document.blocks):
            if block.kind is BlockKind.HEADING:
                section = self._open_section(block)
            for start, end in self._spans(block):
                words, tokens = self._measure_source(self._text[start:end])
                if tokens <= self._text_tokens or end - start <= self._text_tokens // 2:
                    yield _Atom(start, end, block, index, words, tokens, section)
                else:
                    for begin, finish, lengths in self._small_enough(start, end):
                        yield _Atom(begin, finish, block, index, *lengths, section)

    def _open_section(self, heading: Block) -> int:
        name = heading_text(self._text[heading.char_start : heading.char_end])
        while self._open and self._open[-1].level >= heading.level:
            self._open.pop()
        above = self._open[-1].path if self._open else ()
        self._open.append(_Section((*above, name), heading.level))
        self._sections.append(self._open[-1])
        return len(self._sections) - 1

    def _spans(self, block: Block) -> Iterable[tuple[int, int]]:
        start, end = block.char_start, block.char_end
        match block.kind:
            case BlockKind.HEADING:
                return [(start, end)]
            case BlockKind.LIST:
                return item_spans(self._text, start, end)
            case BlockKind.TABLE:
                return row_spans(self._text, start, end, block.header_end)
            case BlockKind.CODE:
                return line_spans(self._text, start, end)
        return sentence_spans(self._text, start, end)

    def _small_enough(self, start: int, end: int) -> Iterator[_Measured]:
        """An atom that no chunk could hold, cut: into sentences, lines, clauses, words, and last anywhere."""
        sentences = list(sentence_spans(self._text, start, end))
        pieces = sentences if len(sentences) > 1 else pieces_of(self._text, start, end)
        for begin, finish in self._pack(pieces, self._text_tokens):
            yield begin, finish, self._measure(begin, finish)

    def _pack(self, pieces: Sequence[tuple[int, int]], budget: int) -> Iterator[tuple[int, int]]:
        """Join neighbouring pieces up to the budget; a piece above it is cut further."""
        begin, finish, used = -1, -1, 0
        for start, end in pieces:
            tokens = self._measure(start, end)[1]
            if begin >= 0 and used + tokens > budget:
                yield begin, finish
                begin, used = -1, 0
            if tokens > budget:
                yield from self._halves(start, end, budget)
                continue
            begin = start if begin < 0 else begin
            finish, used = end, used + tokens
        if begin >= 0:
            yield begin, finish

    def _halves(self, start: int, end: int, budget: int) -> Iterator[tuple[int, int]]:
        """Cut where a clause or word ends, as near to the middle as possible, until it fits."""
        stack = [(start, end)]
        while stack:
            begin, finish = stack.pop()
            if finish - begin <= 4 or self._measure(begin, finish)[1] <= budget:
                yield begin, finish
                continue
            left, right = middle_cut(self._text, begin, finish)
            stack += [(right, finish), (begin, left)]

    def _measure(self, start: int, end: int) -> tuple[float, int]:
        return self._measure_source(self._text[start:end])

    # --- chunks ---

    def _fitting(self, atoms: Sequence[_Atom], ordinal: int) -> Iterator[Chunk]:
        """The chunk of these atoms; when the tokenizer finds it too long after all, the chunks of its halves."""
        stack = [tuple(atoms)]
        while stack:
            part = stack.pop()
            chunk = self._chunk(part, ordinal)
            if chunk.token_count <= self._settings.max_tokens:
                yield chunk
                ordinal += 1
            elif len(part) > 1:
                stack += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                stack += [(atom,) for atom in reversed(self._cut_atom(part[0]))]

    def _cut_atom(self, atom: _Atom) -> list[_Atom]:
        left, right = middle_cut(self._text, atom.start, atom.end)
        return [
            _Atom(start, end, atom.block, atom.block_number, *self._measure(start, end), atom.section)
            for start, end in ((atom.start, left), (right, atom.end))
        ]

    def _chunk(self, atoms: Sequence[_Atom], ordinal: int) -> Chunk:
        start, end = atoms[0].start, atoms[-1].end
        path = self._common_path(atoms)
        context = self._context(path, atoms[0])
        text = self._text[start:end]
        return Chunk(
            ordinal=ordinal,
            text=text,
            char_start=start,
            char_end=end,
            context=context,
            heading_path=path,
            page=self._page_of(start),
            kind=_main_kind(atoms),
            token_count=self._count_tokens(search_text(context, text)),
        )

    def _common_path(self, atoms: Sequence[_Atom]) -> tuple[str, ...]:
        """The headings under which all of the chunk stands; a heading alone is its own path."""
        path = self._sections[atoms[0].section].path
        if atoms[0].section == atoms[-1].section:  # they ascend
            return path
        for section in {atom.section for atom in atoms}:
            other = self._sections[section].path
            shared = 0
            while shared < min(len(path), len(other)) and path[shared] == other[shared]:
                shared += 1
            path = path[:shared]
        return path

    def _context(self, path: tuple[str, ...], first: _Atom) -> str:
        key = (path, first.block_number if _continues_table(first) else -1)
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = self._new_context(path, first)
        return context

    def _new_context(self, path: tuple[str, ...], first: _Atom) -> str:
        parts = [part for part in (self._title, *path) if part]
        parts = [part for index, part in enumerate(parts) if not index or part != parts[index - 1]]
        if _continues_table(first):
            parts.append(_column_names(self._text[first.block.char_start : first.block.header_end]))
        return self._shortened(parts)

    def _shortened(self, parts: list[str]) -> str:
        """Within its share of the tokens: outer headings go first, then words at the end."""
        allowed = int(self._settings.max_tokens * self._settings.context_share)
        while len(parts) > 1 and self._measure_source(CONTEXT_SEPARATOR.join(parts))[1] > allowed:
            parts.pop(1 if len(parts) > 2 else 0)
        context = CONTEXT_SEPARATOR.join(parts)
        while context and self._measure_source(context)[1] > allowed:
            context = context[: len(context) * 2 // 3].rstrip()
        return context

    def _page_of(self, offset: int) -> int | None:
        return bisect_right(self._document.page_starts, offset) or None if self._document.page_starts else None


def _sections(above: Headings) -> list[_Section]:
    names = [name for _, name in above]
    return [_Section(tuple(names[: number + 1]), level) for number, (level, _) in enumerate(above)]


def _continues_table(first: _Atom) -> bool:
    """Whether a chunk that begins here lacks its table's header."""
    header_end = first.block.header_end
    return first.block.kind is BlockKind.TABLE and header_end is not None and first.start >= header_end


# --- choosing the cuts ---


def _partition(
    run: Sequence[_Atom], rooms: Sequence[int], settings: ChunkSettings, sections: Sequence[_Section]
) -> Iterator[Sequence[_Atom]]:
    """The cheapest way to cut the run; see the module's docstring."""
    cuts, joins = [0.0], []  # before atom i; after atom i
    for before, after in pairwise(run):
        cuts.append(_cut_cost(before, after))
        joins.append(_join_cost(before, after, sections) if before.section != after.section else 0.0)
    joins.append(0.0)
    starts = _best_starts(run, rooms, settings, cuts, joins)
    ends = [len(run)]
    while ends[-1]:
        ends.append(starts[ends[-1]])
    for begin, finish in pairwise(reversed(ends)):
        yield run[begin:finish]


def _best_starts(
    run: Sequence[_Atom], rooms: Sequence[int], settings: ChunkSettings, cuts: list[float], joins: list[float]
) -> list[int]:
    """For each end, where the last chunk before it begins when the run up to there is cut best."""
    max_words, target = settings.max_words, settings.target_words
    max_tokens = min(settings.max_tokens, max(rooms))
    words_of, tokens_of = [atom.words for atom in run], [atom.tokens for atom in run]
    costs, starts = [0.0], [0]
    before: list[float] = []  # what it costs to have a cut before each atom
    for last, (words, tokens) in enumerate(zip(words_of, tokens_of, strict=True)):
        distance = (words - target) / target
        before.append(costs[last] + cuts[last])
        best, choice, joined = before[last] + distance * distance, last, 0.0
        for first in range(last - 1, max(last - _WINDOW, -1), -1):
            words += words_of[first]
            tokens += tokens_of[first]
            if tokens > max_tokens or words > max_words:
                break
            joined += joins[first]
            if tokens > rooms[first]:
                continue
            distance = (words - target) / target
            cost = before[first] + joined + distance * distance
            if cost < best:
                best, choice = cost, first
        costs.append(best + _EACH_CHUNK)
        starts.append(choice)
    return starts


_EACH_CHUNK = 0.05  # so that few chunks are preferred to many
_CUT_INSIDE = {  # by value: the hash of an enumeration's member is computed in Python
    BlockKind.PARAGRAPH.value: 0.12,
    BlockKind.QUOTE.value: 0.15,
    BlockKind.LIST.value: 0.2,
    BlockKind.TABLE.value: 0.5,
    BlockKind.CODE.value: 0.6,
}


def _cut_cost(before: _Atom, after: _Atom) -> float:
    """What it costs to cut between two neighbours."""
    kind = before.block.kind
    if kind is BlockKind.HEADING:
        return 4.0  # a heading belongs to what follows
    if before.block_number == after.block_number:
        return _CUT_INSIDE[kind.value]
    if after.block.kind is BlockKind.HEADING:
        return -0.1
    if after.block.kind in (BlockKind.LIST, BlockKind.TABLE, BlockKind.CODE) and before.words < 40:
        return 0.25  # the sentence that introduces it
    return 0.0


def _join_cost(before: _Atom, after: _Atom, sections: Sequence[_Section]) -> float:
    """What it costs to keep two neighbours in one chunk: nothing within a section, more for main sections than for small ones."""
    if before.section == after.section or before.block.kind is BlockKind.HEADING:
        return 0.0
    return 0.5 if sections[after.section].level > 2 else 0.7


# --- spans inside blocks ---


def _main_kind(atoms: Sequence[_Atom]) -> BlockKind:
    """The kind that most of the words have, headings aside."""
    first = atoms[0].block.kind
    if all(atom.block.kind is first for atom in atoms):
        return first
    shares: dict[BlockKind, float] = {}
    for atom in atoms:
        weight = 0.0 if atom.block.kind is BlockKind.HEADING else atom.words + 1
        shares[atom.block.kind] = shares.get(atom.block.kind, 0.0) + weight
    return max(shares, key=lambda kind: shares[kind])


def _column_names(header: str) -> str:
    names = [plain_words(cell) for line in header.split("\n") for cell in re.split(r"(?<!\\)\|", line)]
    return NAME_SEPARATOR.join(dict.fromkeys(name for name in names if name and not re.fullmatch(r"[:\- ]+", name)))
