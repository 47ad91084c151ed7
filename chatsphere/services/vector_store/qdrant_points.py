"""What Qdrant holds: one collection for the words of chunks and one for the vectors of each embedding model.

A point has its chunk's id and says of which workspace, chatbot and language it is. It holds no text, no title and no address: whoever
reads Qdrant alone learns numbers. Collections are made when they are first written to, for many tenants: the index of the chatbot says
that it is one, so points of a chatbot lie together, and graphs are built a chatbot, none over all.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self
from uuid import UUID

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException

from chatsphere.services.errors import UpstreamUnavailable
from chatsphere.services.types import Vector
from chatsphere.services.vector_store.base import ChatbotRef

_WORDS: Final = "chatsphere_words"
_VECTORS: Final = "chatsphere_vectors_"
_SPARSE: Final = "words"
_CHATBOT, _WORKSPACE, _LANGUAGE = "chatbot", "workspace", "language"
_PAGE: Final = 10_000  # ids read at once
_SECONDS_TO_FIND: Final = 3
_SECONDS_TO_WRITE: Final = 60


@dataclass(frozen=True, slots=True)
class Words:
    chunk_id: UUID
    language: str
    terms: Sequence[int]
    weights: Sequence[float]


@dataclass(frozen=True, slots=True)
class Embedded:
    chunk_id: UUID
    language: str
    model: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for in a chatbot: weighted terms, a vector of a model, or both; ``languages`` None is any."""

    chatbot: ChatbotRef
    terms: Mapping[int, float]
    vector: Vector | None
    model: str | None
    languages: frozenset[str] | None
    most: int  # of each kind


@dataclass(frozen=True, slots=True)
class Layout:
    """How new collections are spread over a cluster; those that are there stay as they are."""

    shards: int = 1
    replicas: int = 1


@dataclass(slots=True)
class Points:
    """Calls block; each raises UpstreamUnavailable when Qdrant is away, refuses or takes too long. Safe to use from several threads
    with a server; in memory it is for one at a time."""

    finding: QdrantClient
    writing: QdrantClient
    layout: Layout = Layout()
    _known: set[str] = field(default_factory=set)

    @classmethod
    def at(cls, url: str, api_key: str = "", *, layout: Layout = Layout()) -> Self:
        """A server's or cluster's address. Connects to nothing yet."""

        def client(seconds: int) -> QdrantClient:
            return QdrantClient(url=url, api_key=api_key or None, timeout=seconds, check_compatibility=False)

        return cls(client(_SECONDS_TO_FIND), client(_SECONDS_TO_WRITE), layout)

    @classmethod
    def in_memory(cls) -> Self:
        """Without a server, gone with the process: for tests."""
        client = QdrantClient(":memory:", force_disable_check_same_thread=True)
        return cls(client, client)

    def replace(
        self, chatbot: ChatbotRef, chunk_ids: Sequence[UUID], words: Sequence[Words], embedded: Sequence[Embedded]
    ) -> None:
        """Make Qdrant hold of these chunks exactly what is given here. Returns when it is found. Can be repeated."""
        by_collection: dict[str, list[models.PointStruct]] = {_WORDS: [_word_point(chatbot, each) for each in words]}
        for each in embedded:
            name = _collection(each.model)
            if name not in by_collection:
                by_collection[name] = []
                self._make_vectors(name, len(each.vector))
            by_collection[name].append(_vector_point(chatbot, each))
        self._make_words()
        for name in {*self._collections(), *by_collection}:
            self._replace(name, chatbot, chunk_ids, by_collection.get(name, []))

    def _replace(
        self, name: str, chatbot: ChatbotRef, chunk_ids: Sequence[UUID], points: Sequence[models.PointStruct]
    ) -> None:
        gone = {str(chunk_id) for chunk_id in chunk_ids} - {str(point.id) for point in points}
        with _reached():
            if points:
                self.writing.upsert(name, list(points), wait=True)
            if gone:
                whose: list[Any] = [*_of(chatbot), models.HasIdCondition(has_id=sorted(gone))]
                self.writing.delete(name, models.FilterSelector(filter=models.Filter(must=whose)), wait=True)

    def forget(self, chatbot: ChatbotRef) -> None:
        """Every point of the chatbot."""
        for name in self._collections():
            with _reached():
                mine = models.FilterSelector(filter=models.Filter(must=[*_of(chatbot)]))
                self.writing.delete(name, mine, wait=True)

    def find(self, wanted: Wanted) -> set[UUID]:
        """The chunks nearest by words and those nearest by meaning, as Qdrant's indexes see it; only candidates."""
        found: set[UUID] = set()
        if wanted.terms:
            indices, values = list(wanted.terms), list(wanted.terms.values())
            found |= self._nearest(_WORDS, models.SparseVector(indices=indices, values=values), _SPARSE, wanted)
        if wanted.vector is not None and wanted.model is not None:
            found |= self._nearest(_collection(wanted.model), wanted.vector.tolist(), None, wanted)
        return found

    def _nearest(self, name: str, query: Any, using: str | None, wanted: Wanted) -> set[UUID]:
        if not self._is_there(name):
            return set()
        must: list[Any] = _of(wanted.chatbot)
        if wanted.languages is not None:
            must.append(models.FieldCondition(key=_LANGUAGE, match=models.MatchAny(any=sorted(wanted.languages))))
        with _reached():
            answer = self.finding.query_points(
                name,
                query=query,
                using=using,
                query_filter=models.Filter(must=must),
                # PostgreSQL scores the candidates exactly, so Qdrant need not read its own full vectors.
                search_params=models.SearchParams(quantization=models.QuantizationSearchParams(rescore=False)),
                limit=wanted.most,
                with_payload=False,
            )
        return {UUID(str(point.id)) for point in answer.points}

    def counts(self, chatbot: ChatbotRef, models_: Sequence[str]) -> tuple[int, dict[str, int]]:
        """How many words and, by model, vectors of the chatbot there are; also of models nobody asked for, under their collection's name."""
        names = {_collection(model): model for model in models_}
        found = {name: self._count(name, chatbot) for name in self._collections()}
        words = found.pop(_WORDS, 0)
        return words, {names.get(name, name): count for name, count in found.items() if count}

    def _count(self, name: str, chatbot: ChatbotRef) -> int:
        with _reached():
            return self.writing.count(name, models.Filter(must=[*_of(chatbot)]), exact=True).count

    def ids(self, chatbot: ChatbotRef) -> set[UUID]:
        """Every chunk of the chatbot of which there is a point. Reads them all."""
        return {chunk_id for name in self._collections() for chunk_id in self._ids(name, chatbot)}

    def _ids(self, name: str, chatbot: ChatbotRef) -> Iterator[UUID]:
        mine, offset = models.Filter(must=[*_of(chatbot)]), None
        while True:
            with _reached():
                page, offset = self.writing.scroll(
                    name, mine, limit=_PAGE, offset=offset, with_payload=False, with_vectors=False
                )
            yield from (UUID(str(point.id)) for point in page)
            if offset is None:
                return

    # --- collections ---

    def collections(self) -> int:
        """How many of ours there are."""
        return len(self._collections())

    def _collections(self) -> list[str]:
        with _reached():
            names = [each.name for each in self.writing.get_collections().collections]
        return [name for name in names if name == _WORDS or name.startswith(_VECTORS)]

    def _is_there(self, name: str) -> bool:
        if name not in self._known:
            with _reached():
                if not self.finding.collection_exists(name):
                    return False
            self._known.add(name)
        return True

    def _make_words(self) -> None:
        index = models.SparseIndexParams(datatype=models.Datatype.FLOAT16)
        sparse = {_SPARSE: models.SparseVectorParams(index=index)}
        self._make(_WORDS, lambda: self._create(_WORDS, vectors_config={}, sparse_vectors_config=sparse))

    def _make_vectors(self, name: str, dimensions: int) -> None:
        vectors = models.VectorParams(
            size=dimensions,
            distance=models.Distance.DOT,  # of unit vectors: the cosine
            on_disk=True,
            datatype=models.Datatype.FLOAT16,
            hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
            ),
        )
        self._make(name, lambda: self._create(name, vectors_config=vectors))

    def _make(self, name: str, create: Callable[[], None]) -> None:
        if not self._is_there(name):
            with _reached():
                create()
            self._known.add(name)

    def _create(self, name: str, **config: Any) -> None:
        config |= {"shard_number": self.layout.shards, "replication_factor": self.layout.replicas}
        self.writing.create_collection(name, **config)
        tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
        self.writing.create_payload_index(name, _CHATBOT, tenant)
        for key in (_WORKSPACE, _LANGUAGE):
            self.writing.create_payload_index(name, key, models.PayloadSchemaType.KEYWORD)


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except (ApiException, QdrantException, OSError) as error:
        raise UpstreamUnavailable(f"Qdrant did not do it: {error}", retry_after=5.0) from error


def _collection(model: str) -> str:
    """A name that Qdrant allows and that no two models share."""
    return f"{_VECTORS}{re.sub(r'[^a-z0-9]+', '_', model.lower())[:60]}_{zlib.crc32(model.encode()):08x}"


def _of(chatbot: ChatbotRef) -> list[Any]:
    pairs = ((_CHATBOT, chatbot.chatbot_id), (_WORKSPACE, chatbot.workspace_id))
    return [models.FieldCondition(key=key, match=models.MatchValue(value=str(value))) for key, value in pairs]


def _payload(chatbot: ChatbotRef, language: str) -> dict[str, Any]:
    return {_CHATBOT: str(chatbot.chatbot_id), _WORKSPACE: str(chatbot.workspace_id), _LANGUAGE: language}


def _word_point(chatbot: ChatbotRef, each: Words) -> models.PointStruct:
    sparse = models.SparseVector(indices=list(each.terms), values=list(each.weights))
    return models.PointStruct(id=str(each.chunk_id), vector={_SPARSE: sparse}, payload=_payload(chatbot, each.language))


def _vector_point(chatbot: ChatbotRef, each: Embedded) -> models.PointStruct:
    return models.PointStruct(
        id=str(each.chunk_id), vector=each.vector.tolist(), payload=_payload(chatbot, each.language)
    )
