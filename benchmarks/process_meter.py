"""CPU and memory of the processes of a platform and its PostgreSQL, by what each is there for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import psycopg

from chatsphere.embedded.leftovers import read_records

Key = tuple[int, float]  # pid and start time
LOOK_SECONDS = 0.5


class Meter:
    """CPU and memory of process trees, children that ended included as far as they were seen.

    ``roles``: what some processes are there for, by their number; asked once at the end. Their children are for the same.
    """

    def __init__(self, roots: Sequence[psutil.Process], roles: Callable[[], Mapping[int, str]] = dict) -> None:
        self._roots = roots
        self._ask_roles = roles
        self._cpu: dict[Key, float] = {}
        self._titles: dict[Key, str] = {}
        self._parents: dict[Key, int] = {}
        self._used: dict[Key, float] = {}
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Meter:
        self.look()
        self._before = dict(self._cpu)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.look()
        self._used = {key: seconds - self._before.get(key, 0.0) for key, seconds in self._cpu.items()}
        self._roles = self._ask_roles()

    @property
    def used(self) -> float:
        return sum(self._used.values())

    @property
    def used_by_role(self) -> Counter[str]:
        """CPU seconds of each kind of process."""
        used: Counter[str] = Counter()
        for key, seconds in self._used.items():
            used.update({self._role(key): seconds})
        return used

    def _role(self, key: Key) -> str:
        parents = {pid: parent for (pid, _), parent in self._parents.items()}
        pid: int | None = key[0]
        while pid is not None:
            if pid in self._roles:
                return self._roles[pid]
            pid = parents.get(pid)
        return self._titles[key]

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            yield from (root, *root.children(recursive=True))

    def look(self) -> None:
        memory = 0
        for process in self._processes():
            try:
                times, key = process.cpu_times(), (process.pid, process.create_time())
                self._cpu[key] = times.user + times.system
                if key not in self._titles:
                    self._titles[key], self._parents[key] = title_of(process.cmdline()), process.ppid()
                memory += process.memory_full_info().pss
            except psutil.Error:
                continue
        self.peak = max(self.peak, memory)


def title_of(command: Sequence[str]) -> str:
    """A short name of a process that has no role: ``postgres: walwriter``, ``chatsphere``."""
    if not command:
        return "ended"
    if command[0].startswith("postgres:"):
        title = command[0].strip()
        return "postgres: backends" if "[local]" in title else title
    return Path(command[1] if "python" in command[0] and len(command) > 1 else command[0]).name


def roles_of(data_folder: Path, database_url: str) -> dict[int, str]:
    """What the children of ``chatsphere up`` are there for, and whom each connection of PostgreSQL serves."""
    roles = {record.pid: record.name for record in read_records(data_folder / "children.json")}
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT pid, application_name FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        return roles | {pid: f"postgres: {name}" for pid, name in rows}
