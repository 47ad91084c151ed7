"""Everything behind PgBouncer in transaction mode: migrations, CRUD, training, search, chat, sweeps, webhooks' lock, backups."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from chatsphere.embedded.accounts import account_for, hand_over
from tests.acceptance.conftest import free_port
from tests.acceptance.deployment import Load, deployment, end, expect, join, statuses, wait_for
from tests.own_cluster import OwnCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
ROLE, PASSWORD = "chatsphere", "pooled-4"
CONNECTIONS, DIRECT = (
    4,
    4,
)  # those of the pooler, and those that must be the database's own (migrations, advisory locks)
ENTERPRISE = "UPDATE users_workspace SET plan_id = 'enterprise'"
SERVED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def cluster() -> Iterator[OwnCluster]:
    """A database that the pooler's user can reach, owned by a role with a password that is no superuser."""
    with TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        made = OwnCluster(Path(folder) / "cluster")
        made.make()
        made.start()
        made.ask("CREATE EXTENSION vector", "template1")
        made.ask(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        made.ask(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
        yield made
        made.remove()


@contextmanager
def pgbouncer(cluster: OwnCluster) -> Iterator[str]:
    """The URL of a pooler before the cluster, with four connections for everybody."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    folder, port = cluster.folder / "pgbouncer", free_port()
    folder.mkdir()
    (folder / "users.txt").write_text(f'"{ROLE}" "{PASSWORD}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={cluster.folder}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\nauth_file = {folder}/users.txt\n"
        f"pool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\nmax_client_conn = 500\nunix_socket_dir =\nlogfile = {folder}/log\n"
    )
    # It refuses to run as root.
    account = account_for(cluster.folder)
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    if account:
        hand_over(folder, account)
    process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], cwd="/", stderr=subprocess.DEVNULL, **identity)
    url = f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{port}/{ROLE}"
    try:
        wait_for(lambda: _answers(url), message="PgBouncer does not answer")
        yield url
    finally:
        end(process)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_platform_works_behind_pgbouncer_in_transaction_mode(tmp_path: Path, cluster: OwnCluster) -> None:
    direct = f"postgresql://{ROLE}:{PASSWORD}@/{ROLE}?host={cluster.folder}"
    with pgbouncer(cluster) as url, deployment(tmp_path, DATABASE_URL=url, DATABASE_DIRECT_URL=direct) as house:
        with psycopg.connect(direct) as connection:
            limits = [connection.execute(f"SHOW {name}").fetchone() for name in ("statement_timeout", "lock_timeout")]
        assert limits == [("30s",), ("20s",)], "limits stand at the role"
        for arguments in (("worker", "ingest"), ("worker", "default"), ("beat",)):
            house.start(*arguments)
        person = join(f"http://127.0.0.1:{house.start_web()}")
        with psycopg.connect(
            direct
        ) as connection:  # a quick machine asks more in ten seconds than the free plan has a day
            connection.execute(ENTERPRISE)
        with person.client() as http:
            found = http.post(f"/api/v1/chatbots/{person.chatbot}/search/", json={"query": "lost library card"})
            expect(found, 200)
            assert "four euros" in found.json()["results"][0]["text"]
        load = Load(person, threads=8)
        load.start(load.read_and_write, load.ask, load.stream)
        time.sleep(10)
        ((connections,),) = cluster.ask(SERVED, ROLE)
        load.stop()
        print(f"{load.told()}; {connections} connections at the database")
        assert not load.failures, statuses(load.failures)
        assert load.streams > 0
        backup = house.run("backup", str(tmp_path / "one.backup"))
        assert backup.returncode == 0, backup.stderr
        verified = house.run("verify", str(tmp_path / "one.backup"))
        assert verified.returncode == 0, verified.stderr
        logged = [line for log in tmp_path.glob("*.log") for line in log.read_text().splitlines()]
        assert not [line for line in logged if "prepared statement" in line or '"level":"error"' in line]
        assert connections <= CONNECTIONS + DIRECT, "everybody shares the pooler's connections"
