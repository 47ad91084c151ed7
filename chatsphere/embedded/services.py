"""The children of the stack and how each is run and ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.processes import Command
from chatsphere.embedded.redis import RedisServer
from chatsphere.embedded.supervisor import SELF, Service

NAMES = (SELF, "postgres", "redis", "embedder", "migrate", "web", "worker", "beat")
QUEUES = "default,ingest"


def postgres(server: PostgresServer) -> Service:
    return Service("postgres", server.command(), stop_rank=4, stop_signal=signal.SIGINT, patience=10)


def redis(server: RedisServer) -> Service:
    return Service("redis", server.command(), stop_rank=3, patience=4)


def embedder(environment: Mapping[str, str], model: str, socket: Path) -> Service:
    command = _python(environment, "chatsphere.services.ai.embedder_server", "--socket", str(socket), "--model", model)
    return Service("embedder", command, stop_rank=2, patience=3)


def migrate(environment: Mapping[str, str]) -> Service:
    return Service("migrate", _python(environment, "chatsphere.embedded.migration"), stop_rank=0, restarts=False)


def web(environment: Mapping[str, str], host: str, port: int, workers: int) -> Service:
    command = _python(
        environment,
        "granian",
        *("--interface", "asginl", "--host", host, "--port", str(port), "--workers", str(workers)),
        *("--no-ws", "--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "6"),
        "chatsphere.config.asgi:application",
    )
    return Service("web", command, stop_rank=0)


def worker(environment: Mapping[str, str]) -> Service:
    # Jobs are durable: what a worker cannot finish in its patience, another one takes over.
    options = ("--queues", QUEUES, "--loglevel", "INFO", "--without-gossip", "--without-mingle")
    return Service("worker", _celery(environment, "worker", *options), stop_rank=1)


def beat(environment: Mapping[str, str]) -> Service:
    return Service("beat", _celery(environment, "beat", "--loglevel", "WARNING"), stop_rank=1)


def _celery(environment: Mapping[str, str], *arguments: str) -> Command:
    return _python(environment, "celery", "--quiet", "-A", "chatsphere.config.celery", *arguments)


def _python(environment: Mapping[str, str], module: str, *arguments: str) -> Command:
    return Command((sys.executable, "-m", module, *arguments), Path.cwd(), environment)
