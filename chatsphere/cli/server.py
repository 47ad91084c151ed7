"""One process of the platform each, for machines where something else supervises them: containers, systemd, Kubernetes.

They read the environment, need servers of their own (``DATABASE_URL``, ``REDIS_URL``) and are strict by default: ``CHATSPHERE_ENV`` is
``production`` unless it is set.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from django.conf import settings

from chatsphere.cli.settings import choose_environment
from chatsphere.config.env import ConfigurationError
from chatsphere.embedded import application
from chatsphere.embedded.errors import StackError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
def web(host: str, port: int) -> None:
    """Serve the API with WEB_CONCURRENCY processes until SIGTERM."""
    _load()
    raise SystemExit(application.serve_web(host, port, settings.WEB_CONCURRENCY))


@click.command()
@click.argument("queue", type=click.Choice(["ingest", "default"]))
@click.option(
    "--metrics-port",
    default=0,
    help="Serve /metrics here, where no web process of the same METRICS_DIR does; 0: nowhere.",
)
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of that port; 0.0.0.0 for all.")
def worker(queue: str, metrics_port: int, metrics_host: str) -> None:
    """Work on a queue until SIGTERM: `ingest` trains, `default` does everything else.

    Both are needed. Every host may run as many of them as it likes. It begins when the database has this version's schema.
    """
    _load()
    application.wait_for_schema()
    if metrics_port:
        application.serve_metrics(metrics_host, metrics_port)
    options = {"pool": "threads", "concurrency": 2} if queue == "default" else {}
    raise SystemExit(application.work(queue, **options))


@click.command()
def beat() -> None:
    """Start the periodic work when it is due. One is needed; a second does no harm. It begins when the database has this version's schema."""
    _load()
    application.wait_for_schema()
    raise SystemExit(application.beat())


@click.command()
@click.option(
    "--phase",
    default="all",
    type=click.Choice(["before", "all"]),
    help="`before` leaves out what must wait until the old version runs nowhere any more.",
)
def migrate(phase: str) -> None:
    """Bring the database to this version's schema. Several at once take turns.

    While the version before still serves: `--phase before`, then restart everything, then once more without it.
    """
    _load()
    raise SystemExit(application.migrate(phase))


@click.command()
@click.option(
    "--socket", required=True, type=click.Path(path_type=Path), help="The EMBEDDER_SOCKET of web and workers."
)
def embedder(socket: Path) -> None:
    """Serve the local embedding model to all processes of this machine, over a Unix socket."""
    _load()
    argv = [
        sys.executable,
        "-m",
        "chatsphere.services.ai.embedder_server",
        "--socket",
        str(socket),
        "--model",
        settings.EMBEDDING_MODEL,
    ]
    os.execv(sys.executable, argv)  # noqa: S606 - our own module


def _load() -> None:
    choose_environment()
    try:
        application.load(os.environ)
    except (ConfigurationError, StackError) as error:
        raise click.ClickException(str(error)) from error
