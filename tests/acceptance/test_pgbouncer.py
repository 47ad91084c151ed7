"""Everything behind PgBouncer in transaction mode: migrations, CRUD, training, search, chat, sweeps, webhooks' lock, backups."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from chatsphere.embedded.accounts import account_for
from tests.acceptance.conftest import free_port
from tests.acceptance.deployment import Load, deployment, end, join, statuses, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@contextmanager
def pgbouncer(folder: Path, direct: str) -> Iterator[str]:
    """The URL of a pooler before the database, with four connections for everybody."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    parts, port = conninfo_to_dict(direct), free_port()
    (folder / "users.txt").write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={parts['host']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\nauth_file = {folder}/users.txt\n"
        f"pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 500\nunix_socket_dir =\nlogfile = {folder}/pgbouncer.log\n"
    )
    for file in ("users.txt", "pgbouncer.ini"):
        (folder / file).chmod(0o644)
    folder.chmod(0o777)
    # It refuses to run as root, and only the user of the embedded server reaches its socket.
    account = account_for(Path(str(parts["host"])))
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], cwd="/", stderr=subprocess.DEVNULL, **identity)
    url = f"postgresql://{parts['user']}:{quote(str(parts['password']))}@127.0.0.1:{port}/{parts['dbname']}"
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


def test_the_platform_works_behind_pgbouncer_in_transaction_mode(tmp_path: Path) -> None:
    with deployment(tmp_path) as house:
        direct, pooler = house.postgres.url, Path(house.stack.enter_context(TemporaryDirectory(prefix="pgbouncer-")))
        with pgbouncer(pooler, direct) as url:
            house.environment |= {"DATABASE_URL": url, "DATABASE_DIRECT_URL": direct}
            assert house.run("migrate").returncode == 0
            with psycopg.connect(direct) as connection:
                limits = (
                    connection.execute("SHOW statement_timeout").fetchone(),
                    connection.execute("SHOW lock_timeout").fetchone(),
                )
            assert limits == (("30s",), ("20s",)), "limits stand at the role"
            for arguments in (("worker", "ingest"), ("worker", "default"), ("beat",)):
                house.start(*arguments)
            person = join(f"http://127.0.0.1:{house.start_web()}")
            load = Load(person, threads=8)
            load.start(load.read_and_write, load.ask, load.stream)
            time.sleep(10)
            load.stop()
            assert not load.failures, statuses(load.failures)
            assert load.streams > 0
            found = [log.read_text() for log in tmp_path.glob("*.log")]
            assert not [
                line
                for text in found
                for line in text.splitlines()
                if "prepared statement" in line or '"error"' in line
            ]
            backup = house.run("backup", str(tmp_path / "one.backup"))
            assert backup.returncode == 0, backup.stderr
            assert house.run("verify", str(tmp_path / "one.backup")).returncode == 0
            with psycopg.connect(direct) as connection:
                clients = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                ).fetchone()
            assert clients is not None
            assert clients[0] < 20, json.dumps(clients)
