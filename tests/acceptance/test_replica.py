"""A real streaming replica: it answers reads, nobody misses what they wrote, and when it dies nobody sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.deployment import Load, deployment, expect, join, statuses, wait_for
from tests.own_cluster import OwnCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def clusters() -> Iterator[tuple[OwnCluster, OwnCluster]]:
    with TemporaryDirectory(prefix="replica-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        primary, standby = OwnCluster(folder / "primary", {"max_connections": "80"}), OwnCluster(folder / "standby")
        primary.make()
        primary.start()
        primary.ask("CREATE DATABASE chatsphere")
        standby.copy_of(primary, "-R")
        standby.start()
        yield primary, standby
        standby.remove()
        primary.remove()


def rows_read(cluster: OwnCluster) -> int:
    ((count,),) = cluster.ask("SELECT tup_returned + tup_fetched FROM pg_stat_database WHERE datname = 'chatsphere'")
    return int(count)


def test_reads_go_to_the_replica_and_nobody_can_tell(tmp_path: Path, clusters: tuple[OwnCluster, OwnCluster]) -> None:
    primary, standby = clusters
    addresses = {"DATABASE_URL": primary.url("chatsphere"), "DATABASE_REPLICA_URL": standby.url("chatsphere")}
    with deployment(tmp_path, **addresses) as house:
        person = join(f"http://127.0.0.1:{house.start_web()}", trains=False)
        with person.client() as http:
            sources = f"/api/v1/chatbots/{person.chatbot}/sources/"
            time.sleep(1)
            before = rows_read(standby)
            for _ in range(20):
                expect(http.get(sources), 200)
            time.sleep(1.5)
            assert rows_read(standby) > before, "the replica has answered"

            standby.ask("SELECT pg_wal_replay_pause()", "chatsphere")
            for number in range(1, 4):
                text = {"source_type": "text", "name": f"round {number}", "content": "A card costs four euros."}
                expect(http.post(sources, json=text), 202)
                assert len(http.get(sources).json()["results"]) == number, "everybody finds what they have just written"
            standby.ask("SELECT pg_wal_replay_resume()", "chatsphere")
        load = Load(person, threads=4)
        load.start(load.read_and_write)
        time.sleep(2)
        standby.stop("immediate")
        time.sleep(4)
        standby.start()
        wait_for(lambda: standby.ask("SELECT pg_is_in_recovery()") == [(True,)])
        time.sleep(2)
        load.stop()
    print(load.told())
    assert not load.failures, statuses(load.failures)
