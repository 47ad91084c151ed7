"""The plain LangChain script that bench-ingest runs beside ChatSphere: same files, same embedding model, vectors in memory.

Runs in an environment of its own (``ingest_peers``): python -m benchmarks.ingest_langchain MODEL TOKENIZER FOLDER
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import docx2txt
import numpy as np
import onnxruntime
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter
from pypdf import PdfReader
from tokenizers import Tokenizer

TEXTS = {".md", ".txt", ".csv", ".json", ".html", ".xml", ".rst", ".adoc"}


class OnnxEmbeddings(Embeddings):
    """MiniLM by ONNX Runtime, 32 texts a call, as its examples do it: all cores, the runtime's defaults."""

    def __init__(self, model: str, tokenizer: str) -> None:
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(tokenizer)
        self._tokenizer.enable_truncation(256)
        self._tokenizer.enable_padding()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = []
        for start in range(0, len(texts), 32):
            rows += self._embed(texts[start : start + 32])
        return rows

    def embed_query(self, text: str) -> list[float]:
        return self._embed([text])[0]

    def _embed(self, texts: list[str]) -> list[list[float]]:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in encoded], np.int64)
        mask = np.array([each.attention_mask for each in encoded], np.int64)
        states: Any = self._session.run(
            None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        )[0]
        pooled = (states * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
        vectors: list[list[float]] = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).tolist()
        return vectors


def text_of(path: Path) -> str | None:
    """None for what such a script does not read."""
    if path.suffix == ".pdf":
        return "\n\n".join(page.extract_text() for page in PdfReader(path).pages)
    if path.suffix == ".docx":
        return str(docx2txt.process(path))
    return path.read_text(encoding="utf-8", errors="replace") if path.suffix in TEXTS else None


def main() -> None:
    model, tokenizer, folder = sys.argv[1:]
    store = InMemoryVectorStore(OnnxEmbeddings(model, tokenizer))
    splitter = RecursiveCharacterTextSplitter(chunk_size=800, chunk_overlap=0)
    begun, documents, chunks, failed = time.monotonic(), 0, 0, 0
    for path in sorted(each for each in Path(folder).rglob("*") if each.is_file()):
        try:
            text = text_of(path)
        except Exception:  # noqa: BLE001 - whatever its readers raise: such a script goes on with the next file
            text = None
        if not text:
            failed += 1
            continue
        pieces = splitter.split_documents([Document(text, metadata={"source": path.name})])
        store.add_documents(pieces)
        documents, chunks = documents + 1, chunks + len(pieces)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = round(time.monotonic() - begun, 2)
    print(
        json.dumps({"documents": documents, "left_out": failed, "chunks": chunks, "seconds": seconds, "peak_mb": peak})
    )


if __name__ == "__main__":
    main()
