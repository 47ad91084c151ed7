"""A training run, from a claimed row to knowledge that answers.

    read → chunk → store texts → embed → store vectors → finish

Every step can be repeated and every write proves first that the run is still ours (``durable.hold``): a worker may die anywhere, and a
deleted source or a cancelled run stops the work at its next write. A first version answers by text as soon as its chunks are stored and
by meaning as vectors come. A later version stays hidden until the last transaction puts it in the old one's place.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any, Final

import orjson
from django.db import transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import knowledge, outcomes
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.knowledge import EmbeddedChunk
from chatsphere.apps.training.material import Material, open_material
from chatsphere.apps.training.models import Document, DocumentVersion, Run, TrainingSource
from chatsphere.apps.training.quality import sketch_of
from chatsphere.apps.training.questions import MEDIA_TYPE, question_chunks
from chatsphere.apps.training.recipe import chunk_settings, cutting_of, wanted_embedder
from chatsphere.apps.training.steps import Steps
from chatsphere.core import durable, engines, stopping
from chatsphere.services.ai.base import Embedder, read_passages
from chatsphere.services.content.chunking import Headings, chunk_document
from chatsphere.services.content.markup import search_text
from chatsphere.services.errors import EmptyDocument
from chatsphere.services.types import Chunk, ExtractedDocument
from chatsphere.services.vector_store.base import ChatbotRef

logger = logging.getLogger("chatsphere.training")

# Raise it when reading or chunking gives other results for the same bytes: the next run of a source then makes a new version.
RECIPE: Final = 5
CHUNKS_A_TRANSACTION: Final = 256
TEXTS_A_CALL: Final = 128  # at first; then 32 to 512, by how fast the embedder is
PATIENCE: Final = 10  # added to the priority of a run whose texts are found and whose vectors can wait
LONG: Final = 2 * PATIENCE  # from here on: long documents, behind all of their workspace that have had no slice yet
SLICE_SECONDS: Final = 30.0  # a long run makes room for others, and goes on where it stopped

Status = TrainingSource.Status
Searchable = TrainingSource.Searchable


class MakeRoom(Exception):
    """The run goes back to the queue: it has had its slice of time, or others have no text yet. ``patience`` lets it wait behind them,
    ``seconds`` lets nobody take it before."""

    def __init__(self, *, patience: int = 0, seconds: float = 0.0) -> None:
        super().__init__()
        self.patience = patience
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Target:
    """The version that the run brings in, or completes."""

    document: Document
    version: DocumentVersion
    is_first: bool  # nothing of the document answered before
    is_new: bool  # its chunks have just been written
    digest: bytes
    size: int

    @property
    def is_switch(self) -> bool:
        return self.document.current_version_id != self.version.pk

    @property
    def result(self) -> outcomes.Result:
        return outcomes.result_of(self.version, digest=self.digest, size=self.size)


def train(run: Run, lost: Event) -> None:
    """Do the claimed run. Raises LostLease, MakeRoom, or what reading, embedding and the database raise. ``lost``: see kept_alive."""
    Training(run, lost).work()


def texts_come_first(run: Run) -> bool:
    """Whether the vectors of this run, which has not made room yet, wait for texts of its workspace. One query."""
    asked = {"workspace": run.workspace_id, "patience": PATIENCE}
    return run.priority < PATIENCE and bool(sql("texts_wait", asked))


class Training:
    """The run of a source of one document; ``web.WebTraining`` does its steps for each page.

    ``above``: headings under which the text in hand begins, where it is a part of a longer one.
    """

    above: Headings = ()

    def __init__(self, run: Run, lost: Event) -> None:
        self.run = run
        self.source: TrainingSource = run.source
        self.chatbot = ChatbotRef(run.workspace_id, run.chatbot_id)
        self.steps = Steps(run.steps)
        self.lost = lost
        self.ends_at = time.monotonic() + SLICE_SECONDS

    @property
    def is_over(self) -> bool:
        """Whether the run shall go on another time: it has had its slice, or its worker has been asked to stop."""
        return time.monotonic() > self.ends_at or stopping.is_asked()

    def prepare(self) -> None:
        """Find out how this chatbot's documents are cut and embedded."""
        self.embedder, self.cutting = embedder_of(self.run.chatbot), cutting_of(self.run.chatbot)

    def work(self) -> None:
        self.prepare()
        with open_material(self.source) as material:
            target = self._target(material)
        self.complete(target)

    def complete(self, target: Target) -> None:
        """The vectors of a source of one document, and its end."""
        self._let_texts_pass(target)
        vectors = self._embed(target)
        knowledge.keep_documents(self.run, [target.document.key])
        self._finish(target, vectors)

    # --- read, chunk, store ---

    def _target(self, material: Material) -> Target:
        recipe = self.recipe(material)
        document, versions = _known(self.source, material.key)
        usable = self.usable(material, recipe, document, versions)
        return usable or self._new_version(material, recipe, document, versions)

    def usable(
        self, material: Material, recipe: bytes, document: Document | None, versions: Sequence[DocumentVersion]
    ) -> Target | None:
        """The version that says already what the material says, if there is one."""
        version = next((each for each in versions if bytes(each.content_hash) == recipe and each.is_complete), None)
        if document is None or version is None or self.must_read_again(document, version):
            return None
        is_first = document.current_version_id == version.pk
        return Target(document, version, is_first, False, material.digest, material.size)

    def must_read_again(self, document: Document, usable: DocumentVersion) -> bool:
        # A version that this very run has made is what was asked for; an older one is read again when the run is forced.
        return self.run.is_forced and usable.created_at < self.run.created_at

    def recipe(self, material: Material) -> bytes:
        kind, cutting = self.source.source_type, sorted(self.cutting.items())
        parts = (RECIPE, self.embedder.model.id, cutting, material.name, kind, material.digest.hex())
        return hashlib.sha256(repr(parts).encode()).digest()

    def _new_version(
        self, material: Material, recipe: bytes, document: Document | None, versions: Sequence[DocumentVersion]
    ) -> Target:
        extracted, title = self.read(material)
        batches = _batches(self.chunks_of(extracted, title), CHUNKS_A_TRANSACTION)
        batch, following = next(batches, None), next(batches, None)
        if batch is None:
            raise EmptyDocument(" ".join(["No text was found in this document.", *extracted.warnings]))
        left = [
            each for each in versions if document and not (each.is_complete and each.pk == document.current_version_id)
        ]
        with self.steps.timed("store"), transaction.atomic():
            knowledge.hold(self.run, alone=bool(left))
            if document is not None and left:
                # What an earlier attempt left: versions that do not answer, and a first one that stopped in the middle.
                knowledge.drop_versions(self.chatbot, [each.pk for each in left])
                document.refresh_from_db(fields=["current_version"])
            version = self.version_of(extracted, title, recipe, number=versions[0].number + 1 if versions else 1)
            target = self._open(material, document, version, is_whole=following is None)
            self._add_chunks(target, batch, is_last=following is None)
        while following is not None:
            if stopping.is_asked():
                raise MakeRoom  # another worker begins this document again, at once
            batch, following = following, next(batches, None)
            with self.steps.timed("store"), transaction.atomic():
                knowledge.hold(self.run, alone=False)
                self._add_chunks(target, batch, is_last=following is None)
                if following is None:
                    DocumentVersion.objects.filter(pk=version.pk).update(is_complete=True)
        return target

    def read(self, material: Material) -> tuple[ExtractedDocument, str]:
        """The document and its title. Raises a ContentError."""
        with self.steps.timed("read"):
            extracted = material.read()
        self.steps.add("read", items=1, bytes=material.size)
        return extracted, (extracted.title or material.name)[:500]

    def chunks_of(self, extracted: ExtractedDocument, title: str) -> Iterator[Chunk]:
        count = self.embedder.count_tokens
        if extracted.media_type == MEDIA_TYPE:
            chunks = question_chunks(extracted, title=title, count_tokens=count)
        else:
            settings = chunk_settings(self.cutting, self.embedder.model)
            chunks = chunk_document(extracted, title=title, count_tokens=count, settings=settings, above=self.above)
        while True:
            with self.steps.timed("chunk"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def version_of(self, extracted: ExtractedDocument, title: str, recipe: bytes, *, number: int) -> DocumentVersion:
        return DocumentVersion(
            workspace_id=self.run.workspace_id,
            chatbot_id=self.run.chatbot_id,
            number=number,
            content_hash=recipe,
            text=extracted.text,
            language=extracted.language,
            page_starts=list(extracted.page_starts),
            links=[{"text": link.text, "url": link.url} for link in extracted.links],
            warnings=list(extracted.warnings),
            is_partial=extracted.is_partial,
            report=dict(extracted.report)
            | {"title": title, "media_type": extracted.media_type, "chunking": self.cutting},
            **sketch_of(extracted.text, chatbot_id=self.run.chatbot_id),
        )

    def _open(
        self, material: Material, document: Document | None, version: DocumentVersion, *, is_whole: bool
    ) -> Target:
        """Write the version, and its document when it is new. The keys are checked at the commit, so either may come first."""
        is_first = document is None or document.current_version_id is None
        if document is None:
            document = self.new_document(material, version)
            document.save(force_insert=True)
        elif is_first:
            Document.objects.filter(pk=document.pk).update(current_version=version)
            document.current_version = version
        version.document, version.is_complete = document, is_whole
        version.save(force_insert=True)
        return Target(document, version, is_first, True, material.digest, material.size)

    def new_document(self, material: Material, version: DocumentVersion) -> Document:
        """Not written yet."""
        return Document(
            workspace_id=self.run.workspace_id,
            chatbot_id=self.run.chatbot_id,
            source=self.source,
            key=material.key,
            title=version.report["title"],
            uri=material.uri,
            media_type=version.report["media_type"],
            current_version=version,
        )

    def _add_chunks(self, target: Target, batch: Sequence[Chunk], *, is_last: bool) -> None:
        added = knowledge.add_chunks(
            chatbot=self.chatbot,
            version_id=target.version.pk,
            chunks=batch,
            language=target.version.language,
            is_live=target.is_first,
        )
        self.steps.add("chunk", items=len(batch))
        self.steps.add("store", items=added.new, reused=added.reused)
        self.run.chunks_reused += added.reused
        self.run.progress_total += len(batch)
        is_news = target.is_first and self.source.searchable == Searchable.NONE
        self._tell(Status.EMBEDDING if is_last else Status.CHUNKING, searchable=Searchable.TEXT if is_news else None)
        if target.is_first:
            knowledge.changed(self.chatbot)

    def _let_texts_pass(self, target: Target) -> None:
        """Texts of all documents of a workspace first, vectors then: a new one is found by its words while a hundred others are embedded."""
        if target.is_new and target.is_first and texts_come_first(self.run):
            raise MakeRoom(patience=PATIENCE)

    # --- embed ---

    def _embed(self, target: Target) -> list[EmbeddedChunk]:
        """Vectors of all chunks that have none yet are stored batch by batch; the last batch is returned, for ``_finish``."""
        vectors: list[EmbeddedChunk] = []
        self.run.progress_done = self.run.progress_total
        for rows in self._missing(target.version):
            if vectors:
                self._store_vectors(vectors)
            vectors = self._vectors_of(rows)
            self.run.progress_done += len(vectors)
        return vectors

    def _missing(self, version: DocumentVersion) -> Iterator[list[dict[str, Any]]]:
        """Batches of chunks without a vector, sized so that a batch takes one to three seconds: progress is seen, calls are few."""
        limit, after = TEXTS_A_CALL, -1
        while True:
            begun = time.monotonic()
            parameters = {"version": version.pk, "model": self.embedder.model.id, "after": after, "limit": limit}
            rows = sql("missing_vectors", parameters)
            if after < 0 and len(rows) == limit:
                self._count_progress(version)
            if rows:
                yield list({row["id"]: row for row in rows}.values())
            if len(rows) < limit:
                return
            after = rows[-1]["ordinal"]
            limit = _next_limit(limit, time.monotonic() - begun)

    def _count_progress(self, version: DocumentVersion) -> None:
        """A large document: worth a query to show how far it is."""
        counts = self._vector_counts(version)
        self.run.progress_done, self.run.progress_total = counts["embedded"], counts["chunks"]

    def _vector_counts(self, version: DocumentVersion) -> dict[str, int]:
        return sql("count_vectors", {"version": version.pk, "model": self.embedder.model.id})[0]

    def _vectors_of(self, rows: Sequence[dict[str, Any]]) -> list[EmbeddedChunk]:
        with self.steps.timed("embed"):
            readings = read_passages(self.embedder, [search_text(row["context"], row["text"]) for row in rows])
        tokens = sum(row["token_count"] for row in rows)
        self.steps.add("embed", items=len(rows), tokens=tokens)
        self.run.chunks_embedded += len(rows)
        self.run.tokens += tokens
        return [EmbeddedChunk(row["id"], *reading) for row, reading in zip(rows, readings, strict=True)]

    def _store_vectors(self, vectors: Sequence[EmbeddedChunk]) -> None:
        with self.steps.timed("store"), transaction.atomic():
            knowledge.hold(self.run, alone=False)
            knowledge.add_vectors(chatbot=self.chatbot, model=self.embedder.model, vectors=vectors)
            self._tell(Status.EMBEDDING)
        if self.lost.is_set():
            raise durable.LostLease
        if self.is_over:
            raise self.room()

    def room(self) -> MakeRoom:
        """How the run makes room when it is over for now: what its workspace adds meanwhile is not to wait for all of a long document."""
        if stopping.is_asked() or self.run.priority >= LONG:
            return MakeRoom()
        return MakeRoom(patience=LONG - self.run.priority // PATIENCE * PATIENCE)

    # --- finish ---

    def _finish(self, target: Target, vectors: Sequence[EmbeddedChunk]) -> None:
        begun = time.perf_counter()
        with transaction.atomic():
            knowledge.hold(self.run, alone=target.is_switch)
            knowledge.add_vectors(chatbot=self.chatbot, model=self.embedder.model, vectors=vectors)
            if target.is_switch:
                self._switch(target)
            self.run.progress_done = self.run.progress_total
            self.steps.add("store", seconds=time.perf_counter() - begun)
            outcomes.ended_well(self.run, self.source, target.result, self.report())
            knowledge.changed(self.chatbot)

    def _switch(self, target: Target) -> None:
        """Put the new version in the old one's place: searches see the one or the other, never both, never neither."""
        report = target.version.report
        Document.objects.filter(pk=target.document.pk).update(
            current_version=target.version,
            title=report["title"],
            media_type=report["media_type"],
            updated_at=timezone.now(),
        )
        placed = [row["chunk_id"] for row in sql("chunks_of_version", {"version": target.version.pk})]
        knowledge.show(self.chatbot, placed)
        old = DocumentVersion.objects.filter(document=target.document).exclude(pk=target.version.pk)
        knowledge.drop_versions(self.chatbot, list(old.values_list("pk", flat=True)))

    # --- reports ---

    def _tell(self, status: str, *, searchable: str | None = None) -> None:
        """Show how far it is. Belongs into a transaction that holds the run."""
        tell([self.report()], status, searchable=searchable)

    def report(self) -> dict[str, Any]:
        """What the run's row says of it, as JSON."""
        run = self.run
        return {
            "run": str(run.pk),
            "source": str(run.source_id),
            "done": run.progress_done,
            "total": run.progress_total,
            "embedded": run.chunks_embedded,
            "reused": run.chunks_reused,
            "tokens": run.tokens,
            "steps": self.steps.as_json(),
        }


def tell(reports: Sequence[Mapping[str, Any]], status: str, *, searchable: str | None = None) -> None:
    """Show how far runs are that are held by this transaction."""
    rows = Jsonb(list(reports), dumps=orjson.dumps)
    sql("tell", {"rows": rows, "status": status, "searchable": searchable, "lease": durable.LEASE})


def _known(source: TrainingSource, key: str) -> tuple[Document | None, list[DocumentVersion]]:
    """A document of a source and its versions without their texts, newest first. One plain query: most documents are new."""
    return known_by(source, key, sql("versions_of", {"sources": [source.pk], "key": key}))


def known_by(
    source: TrainingSource, key: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[Document | None, list[DocumentVersion]]:
    """The document and versions that rows of ``versions_of`` tell of."""
    if not rows:
        return None, []
    tenant = {"workspace_id": source.workspace_id, "chatbot_id": source.chatbot_id}
    current = rows[0]["current_version_id"]
    document = Document(id=rows[0]["document_id"], source=source, key=key, current_version_id=current, **tenant)
    versions = [
        DocumentVersion(document=document, **tenant, **{name: row[name] for name in _OF_VERSION})
        for row in rows
        if row["id"]
    ]
    for each in (document, *versions):
        each._state.adding = False
    return document, versions


_OF_VERSION = (
    "id", "number", "content_hash", "created_at", "language", "is_complete", "is_partial", "warnings", "report",
)  # fmt: skip


def embedder_of(chatbot: Chatbot) -> Embedder:
    """The embedder whose vectors answer for this chatbot; its first training decides which that is."""
    if not chatbot.embedding_model:
        default = wanted_embedder(chatbot).model.id
        Chatbot.objects.filter(pk=chatbot.pk, embedding_model="").update(embedding_model=default)
        chatbot.refresh_from_db(fields=["embedding_model"])
    return engines.embedder(chatbot.embedding_model)


def _next_limit(limit: int, seconds: float) -> int:
    if seconds < 1.0:
        return min(limit * 2, 512)
    return max(limit // 2, 32) if seconds > 3.0 else limit


def _batches(chunks: Iterable[Chunk], size: int) -> Iterator[list[Chunk]]:
    iterator = iter(chunks)
    while batch := list(islice(iterator, size)):
        yield batch
