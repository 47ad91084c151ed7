"""What this process is for: ``web``, ``worker-ingest``, ``worker-default`` or ``beat``; empty for commands and tests."""

from __future__ import annotations

role = ""


def become(name: str) -> None:
    """Say it, before the process forks others of its kind."""
    global role  # one word a process is the point
    role = name
