"""What a document may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one extraction. Those on memory and time hold only in the child process (``extract.sandbox``)."""

    max_bytes: int = 100 * MEGABYTE  # of the file as it came
    max_expanded_bytes: int = 300 * MEGABYTE  # of everything unpacked from it, counted while reading
    max_expansion: int = 200  # unpacked bytes a packed byte, for entries above 10 MB
    max_entries: int = 10_000  # in an archive
    max_nesting: int = 200  # of elements, lists, archives' folders
    max_pages: int = 5_000
    max_chars: int = 60_000_000  # of the resulting text
    memory_bytes: int = 1024 * MEGABYTE
    cpu_seconds: int = 60
    wall_seconds: float = 120.0


DEFAULT_LIMITS = Limits()
