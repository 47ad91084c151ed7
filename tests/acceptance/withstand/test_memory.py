"""A worker runs out of memory: the kernel kills it in the middle of a document, or its memory is refused."""

from __future__ import annotations

import resource
import signal
import time

import psutil
import pytest

from tests.acceptance.withstand.conftest import House, well_again
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
    """The processes that train."""
    return psutil.Process(house.stack.pids()["worker"]).children()


def test_the_kernel_kills_workers_that_train(house: House) -> None:
    """SIGKILL, three times, of whichever training process is the largest, as the kernel's killer chooses."""
    account = house.account()
    with house.traffic(account) as traffic:
        _upload(house, traffic, account)
        for _time in range(3):
            largest = max(_workers(house), key=lambda process: process.memory_info().rss)
            largest.send_signal(signal.SIGKILL)
            time.sleep(1.5)
        well_again(house, traffic, "a training process killed for memory, three times", time.monotonic())
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
