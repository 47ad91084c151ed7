"""Django's settings for commands that run beside the servers, not over the API."""

from __future__ import annotations

import os

import click
import django
from django.core.exceptions import ImproperlyConfigured

from chatsphere.config import environment_module
from chatsphere.config.env import ConfigurationError


def choose_environment() -> None:
    """Name the settings for Django; ``CHATSPHERE_ENV`` is ``production`` unless it is set."""
    os.environ.setdefault("CHATSPHERE_ENV", "production")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", environment_module(os.environ))


def load_settings() -> None:
    """Choose them and set Django up. Mistakes of the configuration end the command, all at once."""
    choose_environment()
    try:
        django.setup()
    except (ConfigurationError, ImproperlyConfigured, ModuleNotFoundError) as error:
        raise click.ClickException(str(error)) from error
