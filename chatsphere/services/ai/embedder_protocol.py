"""What embedder server and clients say to each other over the Unix socket.

A frame is a header of eight bytes (``CE``, protocol version, kind, length of the body as big-endian 32 bits) and the body:

    HELLO    server → client, once after accepting: UTF-8 JSON {"model", "dimensions", "max_tokens"}
    QUESTION client → server: texts that a person waits for
    PASSAGES client → server: texts that can wait
    READ_QUESTION, READ_PASSAGES
             client → server: the same, to be told of their words as well
    VECTORS  server → client: count and dimensions (two 32-bit numbers), then little-endian float32 rows in the texts' order
    READINGS server → client: for each text what its words mean, as texts are written but not UTF-8, then as in VECTORS
    BUSY     server → client: too much is waiting; UTF-8 reason; try again later
    REFUSED  server → client: the request is wrong; UTF-8 reason

Texts are a 32-bit count, then for each a 32-bit byte length and UTF-8. A connection carries one request at a time.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from chatsphere.services.errors import UpstreamInvalid
from chatsphere.services.types import EmbeddingModel, Reading, Vectors

VERSION = 2
MAX_BODY = 4 * 1024 * 1024
MAX_TEXTS = 256
HEADER = struct.Struct("!2sBBI")

_MAGIC = b"CE"
_NUMBER = struct.Struct("!I")
_SHAPE = struct.Struct("!II")


class Kind(IntEnum):
    HELLO = 1
    QUESTION = 2
    PASSAGES = 3
    VECTORS = 4
    BUSY = 5
    REFUSED = 6
    READ_QUESTION = 7
    READ_PASSAGES = 8
    READINGS = 9


_KINDS = frozenset(int(kind) for kind in Kind)


def frame(kind: Kind, body: bytes) -> bytes:
    return HEADER.pack(_MAGIC, VERSION, kind, len(body)) + body


def read_header(header: bytes) -> tuple[Kind, int]:
    """Kind and body length. Raises UpstreamInvalid for another protocol, another version or a body above 4 MiB."""
    magic, version, kind, length = HEADER.unpack(header)
    if magic != _MAGIC or version != VERSION:
        raise UpstreamInvalid(f"This is not an embedder of protocol version {VERSION}.")
    if length > MAX_BODY or kind not in _KINDS:
        raise UpstreamInvalid("The embedder's frame is too large or of an unknown kind.")
    return Kind(kind), length


def pack_hello(model: EmbeddingModel) -> bytes:
    facts = {"model": model.id, "dimensions": model.dimensions, "max_tokens": model.max_tokens}
    return json.dumps(facts).encode()


def unpack_hello(body: bytes) -> EmbeddingModel:
    facts = json.loads(body)
    return EmbeddingModel(id=facts["model"], dimensions=facts["dimensions"], max_tokens=facts["max_tokens"])


def pack_texts(texts: Sequence[str]) -> bytes:
    return _pack_all([text.encode("utf-8", "replace") for text in texts])  # lone surrogates become "?"


def unpack_texts(body: bytes) -> list[str]:
    """Raises UpstreamInvalid when the body is cut, too long, has more than 256 texts or is not UTF-8."""
    try:
        items, end = _unpack_all(body)
        texts = [item.decode() for item in items]
    except (struct.error, UnicodeDecodeError) as error:
        raise UpstreamInvalid("The request is damaged.") from error
    if end != len(body):
        raise UpstreamInvalid("The request's lengths do not add up.")
    return texts


def _pack_all(items: Sequence[bytes]) -> bytes:
    parts = [_NUMBER.pack(len(items))]
    for item in items:
        parts += (_NUMBER.pack(len(item)), item)
    return b"".join(parts)


def _unpack_all(body: bytes) -> tuple[list[bytes], int]:
    """The items and where they end."""
    (count,) = _NUMBER.unpack_from(body)
    if count > MAX_TEXTS:
        raise UpstreamInvalid(f"At most {MAX_TEXTS} texts a request, not {count}.")
    items, position = [], _NUMBER.size
    for _ in range(count):
        (length,) = _NUMBER.unpack_from(body, position)
        end = position + _NUMBER.size + length
        items.append(body[position + _NUMBER.size : end])
        position = end
    return items, position


def pack_vectors(vectors: Vectors) -> bytes:
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    return _SHAPE.pack(*rows.shape) + rows.tobytes()


def unpack_vectors(body: bytes, *, count: int, dimensions: int) -> Vectors:
    """Raises UpstreamInvalid when the answer has another shape than asked for."""
    if len(body) != _SHAPE.size + 4 * count * dimensions or _SHAPE.unpack_from(body) != (count, dimensions):
        raise UpstreamInvalid("The embedder sent vectors of another shape than asked for.")
    return np.frombuffer(body, "<f4", offset=_SHAPE.size).reshape(count, dimensions).astype(np.float32)


def pack_readings(vectors: Vectors, words: Sequence[bytes]) -> bytes:
    return _pack_all(words) + pack_vectors(vectors)


def unpack_readings(body: bytes, *, count: int, dimensions: int) -> list[Reading]:
    """Raises UpstreamInvalid when the answer has another shape than asked for."""
    try:
        words, end = _unpack_all(body)
    except struct.error as error:
        raise UpstreamInvalid("The embedder's answer is damaged.") from error
    if len(words) != count:
        raise UpstreamInvalid("The embedder has read another number of texts than asked for.")
    return list(map(Reading, unpack_vectors(body[end:], count=count, dimensions=dimensions), words))
