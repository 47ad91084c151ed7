"""The run of a file that is too large for one piece: a PDF by ranges of pages, a text by stretches of some megabytes.

Each part is a document of its own, read, cut and embedded before the next one is looked at: memory does not grow with the file, and
each part has the whole budget of a reading child.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from django.db import transaction

from chatsphere.apps.training import knowledge
from chatsphere.apps.training.archives import ARCHIVE, ArchiveTraining
from chatsphere.apps.training.knowledge import EmbeddedChunk
from chatsphere.apps.training.material import Material, open_material
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.training.pipeline import Target
from chatsphere.services.content.chunking import Headings, headings_at_end
from chatsphere.services.content.extract import PDF, SAFE_IN_PROCESS
from chatsphere.services.content.extract.text_parts import text_parts
from chatsphere.services.errors import ContentError, EmptyDocument
from chatsphere.services.types import ExtractedDocument

PAGES_A_PART: Final = 250
LARGE_TEXT: Final = 16 * 1024 * 1024  # bytes


def is_large(source: TrainingSource) -> bool:
    """Whether this may be a file of several parts; of a PDF only its reader knows."""
    return source.media_type == PDF or (source.media_type in SAFE_IN_PROCESS and source.bytes > LARGE_TEXT)


def train(run: Run, lost: Event) -> None:
    """Do the claimed run of such a file. Raises as ``pipeline.train``."""
    (PdfTraining if run.source.media_type == PDF else TextTraining)(run, lost).work()


_PLACE: Final = (
    "_place"  # in the run's steps, not shown: what the file is, where the next part begins, and under which headings
)
_HEADINGS: Final = "headings_at_end"


class LargeTraining(ArchiveTraining):
    """A slice of such a run goes on where the last one stopped; what was read to get there is not read again."""

    @contextmanager
    def opened(self) -> Iterator[Material]:
        with open_material(self.source, digest=bytes.fromhex(self._place().get("digest", ""))) as material:
            self.steps.put(_PLACE, digest=material.digest.hex())
            yield material

    def _place(self) -> dict[str, Any]:
        return self.steps.as_json().get(_PLACE, {})

    # --- a part stands under the headings with which the one before it has ended ---

    def recipe(self, material: Material) -> bytes:
        self.above = _above(material, self._place())
        recipe = super().recipe(material)
        return hashlib.sha256(recipe + repr(self.above).encode()).digest() if self.above else recipe

    def read(self, material: Material) -> tuple[ExtractedDocument, str]:
        extracted, title = super().read(material)
        headings = headings_at_end(extracted, above=self.above) if _is_part(material, extracted) else ()
        return replace(extracted, report={**extracted.report, _HEADINGS: headings}) if headings else extracted, title

    def _finish_member(self, target: Target, vectors: Sequence[EmbeddedChunk]) -> None:
        self.steps.put(_PLACE, **{_HEADINGS: target.version.report.get(_HEADINGS, [])})
        super()._finish_member(target, vectors)


class PdfTraining(LargeTraining):
    """The first pages are the document without a key: a PDF of few pages has no other."""

    def work(self) -> None:
        self.prepare()
        with self.opened() as material:
            pages = self._begin(_page_range(material, 0))
            if pages is None:
                return
            for first in range(self._done() * PAGES_A_PART, pages, PAGES_A_PART):
                self._take(_page_range(material, first))
                self._make_room()
            parts = [_page_range(material, first).key for first in range(0, pages, PAGES_A_PART)]
            knowledge.keep_documents(self.run, parts)
            self._end(material, PDF)

    def _begin(self, material: Material) -> int | None:
        """Train the first pages; how many there are in all, None when these were all and the run has ended."""
        self._pages = int(
            self._figures().get("pages", 0)
        )  # known when an earlier slice found no text on the first ones
        if self._pages:
            return self._pages
        try:
            target = self._target(material)
        except EmptyDocument as error:
            if self._pages <= PAGES_A_PART:
                raise
            self.steps.add(ARCHIVE, pages=self._pages)
            self._leave_out(f"pages 1-{PAGES_A_PART}", error)
            return self._pages
        pages = int(target.version.report.get("pages_in_file", 0))
        if pages <= PAGES_A_PART:
            self.complete(target)
            return None
        if not self._done():
            self._finish_member(target, self._embed(target))
        return pages

    def read(self, material: Material) -> tuple[ExtractedDocument, str]:
        """As for every document; notes of how many pages the whole file is."""
        extracted, title = super().read(material)
        self._pages = int(extracted.report.get("pages_in_file", 0))
        return extracted, title


class TextTraining(LargeTraining):
    def work(self) -> None:
        self.prepare()
        with self.opened() as material:
            start = self._place().get("next", 0)
            self.steps.put(ARCHIVE, items=self._done() if start else 0)
            for part in _parts(material, self.source.media_type, done=self._done(), start=start):
                self._part = part
                self._take(part)
                self._make_room()
            parts = [_key(number) for number in range(1, self._done() + 1)]
            knowledge.keep_documents(self.run, parts)
            self._end(material, self.source.media_type)

    def count_done(self) -> None:
        assert self._part.span is not None  # noqa: S101 - every part has one
        self.steps.put(_PLACE, next=self._part.span[1])
        super().count_done()

    def _leave_out(self, name: str, error: ContentError) -> None:
        if not isinstance(error, EmptyDocument):
            return super()._leave_out(name, error)
        with transaction.atomic():  # a stretch of blank lines is nothing to speak of
            knowledge.hold(self.run, alone=False)
            self.count_done()
        return None


def _above(material: Material, place: Mapping[str, Any]) -> Headings:
    first, _ = material.span or material.pages or (0, 0)
    return tuple((level, name) for level, name in place.get(_HEADINGS, ())) if first else ()


def _is_part(material: Material, extracted: ExtractedDocument) -> bool:
    return material.span is not None or extracted.report.get("pages_in_file", 0) > PAGES_A_PART


def _page_range(material: Material, first: int) -> Material:
    last = first + PAGES_A_PART
    key = f"pages {first + 1}-{last}" if first else ""
    return replace(material, key=key, pages=(first, last))


def _key(number: int) -> str:
    return f"part {number:05}"


def _parts(material: Material, media_type: str, *, done: int, start: int) -> Iterator[Material]:
    assert isinstance(material.content, Path)  # noqa: S101 - a large text comes as a file
    for number, part in enumerate(text_parts(material.content, start=start), done + 1):
        yield replace(
            material,
            key=_key(number),
            name=f"{material.name}, part {number}",
            digest=part.digest,
            size=part.end - part.start,
            span=(part.start, part.end),
            media_type=media_type,
        )
