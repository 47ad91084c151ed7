"""A worker runs out of memory: the kernel kills it in the middle of a document, or its memory is refused."""

from __future__ import annotations

import resource
import signal
import time
from contextlib import suppress

import psutil
import pytest

from tests.acceptance.withstand.conftest import House, well_again
from tests.acceptance.withstand.memory_group import MemoryGroup, memory_group
from tests.acceptance.withstand.traffic import PATIENCE, Traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TEXT = "".join(f"## Part {n}\n\nIt speaks of topic{n}. {'filler ' * 90}\n\n" for n in range(300)).encode()


def _upload(house: House, traffic: Traffic, account: object) -> None:
    made = account.upload(*((f"{number}.md", b"# %d\n\n" % number + TEXT) for number in range(8)))  # type: ignore[attr-defined]
    traffic.sources += [str(source["id"]) for source in made]
    deadline = time.monotonic() + PATIENCE
    while not house.ask("SELECT 1 FROM training_run WHERE state = 'running'"):
        assert time.monotonic() < deadline, "nothing was trained"
        time.sleep(0.02)


def _workers(house: House) -> list[psutil.Process]:
    """The processes that train; waits for those that come in the place of dead ones."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(house.stack.pids()["worker"]).children()
            alive = [each for each in found if each.status() != psutil.STATUS_ZOMBIE]
            if alive:
                return alive
        time.sleep(0.05)
    raise AssertionError(f"nobody trains: {house.log()}")


def test_the_kernel_kills_workers_that_train(house: House) -> None:
    """Three times, whichever training process is the largest goes into a control group in which it gets 2 MB more and no byte after that."""
    account = house.account()
    with house.traffic(account) as traffic, memory_group(2_000_000) as group:
        _upload(house, traffic, account)
        for time_ in range(1, 4):
            largest = max(_workers(house), key=lambda process: process.memory_info().rss)
            group.put(largest.pid)
            _wait_for_kill(group, time_)
        event = f"the kernel kills a training process for memory, three times (cgroup v{group.version})"
        well_again(house, traffic, event, time.monotonic())
    house.reconciled()


def _wait_for_kill(group: MemoryGroup, number: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while group.kills() < number:
        assert time.monotonic() < deadline, f"the kernel has killed {group.kills()} processes, not {number}"
        time.sleep(0.05)


def test_workers_that_train_are_killed(house: House) -> None:
    """SIGKILL, three times, of the largest: what the above is where no control group can be made."""
    account = house.account()
    with house.traffic(account) as traffic:
        _upload(house, traffic, account)
        for _time in range(3):
            largest = max(_workers(house), key=lambda process: process.memory_info().rss)
            largest.send_signal(signal.SIGKILL)
            time.sleep(1.5)
        well_again(house, traffic, "a training process killed, three times", time.monotonic())
    house.reconciled()


def test_memory_is_refused_to_workers_that_train(house: House) -> None:
    """No training process gets a byte more for 10 s, then it does."""
    account = house.account()
    with house.traffic(account) as traffic:
        _upload(house, traffic, account)
        limited = _workers(house)
        for process in limited:
            resource.prlimit(process.pid, resource.RLIMIT_AS, (process.memory_info().vms, resource.RLIM_INFINITY))
        time.sleep(10)
        for process in limited:
            if process.is_running():
                resource.prlimit(process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        well_again(house, traffic, "no memory for training processes for 10 s", time.monotonic())
    house.reconciled()
