"""Cache and limits in a Redis Cluster of three servers with replicas: one is killed under load; nobody sees an error, and limits go on at its replica."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.deployment import Load, deployment, join, statuses
from tests.stubs.redis_cluster import ask, running_cluster, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_a_server_of_the_cluster_is_killed_under_load_and_nobody_sees_it(tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, has_replicas=True) as cluster,
        deployment(
            tmp_path / "house",
            CACHE_REDIS_URL=cluster.url,
            RATE_LIMITS_ENABLED="true",
            RATE_LIMITS="default=100000/60,ask=100000/60",
        ) as house,
    ):
        for arguments in (("worker", "ingest"), ("worker", "default"), ("beat",)):
            house.start(*arguments)
        port = house.start_web()
        person = join(f"http://127.0.0.1:{port}")
        assert ", for cache and limits" in house.run("check").stdout
        load = Load(person, threads=4)
        load.start(load.read_and_write, load.ask)
        time.sleep(2)
        spread = [ask(each, "DBSIZE") for each in cluster.owners]
        cluster.kill(cluster.owners[0])
        killed = time.monotonic()
        wait_for(lambda: ask(cluster.replicas[0], "ROLE")[0] == b"master")
        failover = time.monotonic() - killed
        wait_for(lambda: _is_counted(port, person.token))
        counted = time.monotonic() - killed
        time.sleep(5)
        load.stop()
        print(
            f"{load.told()}; the replica took over after {failover:.1f} s, limits counted after {counted:.1f} s; keys {spread}"
        )
        assert sum(spread) > 0
        assert not load.failures, statuses(load.failures)
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200


def _is_counted(port: int, token: str) -> bool:
    """Whether ten answers in a row tell how much of the limit is left; those that nobody counted do not."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        headers = {"Authorization": f"Bearer {token}"}
        return all("RateLimit" in http.get("/api/v1/chatbots/", headers=headers).headers for _time in range(10))
