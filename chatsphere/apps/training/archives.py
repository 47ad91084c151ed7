"""The run of an archive: each file in it is a document of its own, and one that cannot be read leaves the others alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any, Final

from django.db import transaction

from chatsphere.apps.training import knowledge, outcomes
from chatsphere.apps.training.knowledge import EmbeddedChunk
from chatsphere.apps.training.material import Material, open_material
from chatsphere.apps.training.models import DocumentVersion, Run, TrainingSource
from chatsphere.apps.training.pipeline import Target, Training
from chatsphere.core import durable
from chatsphere.services.content.extract import ZIP, listing
from chatsphere.services.content.extract.archive import Listing, Member
from chatsphere.services.errors import ContentError, EmptyDocument

MOST_WARNINGS: Final = 20
ARCHIVE: Final = "archive"  # its ``items`` are the files that are done: a killed worker's successor goes on behind them


def train(run: Run, lost: Event) -> None:
    """Do the claimed run of a file that came as a ZIP, which office formats are, too. Raises as ``pipeline.train``."""
    ArchiveTraining(run, lost).work()


class ArchiveTraining(Training):
    def work(self) -> None:
        self.prepare()
        with open_material(self.source) as material:
            assert isinstance(material.content, Path)  # noqa: S101 - a ZIP comes as a file
            files = listing(material.content, name=material.name)
            if files is None:
                return super().work()
            self._work(material, files)
        return None

    def _work(self, archive: Material, files: Listing) -> None:
        if not files.members:
            raise EmptyDocument(
                "This archive holds no documents. Archives within archives are not opened: unpack them and upload what is inside."
            )
        for member in files.members[self._done() :]:
            self._take(_document_in(archive, member))
            self._make_room()
        left = [
            f"{name}: Archives within archives are not opened: unpack them and upload what is inside."
            for name in files.archives[:MOST_WARNINGS]
        ]
        knowledge.keep_documents(self.run, [member.name for member in files.members])
        self._end(archive, ZIP, left)

    def _make_room(self) -> None:
        """Between two documents: stop when the run is not ours any more, or when it is over for now."""
        if self.lost.is_set():
            raise durable.LostLease
        if self.is_over:
            raise self.room()

    def _take(self, material: Material) -> Target | None:
        """Train a document of the file; None when it cannot be read."""
        try:
            target = self._target(material)
        except ContentError as error:
            self._leave_out(material.key, error)
            return None
        self._finish_member(target, self._embed(target))
        return target

    def _finish_member(self, target: Target, vectors: Sequence[EmbeddedChunk]) -> None:
        with self.steps.timed("store"), transaction.atomic():
            knowledge.hold(self.run, alone=target.is_switch)
            knowledge.add_vectors(chatbot=self.chatbot, model=self.embedder.model, vectors=vectors)
            if target.is_switch:
                self._switch(target)
            self.run.progress_done = self.run.progress_total
            self.count_done()
            knowledge.changed(self.chatbot)

    def _count_progress(self, version: DocumentVersion) -> None:
        """The documents before it are counted already, and so are its own chunks."""
        counts = self._vector_counts(version)
        self.run.progress_done = self.run.progress_total - (counts["chunks"] - counts["embedded"])

    def count_done(self) -> None:
        """One more document is done; in a transaction that holds the run."""
        self.steps.add(ARCHIVE, items=1)
        self._tell(TrainingSource.Status.CHUNKING)

    def _leave_out(self, name: str, error: ContentError) -> None:
        with transaction.atomic():
            knowledge.hold(self.run, alone=False)
            if self._figures().get("left_out", 0) < MOST_WARNINGS:
                self.steps.note(ARCHIVE, f"{name}: {error.message}")
            self.steps.add(ARCHIVE, left_out=1)
            self.count_done()

    def _end(self, archive: Material, media_type: str, more_warnings: Sequence[str] = ()) -> None:
        current = DocumentVersion.objects.filter(pk__in=self.source.documents.values("current_version"))
        if not current.exists():
            messages = self._figures().get("messages", [])
            raise EmptyDocument(" ".join(["Nothing in this file could be read.", *messages[:1]]))
        partial = current.filter(is_partial=True).order_by("document__key").values_list("document__key", "warnings")
        warnings = [*self._warnings(list(partial[:MOST_WARNINGS])), *more_warnings]
        result = outcomes.Result(bool(warnings), warnings, media_type, archive.size, archive.digest)
        with transaction.atomic():
            knowledge.hold(self.run, alone=False)
            self.run.progress_done = self.run.progress_total
            outcomes.ended_well(self.run, self.source, result, self.report())
            knowledge.changed(self.chatbot)

    def _warnings(self, partial: Sequence[tuple[str, list[str]]]) -> list[str]:
        figures = self._figures()
        warnings = [*figures.get("messages", [])]
        if figures.get("left_out", 0) > MOST_WARNINGS:
            warnings.append(f"{figures['left_out'] - MOST_WARNINGS} more files could not be read.")
        return warnings + [f"{key}: {' '.join(said)}" for key, said in partial]

    def _done(self) -> int:
        return int(self._figures().get("items", 0))

    def _figures(self) -> dict[str, Any]:
        return self.steps.as_json().get(ARCHIVE, {})


def _document_in(archive: Material, member: Member) -> Material:
    """The directory's checksum tells whether the file has changed: nothing is unpacked to find out."""
    digest = hashlib.sha256(repr((member.name, member.size, member.checksum)).encode()).digest()
    name = PurePosixPath(member.name.replace("\\", "/")).name
    return replace(
        archive, key=member.name, name=name, uri=member.name, digest=digest, size=member.size, member=member.name
    )
