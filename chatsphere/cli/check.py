"""``chatsphere check``: would it start and work with this configuration?"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
from django.conf import settings

from chatsphere.cli.settings import OF_RUNNING, load_settings


@click.command()
@click.option("--offline", is_flag=True, help="Look at the settings only; talk to no server.")
@OF_RUNNING
def check(data_dir: Path | None, *, offline: bool) -> None:
    """Check the configuration in the environment, then every server it names.

    Exit code 0: everything is well; 1: something is not, and each line that begins with FAIL says what to do.
    CHATSPHERE_ENV is `production` unless it is set.
    """
    load_settings(data_dir)
    click.echo(f"ok    settings: {os.environ['CHATSPHERE_ENV']}, reached at {settings.PUBLIC_URL}")
    if offline:
        return
    probes = import_module("chatsphere.cli.probes")  # it needs the settings
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # the findings say it better
    outcomes: dict[str, bool] = {}
    for name, probe in probes.PROBES.items():
        if outcomes.get(probes.NEEDS.get(name, ""), True):
            outcomes[name] = _is_well(name, probe, probes.Finding)
    raise SystemExit(0 if all(outcomes.values()) else 1)


def _is_well(name: str, probe: Callable[[], str], finding: type[Exception]) -> bool:
    try:
        click.echo(f"ok    {name}: {probe()}")
    except finding as found:
        click.echo(f"FAIL  {name}: {found}")
        return False
    return True
