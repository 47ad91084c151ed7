"""What a reader is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chatsphere.services.content.limits import Limits


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, with what is known about them. ``main_text_only`` is for web pages: navigation and teasers are left out.

    A PDF that lies in a file is read from there as it is needed: ``data`` is only its beginning then.
    """

    data: bytes
    name: str
    media_type: str
    limits: Limits
    main_text_only: bool = False
    charset: str = ""  # as the sender declared it; bytes that contradict it win
    pages: tuple[int, int] | None = None  # of a PDF: read only these, counted from 0, the last one not included
    path: Path | None = None  # of a PDF
