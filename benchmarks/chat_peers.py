"""What the hand-written application of bench-chat runs on."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peer_environment import interpreter_with

PACKAGES = (
    "fastapi==0.165.0",
    "uvicorn==0.54.0",
    "llama-index-core==0.14.25",
    "llama-index-llms-openai-like==0.8.1",
    "llama-index-embeddings-openai==0.7.0",
)


def python_of_peers() -> Path | None:
    """The interpreter of its environment, made on first use (two minutes, 700 MB); None, with the reason printed, when it cannot be made."""
    python = interpreter_with("llamaindex", PACKAGES)
    if isinstance(python, str):
        print(f"Without the LlamaIndex application: {python}")
        return None
    return python
