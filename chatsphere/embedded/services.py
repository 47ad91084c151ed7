"""The children of the stack and how each is run and ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from chatsphere.embedded import application
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.local_chat_model import LocalChatModel
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.processes import Command
from chatsphere.embedded.redis import RedisServer
from chatsphere.embedded.supervisor import SELF, Service
from chatsphere.services.ai import local_chat_server

NAMES = (
    SELF,
    "postgres",
    "redis",
    "embedder",
    "chat-model",
    "initdb",
    "migrate",
    "web",
    "worker",
    "worker-default",
    "beat",
)


def postgres(server: PostgresServer) -> Service:
    return Service("postgres", server.command(), stop_rank=4, stop_signal=signal.SIGINT, patience=10)


def redis(server: RedisServer) -> Service:
    return Service("redis", server.command(), stop_rank=3, patience=4)


def embedder(environment: Mapping[str, str], model: str, socket: Path) -> Service:
    command = _python(environment, "chatsphere.services.ai.embedder_server", "--socket", str(socket), "--model", model)
    return Service("embedder", command, stop_rank=2, patience=3)


def chat_model(environment: Mapping[str, str], model: LocalChatModel) -> Service:
    arguments = ("--port", str(model.port), "--model", str(model.file))
    own = {**environment, local_chat_server.KEY: model.key}
    return Service("chat-model", _python(own, local_chat_server.__name__, *arguments), stop_rank=2, patience=3)


def make_cluster(server: PostgresServer) -> Service:
    return Service("initdb", lambda: _reported(server.make_cluster), stop_rank=0, restarts=False)


def migrate() -> Service:
    return Service("migrate", application.migrate, stop_rank=0, restarts=False)


def web(host: str, port: int, workers: int) -> Service:
    return Service(
        "web", partial(application.serve_web, host, port, workers), stop_rank=0, patience=application.web_patience() + 2
    )


def worker() -> Service:
    # Jobs are durable: what a worker cannot finish in its patience, another one takes over.
    return Service("worker", partial(application.work, "ingest"), stop_rank=1)


def worker_default() -> Service:
    # Webhooks, mails and sweeps wait for no training: they have a small process of their own. It has two threads, because a turn
    # of webhooks takes up to 20 s when receivers are slow.
    work = partial(application.work, "default", pool="threads", concurrency=2)
    return Service("worker-default", work, stop_rank=1)


def beat() -> Service:
    return Service("beat", application.beat, stop_rank=1)


def _reported(step: Callable[[], None]) -> int:
    try:
        step()
    except StackError as error:
        print(error)
        return 1
    return 0


def _python(environment: Mapping[str, str], module: str, *arguments: str) -> Command:
    return Command((sys.executable, "-m", module, *arguments), Path.cwd(), environment)
