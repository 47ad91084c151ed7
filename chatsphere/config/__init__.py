"""Project configuration: settings, URLs, ASGI, Celery."""

from __future__ import annotations

import os
from collections.abc import Mapping


def environment_module(environ: Mapping[str, str]) -> str:
    """The settings module that ``CHATSPHERE_ENV`` names; development when it names none."""
    return f"chatsphere.config.settings.{environ.get('CHATSPHERE_ENV') or 'development'}"


def choose_settings() -> None:
    """Point Django at its settings unless somebody already did."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", environment_module(os.environ))
