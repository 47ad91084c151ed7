"""How a command beside a running ``chatsphere up`` finds its servers and secrets.

The stack notes in its data directory, readable for its owner only, what it gives its processes: all that it made itself and the operator's
settings, but no secret of the operator's, who gives it to the command as well. The note goes when the stack ends, and counts only
while the directory is locked.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.leftovers import MARK


def note(folder: DataFolder, given: Mapping[str, str], environ: Mapping[str, str], shown: Collection[str]) -> None:
    """Write down of ``given`` what is not from ``environ``, and what is named in ``shown``."""
    added = {
        name: value for name, value in given.items() if name != MARK and (environ.get(name) != value or name in shown)
    }
    new = folder.environment_file.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(added, file)
    new.replace(folder.environment_file)


def environment_of(data_dir: Path) -> dict[str, str]:
    """What the stack on ``data_dir`` has noted. Raises StackError when none runs there, or it has not started its processes yet."""
    folder = DataFolder(data_dir)
    if not _is_locked(folder.path / "lock"):
        raise StackError(f"No ChatSphere runs on {folder.path}; start it with `chatsphere up --data-dir {data_dir}`.")
    try:
        noted: dict[str, str] = json.loads(folder.environment_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackError(f"The ChatSphere on {folder.path} is still starting; try again when it is ready.") from None
    except (OSError, ValueError) as error:
        raise StackError(f"{folder.environment_file} cannot be read: {error}") from error
    return noted


def _is_locked(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
