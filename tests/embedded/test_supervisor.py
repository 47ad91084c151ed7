"""The supervisor's loop, with small children of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from chatsphere.embedded import supervisor as supervision
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.leftovers import MARK, ChildRecord, end_leftovers, read_records, write_records
from chatsphere.embedded.merged_log import LONGEST_LINE, LineBuffer, MergedLog
from chatsphere.embedded.processes import Command
from chatsphere.embedded.supervisor import Service, StopRequested, Supervisor

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def python(code: str) -> Command:
    return Command((sys.executable, "-c", code), Path("/"), dict(os.environ))


class Watched:
    """A supervisor with what it logged and recorded."""

    def __init__(self) -> None:
        self.output = io.StringIO()
        self.records: Sequence[ChildRecord] = ()
        log = MergedLog(self.output, ("chatsphere", "one", "two"), colour=False)
        self.supervisor = Supervisor(log, self._note, forget=lambda: None)

    def _note(self, records: Sequence[ChildRecord]) -> None:
        self.records = records


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_logs_of_all_children_are_merged_under_their_names(watched: Watched) -> None:
    with watched.supervisor as supervisor:
        supervisor.start(Service("one", python("print('from one')"), stop_rank=0, restarts=False))
        supervisor.start(
            Service("two", python("import sys; sys.stderr.write('from two')"), stop_rank=0, restarts=False)
        )
        supervisor.finish("one", 10)
        supervisor.finish("two", 10)
    assert sorted(watched.output.getvalue().splitlines()) == ["one        | from one", "two        | from two"]


def test_a_child_that_died_is_started_again(watched: Watched) -> None:
    with watched.supervisor as supervisor:
        first = supervisor.start(Service("one", python(SLEEP), stop_rank=0))
        os.kill(first, signal.SIGKILL)
        supervisor.wait_until(lambda: bool(watched.records) and watched.records[0].pid != first, 10, "no restart")
        assert psutil.pid_exists(watched.records[0].pid)
    assert "one ended (killed by SIGKILL)" in watched.output.getvalue()
    assert watched.records == []


def test_a_child_that_dies_at_once_again_and_again_is_given_up(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_DELAY", 0.01)
    with watched.supervisor as supervisor:
        other = supervisor.start(Service("two", python(SLEEP), stop_rank=1))
        supervisor.start(Service("one", python("print('no luck'); raise SystemExit(3)"), stop_rank=0))
        with pytest.raises(StackError, match=r"one ended \(exit code 3\).*5th time in a row.*last line was: no luck"):
            supervisor.wait_until(lambda: False, 30, "nothing")
    assert not psutil.pid_exists(other)


def test_once_all_runs_no_child_is_given_up(watched: Watched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A full disk lets PostgreSQL die for as long as it is full; with room again it must come back without anybody's help."""
    monkeypatch.setattr(supervision, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(supervision, "LONGEST_DELAY", 0.05)
    deaths, parent = tmp_path / "deaths", os.getpid()
    dying = f"""if True:
        import os, signal
        with open({str(deaths)!r}, "a") as deaths: deaths.write("x")
        if os.path.getsize({str(deaths)!r}) > 8: os.kill({parent}, signal.SIGTERM)
    """
    with watched.supervisor as supervisor:
        supervisor.start(Service("one", python(dying), stop_rank=0))
        with pytest.raises(StopRequested):
            supervisor.run()
    assert deaths.stat().st_size >= 9


def test_children_end_rank_by_rank_and_the_deaf_ones_are_killed_in_time(watched: Watched) -> None:
    with watched.supervisor as supervisor:
        supervisor.start(Service("two", python(SLEEP), stop_rank=1))
        supervisor.start(Service("one", python(STUBBORN), stop_rank=0, patience=0.3))
        supervisor.wait_until(lambda: "deaf" in watched.output.getvalue(), 10, "not started")
        began = time.monotonic()
        supervisor.stop()
        assert time.monotonic() - began < 3
    assert "one did not end within 0.3 s and is killed." in watched.output.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_requests_to_stop(watched: Watched, number: signal.Signals) -> None:
    with watched.supervisor as supervisor:
        supervisor.start(Service("one", python(f"import os; os.kill(os.getppid(), {int(number)})"), stop_rank=0))
        with pytest.raises(StopRequested):
            supervisor.run()


def test_a_forked_child_runs_with_its_own_session_and_without_the_supervisors_files(watched: Watched) -> None:
    others = _open_files()  # of this process, whatever ran in it before: a loop of asyncio has an eventpoll, too

    def report() -> int:
        files = sorted(os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if int(name) < 3)
        of_supervisor = {name: target for name, target in _open_files().items() if others.get(name) != target}
        print(os.getsid(0) == os.getpid(), files[0], of_supervisor)
        return 7

    with watched.supervisor as supervisor:
        supervisor.start(Service("two", python(SLEEP), stop_rank=0))
        supervisor.start(Service("one", report, stop_rank=0, restarts=False))
        with pytest.raises(StackError, match=r"one failed: True /dev/null \{\}$"):
            supervisor.finish("one", 30)


def test_an_error_in_a_forked_child_stays_there(watched: Watched) -> None:
    def fail() -> int:
        raise ValueError("broken on purpose")

    with watched.supervisor as supervisor:
        supervisor.start(Service("one", fail, stop_rank=0, restarts=False))
        with pytest.raises(StackError, match="one failed: ValueError: broken on purpose"):
            supervisor.finish("one", 30)


def test_waiting_has_an_end(watched: Watched) -> None:
    with watched.supervisor as supervisor, pytest.raises(StackError, match="Nothing came within 0 seconds"):
        supervisor.wait_until(lambda: False, 0.1, "Nothing came")


def test_lines_are_cut_where_they_end() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"one\ntw") == ["one"]
    assert buffer.feed(b"o\r\n\xff") == ["two"]
    assert buffer.close() == ["\ufffd"]
    assert buffer.close() == []
    assert [len(line) for line in buffer.feed(b"x" * (LONGEST_LINE + 1))] == [LONGEST_LINE + 1]


def test_a_log_that_nobody_reads_is_no_error() -> None:
    stream = io.StringIO()
    log = MergedLog(stream, ("one",), colour=True)
    log.write("one", "hello")
    assert stream.getvalue() == "\x1b[36mone |\x1b[0m hello\n"
    stream.close()
    log.write("one", "into the void")


def test_leftovers_are_ended_and_strangers_are_not(folder: Path) -> None:
    environ = {**os.environ, MARK: "mine"}
    ours = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True, env=environ)
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    started = psutil.Process(ours.pid).create_time()
    records = [
        ChildRecord("ours", ours.pid, started, signal.SIGTERM),
        ChildRecord("reused", stranger.pid, started - 3600, signal.SIGTERM),
    ]
    file = folder / "children.json"
    write_records(file, "mine", records)
    assert read_records(file) == records
    try:
        assert end_leftovers(file) == ["ours"]
        assert ours.poll() is not None
        assert stranger.poll() is None
    finally:
        for process in (ours, stranger):
            process.kill()
            process.wait()
    assert end_leftovers(file) == []


def test_children_of_a_dead_leader_are_found_by_their_mark(folder: Path) -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}], stdout=2).pid)"
    environ = {**os.environ, MARK: "mine"}
    leader = subprocess.run(
        [sys.executable, "-c", code + "; import os; print(os.getpid())"],
        start_new_session=True,
        env=environ,
        stdout=subprocess.PIPE,
        check=True,
    )
    orphan, leader_pid = (int(line) for line in leader.stdout.split())
    write_records(folder / "children.json", "mine", [ChildRecord("worker", leader_pid, 0.0, signal.SIGTERM)])
    assert end_leftovers(folder / "children.json") == ["worker"]
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE


def _open_files() -> dict[str, str]:
    """What stands behind each file descriptor of this process above stderr."""
    found = {name: _target(name) for name in os.listdir("/proc/self/fd") if int(name) > 2}
    return {name: target for name, target in found.items() if target}


def _target(name: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        return ""
