"""The values that engines take and give: plain, immutable, without Django.

Positions are offsets in Unicode code points into ``ExtractedDocument.text``; spans are half-open ``[start, end)``.
Pages count from 1. Scores are "greater is better". Times are seconds unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]  # shape (dimensions,)
Vectors = npt.NDArray[np.float32]  # shape (count, dimensions)


# --- documents -----------------------------------------------------------------------------------------------------


class BlockKind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document's structure; ``text[char_start:char_end]`` is its source, markup included."""

    kind: BlockKind
    char_start: int
    char_end: int
    level: int = 0  # of a heading, 1 to 6; 0 otherwise
    page: int | None = None  # where it begins
    header_end: int | None = None  # of a table: where its header rows end, as an offset into the text


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ExtractedDocument:
    """What a reader made of a file: one text with Markdown-like structure, and where everything lies in it.

    Plain text and Markdown keep their source verbatim (newlines as ``\\n``, no BOM), so that a quote can be found in the original.
    ``warnings`` are sentences for a person; any warning about missing content makes the source ``partial``.
    """

    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    language: str = ""  # BCP 47, "" when unknown
    media_type: str = "text/plain"
    page_starts: tuple[int, ...] = ()  # offset at which page 1, 2, … begins; empty when the format has no pages
    links: tuple[Link, ...] = ()
    warnings: tuple[str, ...] = ()
    is_partial: bool = False
    report: Mapping[str, Any] = field(default_factory=dict)  # ingest quality figures, JSON


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document that is found and cited as one: ``document.text[char_start:char_end] == text``.

    ``context`` is the title and heading path, joined by " › "; it is searched and embedded with the text, never cited.
    """

    ordinal: int
    text: str
    char_start: int
    char_end: int
    context: str
    heading_path: tuple[str, ...]
    page: int | None
    kind: BlockKind
    token_count: int  # of what is embedded (context and text without markup), by the embedder's own tokenizer


# --- embedding -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Which vectors are comparable: those with equal ``id``."""

    id: str  # "local:all-minilm-l6-v2-int8", "openai:text-embedding-3-small"
    dimensions: int
    max_tokens: int  # longest input it reads whole


class Reading(NamedTuple):
    """A text as an embedding model has read it. ``words``: what each of its words means where it stands, as ``services/ai/word_meanings.py``
    packs it; empty with a model that tells of the whole alone."""

    vector: Vector
    words: bytes = b""


# --- search --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """Narrowing inside the query. ``None`` means "not narrowed"; an empty collection finds nothing.

    ``access_tags``: a source without tags is open to all; one with tags is found when any of them is given here. ``None`` is a
    trusted caller who sees everything.
    """

    source_ids: frozenset[UUID] | None = None
    document_ids: frozenset[UUID] | None = None
    languages: frozenset[str] | None = None
    access_tags: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    workspace_id: UUID
    chatbot_id: UUID
    text: str
    vector: Vector | None  # None: by text alone
    model_id: str | None  # EmbeddingModel.id of the vector
    limit: int = 8
    candidates: int = 100  # of each half before fusion
    filters: SearchFilters = SearchFilters()


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One found chunk at its best place. ``dense`` is the cosine, ``sparse`` the BM25 score, ``fused`` the mean of their z-scores."""

    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    title: str
    url: str
    page: int | None
    heading_path: tuple[str, ...]
    text: str
    char_start: int
    char_end: int
    dense: float | None
    sparse: float | None
    fused: float
    word_meanings: bytes = field(default=b"", repr=False)  # what its words mean, where the model that embedded it told
    rerank: float | None = None
    words: float | None = (
        None  # mean cosine of the words nearest to those of the question, where they were compared; counted in ``fused``
    )
    period: float | None = None  # what is in ``fused`` because the title names the period that the question means
    sentence: float | None = None  # cosine of the sentence that holds most of the question's words, where it was read
    sentence_coverage: float | None = None  # how much of them it holds, weighted by IDF
    before: UUID | None = None  # not found itself: the chunk found that it stands right before,
    after: UUID | None = None  # or right after
    columns: tuple[
        str, ...
    ] = ()  # of the table's rows with which it begins, where their header stands in another chunk

    page_breaks: tuple[int, ...] = ()  # where further pages begin inside it, as offsets into the document's text

    @property
    def is_neighbour(self) -> bool:
        """Whether it is shown for what stands beside it."""
        return self.before is not None or self.after is not None


@dataclass(frozen=True, slots=True)
class QueryStatistics:
    """What the refusal decision looks at besides the hits; taken from the same search."""

    query_terms: int  # distinct analysed terms of the question
    idf_total: float  # sum of their IDF in this chatbot
    best_coverage: float  # IDF-weighted share of them in the best-covering hit, 0 to 1
    chunks: int  # how many chunks the chatbot has
    dense_share: float = 0.5  # how far the cosines were trusted, 0 to 1


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    hits: tuple[SearchHit, ...]  # best first
    statistics: QueryStatistics


# --- answering -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier message of the conversation."""

    role: Literal["user", "assistant", "agent"]
    text: str


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Everything a chat model may know. ``passages`` are numbered from 1 in this order; answers refer to them as ``[1]``."""

    question: str
    passages: Sequence[SearchHit]
    history: Sequence[Turn] = ()
    instructions: str = ""  # the chatbot's own system prompt
    language: str = ""
    temperature: float = 0.2
    max_output_tokens: int = 800
    memory: str = ""  # what was said before ``history``, in short
    task: str = ""  # what to do instead of answering from sources: takes the place of the rules and instructions
    about: str = ""  # the question with the subject of earlier ones, for models that do not read the history


@dataclass(frozen=True, slots=True)
class TokenUsage:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_estimated: bool = False  # the provider sent no usage: counted here


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    engine: str = ""  # "engine:model" of the model that speaks, where several may


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    REFUSED_NO_CONTEXT = "refused_no_context"
    BLOCKED = "blocked"
    HANDOFF = "handoff"
    HANDOFF_OFFERED = "handoff_offered"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ChatDone:
    """The last event of every completed stream; after an error an exception comes instead."""

    finish_reason: FinishReason
    usage: TokenUsage
    model: str  # as the provider names it
    engine: str = ""  # like TextDelta's


ChatEvent = TextDelta | ChatDone
