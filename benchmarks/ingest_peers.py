"""The virtual environment of the LangChain script that bench-ingest runs beside ChatSphere, and the script's run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.peer_environment import interpreter_with
from chatsphere.services.ai.local_files import MINILM, MINILM_TOKENIZER, locate

PACKAGES = (
    "langchain-core==1.7.2",
    "langchain-text-splitters==1.1.3",
    "pypdf==7.1.0",
    "docx2txt==0.9",
    "onnxruntime==1.32.0",
    "tokenizers==0.23.3",
    "numpy==2.4.6",
)
ROOT = Path(__file__).resolve().parents[1]


def run_langchain(folder: Path) -> dict[str, Any] | str:
    """The figures of the script over the files of a folder, or why there are none. The environment is made on first use (200 MB)."""
    python = interpreter_with("langchain", PACKAGES)
    if isinstance(python, str):
        return python
    command = [python, "-m", "benchmarks.ingest_langchain", locate(MINILM.weights), locate(MINILM_TOKENIZER), folder]
    done = subprocess.run([str(each) for each in command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"the script failed: {done.stderr.strip()[-300:]}"
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
