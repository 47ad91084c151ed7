"""Starts child processes that do not outlive their parent, and ends them in bounded time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from chatsphere.embedded.accounts import Account

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``environment`` is complete: nothing else of the caller's environment is passed on."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    account: Account | None = None
    orphan_signal: signal.Signals = signal.SIGTERM


class Process(Protocol):
    """A child: started (``subprocess.Popen``) or forked (``forks.Forked``)."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | Any: ...

    def send_signal(self, number: signal.Signals, /) -> None: ...

    def wait(self) -> int: ...


def start(command: Command, *, output: int | IO[bytes], pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    """Start a child as the leader of its own session; ``output`` takes its stdout and stderr.

    On Linux the kernel sends the child ``orphan_signal`` when the parent dies, even by kill -9. The kernel ties this to the thread
    that starts the child, so children started from another thread than the main one do without.
    The working folder is entered before the user changes: the child may work in a folder whose parents it could not pass.
    """
    account = command.account
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=dict(command.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_die_with_parent(command.orphan_signal),
    )


def run(command: Command, *, stdin: bytes = b"", pass_fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    """Run to the end and return what it printed, stdout and stderr in one."""
    account = command.account
    return subprocess.run(
        command.argv,
        cwd=command.cwd,
        env=dict(command.environment),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_die_with_parent(signal.SIGKILL),
        check=False,
    )


def end(process: Process, *, first: signal.Signals, patience: float) -> int:
    """Ask with ``first``, wait ``patience`` seconds, then kill what is left of the child's session; returns the exit code."""
    if not has_ended(process):
        process.send_signal(first)
    deadline = time.monotonic() + patience
    while not has_ended(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return reap(process)


def has_ended(process: Process) -> bool:
    """Whether the child has ended, without reaping it: its process id stays taken until ``reap``."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def reap(process: Process) -> int:
    """Kill what is left of the child's session, its own children included, and return its exit code (negative: the signal)."""
    if process.returncode is None:
        kill_group(process.pid)
    return process.wait()


def kill_group(leader: int) -> None:
    """Kill all processes of the session that ``leader`` opened; no error when there are none."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def after_fork_in_child(parent: int, name: str) -> None:
    """Bind a forked child's life to its parent and give it a name that ``ps -o comm`` shows (15 bytes)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        _libc.prctl(PR_SET_NAME, name.encode()[:15])
    if os.getppid() != parent:
        os._exit(1)


def _die_with_parent(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    libc, parent = _libc, os.getpid()
    if libc is None or threading.current_thread() is not threading.main_thread():
        return None

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(orphan_signal))
        if os.getppid() != parent:
            os._exit(1)

    return before_exec
