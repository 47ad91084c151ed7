"""A local embedding model in this process: ONNX weights, tokenizer, mean pooling.

Only the embedder server, tests and benchmarks load it; everything else talks to that server through ``local.LocalEmbedder``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chatsphere.services.ai.local_files import LocalModelFiles, load_tokenizer, local_model_files, locate
from chatsphere.services.ai.word_meanings import Rows, meanings, words_of
from chatsphere.services.types import EmbeddingModel, Vectors

# ONNX Runtime's official builds report their use over the network and keep a device id in the home folder, unless this is set
# before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

MAX_BATCH_TEXTS = 4
MAX_BATCH_TOKENS = 256  # padded; larger batches are slower on CPUs and need more memory

Encoded = Sequence[int]


@dataclass(frozen=True, slots=True)
class Words:
    """A text as ``read`` takes it: its tokens, and of each the number of its word."""

    ids: Encoded
    of_token: Sequence[int]

    def __len__(self) -> int:
        return len(self.ids)


class AnyLocalModel(Protocol):
    """What the embedder server needs of a model. ``encode`` and ``run`` are for its threads."""

    model: EmbeddingModel

    def encode(self, texts: Sequence[str], *, is_question: bool = False) -> list[Encoded]: ...

    def run(self, batch: Sequence[Encoded]) -> Vectors: ...

    def embed(self, texts: Sequence[str], *, is_question: bool = False) -> Vectors: ...


class LocalModel:
    """Embeds texts in the calling thread. Safe to share between threads, which then work in parallel.

    One run uses one core: two threads on two cores embed 40 % more passages a second than one run with two threads inside.
    """

    def __init__(self, model_id: str, *, threads_per_run: int = 1) -> None:
        files = local_model_files(model_id)
        self.model: EmbeddingModel = files.model
        self._tokenizer = load_tokenizer(files, truncate=True)
        self._session = _open_session(files, threads_per_run)

    def encode(self, texts: Sequence[str], *, is_question: bool = False) -> list[Encoded]:
        """Token ids of each text, cut at the model's longest input. Questions and passages are read alike."""
        return [self._tokenizer.encode(text).ids for text in texts]

    def encode_words(self, texts: Sequence[str]) -> list[Words]:
        encodings = [self._tokenizer.encode(text) for text in texts]
        return [Words(each.ids, words_of(text, each.offsets)) for text, each in zip(texts, encodings, strict=True)]

    def run(self, batch: Sequence[Encoded]) -> Vectors:
        """Unit vectors of one micro-batch, in its order."""
        ids, mask = _pad(batch)
        return mean_pool(self._states(ids, mask), mask)

    def read(self, batch: Sequence[Words]) -> tuple[Vectors, list[Rows]]:
        """What ``run`` gives, and what each word of each text means (``word_meanings``)."""
        ids, mask = _pad([each.ids for each in batch])
        states = self._states(ids, mask)
        rows = [meanings(own[: len(each)], each.of_token) for own, each in zip(states, batch, strict=True)]
        return mean_pool(states, mask), rows

    def states_of(self, text: str) -> np.ndarray[Any, Any]:
        """The last layer, one row a token."""
        states: np.ndarray[Any, Any] = self._states(*_pad(self.encode([text])))[0]
        return states

    def _states(self, ids: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states: np.ndarray[Any, Any] = self._session.run(None, inputs)[0]
        return states

    def embed(self, texts: Sequence[str], *, is_question: bool = False) -> Vectors:
        """One unit vector a text, in order, shape (len(texts), dimensions); blocks for 20 to 100 ms a passage of 150 words."""
        encoded = self.encode(texts)
        vectors = np.empty((len(encoded), self.model.dimensions), np.float32)
        for batch in micro_batches([len(ids) for ids in encoded]):
            vectors[batch] = self.run([encoded[index] for index in batch])
        return vectors


def micro_batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indexes grouped for the model, shortest first: at most four of similar length, at most 256 padded tokens together."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches and _fits(len(batches[-1]) + 1, lengths[index]):
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _fits(texts: int, longest: int) -> bool:
    return texts <= MAX_BATCH_TEXTS and texts * longest <= MAX_BATCH_TOKENS


def mean_pool(states: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> Vectors:
    """Mean of the token states under the mask, scaled to length one."""
    weights = mask[:, :, None].astype(np.float32)
    sums: Vectors = (states * weights).sum(axis=1, dtype=np.float32)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    vectors: Vectors = sums / np.maximum(norms, np.float32(1e-12))
    return vectors


def _pad(batch: Sequence[Encoded]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    longest = max(len(ids) for ids in batch)
    ids = np.zeros((len(batch), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask


def _open_session(files: LocalModelFiles, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the memory of the largest batch for ever
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = str(locate(files.weights))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
