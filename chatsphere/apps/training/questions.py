"""Questions and answers as a document: a pair is one chunk, under a heading that is its question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chatsphere.services.content.language import detect_language
from chatsphere.services.content.markup import search_text
from chatsphere.services.content.piece_lengths import CountTokens
from chatsphere.services.types import Block, BlockKind, Chunk, ExtractedDocument

MEDIA_TYPE = "application/x-questions-and-answers"


def question_document(pairs: Sequence[Mapping[str, str]]) -> ExtractedDocument:
    """The pairs one below the other, each a heading block and a paragraph block."""
    parts: list[str] = []
    blocks: list[Block] = []
    position = 0
    for pair in pairs:
        question, answer = " ".join(pair["question"].split()), pair["answer"].strip()
        middle = position + len(question)
        blocks.append(Block(BlockKind.HEADING, position, middle, level=2))
        blocks.append(Block(BlockKind.PARAGRAPH, middle + 1, middle + 1 + len(answer)))
        parts.append(f"{question}\n{answer}\n\n")
        position += len(parts[-1])
    text = "".join(parts)
    return ExtractedDocument(text, tuple(blocks), language=detect_language(text), media_type=MEDIA_TYPE)


def question_chunks(document: ExtractedDocument, *, title: str, count_tokens: CountTokens) -> Iterator[Chunk]:
    """One chunk a pair, however long its answer is: an embedder reads the beginning, word search all of it."""
    for ordinal, (heading, answer) in enumerate(zip(document.blocks[::2], document.blocks[1::2], strict=True)):
        text = document.text[heading.char_start : answer.char_end]
        yield Chunk(
            ordinal=ordinal,
            text=text,
            char_start=heading.char_start,
            char_end=answer.char_end,
            context=title,
            heading_path=(document.text[heading.char_start : heading.char_end],),
            page=None,
            kind=BlockKind.PARAGRAPH,
            token_count=count_tokens(search_text(title, text)),
        )
