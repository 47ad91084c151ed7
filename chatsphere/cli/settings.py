"""Django's settings for commands that run beside the servers, not over the API."""

from __future__ import annotations

import os
from pathlib import Path

import click
import django
from django.core.exceptions import ImproperlyConfigured

from chatsphere.config import environment_module
from chatsphere.config.env import ConfigurationError
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.running import environment_of


def choose_environment() -> None:
    """Name the settings for Django; ``CHATSPHERE_ENV`` is ``production`` unless it is set."""
    os.environ.setdefault("CHATSPHERE_ENV", "production")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", environment_module(os.environ))


OF_RUNNING = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Of a `chatsphere up` that runs: its servers and secrets are used. Without it, the environment says all.",
)


def load_settings(data_dir: Path | None = None) -> None:
    """Choose them and set Django up; ``data_dir`` is that of a running ``chatsphere up``. Mistakes of the configuration end the command, all at once."""
    if data_dir is not None:
        try:
            os.environ.update(environment_of(data_dir))
        except StackError as error:
            raise click.ClickException(str(error)) from error
    choose_environment()
    try:
        django.setup()
    except (ConfigurationError, ImproperlyConfigured, ModuleNotFoundError) as error:
        raise click.ClickException(str(error)) from error
