"""What a document of a question set is cut into, by the readers and the chunker that training uses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from tokenizers import Tokenizer

from benchmarks.question_sets import Document
from chatsphere.services.ai.local_files import load_tokenizer, local_model_files
from chatsphere.services.content.chunking import ChunkSettings, chunk_document
from chatsphere.services.content.extract import reader_of
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.limits import Limits
from chatsphere.services.content.markup import search_text

MODEL_ID: Final = "local:all-minilm-l6-v2-int8"


@dataclass(frozen=True, slots=True)
class Piece:
    doc_id: str
    context: str
    text: str
    language: str
    search_text: str  # what is embedded


@lru_cache(maxsize=100_000)
def cut(document: Document) -> tuple[Piece, ...]:
    """Whole where the embedder reads it whole, else chunks. Raises ContentError for a document that cannot be read."""
    whole = search_text(document.title, document.text)
    if count_tokens(whole) <= ChunkSettings().max_tokens:
        return (Piece(document.doc_id, document.title, document.text, document.language, whole),)
    media_type = "text/markdown" if document.doc_id.endswith(".md") else "text/plain"
    source = Source(
        document.text.encode(), document.doc_id, media_type, Limits(), main_text_only=False, charset="utf-8"
    )
    extracted = reader_of(media_type)(source)
    return tuple(
        Piece(document.doc_id, chunk.context, chunk.text, document.language, search_text(chunk.context, chunk.text))
        for chunk in chunk_document(extracted, title=document.title, count_tokens=count_tokens)
    )


@lru_cache(maxsize=100_000)
def count_tokens(text: str) -> int:
    """By the embedding model's own tokenizer."""
    return len(_tokenizer().encode(text).ids)


@cache
def _tokenizer() -> Tokenizer:
    return load_tokenizer(local_model_files(MODEL_ID), truncate=False)
