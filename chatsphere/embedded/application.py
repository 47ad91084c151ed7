"""Django and Celery, loaded once in the supervisor; web, workers and beat are forked from it and share the memory."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from chatsphere.core import process
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.processes import after_fork_in_child

# What the children import first anyway: loaded before the fork it costs its time and memory once.
MODULES = (
    "chatsphere.config.asgi",
    "chatsphere.embedded.migration",
    "granian.server",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "kombu.transport.redis",
)
STORE_SECONDS = 5  # in which answers that did not finish in WEB_GRACE_SECONDS are closed and stored
BACKLOG = 4_096  # connections that wait to be taken in
MOST_CONNECTIONS = 10_000  # open at once in one web process; an idle stream costs about 50 KB
HEADERS_MS = 15_000  # in which a request's headers must have come in; bodies have a pace of their own (core.middleware.body_limit)
MOST_FILES = 65_536
# The server tells its own lines through the platform's log.
GRANIAN_LOGS = {"loggers": {"_granian": {"handlers": [], "propagate": True}}, "handlers": {}, "formatters": {}}
M_ARENA_MAX = -8
ARENAS = 2


def load(environment: Mapping[str, str]) -> None:
    """Take over ``environment`` and load everything (two to four seconds of one core).

    Raises StackError when that starts threads: a process with threads must not be forked.
    """
    os.environ.update(environment)
    # Worker pools of BLAS would be such threads; vectors here are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _limit_arenas()
    gc.disable()  # while everything that is made stays
    for module in MODULES:
        import_module(module)
    _load_urls_and_tasks()
    import_module("chatsphere.core.metric_files").forget_all()
    _refuse_threads()
    gc.freeze()
    gc.enable()


def settings_without_secrets() -> set[str]:
    """Names of the settings that hold no secret, and of those that name a file with one; call it once everything is loaded."""
    variables = import_module("chatsphere.config.settings.base").env.variables
    shown = {name for name, variable in variables.items() if not variable.is_secret}
    return shown | {f"{name}_FILE" for name in variables}


def migrate(phase: str = "all") -> int:
    """Apply the migrations of ``phase`` (``before`` or ``all``); exit code."""
    return int(import_module("chatsphere.embedded.migration").main(phase))


def wait_for_schema() -> None:
    """Return when the database has the schema of this version; however long that takes."""
    import_module("chatsphere.embedded.migration").wait_until_applied()


def local_models_in_use() -> list[str]:
    """Local embedding models that stored knowledge needs; call it once the database is migrated."""
    return list(import_module("chatsphere.embedded.models_in_use").local_models())


def serve_web(host: str, port: int, workers: int) -> int:
    """Serve until SIGTERM."""
    process.become("web")
    _take_role("web", import_module("django.conf").settings.STATEMENT_TIMEOUT_MS)
    server = import_module("granian.server")
    constants = import_module("granian.constants")
    _allow_many_files()
    serving = server.Server(
        "chatsphere.config.asgi:application",
        address=host,
        port=port,
        interface=constants.Interfaces.ASGI,
        workers=workers,
        backlog=BACKLOG,
        backpressure=MOST_CONNECTIONS,
        http1_settings=import_module("granian.http").HTTP1Settings(header_read_timeout=HEADERS_MS),
        websockets=False,
        log_level=import_module("granian.log").LogLevels.warning,
        log_dictconfig=GRANIAN_LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=import_module("django.conf").settings.WEB_GRACE_SECONDS + STORE_SECONDS,
    )
    with tempfile.TemporaryDirectory(prefix="chatsphere-web-") as folder:
        mark = os.path.join(folder, "draining")
        os.environ[import_module("chatsphere.core.health").DRAIN_MARK] = mark
        serving.signal_handler_interrupt = _Drain(serving.signal_handler_interrupt, mark)
        serving.serve()
    return 0


def web_patience() -> int:
    """Seconds that a web server may take from the signal that stops it to its end."""
    settings = import_module("django.conf").settings
    return int(settings.WEB_DRAIN_SECONDS + settings.WEB_GRACE_SECONDS + STORE_SECONDS)


class _Drain:
    """At the first signal ``/readyz`` says that this server is about to stop; it stops some seconds later, or at the second signal."""

    def __init__(self, stop: Callable[[], None], mark: str) -> None:
        self._stop, self._mark = stop, mark
        self._seconds = import_module("django.conf").settings.WEB_DRAIN_SECONDS

    def __call__(self, *_: object) -> None:
        if not self._seconds or os.path.exists(self._mark):
            return self._stop()
        with open(self._mark, "xb"):
            pass
        timer = threading.Timer(self._seconds, self._stop)
        timer.daemon = True
        timer.start()
        return None


def _allow_many_files() -> None:
    """Each open stream is a file, and each answer in the making another: take as many as the machine grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def work(queue: str, **options: Any) -> int:
    """Run a Celery worker until SIGTERM; ``options`` are Celery's, such as ``pool`` and ``concurrency``.

    Its node is called like its queue: two workers of one name on one machine would take each other's control messages.
    """
    process.become(f"worker-{queue}")
    _take_role(f"worker {queue}", import_module("django.conf").settings.WORKER_STATEMENT_TIMEOUT_MS)
    # Celery warns of root because it could unpickle; ChatSphere's tasks are JSON only.
    warnings.simplefilter("ignore", import_module("celery.exceptions").SecurityWarning)
    # Celery's command line is left out: it loads an interactive shell.
    worker = _celery().Worker(
        queues=queue,
        hostname=f"{queue}@{socket.gethostname()}",
        loglevel="INFO",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        no_color=True,
        **options,
    )
    worker.start()
    return int(worker.exitcode or 0)


def serve_metrics(host: str, port: int) -> None:
    """Serve ``/metrics`` from a fork that ends with this process: a parent that forks its workers must have no threads."""
    parent = os.getpid()
    if os.fork() == 0:
        after_fork_in_child(parent, "metrics")
        process.become("metrics")
        _answer_metrics(host, port)


def _answer_metrics(host: str, port: int) -> None:
    code = 1
    try:
        import_module("chatsphere.core.metrics_server").serve(host, port)
    except OSError as error:
        print(f"--metrics-port {port}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


def beat() -> int:
    """Run Celery's beat until SIGTERM."""
    process.become("beat")
    _celery().Beat(loglevel="WARNING", quiet=True, no_color=True).run()
    return 0


def _take_role(name: str, statement_timeout_ms: int) -> None:
    """PostgreSQL shows the role of each connection (``application_name``) and cancels its statements by the role's limit."""
    for entry in import_module("django.db").connections.databases.values():
        options = entry["OPTIONS"]
        options["application_name"] = f"chatsphere {name}"
        if "options" in options:
            options["options"] = f"{options['options']} -c statement_timeout={statement_timeout_ms}"


def _celery() -> Any:
    return import_module("chatsphere.config.celery").app


def _load_urls_and_tasks() -> None:
    _ = import_module("django.urls").get_resolver().url_patterns
    app = _celery()
    app.loader.import_default_modules()
    app.finalize()


def _limit_arenas() -> None:
    """MALLOC_ARENA_MAX is read when a program starts; this does the same for the running one, where the C library is glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if sys.platform == "linux" and mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def _refuse_threads() -> None:
    folder = "/proc/self/task"
    if os.path.isdir(folder) and len(os.listdir(folder)) > 1:
        raise StackError("A library started threads while it was loaded; this is a mistake in ChatSphere.")
