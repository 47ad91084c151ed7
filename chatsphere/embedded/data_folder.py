"""The data directory: what lies where, which layout it has, and who uses it now."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from chatsphere.embedded.errors import StackError

LAYOUT_VERSION = "1"


class DataFolder:
    """One data directory. ``open`` checks and locks it; the lock ends with the process, also after kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.redis = self.path / "redis"
        self.media = self.path / "media"
        self.secrets_file = self.path / "secrets.json"
        self.children_file = self.path / "children.json"
        self.environment_file = self.path / "environment.json"
        self.runtime_record = self.path / "runtime-folder"
        self._lock: int | None = None

    def open(self, url: str) -> None:
        """Make the folder if it is missing (mode 0700), check its layout and lock it, noting ``url`` for whoever finds it locked.

        Raises StackError when it cannot be written, was laid out by another version, or is in use.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_lock(url)
            self._check_layout()
            self.media.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"The data directory {self.path} cannot be written ({(error.strerror or str(error)).lower()}); "
                "choose a writable folder with --data-dir."
            ) from error

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self, url: str) -> None:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip() or "another ChatSphere"
            os.close(descriptor)
            raise StackError(
                f"The data directory {self.path} is in use by {holder}; stop that one or choose another --data-dir."
            ) from None
        self._lock = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"the ChatSphere at {url} (process {os.getpid()})".encode(), 0)

    def _check_layout(self) -> None:
        file = self.path / "layout"
        if not file.exists():
            file.write_text(f"{LAYOUT_VERSION}\n", encoding="ascii")
        found = file.read_text(encoding="utf-8", errors="replace").strip()
        if found != LAYOUT_VERSION:
            raise StackError(
                f"The data directory {self.path} has layout {found[:20]!r}, this ChatSphere uses layout {LAYOUT_VERSION!r}; "
                "use the version that made it, or choose another --data-dir."
            )
