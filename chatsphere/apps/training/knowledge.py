"""What a chatbot knows, changed safely: chunk texts that several documents share, their places, words and vectors.

Writers of one chatbot meet here. Everybody locks in this order, so that nobody waits crosswise:

    runs → the chatbot's knowledge lock → chunk texts by id → documents, source → the chatbot's row

Adders hold the knowledge lock together, whoever takes chunks away or switches versions holds it alone. A chunk text that an adder
found therefore stays until the adder has committed its place. Every function here belongs into the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction

from chatsphere.apps.training.database import change, engine_connection
from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Run
from chatsphere.apps.training.placements import copy_placements
from chatsphere.apps.training.quarantine import note_suspicious
from chatsphere.core import engines
from chatsphere.core.durable import LostLease
from chatsphere.core.identifiers import new_id
from chatsphere.services.types import Chunk, EmbeddingModel, Vector
from chatsphere.services.vector_store import wire
from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord

FORGOTTEN_AT_ONCE: Final = 500  # chunk texts that a deletion forgets itself: some 50 ms
FORGOTTEN_A_TIME: Final = 200  # of those that it leaves to a worker: other writers wait for as long
LEFTOVERS_A_LOOK: Final = 4_000
MANY_PLACES: Final = 20_000  # of more than these only the database holds a list
MANY_PLACES_MS: Final = 600_000  # that a statement over them may take


@dataclass(frozen=True, slots=True)
class NewChunks:
    """Chunks of a version, whose row is written in the same transaction."""

    version_id: UUID
    chunks: Sequence[Chunk]
    language: str


@dataclass(frozen=True, slots=True)
class _Text:
    chunk: Chunk
    language: str

    @property
    def indexed(self) -> tuple[str, str, str]:
        return self.chunk.context, self.chunk.text, self.language


@dataclass(frozen=True, slots=True)
class Added:
    """How many distinct chunk texts of a batch were new, and how many the chatbot had already."""

    new: int
    reused: int


class EmbeddedChunk(NamedTuple):
    """A chunk's vector, and what its words mean where the model tells."""

    chunk_id: UUID
    vector: Vector
    words: bytes = b""


def hold(run: Run, *, alone: bool) -> None:
    """Lock the run, prove that it is still ours, and take its chatbot's knowledge lock until the transaction ends.

    ``alone`` is for taking chunks away and for switching versions. Raises LostLease. One round trip.
    """
    parameters = {"run": run.pk, "fence": run.fence, "chatbot": run.chatbot_id}
    if not sql("hold_alone" if alone else "hold_and_add", parameters):
        raise LostLease


def hold_all(runs: Sequence[Run], *, chatbot: ChatbotRef) -> set[UUID]:
    """``hold`` for adders of several runs; the ids of those that are still ours. One round trip."""
    ours = {"runs": [run.pk for run in runs], "fences": [run.fence for run in runs]}
    return {row["id"] for row in sql("hold_all_and_add", ours | {"chatbot": chatbot.chatbot_id})}


def lock(chatbot: ChatbotRef) -> None:
    """Take the chatbot's knowledge lock for oneself, without a run."""
    sql("knowledge_lock", {"chatbot": chatbot.chatbot_id})


def add_chunks(
    *, chatbot: ChatbotRef, version_id: UUID, chunks: Sequence[Chunk], language: str, is_live: bool
) -> Added:
    """Write chunks of a version with their places and words. Texts that the chatbot has already are placed, not written again.

    ``is_live`` shows them to searches at once; else they stay hidden, unless another document shows the same text. Needs the
    lock. One batch a transaction: only then is the order of hashes an order of all that the transaction locks.
    """
    return add_all_chunks(chatbot=chatbot, versions=[NewChunks(version_id, chunks, language)], is_live=is_live)[0]


def add_all_chunks(*, chatbot: ChatbotRef, versions: Sequence[NewChunks], is_live: bool) -> list[Added]:
    """``add_chunks`` of several versions, in the same number of statements; what was added for each, in order."""
    hashes = [[_hash(chunk) for chunk in each.chunks] for each in versions]
    by_hash: dict[bytes, _Text] = {}
    for each, keys in zip(versions, hashes, strict=True):
        for key, chunk in zip(keys, each.chunks, strict=True):
            by_hash.setdefault(key, _Text(chunk, each.language))
    new, known = _write_texts(chatbot, by_hash, is_live=is_live)
    ids = new | {key: row["id"] for key, row in known.items()}
    placed = [
        (each.version_id, each.chunks, [ids[key] for key in keys]) for each, keys in zip(versions, hashes, strict=True)
    ]
    copy_placements(chatbot, placed)
    records = [ChunkRecord(new[key], *by_hash[key].indexed) for key in new]
    engines.vector_store().add_texts(engine_connection(), chatbot=chatbot, records=records, is_live=is_live)
    note_suspicious(chatbot=chatbot, chunks=[(new[key], by_hash[key].chunk.text) for key in new])
    if is_live:
        show(chatbot, [row["id"] for row in known.values() if not row["is_live"]])
    return _counted(hashes, set(new))


def _counted(hashes: Sequence[Sequence[bytes]], new: set[bytes]) -> list[Added]:
    """A text that several versions brought was new for the first of them."""
    counts = []
    for keys in map(set, hashes):
        counts.append(Added(new=len(keys & new), reused=len(keys - new)))
        new -= keys
    return counts


def add_vectors(*, chatbot: ChatbotRef, model: EmbeddingModel, vectors: Sequence[EmbeddedChunk]) -> None:
    """Store vectors of chunk texts, shown where their text is shown, and what their words mean. Needs the lock."""
    if not vectors:
        return
    vectors = sorted(vectors, key=_by_id)
    words = {each.chunk_id: each.words for each in vectors if each.words}
    for is_live, part in _by_liveness(chatbot, vectors):
        engines.vector_store().add_vectors(
            engine_connection(), chatbot=chatbot, model=model, vectors=part, is_live=is_live, words=words
        )


def _by_liveness(
    chatbot: ChatbotRef, vectors: Sequence[EmbeddedChunk]
) -> Iterator[tuple[bool, list[tuple[UUID, Vector]]]]:
    """Those of chunks that are shown, and those of hidden ones, which stay hidden until the transaction ends; without those that are gone."""
    of = _of(chatbot) | {"ids": wire.uuid_array([each.chunk_id for each in vectors])}
    [state] = sql("lock_hidden_texts", of)
    if state["texts"] == len(vectors) and not state["hidden"]:
        yield True, [each[:2] for each in vectors]
        return
    live = {row["id"]: row["is_live"] for row in sql("texts_shown", of)}
    for is_live in (True, False):
        if part := [each[:2] for each in vectors if live.get(each.chunk_id) is is_live]:
            yield is_live, part


def _by_id(embedded: EmbeddedChunk) -> int:
    return embedded.chunk_id.int  # UUIDs themselves are compared in Python


def add_words(*, chatbot: ChatbotRef, words: Mapping[UUID, bytes]) -> None:
    """Store what the words of chunks mean that have vectors. A chunk that is gone meanwhile is passed over. Needs the lock."""
    there = {row["id"] for row in sql("texts_shown", _of(chatbot) | {"ids": wire.uuid_array(list(words))})}
    known = {chunk_id: words[chunk_id] for chunk_id in sorted(words) if chunk_id in there}
    if known:
        engines.vector_store().add_words(engine_connection(), chatbot=chatbot, words=known)


def show(chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
    """Make hidden chunk texts found by searches."""
    changed = (
        [row["id"] for row in sql("show_chunk_texts", _of(chatbot) | {"ids": wire.uuid_array(chunk_ids)})]
        if chunk_ids
        else []
    )
    if changed:
        store = engines.vector_store()
        store.set_live(engine_connection(), chatbot=chatbot, chunk_ids=sorted(changed), is_live=True)


def drop_versions(chatbot: ChatbotRef, version_ids: Sequence[UUID]) -> None:
    """Delete versions, their places, and every chunk text that stands nowhere else; of very many places as ``forget_later``. Needs the lock
    alone."""
    if not version_ids:
        return
    parameters = {"versions": list(version_ids)}
    if not _take_many(chatbot, parameters):
        forget_unplaced(chatbot, {row["chunk_id"] for row in sql("take_versions", parameters)})
    sql("delete_versions", parameters)


def keep_documents(run: Run, keys: Collection[str]) -> None:
    """Take away the documents of the run's source with other keys: what its file was before it was replaced, or cut into other parts.

    A transaction of its own, only where there is something; to be done right before the run ends. Raises LostLease.
    """
    others = run.source.documents.exclude(key__in=list(keys))
    if not others.exists():
        return
    chatbot = ChatbotRef(run.workspace_id, run.chatbot_id)
    with transaction.atomic():
        hold(run, alone=True)
        drop_versions(chatbot, list(others.values_list("versions", flat=True).exclude(versions=None)))
        others.delete()
        changed(chatbot)


def drop_sources(chatbot: ChatbotRef, source_ids: Sequence[UUID]) -> None:
    """Delete sources with all that they brought; a worker forgets most of it soon (``forget_later``). Needs the lock alone. A million chunks
    take some seconds, in which writers of the chatbot wait and searches do not."""
    parameters = {"sources": list(source_ids)}
    versions = [row["id"] for row in sql("versions_of_sources", parameters)]
    if not _take_many(chatbot, {"versions": versions}):
        forget_later(chatbot, [row["chunk_id"] for row in sql("take_versions", {"versions": versions})])
    sql("delete_sources", parameters)


def _take_many(chatbot: ChatbotRef, versions: Mapping[str, Any]) -> bool:
    """Delete the places of versions when there are so many that this process should not hold their list; whether it was done."""
    if not sql("has_many_places", {**versions, "many": MANY_PLACES}):
        return False
    sql("take_your_time", {"milliseconds": str(MANY_PLACES_MS)})
    forget_unplaced(chatbot, [row["chunk_id"] for row in sql("take_many_versions", versions)])
    sql("note_leftovers", _of(chatbot))
    return True


def forget_unplaced(chatbot: ChatbotRef, chunk_ids: Iterable[UUID]) -> None:
    """Of chunk texts that lost a place: delete those without any, hide those without one in a current version. Needs the lock alone."""
    candidates = sorted(set(chunk_ids))
    if not candidates:
        return
    rows = sql("released_chunks", _of(chatbot) | {"ids": wire.uuid_array(candidates)})
    gone = [row["id"] for row in rows if not row["anywhere"]]
    hidden = [row["id"] for row in rows if row["anywhere"] and row["is_live"]]
    store = engines.vector_store()
    if gone:
        store.delete(engine_connection(), chatbot=chatbot, chunk_ids=gone)
        sql("delete_chunk_texts", _of(chatbot) | {"ids": wire.uuid_array(gone)})
    if hidden:
        sql("hide_chunk_texts", _of(chatbot) | {"ids": wire.uuid_array(hidden)})
        store.set_live(engine_connection(), chatbot=chatbot, chunk_ids=hidden, is_live=False)


def forget_later(chatbot: ChatbotRef, chunk_ids: Sequence[UUID]) -> None:
    """``forget_unplaced``, of which only what searches could notice is done now. Needs the lock alone.

    A search shows a chunk in its place, so a text that has lost its last one is found no more. It goes soon, with its words and vectors
    (``forget_leftovers``); until then it may take the room of a candidate, and a document that brings the same text places it again.
    """
    if len(set(chunk_ids)) <= FORGOTTEN_AT_ONCE:
        return forget_unplaced(chatbot, chunk_ids)
    still = sql("placed_of", {"ids": wire.uuid_array(chunk_ids)})
    forget_unplaced(chatbot, [row["chunk_id"] for row in still])
    sql("note_leftovers", _of(chatbot))
    return None


def forget_leftovers(chatbot: ChatbotRef) -> bool:
    """Forget some texts that ``forget_later`` has left; whether more may be left. Many short transactions: a deletion that comes
    meanwhile gets the lock after the one that runs."""
    if not sql("has_leftovers", _of(chatbot)):
        return False
    # Looked for without the lock: what was placed again since then is not forgotten.
    found = _leftovers(chatbot, LEFTOVERS_A_LOOK)
    for start in range(0, len(found), FORGOTTEN_A_TIME):
        with transaction.atomic():
            lock(chatbot)
            forget_unplaced(chatbot, found[start : start + FORGOTTEN_A_TIME])
    with transaction.atomic():
        lock(chatbot)
        rest = _leftovers(chatbot, FORGOTTEN_A_TIME)
        forget_unplaced(chatbot, rest)
        if len(rest) == FORGOTTEN_A_TIME:
            return True
        sql("drop_leftover_notes", _of(chatbot))
        return False


def _leftovers(chatbot: ChatbotRef, most: int) -> list[UUID]:
    return [row["id"] for row in sql("some_leftovers", _of(chatbot) | {"most": most})]


def changed(chatbot: ChatbotRef) -> None:
    """Say that answers may be different now. The last statement of a transaction, as all writers of the chatbot queue up here."""
    sql("raise_knowledge_version", _of(chatbot))


_Known = dict[bytes, dict[str, Any]]


def _write_texts(
    chatbot: ChatbotRef, by_hash: Mapping[bytes, _Text], *, is_live: bool
) -> tuple[dict[bytes, UUID], _Known]:
    """By hash: the ids of texts that are written now, and the rows of those that the chatbot had already."""
    ids = {key: new_id() for key in by_hash}
    chunks = [each.chunk for each in by_hash.values()]
    hashes = {"hashes": wire.array(by_hash, wire.BYTEA_OID)}
    columns = {
        "ids": wire.uuid_array(list(ids.values())),
        "contexts": wire.text_array([chunk.context for chunk in chunks]),
        "texts": wire.text_array([chunk.text for chunk in chunks]),
        "token_counts": wire.int_array([chunk.token_count for chunk in chunks]),
        "languages": wire.text_array([each.language for each in by_hash.values()]),
        "kinds": wire.text_array([str(chunk.kind) for chunk in chunks]),
    }
    if change("add_chunk_texts", _of(chatbot) | hashes | columns | {"is_live": is_live}) == len(ids):
        return ids, {}
    found = {bytes(row["content_hash"]): row for row in sql("find_chunk_texts", _of(chatbot) | hashes)}
    known = {key: row for key, row in found.items() if row["id"] != ids[key]}
    return {key: its_id for key, its_id in ids.items() if key not in known}, known


def _hash(chunk: Chunk) -> bytes:
    return hashlib.sha256(f"{chunk.context}\x00{chunk.text}".encode()).digest()


def _of(chatbot: ChatbotRef) -> dict[str, object]:
    return {"workspace": chatbot.workspace_id, "chatbot": chatbot.chatbot_id}
