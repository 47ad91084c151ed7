"""Two Redis servers and three sentinels: the master is killed under load; nobody sees an error, and work goes on at the next master."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis, RedisError

from chatsphere.embedded.redis import find_program
from tests.acceptance.conftest import free_port
from tests.acceptance.deployment import Load, deployment, end, join, statuses, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
WATCHED = "chatsphere"


@dataclass
class Watched:
    """Ports of the servers and of the sentinels, and the processes by port."""

    servers: list[int]
    sentinels: list[int]
    processes: dict[int, subprocess.Popen[bytes]]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"sentinel://{hosts}/0?service={WATCHED}"

    def master(self) -> int:
        with Redis(port=self.sentinels[0]) as sentinel:
            _host, port = sentinel.sentinel_get_master_addr_by_name(WATCHED)
            return int(port)


@contextmanager
def watched_redis(folder: Path) -> Iterator[Watched]:
    program = shutil.which("redis-server") or str(find_program())
    with ExitStack() as stack:
        world = Watched([free_port(), free_port()], [free_port() for _ in range(3)], {})

        def start(port: int, text: str, *more: str) -> None:
            own = folder / str(port)
            own.mkdir()
            (own / "redis.conf").write_text(
                f"port {port}\nbind 127.0.0.1\ndir {own}\nsave ''\nlogfile {own}/log\n{text}"
            )
            command = [program, str(own / "redis.conf"), *more]
            world.processes[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            stack.callback(end, world.processes[port])
            wait_for(lambda: _answers(port), message=f"{command} does not answer")

        first, second = world.servers
        start(first, "")
        start(second, f"replicaof 127.0.0.1 {first}\n")
        for port in world.sentinels:
            watch = f"sentinel monitor {WATCHED} 127.0.0.1 {first} 2\nsentinel down-after-milliseconds {WATCHED} 1000\n"
            start(port, f"{watch}sentinel failover-timeout {WATCHED} 5000\n", "--sentinel")
        wait_for(lambda: _knows_all(world), message="the sentinels do not know each other")
        yield world


def _answers(port: int) -> bool:
    try:
        with Redis(port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False


def _knows_all(world: Watched) -> bool:
    for port in world.sentinels:
        with Redis(port=port) as sentinel:
            facts = sentinel.sentinel_master(WATCHED)
            if (facts["num-slaves"], facts["num-other-sentinels"]) != (1, 2):
                return False
    return True


def test_the_master_is_killed_under_load_and_nobody_sees_it(tmp_path: Path) -> None:
    with (
        watched_redis(tmp_path) as redis,
        deployment(
            tmp_path / "house",
            REDIS_URL=redis.url,
            RATE_LIMITS_ENABLED="true",
            RATE_LIMITS="default=100000/60,ask=100000/60",
        ) as house,
    ):
        for arguments in (("worker", "ingest"), ("worker", "default"), ("beat",)):
            house.start(*arguments)
        person = join(f"http://127.0.0.1:{house.start_web()}")
        assert "Redis" in house.run("check").stdout
        load = Load(person, threads=4)
        load.start(load.read_and_write, load.ask)
        time.sleep(2)
        before = redis.master()
        redis.processes[before].kill()
        killed = time.monotonic()
        wait_for(lambda: redis.master() != before, message="no failover")
        failover = time.monotonic() - killed
        time.sleep(8)
        load.stop()
        print(f"{load.told()}; the next master after {failover:.1f} s")
        assert not load.failures, statuses(load.failures)
        began = time.monotonic()
        again = join(person.url)  # trains a chatbot: workers hear of it by the next master
        assert time.monotonic() - began < 60
        assert again.chatbot != person.chatbot
        with Redis(port=redis.master()) as client:
            assert client.keys("*"), "limits and hints lie in the new master"
