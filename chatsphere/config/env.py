"""Reads the environment for the settings: typed, documented, all mistakes reported at once.

Every value may also come from a file: ``NAME_FILE=/run/secrets/name`` is read when ``NAME`` itself is not set. Nothing is read at
import; a settings module makes one ``Environment``, asks it for each value, and calls ``check()`` at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


class ConfigurationError(Exception):
    """One or more settings are wrong. The message names every variable and says what to do."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What a person needs to know of one variable; ``docs/configuration.md`` is compared with these."""

    name: str
    kind: str
    default: str
    help: str
    is_secret: bool = False


class Environment:
    """A typed view of environment variables that remembers what was asked for and what was wrong."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self._source = source
        self.variables: dict[str, Variable] = {}
        self.problems: list[str] = []

    def check(self) -> None:
        """Raise ConfigurationError when any value was bad, listing all of them."""
        if self.problems:
            lines = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ConfigurationError(f"The configuration has mistakes:\n{lines}")

    def problem(self, name: str, message: str) -> None:
        self.problems.append(f"{name}: {message}")

    @contextmanager
    def mistakes_of(self, name: str) -> Iterator[None]:
        """A ``ValueError`` raised inside becomes a problem of ``name``; what stood behind it is left undone."""
        try:
            yield
        except ValueError as error:
            self.problem(name, str(error))

    def text(self, name: str, default: str = "", *, help: str, secret: bool = False) -> str:
        return self._read(name, default, "text", str, help, secret=secret)

    def secret(self, name: str, default: str = "", *, help: str) -> str:
        return self.text(name, default, help=help, secret=True)

    def boolean(self, name: str, default: bool, *, help: str) -> bool:
        return self._read(name, default, "boolean", _boolean, help)

    def integer(self, name: str, default: int, *, help: str, low: int = 0, high: int = 2**31) -> int:
        return self._read(name, default, "integer", lambda raw: _between(int(raw), low, high), help)

    def number(self, name: str, default: float, *, help: str, low: float = 0.0, high: float = 1e9) -> float:
        return self._read(name, default, "number", lambda raw: _between(float(raw), low, high), help)

    def names(self, name: str, default: tuple[str, ...] = (), *, help: str) -> tuple[str, ...]:
        return self._read(name, default, "list, separated by commas", _names, help)

    def choice(self, name: str, default: str, choices: tuple[str, ...], *, help: str) -> str:
        return self._read(name, default, " or ".join(choices), lambda raw: _one_of(raw, choices), help)

    def path(self, name: str, default: Path, *, help: str) -> Path:
        return self._read(name, default, "path", Path, help)

    def url(
        self,
        name: str,
        default: str,
        schemes: tuple[str, ...],
        *,
        help: str,
        secret: bool = False,
        readers: Iterable[Callable[[str], object]] = (),
    ) -> str:
        """A URL of one of ``schemes``; each of ``readers`` raises ``ValueError`` for one that it cannot read."""

        def read(raw: str) -> str:
            url = _url(raw, schemes)
            for reader in readers:
                reader(url)
            return url

        return self._read(name, default, "URL", read, help, secret=secret)

    def _read(
        self, name: str, default: T, kind: str, parse: Callable[[str], T], help: str, *, secret: bool = False
    ) -> T:
        self.variables[name] = Variable(name, kind, _shown(default), help, secret)
        raw = self._raw(name)
        if raw is None or raw == "":
            return default
        try:
            return parse(raw)
        except ValueError as error:
            shown = "the value" if secret else repr(raw)
            self.problem(name, f"{shown} is no {kind} ({error})" if str(error) else f"{shown} is no {kind}")
            return default

    def _raw(self, name: str) -> str | None:
        if name in self._source:
            return self._source[name].strip()
        file = self._source.get(f"{name}_FILE")
        if not file:
            return None
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problem(f"{name}_FILE", f"the file {file!r} cannot be read ({error})")
            return None


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, tuple):
        return ",".join(str(item) for item in default)
    return str(default)


def _boolean(raw: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if raw.lower() not in words:
        raise ValueError("write true or false")
    return words[raw.lower()]


N = TypeVar("N", int, float)


def _between(value: N, low: N, high: N) -> N:
    if not low <= value <= high:
        raise ValueError(f"it must lie between {low} and {high}")
    return value


def _names(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _one_of(raw: str, choices: tuple[str, ...]) -> str:
    if raw not in choices:
        raise ValueError(f"choose one of {', '.join(choices)}")
    return raw


def _url(raw: str, schemes: tuple[str, ...]) -> str:
    scheme = urlsplit(raw).scheme
    if scheme not in schemes:
        raise ValueError(f"it must begin with one of {', '.join(s + '://' for s in schemes)}")
    return raw
