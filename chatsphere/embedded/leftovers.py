"""Finds and ends children that outlived a killed supervisor, so that the next start is alone with its data."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

MARK = "CHATSPHERE_STACK_ID"
# Start times come from the kernel in ticks; this covers a clock that was corrected in between.
SAME_START_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """One child as noted when it was started; it leads a session of its own."""

    name: str
    pid: int
    started: float
    stop_signal: int


def record_of(name: str, pid: int, stop_signal: signal.Signals) -> ChildRecord:
    """The record of a child that was just started."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        started = 0.0
    return ChildRecord(name, pid, started, int(stop_signal))


def write_records(file: Path, stack_id: str, records: Sequence[ChildRecord]) -> None:
    """Replace the file in one step."""
    new = file.with_name(file.name + ".new")
    new.write_text(
        json.dumps({"stack": stack_id, "children": [asdict(record) for record in records]}), encoding="utf-8"
    )
    new.replace(file)


def read_records(file: Path) -> list[ChildRecord]:
    """The children that were alive when the file was last written; none when there is no such file."""
    return _read(file)[1]


def end_leftovers(file: Path, patience: float = 20.0) -> list[str]:
    """End every recorded child that still lives, with all of its session, and return their names.

    Each gets its own stop signal first (PostgreSQL: a fast shutdown) and is killed after ``patience`` seconds. A process is only
    touched when its start time matches the record, or when it carries the stack's mark in its environment.
    """
    stack_id, records = _read(file)
    names: list[str] = []
    processes: list[psutil.Process] = []
    for record in records:
        found = list(_session_of(record, stack_id))
        if found:
            names.append(record.name)
            _signal(found, record)
            processes += found
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        _quietly(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    file.unlink(missing_ok=True)
    return names


def _read(file: Path) -> tuple[str, list[ChildRecord]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return content["stack"], [ChildRecord(**child) for child in content["children"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return (
            "",
            [],
        )  # none, or cut off by a full disk: the kernel's signal at the supervisor's death is the first line


def _session_of(record: ChildRecord, stack_id: str) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == record.pid and _is_ours(process, record, stack_id):
                yield process
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or belongs to somebody else


def _is_ours(process: psutil.Process, record: ChildRecord, stack_id: str) -> bool:
    if process.pid == record.pid:
        return abs(process.create_time() - record.started) < SAME_START_SECONDS
    return process.environ().get(MARK) == stack_id


def _signal(found: Sequence[psutil.Process], record: ChildRecord) -> None:
    leaders = [process for process in found if process.pid == record.pid]
    for process in leaders or found:
        _quietly(process, signal.Signals(record.stop_signal))


def _quietly(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
