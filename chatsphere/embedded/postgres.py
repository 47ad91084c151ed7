"""PostgreSQL 18 with pgvector, for one owner on one machine: reachable through a Unix socket only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil

from chatsphere.embedded import processes, stored_secrets
from chatsphere.embedded.accounts import Account, account_for, hand_over
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.installation import MAJOR_VERSION, reachable_programs
from chatsphere.embedded.runtime_folder import RuntimeFolder

SOCKET_NAME = ".s.PGSQL.5432"
ROLE = DATABASE = "chatsphere"
PASSWORD = "database_password"  # noqa: S105, the name under which it is stored
READY_LINE = 7  # of postmaster.pid, counted from 0
STOP_PATIENCE = 20.0
# Sessions whose server was killed end by themselves within moments.
ORPHANS_PATIENCE = 5.0

# Only the role may connect, and only with its password; the administrator exists in single-user mode alone.
ACCESS = f"local all {ROLE} scram-sha-256\n"

# For a machine of 2 to 4 cores that PostgreSQL shares with all else. Durability is PostgreSQL's default: fsync and synchronous_commit on.
OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "512MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "io_method": "sync",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "10s",  # the first sources of a new house are counted before its owner asks about them
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


LEAST_BUFFERS, MOST_BUFFERS = 96, 2048  # MB
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def shared_buffers(memory: int) -> str:
    """An eighth of so many bytes, within bounds. A search in a large chatbot reads some thousand pages; each that only the system has in memory
    costs microseconds more than its rows. What no table fills is never taken."""
    return f"{min(MOST_BUFFERS, max(LEAST_BUFFERS, memory // 8 // 2**20))}MB"


def total_memory() -> int:
    """Of this machine or, when that is less, what the container may take."""
    memory = psutil.virtual_memory().total
    try:
        return min(memory, int(CONTAINER_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or "max"
        return memory


class PostgresServer:
    """One cluster below ``data_dir``, with the database and the role ``chatsphere``; the role may create databases.

    ``extra_options`` are settings of postgresql.conf and win over the defaults. The role's password is kept in ``secrets_file``
    (``data_dir/secrets.json`` when none is given). ``start`` is for callers without a supervisor, such as a test session; the
    supervisor calls ``locate`` and ``make_cluster`` and runs ``command()`` itself.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        secrets_file: Path | None = None,
        extra_options: Mapping[str, str] | None = None,
        runtime: RuntimeFolder | None = None,
    ) -> None:
        self._folder = data_dir.absolute()
        self._cluster = self._folder / "cluster"
        self._secrets_file = secrets_file or self._folder / "secrets.json"
        self._options = {**OPTIONS, "shared_buffers": shared_buffers(total_memory()), **(extra_options or {})}
        self._runtime = runtime or RuntimeFolder(self._folder / "runtime-folder")
        self._owns_runtime = runtime is None
        self._account: Account | None = None
        self._programs = Path()
        self._socket_folder = self._cluster
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """A libpq URL of the database, password included. Valid after ``locate``."""
        host = quote(str(self._socket_folder), safe="/")
        return f"postgresql://{ROLE}:{self._password}@/{DATABASE}?host={host}"

    def locate(self) -> None:
        """Find user, programs, socket and password, without starting anything.

        Raises StackError for files of another version or another user, and when another server runs on them.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_version()
        self._account = account_for(self._cluster)
        if self._owns_runtime:
            self._runtime.remove()
        self._programs = reachable_programs(self._account, self._runtime)
        self._socket_folder = self._runtime.socket_folder(self._cluster, SOCKET_NAME, self._account)
        self._password = self._load_password()
        if self.has_cluster():
            self._clear_stale_lock()
            if self._account:
                hand_over(self._cluster, self._account)

    def has_cluster(self) -> bool:
        """Whether the files of a database are there."""
        return self._cluster.exists()

    def make_cluster(self) -> None:
        """Make the files of the database, synced to disk (about a second). They appear under their name only when complete."""
        fresh = self._folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            hand_over(fresh, self._account)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._must_work(
            self._program("initdb", fresh, "-U", "admin", "--auth=trust", *locale), "make its data directory"
        )
        (fresh / "pg_hba.conf").write_text(ACCESS, encoding="ascii")
        # In single-user mode one line is one statement.
        sql = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self._password}';\n"
            "CREATE EXTENSION vector;\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE};\n"
        )
        single_user = self._program("postgres", fresh, "-c", "exit_on_error=on", "template1", mode=("--single",))
        self._must_work(single_user, "create its database", sql)
        fresh.rename(self._cluster)
        _sync_folder(self._folder)

    def command(self) -> processes.Command:
        """How to run the server in the foreground. A lost parent means a fast shutdown, as on SIGINT."""
        sockets = "." if self._socket_folder == self._cluster else str(self._socket_folder)
        options = self._options | {"unix_socket_directories": sockets}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return self._program("postgres", self._cluster, *settings)

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this process id accepts connections, by its own note in postmaster.pid."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > READY_LINE and lines[0].strip() == str(pid) and lines[READY_LINE].strip() == "ready"

    def start(self, timeout: float = 60.0) -> None:
        """Make what is missing, start and wait until connections are accepted. The log goes to ``data_dir/log.txt``.

        Call it in the main thread: the server then ends with this process, however that ends. Raises StackError with the last lines of
        the log when the server does not come up.
        """
        self.locate()
        if not self.has_cluster():
            self.make_cluster()
        log = self._folder / "log.txt"
        with log.open("wb") as output:
            self._process = processes.start(self.command(), output=output)
        deadline = time.monotonic() + timeout
        while not self.is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StackError(f"PostgreSQL did not start: {_last_line(log)}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, data is synced. Killed after 20 seconds; no error when it is not running."""
        if self._process is not None:
            processes.end(self._process, first=signal.SIGINT, patience=STOP_PATIENCE)
            self._process = None
        if self._owns_runtime:
            self._runtime.remove()

    def _check_version(self) -> None:
        file = self._cluster / "PG_VERSION"
        found = file.read_text(encoding="ascii").strip() if file.exists() else MAJOR_VERSION
        if found != MAJOR_VERSION:
            raise StackError(
                f"{self._cluster} was made by PostgreSQL {found}, this ChatSphere runs PostgreSQL {MAJOR_VERSION}; "
                "restore a backup into a new --data-dir, or set DATABASE_URL to a server of your own."
            )

    def _load_password(self) -> str:
        if self._cluster.exists() and not self._secrets_file.exists():
            raise StackError(
                f"{self._secrets_file} is missing, and with it the password of the database in {self._cluster}; "
                "restore the file from your backup."
            )
        return stored_secrets.load_or_make(self._secrets_file, {PASSWORD: stored_secrets.random_text})[PASSWORD]

    def _clear_stale_lock(self) -> None:
        """After a crash the process id in postmaster.pid may be another program's by now, and PostgreSQL would not start."""
        deadline = time.monotonic() + ORPHANS_PATIENCE
        while (pid := _server_in(self._cluster)) is not None:
            if time.monotonic() > deadline:
                raise StackError(
                    f"Another PostgreSQL (process {pid}) runs on {self._cluster}; stop it or choose another --data-dir."
                )
            time.sleep(0.05)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _program(self, name: str, folder: Path, *arguments: str, mode: tuple[str, ...] = ()) -> processes.Command:
        # PostgreSQL opens its data directory by the path it is given. The unprivileged user may be unable to pass
        # the folders above, but the process already stands in the directory, and this path leads there.
        path = "/proc/self/cwd" if self._account else str(folder)
        argv = (str(self._programs / name), *mode, "-D", path, *arguments)
        environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath), "PGTZ": "UTC"}
        return processes.Command(argv, folder, environment, self._account, signal.SIGINT)

    def _must_work(self, command: processes.Command, purpose: str, stdin: str = "") -> None:
        result = processes.run(command, stdin=stdin.encode())
        if result.returncode != 0:
            lines = result.stdout.decode(errors="replace").strip().splitlines() or ["no message"]
            raise StackError(f"PostgreSQL could not {purpose} in {self._folder}: {lines[-1].strip()}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _server_in(cluster: Path) -> int | None:
    """A process of PostgreSQL that stands in the folder; those of other users have other files."""
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) == cluster.resolve():
                return process.pid
        except (psutil.Error, OSError):
            continue
    return None


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it printed nothing to {log}"
