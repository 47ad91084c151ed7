"""The whole stack as an object, for programs that want one running beside them: the demo, acceptance tests, benchmarks."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from chatsphere.embedded import processes
from chatsphere.embedded.children_environment import local_url
from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.leftovers import read_records

READY = "ready"
# More than the patiences of all ranks together: web 17 with the default WEB_GRACE_SECONDS, workers and beat 8, embedder 3, Redis 4, PostgreSQL 10.
STOP_PATIENCE = 50.0


class Stack:
    """PostgreSQL, Redis, embedder, web, two workers and beat under a supervisor in a process of its own.

    ``environ`` replaces this process's environment for the children. The merged log goes to ``log_file``, by default
    ``stack.log`` in the data directory, and is written anew at each start. As a context manager it waits until the stack is ready.
    """

    def __init__(
        self,
        data_dir: Path,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        environ: Mapping[str, str] | None = None,
        log_file: Path | None = None,
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._host = host
        self._port = port
        self._environ = dict(os.environ if environ is None else environ)
        self.log_file = log_file or self._data_dir / "stack.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._report = -1

    @property
    def url(self) -> str:
        """Where this machine reaches it, without a slash at the end."""
        return local_url(self._host, self._port)

    @property
    def pid(self) -> int | None:
        """The supervisor's process id; None when the stack was not started."""
        return self._process.pid if self._process else None

    def pids(self) -> dict[str, int]:
        """Process ids of the living children by name: postgres, redis, embedder, web, worker, worker-default, beat."""
        return {record.name: record.pid for record in read_records(DataFolder(self._data_dir).children_file)}

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the supervisor and return at once. Call it in the main thread: the stack then ends with this process."""
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            log = self.log_file.open("wb")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StackError(
                f"The data directory {self._data_dir} cannot be written ({reason}); choose a writable folder with --data-dir."
            ) from error
        self._report, writer = os.pipe()
        argv = (sys.executable, "-m", "chatsphere.embedded", self._host, str(self._port), str(self._data_dir))
        roots = (str(Path(__file__).parents[2]), self._environ.get("PYTHONPATH", ""))
        environment = {
            **self._environ,
            "CHATSPHERE_REPORT_FD": str(writer),
            "PYTHONPATH": os.pathsep.join(filter(None, roots)),
            "PYTHONSAFEPATH": "1",
        }
        with log:
            self._process = processes.start(
                processes.Command(argv, Path.cwd(), environment), output=log, pass_fds=(writer,)
            )
        os.close(writer)

    def wait_ready(self, timeout: float = 180.0) -> None:
        """Wait until ``/readyz`` answers 200. Raises StackError with the supervisor's sentence, or when ``timeout`` seconds pass."""
        said = self._read_report(timeout)
        if said == READY:
            return
        if said is not None:  # the report was closed: the supervisor has ended, or is just about to
            raise StackError(said or f"The stack ended before it was ready, {self._last_words()}; see {self.log_file}.")
        raise StackError(f"The stack did not become ready within {timeout:.0f} seconds; see {self.log_file}.")

    def stop(self) -> None:
        """End the stack, at most 50 seconds; no error when it is not running."""
        if self._process is not None:
            processes.end(self._process, first=signal.SIGTERM, patience=STOP_PATIENCE)
            self._process = None
        if self._report >= 0:
            os.close(self._report)
            self._report = -1

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        return f"its last line was: {said[-1].strip()}" if said else "without a word"

    def _read_report(self, timeout: float) -> str | None:
        """The first line of the report, or what came before its end; None when nothing came in time."""
        deadline = time.monotonic() + timeout
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._report, selectors.EVENT_READ)
            while b"\n" not in said and selector.select(max(0.0, deadline - time.monotonic())):
                data = os.read(self._report, 4096)
                if not data:
                    return said.decode(errors="replace").strip()
                said += data
        return said.decode(errors="replace").strip() or None
