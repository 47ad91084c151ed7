"""A PostgreSQL cluster as an operator runs one: own folder, superuser, WAL archive, standbys. For drills that need more than the test server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from chatsphere.embedded.accounts import account_for, hand_over
from chatsphere.embedded.installation import installed_programs

QUIET = {
    "listen_addresses": "''",
    "fsync": "off",
    "shared_buffers": "'32MB'",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "max_connections": "40",
    "log_min_messages": "warning",
}


@dataclass
class OwnCluster:
    """One cluster below ``folder``, reached by its Unix socket there; ``folder`` must be enterable for all users."""

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def make(self) -> None:
        """initdb, with the socket in ``folder`` and nobody but local processes let in."""
        self._own(self.folder)
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--no-sync")
        self.configure(**{**QUIET, "unix_socket_directories": f"'{self.folder}'", **self.options})

    def copy_of(self, source: OwnCluster, *arguments: str) -> None:
        """A base backup of a running cluster, as pg_basebackup makes it (``-R`` makes a standby of it)."""
        self._own(self.folder)
        self.run("pg_basebackup", "-D", str(self.data), "-d", source.dsn, "-c", "fast", "-X", "stream", *arguments)
        self.configure(unix_socket_directories=f"'{self.folder}'", **self.options)

    def configure(self, **settings: str) -> None:
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(lines)

    def start(self) -> None:
        """Returns when it answers; raises CalledProcessError with the log when it does not come up within a minute."""
        self.run("pg_ctl", "start", "-D", str(self.data), "-w", "-t", "60", "-l", str(self.folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "stop", "-D", str(self.data), "-w", "-m", mode)

    def run(self, program: str, *arguments: str) -> None:
        """A program of PostgreSQL as the user who owns the cluster."""
        account = account_for(self.folder)
        identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        command = [str(installed_programs() / program), *arguments]
        # A server that pg_ctl starts keeps the pipes of its parent open, so its output goes to a file.
        with tempfile.TemporaryFile() as output:
            environment = {**os.environ, "LC_ALL": "C"}
            ended = subprocess.run(
                command, cwd="/", env=environment, stdout=output, stderr=subprocess.STDOUT, check=False, **identity
            )
            output.seek(0)
            said = output.read().decode()
        log = self.folder / "log"
        assert ended.returncode == 0, said + (log.read_text()[-3000:] if log.exists() else "")

    def ask(self, statement: str, database: str = "postgres", **parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _own(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        account = account_for(folder)
        if account:
            hand_over(folder, account)
