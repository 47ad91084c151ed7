"""``chatsphere backup``, ``verify`` and ``restore``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
from django.conf import settings

from chatsphere.backups.errors import BackupError
from chatsphere.cli.settings import OF_RUNNING, load_settings
from chatsphere.embedded.database_alone import database_alone
from chatsphere.embedded.errors import StackError

T = TypeVar("T")
A_FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    default=0,
    type=click.IntRange(0),
    help="With a folder: how many of the newest backups stay in it; 0 keeps all.",
)
@OF_RUNNING
def backup(target: Path, keep: int, data_dir: Path | None) -> None:
    """Write the database and all uploaded files to TARGET: a folder, a file that does not exist yet, or - for standard output.

    It is consistent, needs no pause, and is encrypted when BACKUP_KEY is set (`chatsphere createkey` makes one).
    Keep ENCRYPTION_KEYS and BACKUP_KEY apart from it: without them a backup cannot be read, with them beside it anybody can.
    """
    actions = _actions(data_dir)
    if target.is_dir():
        click.echo(_told(lambda: actions.back_up_to_folder(target, key=settings.BACKUP_KEY, keep=keep)))
        return
    manifest = _told(lambda: _to_file(actions, target))
    click.echo(
        f"{sum(manifest.rows.values())} rows of {len(manifest.rows)} tables, {len(manifest.files)} files.", err=True
    )
    for name in manifest.missing:
        click.echo(f"missing in the storage: {name}", err=True)


@click.command()
@A_FILE
@OF_RUNNING
def verify(file: Path, data_dir: Path | None) -> None:
    """Restore FILE into a scratch database, compare it with its manifest, and drop it again. Exit code 0: it can be restored."""
    actions = _actions(data_dir)
    proof = _told(lambda: actions.verify(file, key=settings.BACKUP_KEY))
    click.echo(f"Of {proof.made_at}: {proof.rows} rows of {proof.tables} tables and {proof.files} files are all there.")
    click.echo(f"{proof.questions} questions found their sources in it.")


@click.command()
@A_FILE
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="A new data directory for `chatsphere up`, with the secrets.json of the old one in it.",
)
def restore(file: Path, data_dir: Path | None) -> None:
    """Bring FILE back into the empty database of DATABASE_URL and its files into the storage, or into a new data directory.

    Stop web and workers before; start them again when it has ended.
    """
    try:
        with nullcontext() if data_dir is None else database_alone(data_dir) as given:
            os.environ.update(given or {})
            actions = _actions()
            proof = _told(lambda: actions.restore(file, key=settings.BACKUP_KEY))
    except StackError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Restored {proof.rows} rows of {proof.tables} tables and {proof.files} files of {proof.made_at}.")


def _to_file(actions: Any, target: Path) -> Any:
    is_stream = str(target) == "-"
    descriptor = -1 if is_stream else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with nullcontext(sys.stdout.buffer) if is_stream else os.fdopen(descriptor, "wb") as out:
        return actions.back_up(out, key=settings.BACKUP_KEY)


def _actions(data_dir: Path | None = None) -> Any:
    load_settings(data_dir)
    return import_module("chatsphere.backups.actions")  # it needs the settings


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'The target'} cannot be written: {error.strerror}.") from error
