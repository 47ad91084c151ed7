"""Runs children: merges their output, restarts those that die, ends them in order. One thread, one loop."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from chatsphere.embedded import processes
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.forks import Forked, fork
from chatsphere.embedded.leftovers import ChildRecord, record_of
from chatsphere.embedded.merged_log import LineBuffer, MergedLog

SELF = "chatsphere"
TICK = 0.05
# A child that lives shorter than QUICK_DEATH seconds MOST_QUICK_DEATHS times in a row is given up while the stack starts.
QUICK_DEATH = 10.0
MOST_QUICK_DEATHS = 5
FIRST_DELAY = 0.25
LONGEST_DELAY = 8.0
HURRY = 0.5


class StopRequested(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@dataclass(frozen=True, slots=True)
class Service:
    """One child to run: a command, or a function to call in a fork. ``stop_rank``: lower ranks end first, equal ones together. ``patience``: seconds between asking and killing."""

    name: str
    run: processes.Command | Callable[[], int]
    stop_rank: int
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 8.0
    restarts: bool = True


@dataclass
class Child:
    """A service and its process of the moment."""

    service: Service
    process: subprocess.Popen[bytes] | Forked | None = None
    record: ChildRecord | None = None
    lines: LineBuffer = field(default_factory=LineBuffer)
    last_line: str = ""
    started_at: float = 0.0
    quick_deaths: int = 0
    due_at: float | None = None
    exit_code: int | None = None


class Supervisor:
    """Children by name. ``on_change`` gets the records of all living children whenever one starts or ends;
    ``forget`` runs in each forked child and closes what the caller holds.

    Use it as a context manager in the main thread: inside, SIGINT, SIGTERM and SIGHUP are requests to stop.
    """

    def __init__(
        self, log: MergedLog, on_change: Callable[[Sequence[ChildRecord]], None], *, forget: Callable[[], None]
    ) -> None:
        self._log = log
        self._forget_more = forget
        self._on_change = on_change
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._stop_requests = 0
        self._is_stopping = False
        self._gives_up = True

    def __enter__(self) -> Supervisor:
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._old_wakeup = signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), self._note_stop)
        self._old_handlers = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _wake_only)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._close_wakers()

    def say(self, text: str) -> None:
        self._log.write(SELF, text)

    def start(self, service: Service) -> int:
        """Start a child and return its process id."""
        child = self._children[service.name] = Child(service)
        return self._spawn(child)

    def finish(self, name: str, timeout: float) -> None:
        """Run the loop until a child that is not restarted has ended. Raises StackError with its last line when it failed."""
        child = self._children[name]
        self.wait_until(lambda: child.exit_code is not None, timeout, f"{name} did not end")
        if child.exit_code != 0:
            raise StackError(f"{name} failed: {child.last_line}")

    def wait_until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Run the loop until ``condition`` holds. Raises StopRequested, or StackError when ``timeout`` seconds pass without it."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(f"{what} within {timeout:.0f} seconds; the log above says more.")
            self._turn(TICK)

    def run(self) -> None:
        """Run the loop until a stop is requested; raises StopRequested then.

        A child that dies again and again is given up only before: what has worked once works again when the disk has room, or
        whatever else was wrong is right again.
        """
        self._gives_up = False
        while True:
            self._turn(60.0)

    def stop(self) -> None:
        """End all children, rank by rank, in bounded time; a second request to stop shortens the patience to half a second."""
        self._is_stopping = True
        for rank in sorted({child.service.stop_rank for child in self._children.values()}):
            self._stop_rank([child for child in self._children.values() if child.service.stop_rank == rank])

    def _turn(self, longest: float) -> None:
        self._collect(self._time_to_next(longest))
        if self._stop_requests:
            raise StopRequested
        for child in self._children.values():
            if child.due_at is not None and time.monotonic() >= child.due_at:
                self._spawn(child)

    def _collect(self, timeout: float) -> None:
        """Read what children print and notice those that ended."""
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._wake_reader:
                _drain(self._wake_reader)
            else:
                self._read(key.data, key.fd)
        for child in self._children.values():
            if child.process is not None and processes.has_ended(child.process):
                self._bury(child)

    def _time_to_next(self, longest: float) -> float:
        due = [child.due_at for child in self._children.values() if child.due_at is not None]
        return max(0.0, min([longest, *(moment - time.monotonic() for moment in due)]))

    def _spawn(self, child: Child) -> int:
        child.due_at = None
        child.process = self._run(child.service)
        child.started_at = time.monotonic()
        child.record = record_of(child.service.name, child.process.pid, child.service.stop_signal)
        pipe = _pipe_of(child.process)
        os.set_blocking(pipe, False)
        self._selector.register(pipe, selectors.EVENT_READ, child)
        self._tell_change()
        return child.process.pid

    def _run(self, service: Service) -> subprocess.Popen[bytes] | Forked:
        if isinstance(service.run, processes.Command):
            return processes.start(service.run, output=subprocess.PIPE)
        return fork(service.name, service.run, forget=self._forget)

    def _forget(self) -> None:
        """In a forked child: let go of all that is the supervisor's."""
        signal.set_wakeup_fd(-1)
        for number in self._old_handlers:
            signal.signal(number, signal.SIG_DFL)
        self._close_wakers()
        for child in self._children.values():
            if child.process is not None and child.process.stdout is not None:
                child.process.stdout.close()
        self._forget_more()

    def _close_wakers(self) -> None:
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _read(self, child: Child, pipe: int) -> bool:
        """Read once; False at the end of the stream or when there is nothing to read now."""
        try:
            data = os.read(pipe, 65536)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(pipe)
        for line in child.lines.feed(data) if data else child.lines.close():
            self._heard(child, line)
        return bool(data)

    def _heard(self, child: Child, line: str) -> None:
        child.last_line = line.strip() or child.last_line
        self._log.write(child.service.name, line)

    def _bury(self, child: Child) -> None:
        """A child has ended: take its last words and its exit code, and plan its successor."""
        process = child.process
        if process is None:
            return
        code = processes.reap(process)
        pipe = _pipe_of(process)
        if pipe in self._selector.get_map():
            while self._read(child, pipe):
                pass
        if pipe in self._selector.get_map():
            self._selector.unregister(pipe)
        if process.stdout:
            process.stdout.close()
        child.process, child.record, child.exit_code = None, None, code
        self._tell_change()
        if child.service.restarts and not self._is_stopping:
            self._plan_restart(child, code)

    def _plan_restart(self, child: Child, code: int) -> None:
        lived = time.monotonic() - child.started_at
        child.quick_deaths = child.quick_deaths + 1 if lived < QUICK_DEATH else 1
        reason = f"{child.service.name} ended ({_describe(code)}) after {lived:.1f} s"
        if self._gives_up and child.quick_deaths >= MOST_QUICK_DEATHS:
            raise StackError(
                f"{reason}, the {MOST_QUICK_DEATHS}th time in a row; the log above says why, its last line was: {child.last_line}"
            )
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(child.quick_deaths - 1, 10))
        child.due_at = time.monotonic() + delay
        self.say(f"{reason}; starting it again in {delay:.2g} s.")

    def _stop_rank(self, children: Sequence[Child]) -> None:
        asked_at = time.monotonic()
        for child in children:
            child.due_at = None
            if child.process is not None:
                child.process.send_signal(child.service.stop_signal)
        while living := [child for child in children if child.process is not None]:
            waited = time.monotonic() - asked_at
            for child in living:
                patience = child.service.patience if self._stop_requests < 2 else HURRY
                if waited > patience and child.process is not None:
                    self.say(f"{child.service.name} did not end within {patience:.2g} s and is killed.")
                    processes.kill_group(child.process.pid)
            self._collect(TICK)

    def _tell_change(self) -> None:
        self._on_change([child.record for child in self._children.values() if child.record is not None])

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requests += 1


def _pipe_of(process: subprocess.Popen[bytes] | Forked) -> int:
    if process.stdout is None:
        raise StackError("A child was started without a pipe; this is a mistake in ChatSphere.")
    return process.stdout.fileno()


def _drain(reader: socket.socket) -> None:
    try:
        while reader.recv(4096):
            pass
    except BlockingIOError:
        return


def _wake_only(number: int, frame: FrameType | None) -> None:
    """A handler that does nothing: the signal only has to wake the loop."""


def _describe(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
