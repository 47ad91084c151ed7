"""``chatsphere up``: everything that ChatSphere needs, in one terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from chatsphere.config.env import ConfigurationError
from chatsphere.embedded import services
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.lifecycle import Options, run
from chatsphere.embedded.merged_log import MergedLog


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port of the web server.")
@click.option(
    "--data-dir",
    default=Path(".chatsphere"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, uploads and secrets; made when missing.",
)
@click.option(
    "--local-model", is_flag=True, help="Answer with a small chat model on this machine (extra `local-model`)."
)
@click.option(
    "--model-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="GGUF file of the local model; without it the installed one.",
)
def up(host: str, port: int, data_dir: Path, *, local_model: bool, model_file: Path | None) -> None:
    """Start PostgreSQL, Redis, web, workers and beat, and run them until Ctrl-C.

    With DATABASE_URL or REDIS_URL set, those servers are used instead of embedded ones.
    Exit code 0: stopped as asked; 1: it could not start or go on.
    """
    options = Options(host, port, data_dir, local_model=local_model or model_file is not None, model_file=model_file)
    log = MergedLog(sys.stdout, services.NAMES, colour=sys.stdout.isatty())
    try:
        run(options, log, lambda: click.echo(_welcome(options)))
    except (StackError, ConfigurationError) as error:
        raise click.ClickException(str(error)) from error


def _welcome(options: Options) -> str:
    url = options.url
    return f"""
  ChatSphere is ready.

  API            {url}/api/v1/
  Documentation  {url}/api/docs/
  Data           {options.data_dir.absolute()}
  Stop           Ctrl-C

  Make an account:
    curl -X POST {url}/api/v1/auth/register/ -H 'Content-Type: application/json' \\
         -d '{{"email": "you@example.com", "password": "a long password"}}'
"""
