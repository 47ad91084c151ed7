"""The embedded PostgreSQL: real starts, real crashes, as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from chatsphere.embedded import installation, postgres
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.postgres import PostgresServer
from tests.embedded.conftest import NOBODY, permissions_of_parents

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another user")


def ask(server: PostgresServer, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def test_rows_outlive_a_restart_and_pgvector_is_there(pg: Path) -> None:
    server = PostgresServer(pg)
    server.start()
    ask(server, "CREATE TABLE note (body text)")
    ask(server, "INSERT INTO note VALUES ('kept')")
    assert ask(server, "SELECT '[3,4]'::halfvec <-> '[0,0]'::halfvec") == [(5.0,)]
    server.stop()
    again = PostgresServer(pg)
    again.start()
    assert ask(again, "SELECT body FROM note") == [("kept",)]
    again.stop()


def test_it_is_durable_and_reachable_through_its_socket_only(pg: Path) -> None:
    server = PostgresServer(pg)
    server.start()
    settings = {name: ask(server, f"SHOW {name}")[0][0] for name in ("fsync", "synchronous_commit", "listen_addresses")}
    listening = list(psutil.Process(server_pid(pg)).net_connections("inet"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace("@/", "-wrong@/"))
    server.stop()
    assert settings == {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}
    assert listening == []


def test_two_servers_run_side_by_side(folder: Path, made_at: Callable[[Path], Path]) -> None:
    servers = [PostgresServer(made_at(folder / name)) for name in ("one", "two")]
    for server in servers:
        server.start()
        ask(server, "CREATE TABLE mine ()")
    for server in servers:
        server.stop()
    assert servers[0].url != servers[1].url


def test_options_of_the_caller_win(pg: Path) -> None:
    server = PostgresServer(pg, extra_options={"max_connections": "17", "fsync": "off"})
    server.start()
    assert ask(server, "SHOW max_connections") == [("17",)]
    server.stop()


@needs_root
def test_as_root_it_runs_unprivileged_and_no_parent_changes(folder: Path, made_at: Callable[[Path], Path]) -> None:
    hidden = folder / "only-for-root"
    hidden.mkdir(mode=0o700)
    made_at(hidden / "pg")
    before = permissions_of_parents(hidden / "pg")
    server = PostgresServer(hidden / "pg")
    server.start()
    uids = psutil.Process(server_pid(hidden / "pg")).uids()
    ask(server, "CREATE TABLE works ()")
    server.stop()
    assert 0 not in (uids.real, uids.effective, uids.saved)
    assert permissions_of_parents(hidden / "pg") == before


@needs_root
def test_programs_that_the_unprivileged_user_cannot_reach_are_copied(
    folder: Path, pg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = folder / "environment"
    hidden.mkdir(mode=0o700)
    real = installation.installed_programs()
    site = real.parents[2]
    for name in (installation.PACKAGE + "/pginstall18", installation.PACKAGE + ".libs"):
        shutil.copytree(site / name, hidden / name, symlinks=False)
    programs = hidden / installation.PACKAGE / "pginstall18" / "bin"
    monkeypatch.setattr(installation, "installed_programs", lambda: programs)
    before = permissions_of_parents(programs / "postgres")
    server = PostgresServer(pg)
    server.start()
    program = Path(psutil.Process(server_pid(pg)).exe())
    copies = Path((pg / "runtime-folder").read_text())
    assert ask(server, "SELECT '[1]'::vector::text") == [("[1]",)]
    server.stop()
    assert copies in program.parents
    assert not copies.exists()
    assert permissions_of_parents(programs / "postgres") == before


def test_an_ordinary_user_runs_it_as_himself(folder: Path, as_nobody: Callable[[Callable[[], None]], None]) -> None:
    home = folder / "home"
    home.mkdir()
    folder.chmod(0o755)
    os.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)

    def run() -> None:
        server = PostgresServer(home / "pg")
        server.start()
        assert psutil.Process(server_pid(home / "pg")).uids().real == NOBODY.pw_uid
        server.stop()

    as_nobody(run)


def test_files_of_somebody_else_are_refused(folder: Path, as_nobody: Callable[[Callable[[], None]], None]) -> None:
    folder.chmod(0o755)
    (folder / "pg").mkdir()
    (folder / "pg" / "cluster").mkdir()
    os.chown(folder / "pg", NOBODY.pw_uid, NOBODY.pw_gid)

    def run() -> None:
        with pytest.raises(StackError, match="belongs to the user root; start ChatSphere as root"):
            PostgresServer(folder / "pg").start()

    as_nobody(run)


def test_a_long_path_puts_the_socket_into_a_private_folder(folder: Path, made_at: Callable[[Path], Path]) -> None:
    deep = made_at(folder / ("long" * 25))
    server = PostgresServer(deep)
    server.start()
    private = Path((deep / "runtime-folder").read_text())
    others = private.stat().st_mode & 0o007
    ask(server, "SELECT 1")
    server.stop()
    assert str(private) in server.url
    assert others in (0o000, 0o001)
    assert not private.exists()


def test_files_of_another_major_version_are_refused(folder: Path) -> None:
    cluster = folder / "pg" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(StackError, match="was made by PostgreSQL 17, this ChatSphere runs PostgreSQL 18; restore"):
        PostgresServer(folder / "pg").start()
    assert (cluster / "PG_VERSION").read_text() == "17\n"


def test_a_lost_password_file_is_named(pg: Path) -> None:
    server = PostgresServer(pg)
    server.start()
    server.stop()
    (pg / "secrets.json").unlink()
    with pytest.raises(StackError, match=r"secrets\.json is missing"):
        PostgresServer(pg).start()


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    half = folder / "pg" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = PostgresServer(folder / "pg")
    before = permissions_of_parents(folder / "pg" / "cluster")
    server.start()
    assert ask(server, "SELECT current_user::text") == [("chatsphere",)]
    server.stop()
    assert permissions_of_parents(folder / "pg" / "cluster") == before
    assert not half.exists()


def test_a_killed_server_starts_again_with_every_committed_row(pg: Path) -> None:
    server = PostgresServer(pg)
    server.start()
    ask(server, "CREATE TABLE note (body text)")
    ask(server, "INSERT INTO note SELECT 'kept' FROM generate_series(1, 1000)")
    os.kill(server_pid(pg), signal.SIGKILL)
    server.stop()
    # The process id in the lock file may be another program's by now; here it is this test's.
    lock = pg / "cluster" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    again = PostgresServer(pg)
    again.start()
    assert ask(again, "SELECT count(*) FROM note") == [(1000,)]
    again.stop()


def test_a_second_server_on_the_same_files_is_refused(folder: Path, pg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "ORPHANS_PATIENCE", 0.2)
    server = PostgresServer(pg)
    server.start()
    with pytest.raises(StackError, match=rf"Another PostgreSQL \(process {server_pid(folder / 'pg')}\) runs on"):
        PostgresServer(pg).start()
    ask(server, "SELECT 1")
    server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal to orphans is Linux's")
def test_it_ends_when_its_parent_is_killed(pg: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from chatsphere.embedded.postgres import PostgresServer\n"
        "PostgresServer(Path(sys.argv[1])).start(); print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(pg)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    server = psutil.Process(server_pid(pg))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    server.wait(10)
    deadline = time.monotonic() + 5
    while (pg / "cluster" / "postmaster.pid").exists():
        assert time.monotonic() < deadline, "it did not shut down in order"
        time.sleep(0.05)


def test_it_keeps_an_eighth_of_the_memory_for_its_pages(pg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [postgres.shared_buffers(gigabytes << 30) for gigabytes in (0, 1, 4, 64)] == [
        "96MB",
        "128MB",
        "512MB",
        "2048MB",
    ]
    monkeypatch.setattr(postgres, "total_memory", lambda: 1 << 30)
    server = PostgresServer(pg)
    server.start()
    shown = ask(server, "SHOW shared_buffers")
    server.stop()
    assert shown == [("128MB",)]


@pytest.mark.parametrize(("limit", "expected"), [("268435456\n", 256 << 20), ("max\n", None), (None, None)])
def test_a_container_has_the_memory_that_it_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, expected: int | None
) -> None:
    monkeypatch.setattr(postgres, "CONTAINER_LIMIT", tmp_path / "memory.max")
    if limit is not None:
        postgres.CONTAINER_LIMIT.write_text(limit)
    assert postgres.total_memory() == (expected or psutil.virtual_memory().total)
