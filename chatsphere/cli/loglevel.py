"""``chatsphere loglevel``: what the logs tell, changed while everything runs."""

from __future__ import annotations

import re
import time
from importlib import import_module
from pathlib import Path

import click
from redis import RedisError

from chatsphere.cli.settings import OF_RUNNING, load_settings

UNITS = {"s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in new versions only
    """``90s``, ``15m`` or ``2h``, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,5})([smh])", str(value))
        if found is None:
            self.fail("Write it as 90s, 15m or 2h.", param, ctx)
        return int(found[1]) * UNITS[found[2]]


@click.command()
@click.argument("level", required=False, type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False))
@click.option("--logger", default="chatsphere", show_default=True, help="Part of the log, such as chatsphere.training.")
@click.option("--for", "seconds", default="15m", show_default=True, type=Duration(), help="Until it ends by itself.")
@click.option("--reset", is_flag=True, help="Back to LOG_LEVEL at once.")
@OF_RUNNING
def loglevel(level: str | None, logger: str, seconds: int, data_dir: Path | None, *, reset: bool) -> None:
    """Change what all processes log, without a restart; without LEVEL, show what is changed.

    It reaches every process within five seconds and ends by itself. Run it where the platform's settings are set, or
    name the data directory of a running `chatsphere up`.
    """
    load_settings(data_dir)
    levels = import_module("chatsphere.core.log_levels")  # it needs the settings
    if seconds > levels.LONGEST_SECONDS:
        raise click.UsageError("At most 24h; set LOG_LEVEL for longer.")
    try:
        if reset:
            levels.withdraw()
        elif level:
            levels.wish(logger, level.upper(), seconds=seconds)
        wishes = levels.wishes_now()
    except RedisError as error:
        raise click.ClickException(f"REDIS_URL does not answer: {error}") from error
    for name, (wished, until) in wishes.items():
        click.echo(f"{name}: {wished} for another {max(0, round(until - time.time()))} s")
    if not wishes:
        click.echo("Nothing is changed; LOG_LEVEL holds.")
