"""One readable log of all children: a column with the name, then the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 31, 96, 93)
LONGEST_LINE = 64 * 1024


class MergedLog:
    """Writes whole lines. Output that nobody reads any more (a closed pipe) is dropped, never an error."""

    def __init__(self, stream: TextIO, names: Sequence[str], *, colour: bool) -> None:
        self._stream: TextIO | None = stream
        self._width = max(len(name) for name in names)
        self._colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)} if colour else {}

    def write(self, name: str, text: str) -> None:
        """Write one line of the child called ``name``."""
        if self._stream is None:
            return
        column = f"{name:<{self._width}} |"
        if name in self._colours:
            column = f"\x1b[{self._colours[name]}m{column}\x1b[0m"
        try:
            self._stream.write(f"{column} {text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None


class LineBuffer:
    """Cuts a stream of bytes into lines of text; a line without end is handed on in pieces of 64 KB."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [_text(line) for line in lines]

    def close(self) -> list[str]:
        """What was left without a line end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r")
