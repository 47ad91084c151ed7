"""A private folder outside the data directory, made only when one is needed and recorded so that the next start can remove it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from chatsphere.embedded.accounts import Account
from chatsphere.embedded.errors import StackError

PREFIX = "chatsphere-run-"
# sun_path holds 108 bytes with its final NUL on Linux, 104 elsewhere.
LONGEST_SOCKET_PATH = 103


class RuntimeFolder:
    """Holds sockets whose path would be too long, and programs that an unprivileged user could not reach.

    ``record`` is a file in the data directory that names the folder while it exists.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._path: Path | None = None

    def socket_folder(self, preferred: Path, name: str, account: Account | None = None) -> Path:
        """``preferred`` when a socket called ``name`` fits in there, else a private folder with a short path."""
        if len(os.fsencode(preferred / name)) <= LONGEST_SOCKET_PATH:
            return preferred
        return self.folder_for(account, "sockets" if account is None else "server-sockets")

    def folder_for(self, account: Account | None, name: str) -> Path:
        """A folder of the given name in here, mode 0700 and owned by ``account``; made when missing."""
        folder = self._made() / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        return folder

    def remove(self) -> None:
        """Remove the folder of this run, or the one that a killed run recorded; no error when there is none."""
        path = self._path or self._recorded()
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        self._record.unlink(missing_ok=True)
        self._path = None

    def _made(self) -> Path:
        if self._path is None:
            # Others may pass through (0711) when root makes it: PostgreSQL's user must reach the folder made for it.
            mode = 0o711 if os.geteuid() == 0 else 0o700
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_short_base()))
            path.chmod(mode)
            self._record.write_text(str(path), encoding="utf-8")
            self._path = path
        return self._path

    def _recorded(self) -> Path | None:
        """The recorded folder, if it is really one of ours: the record is a file that anyone might have edited."""
        try:
            path = Path(self._record.read_text(encoding="utf-8"))
            is_ours = path.name.startswith(PREFIX) and path.lstat().st_uid == os.geteuid()
        except (OSError, ValueError):
            return None
        return path if is_ours and not path.is_symlink() and path.is_dir() else None


def _short_base() -> str:
    """The first temporary folder that is short enough for sockets and, for root, open to the unprivileged user."""
    own = [] if os.geteuid() == 0 else [os.environ.get("XDG_RUNTIME_DIR", "")]
    for base in (*own, tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108
        if base and len(os.fsencode(base)) <= 60 and os.access(base, os.W_OK) and _is_open_to_all(Path(base)):
            return base
    raise StackError("No temporary folder with a short path is writable; set TMPDIR to one, such as /tmp.")


def _is_open_to_all(base: Path) -> bool:
    if os.geteuid() != 0:
        return True
    resolved = base.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (resolved, *resolved.parents))
