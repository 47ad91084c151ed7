"""Text of pictures by the Tesseract engine, where it is installed: a program of its own, asked through pipes.

It runs below the reading child and so under its limits: no network, no files written, no more memory, killed with it. Without the
engine, or with an empty ``OCR_LANGUAGES``, pictures stay unreadable, and whoever reads says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from chatsphere.services.content.limits import Limits

ENGINE: Final = "tesseract"
LANGUAGES: Final = "OCR_LANGUAGES"  # environment: Tesseract's names with plus signs, as in eng+deu
_SHARE_OF_TIME: Final = 0.6  # of a document's wall time that pictures may take together
_LEAST_LETTERS: Final = 3
_WORD = re.compile(r"[^\W\d_]{2,}")


class PictureReader:
    """Reads the pictures of one document, as long as its time lasts."""

    def __init__(self, limits: Limits) -> None:
        self._ends_at = time.monotonic() + limits.wall_seconds * _SHARE_OF_TIME
        self._has_failed = False

    @property
    def can_read(self) -> bool:
        """Whether there is an engine, and time left."""
        return _command() != () and not self._has_failed and time.monotonic() < self._ends_at

    def paragraphs(self, picture: bytes) -> list[str]:
        """The text of a PNG, JPEG, TIFF, WebP, GIF, BMP or PNM file, in reading order; none when nothing can be read there.

        A few seconds a page. A document whose picture the engine refuses is not asked about again.
        """
        command = _command()
        if not command or not self.can_read:
            return []
        try:
            done = subprocess.run(  # noqa: S603  the engine that the operator installed, with our own arguments
                command,
                input=picture,
                capture_output=True,
                timeout=self._ends_at - time.monotonic(),
                check=False,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # its threads wait for each other more than they do
            )
        except (subprocess.TimeoutExpired, OSError):
            self._has_failed = True
            return []
        return list(_paragraphs(done.stdout.decode("utf-8", "replace"))) if done.returncode == 0 else []


@cache
def _command() -> Sequence[str]:
    languages = os.environ.get(LANGUAGES, "eng")
    program = shutil.which(ENGINE)
    if not languages or program is None:
        return ()
    return (program, "stdin", "stdout", "-l", languages, "--psm", "3", "--dpi", "300")


def _paragraphs(text: str) -> Iterator[str]:
    """What is parted by empty lines; specks that were taken for a letter or two are left out."""
    for part in re.split(r"\n\s*\n|\f", text):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        paragraph = re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", "\n".join(lines)).replace("\n", " ")
        if _WORD.search(paragraph) and sum(map(str.isalnum, paragraph)) >= _LEAST_LETTERS:
            yield paragraph
