"""Children that are forked instead of started: they share the modules that the supervisor has loaded, and their memory."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import BinaryIO

from chatsphere.embedded.processes import after_fork_in_child


class Forked:
    """A forked child with the part of Popen's face that the supervisor needs."""

    def __init__(self, pid: int, stdout: BinaryIO) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing happens when the child was reaped already."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Reap the child and return its exit code; negative: the signal that ended it."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def fork(name: str, target: Callable[[], int], *, forget: Callable[[], None]) -> Forked:
    """Run ``target`` in a child that leads its own session and writes to a pipe; its result is the exit code.

    ``forget`` runs first in the child and closes what belongs to the parent alone. The calling process must have one thread.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_child(name, parent, target, forget, reader, writer)
    os.close(writer)
    return Forked(pid, os.fdopen(reader, "rb", buffering=0))


def _become_child(
    name: str, parent: int, target: Callable[[], int], forget: Callable[[], None], reader: int, writer: int
) -> None:
    code = 1
    try:
        os.setsid()
        after_fork_in_child(parent, name)
        os.close(reader)
        _redirect(writer)
        forget()
        sys.argv = ["chatsphere", name]
        code = _exit_code_of(target)
    except BaseException:  # noqa: BLE001 - above this frame lies the supervisor's loop, which is the parent's alone
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _redirect(writer: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (writer, 1), (writer, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(writer)
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115


def _exit_code_of(target: Callable[[], int]) -> int:
    try:
        return target()
    except SystemExit as ending:
        if isinstance(ending.code, str):
            print(ending.code, file=sys.stderr)
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue  # the supervisor is gone, and with it the reader
