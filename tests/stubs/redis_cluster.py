"""A Redis Cluster of three servers on this machine, each with a replica when asked for."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis, RedisError

from chatsphere.embedded.redis import find_program

SLOTS = 16384
BUS = 10_000  # servers talk to each other on the port so much higher
CONFIGURATION = """\
port {port}
bind 127.0.0.1
dir {folder}
cluster-enabled yes
cluster-node-timeout 1000
cluster-replica-validity-factor 0
save ''
appendonly no
logfile {folder}/log
"""


@dataclass
class Cluster:
    """The ports of those that own slots and of their replicas, and the processes by port."""

    folder: Path
    owners: list[int]
    replicas: list[int]
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in self.owners)}"

    def start(self, port: int) -> None:
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        (folder / "redis.conf").write_text(CONFIGURATION.format(port=port, folder=folder))
        program = shutil.which("redis-server") or str(find_program())
        self.processes[port] = subprocess.Popen([program, str(folder / "redis.conf")], stdout=subprocess.DEVNULL)
        wait_for(lambda: ask(port, "PING"))

    def kill(self, port: int) -> None:
        process = self.processes.pop(port)
        process.kill()
        process.wait()

    def join(self) -> None:
        """Make one cluster of the servers."""
        first, *others = [*self.owners, *self.replicas]
        for port in others:
            ask(port, "CLUSTER", "MEET", "127.0.0.1", first)
        share = SLOTS // len(self.owners) + 1
        for number, port in enumerate(self.owners):
            ask(port, "CLUSTER", "ADDSLOTS", *range(number * share, min(SLOTS, (number + 1) * share)))
        for owner, replica in zip(self.owners, self.replicas, strict=False):
            name = ask(owner, "CLUSTER", "MYID")
            wait_for(lambda replica=replica, name=name: ask(replica, "CLUSTER", "REPLICATE", name))
        wait_for(self.is_well)

    def is_well(self) -> bool:
        """Whether all that run own or follow, and agree that every slot has an owner."""
        states = [ask(port, "CLUSTER", "INFO") for port in self.processes]
        return all(state and b"cluster_state:ok" in state for state in states) and self._replicas_follow()

    def _replicas_follow(self) -> bool:
        told = [ask(port, "INFO", "replication") for port in self.replicas if port in self.processes]
        return all(each["role"] == "master" or each["master_link_status"] == "up" for each in told)


def ask(port: int, *command: Any) -> Any:
    """The answer, or None."""
    try:
        with Redis(port=port, socket_timeout=2) as client:
            return client.execute_command(*command)
    except RedisError:
        return None


def wait_for(is_so: Callable[..., Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "the cluster does not become what it should be"
        time.sleep(0.1)


def _free_port() -> int:
    """Below those that the system gives away itself, with the port of the bus free, too."""
    while True:
        port = random.randint(20_000, 22_500)
        try:
            for each in (port, port + BUS):
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", each))
            return port
        except OSError:
            continue


@contextmanager
def running_cluster(folder: Path, *, has_replicas: bool = False) -> Iterator[Cluster]:
    ports: list[int] = []
    while len(ports) < 6:
        port = _free_port()
        if port not in ports:
            ports.append(port)
    cluster = Cluster(folder, ports[:3], ports[3:] if has_replicas else [])
    try:
        for port in [*cluster.owners, *cluster.replicas]:
            cluster.start(port)
        cluster.join()
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.kill()
            process.wait()
