"""Secrets that are made at the first start and kept in one file that only its owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from chatsphere.embedded.errors import StackError


def random_text() -> str:
    """43 characters that carry 256 random bits and need no quoting in a URL."""
    return secrets.token_urlsafe(32)


def random_fernet_key() -> str:
    """A key as ``cryptography.fernet`` wants it: 32 random bytes in URL-safe base64, with padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def load_or_make(file: Path, makers: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """The secrets named in ``makers`` from ``file``; missing ones are made and the file is replaced in one step, mode 0600.

    Raises StackError when the file exists but cannot be read.
    """
    known = _read(file)
    missing = {name: make() for name, make in makers.items() if name not in known}
    if missing:
        _replace(file, known | missing)
    values = known | missing
    return {name: values[name] for name in makers}


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StackError(f"{file} cannot be read ({error}); restore it from your backup.") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise StackError(f"{file} does not hold a JSON object of texts; restore it from your backup.")
    return values


def _replace(file: Path, values: Mapping[str, str]) -> None:
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
