"""Small documents of one chatbot, trained in shared transactions: sixteen of them cost little more than one would alone.

    read and cut each → store all texts → embed all, the shortest first → finish all

Only what usually happens is done here: a new document of a few pages, and the vectors of one whose text is stored. Whatever is
different about a run (an earlier version, a document that cannot be read, a text that the provider refuses) is left to ``pipeline``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from chatsphere.apps.training import knowledge, outcomes
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.knowledge import EmbeddedChunk, NewChunks
from chatsphere.apps.training.material import Material, open_material
from chatsphere.apps.training.models import Document, DocumentVersion, Run, TrainingSource
from chatsphere.apps.training.pipeline import (
    CHUNKS_A_TRANSACTION,
    PATIENCE,
    Target,
    Training,
    known_by,
    tell,
    texts_come_first,
)
from chatsphere.core.copying import copy_rows
from chatsphere.core.durable import DurableState, LostLease
from chatsphere.services.ai.base import read_passages
from chatsphere.services.content.markup import search_text
from chatsphere.services.errors import EngineError, RetryableError
from chatsphere.services.types import Chunk

MOST: Final = 16  # documents
SMALL_BYTES: Final = 128 * 1024  # of a document; together at most a second of one core
SMALL_TYPES: Final = ("text/plain", "text/markdown", "text/html", "text/csv", "text/tab-separated-values")
TEXTS_A_CALL: Final = 512

Rows = Sequence[Mapping[str, Any]]


def train(runs: Sequence[Run], lost: Mapping[UUID, Event]) -> list[Run]:
    """Do of claimed runs of one chatbot what can be done together; returns those that must be done alone.

    ``lost``: see ``durable.kept_alive``. Raises what the database raises; runs that are done then say so in their ``state``.
    """
    return _Together(runs, lost).work()


@dataclass(frozen=True, slots=True)
class _New:
    """A document that was read and is not stored yet."""

    training: Training
    document: Document
    version: DocumentVersion
    chunks: Sequence[Chunk]
    material: Material

    @property
    def target(self) -> Target:
        return Target(self.document, self.version, True, True, self.material.digest, self.material.size)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A document whose text is stored."""

    training: Training
    target: Target


class _Together:
    def __init__(self, runs: Sequence[Run], lost: Mapping[UUID, Event]) -> None:
        self._trainings = [Training(run, lost[run.pk]) for run in runs]
        self._chatbot = self._trainings[0].chatbot
        self._alone: list[Run] = []
        self._new: list[_New] = []
        self._stored: list[_Stored] = []

    def work(self) -> list[Run]:
        first = self._trainings[0].run
        if first.chatbot.deleted_at is not None:
            return [each.run for each in self._trainings]
        self._read_all()
        if self._new:
            self._store()
        if self._stored:
            self._embed()
        return self._alone

    # --- read ---

    def _read_all(self) -> None:
        rows: dict[UUID, list[Mapping[str, Any]]] = {}
        for row in sql("versions_of", {"sources": [each.run.source_id for each in self._trainings], "key": ""}):
            rows.setdefault(row["source_id"], []).append(row)
        first = self._trainings[0]
        first.prepare()
        for each in self._trainings:
            each.embedder, each.cutting = first.embedder, first.cutting
            each.run.chatbot.embedding_model = first.run.chatbot.embedding_model
            try:
                with open_material(each.source) as material:
                    self._read(each, material, rows.get(each.run.source_id, ()))
            except EngineError:
                self._alone.append(each.run)

    def _read(self, training: Training, material: Material, rows: Rows) -> None:
        recipe = training.recipe(material)
        document, versions = known_by(training.source, material.key, rows)
        if document is None and training.source.searchable == TrainingSource.Searchable.NONE:
            self._read_new(training, material, recipe)
            return
        target = training.usable(material, recipe, document, versions)
        if target is not None and target.is_first and len(versions) == 1:
            self._stored.append(_Stored(training, target))
        else:
            self._alone.append(training.run)

    def _read_new(self, training: Training, material: Material, recipe: bytes) -> None:
        extracted, title = training.read(material)
        chunks = list(islice(training.chunks_of(extracted, title), CHUNKS_A_TRANSACTION + 1))
        if not chunks or len(chunks) > CHUNKS_A_TRANSACTION:
            self._alone.append(training.run)
            return
        version = training.version_of(extracted, title, recipe, number=1)
        document = training.new_document(material, version)
        version.document, version.is_complete = document, True
        self._new.append(_New(training, document, version, chunks, material))

    # --- store ---

    def _store(self) -> None:
        begun = time.perf_counter()
        with transaction.atomic():
            held = self._held([each.training for each in self._new])
            new = [each for each in self._new if each.training.run.pk in held]
            if not new:
                return
            copy_rows([each.document for each in new])
            copy_rows([each.version for each in new])
            chunks = [NewChunks(each.version.pk, each.chunks, each.version.language) for each in new]
            added = knowledge.add_all_chunks(chatbot=self._chatbot, versions=chunks, is_live=True)
            _share(begun, "store", [each.training for each in new])
            for each, counts in zip(new, added, strict=True):
                _count_stored(each, counts)
            reports = [each.training.report() for each in new]
            tell(reports, TrainingSource.Status.EMBEDDING, searchable=TrainingSource.Searchable.TEXT)
            waits = self._let_texts_pass([each.training.run for each in new])
            knowledge.changed(self._chatbot)
        if not waits:
            self._stored += [_Stored(each.training, each.target) for each in new]

    def _let_texts_pass(self, runs: Sequence[Run]) -> bool:
        """Texts of all documents first, vectors then, as ``pipeline`` does."""
        if not texts_come_first(runs[0]):
            return False
        sql("release_all", {"runs": [run.pk for run in runs], "patience": PATIENCE})
        for run in runs:
            run.state = DurableState.QUEUED
        return True

    def _held(self, trainings: Sequence[Training]) -> set[UUID]:
        """The runs that are still ours, locked; the others are let go."""
        held = knowledge.hold_all([each.run for each in trainings], chatbot=self._chatbot)
        for each in trainings:
            if each.run.pk not in held:
                each.run.state = DurableState.CANCELLED
        return held

    # --- embed ---

    def _embed(self) -> None:
        model = self._stored[0].training.embedder.model
        versions = [each.target.version.pk for each in self._stored]
        rows = sql("missing_vectors_of_all", {"versions": versions, "model": model.id})
        parts = [rows[start : start + TEXTS_A_CALL] for start in range(0, len(rows), TEXTS_A_CALL)]
        vectors: list[EmbeddedChunk] = []
        try:
            for part in parts:
                if vectors:
                    self._store_vectors(vectors)
                vectors = self._vectors_of(part)
        except RetryableError as error:
            for each in self._stored:
                self._retry(each.training.run, error)
        except EngineError:
            self._alone += [
                each.training.run for each in self._stored if each.training.run.state == DurableState.RUNNING
            ]
        else:
            self._finish(vectors)

    def _vectors_of(self, rows: Rows) -> list[EmbeddedChunk]:
        begun = time.perf_counter()
        embedder = self._stored[0].training.embedder
        readings = read_passages(embedder, [search_text(row["context"], row["text"]) for row in rows])
        _share(begun, "embed", [each.training for each in self._stored])
        texts, tokens = Counter[int](), Counter[int]()
        for row in rows:
            texts[row["place"]] += 1
            tokens[row["place"]] += row["token_count"]
        for place, count in texts.items():
            training = self._stored[place - 1].training
            training.steps.add("embed", items=count, tokens=tokens[place])
            training.run.chunks_embedded += count
            training.run.tokens += tokens[place]
        return [EmbeddedChunk(row["id"], *reading) for row, reading in zip(rows, readings, strict=True)]

    def _store_vectors(self, vectors: Sequence[EmbeddedChunk]) -> None:
        with transaction.atomic():
            if self._still_ours():
                self._add(vectors)

    def _finish(self, vectors: Sequence[EmbeddedChunk]) -> None:
        begun = time.perf_counter()
        with transaction.atomic():
            ours = self._still_ours()
            if not ours:
                return
            self._add(vectors)
            _share(begun, "store", [each.training for each in ours])
            for each in ours:
                each.training.run.progress_done = each.training.run.progress_total
            outcomes.all_ended_well(
                [(each.training.run, each.training.source, each.target.result, each.training.report()) for each in ours]
            )
            knowledge.changed(self._chatbot)
        for each in ours:
            each.training.run.state = DurableState.SUCCEEDED

    def _add(self, vectors: Sequence[EmbeddedChunk]) -> None:
        model = self._stored[0].training.embedder.model
        knowledge.add_vectors(chatbot=self._chatbot, model=model, vectors=vectors)

    def _still_ours(self) -> list[_Stored]:
        ours = [each for each in self._stored if each.training.run.state == DurableState.RUNNING]
        held = self._held([each.training for each in ours])
        return [each for each in ours if each.training.run.pk in held]

    def _retry(self, run: Run, error: RetryableError) -> None:
        if run.state != DurableState.RUNNING:
            return
        with suppress(LostLease):
            outcomes.retried(run, error_type=error.type, message=error.message, after=error.retry_after)
        run.state = DurableState.QUEUED


def _count_stored(new: _New, added: knowledge.Added) -> None:
    run, steps = new.training.run, new.training.steps
    steps.add("chunk", items=len(new.chunks))
    steps.add("store", items=added.new, reused=added.reused)
    run.chunks_reused += added.reused
    run.progress_total += len(new.chunks)


def _share(begun: float, step: str, trainings: Sequence[Training]) -> None:
    """Each run is told an equal part of the time."""
    seconds = (time.perf_counter() - begun) / len(trainings)
    for each in trainings:
        each.steps.add(step, seconds=seconds)
