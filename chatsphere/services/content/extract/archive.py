"""ZIP containers of strangers (office files, EPUB, plain ZIP), read in memory under limits; nothing is written to disk."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from chatsphere.services.content.limits import MEGABYTE, Limits
from chatsphere.services.errors import EncryptedDocument, LimitExceeded, damaged

_PIECE = 256 * 1024
_FREE_EXPANSION = 10 * MEGABYTE  # unpacked size below which any ratio is fine
_BOMB = "This file unpacks to far more than its size and was refused. Upload what you need of it without compression or in smaller files."


class Archive:
    """Counts what is really unpacked, over all entries together; sizes declared in the directory are not believed."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        self._unpacked = 0
        self._entries: dict[str, zipfile.ZipInfo] = {}
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, struct.error) as error:
            raise damaged("its container cannot be opened") from error
        for info in self._zip.infolist():
            info.filename = _name_of(info)
            self._entries[info.filename] = info
        if len(self._entries) > limits.max_entries:
            raise LimitExceeded(f"This file holds more than {limits.max_entries:,} parts.")

    def names(self) -> list[str]:
        return list(self._entries)

    def entries(self) -> list[zipfile.ZipInfo]:
        return list(self._entries.values())

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """One entry, whole. Raises BrokenDocument when it is missing or damaged, LimitExceeded for a bomb."""
        return b"".join(self._pieces(name))

    def read_or_none(self, name: str) -> bytes | None:
        return self.read(name) if name in self._entries else None

    def _pieces(self, name: str) -> Iterator[bytes]:
        info = self._entries.get(name)
        if info is None:
            raise damaged(f"its part {name!r} is missing")
        if info.flag_bits & 0x1:
            raise EncryptedDocument("This file is protected by a password. Upload it without one.")
        size = 0
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(_PIECE):
                    size += len(piece)
                    self._count(len(piece), size, info.compress_size)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
            raise damaged(f"its part {name!r} cannot be unpacked") from error

    def _count(self, piece: int, size: int, packed: int) -> None:
        self._unpacked += piece
        if self._unpacked > self._limits.max_expanded_bytes:
            raise LimitExceeded(_BOMB)
        if size > _FREE_EXPANSION and size > self._limits.max_expansion * max(packed, 1):
            raise LimitExceeded(_BOMB)


def _name_of(info: zipfile.ZipInfo) -> str:
    """macOS writes names in UTF-8 without saying so; Python then reads them as the DOS of 1981 would."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def readable_members(data: bytes, limits: Limits) -> tuple[str, ...]:
    """Names of a ZIP's files that may be documents, in the archive's order; nothing is unpacked.

    Folders, hidden files, what packers leave behind, and archives within the archive are left out. Raises EncryptedDocument
    when a file is under a password, LimitExceeded when the files together claim to be larger than is allowed.
    """
    return tuple(member.name for member in list_members(data, limits).members)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, as the directory tells of it; ``checksum`` is CRC-32 of what is in it."""

    name: str
    size: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Listing:
    members: tuple[Member, ...]
    archives: tuple[str, ...]  # names of archives within the archive, which are not opened


def list_members(data: bytes, limits: Limits) -> Listing:
    """``readable_members`` with what the directory tells of each, and the archives that were left out."""
    entries = [info for info in Archive(data, limits).entries() if _is_visible(info)]
    documents = [info for info in entries if not info.filename.lower().endswith(_ARCHIVES)]
    if any(info.flag_bits & 0x1 for info in entries):
        raise EncryptedDocument("This archive is protected by a password. Upload it without one.")
    if sum(info.file_size for info in entries) > limits.max_expanded_bytes:
        raise LimitExceeded(_BOMB)
    archives = tuple(info.filename for info in entries if info.filename.lower().endswith(_ARCHIVES))
    return Listing(tuple(Member(info.filename, info.file_size, info.CRC) for info in documents), archives)


def _is_visible(info: zipfile.ZipInfo) -> bool:
    parts = info.filename.replace("\\", "/").split("/")
    is_litter = parts[-1].lower() in _LITTER
    return not info.is_dir() and not is_litter and not any(part.startswith((".", "__MACOSX")) for part in parts)


_LITTER = frozenset({"thumbs.db", "desktop.ini", "icon\r"})
_ARCHIVES = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".jar")
