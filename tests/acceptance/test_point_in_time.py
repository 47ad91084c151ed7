"""The drill of docs/operations/backup.md: somebody deletes what must not be deleted, and the database comes back as it was a moment before."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import CHATSPHERE, clean_environment
from tests.own_cluster import OwnCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for sockets, and open to the user whom PostgreSQL runs as."""
    path = Path(tempfile.mkdtemp(prefix="pitr-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def chatsphere(*arguments: str, database_url: str) -> str:
    environment = clean_environment(DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:1/0", CHATSPHERE_ENV="test")
    ran = subprocess.run([str(CHATSPHERE), *arguments], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def archived(archive: Path, segment: str) -> bool:
    return (archive / segment).exists()


def test_a_database_goes_back_to_the_moment_before_a_mistake(folder: Path) -> None:
    archive = folder / "archive"
    primary = OwnCluster(
        folder / "primary",
        {"archive_mode": "on", "archive_command": f"'test ! -f {archive}/%f && cp %p {archive}/%f'"},
    )
    primary.make()
    archive.mkdir()
    shutil.chown(archive, primary.data.owner(), primary.data.group())
    primary.start()
    try:
        primary.ask("CREATE DATABASE chatsphere")
        url = primary.url("chatsphere")
        chatsphere("migrate", database_url=url)
        restored = OwnCluster(folder / "restored")
        restored.copy_of(primary)  # the base backup, taken while the database is in use

        (applied,) = primary.ask("SELECT count(*) FROM django_migrations", "chatsphere")
        primary.ask("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id", "chatsphere")
        time.sleep(0.2)
        ((moment,),) = primary.ask("SELECT clock_timestamp()::text")
        time.sleep(0.2)
        primary.ask("DROP TABLE kept; DELETE FROM django_migrations", "chatsphere")  # the mistake
        ((segment,),) = primary.ask("SELECT pg_walfile_name(pg_switch_wal())")
        deadline = time.monotonic() + 60
        while not archived(archive, segment):
            assert time.monotonic() < deadline, "the archive command does not archive"
            time.sleep(0.1)
    finally:
        primary.stop("immediate")  # the primary is lost, too

    restored.configure(
        restore_command=f"'cp {archive}/%f %p'",
        recovery_target_time=f"'{moment}'",
        recovery_target_action="promote",
        archive_mode="off",
    )
    (restored.data / "recovery.signal").touch()
    shutil.chown(restored.data / "recovery.signal", restored.data.owner(), restored.data.group())
    began = time.monotonic()
    restored.start()
    try:
        while restored.ask("SELECT pg_is_in_recovery()") == [(True,)]:
            assert time.monotonic() < began + 60, "recovery does not end"
            time.sleep(0.1)
        assert restored.ask("SELECT count(*) FROM kept", "chatsphere") == [(1000,)], (
            "what came after the base backup is there"
        )
        said = chatsphere("migrate", database_url=restored.url("chatsphere"))
        assert "Applying" not in said, "it finds its own schema there and has nothing to do"
        assert restored.ask("SELECT count(*) FROM django_migrations", "chatsphere") == [applied], (
            "the mistake is undone"
        )
    finally:
        restored.stop("immediate")
