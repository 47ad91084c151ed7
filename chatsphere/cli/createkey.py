"""``chatsphere createkey``: the secrets that production asks for."""

from __future__ import annotations

import click

from chatsphere.embedded.children_environment import SECRETS
from chatsphere.embedded.stored_secrets import random_fernet_key


@click.command()
@click.option("--env", "as_environment", is_flag=True, help="Print all secrets as lines for a .env file instead.")
def createkey(*, as_environment: bool) -> None:
    """Print a new random key for ENCRYPTION_KEYS.

    To change keys: put the new one before the old one, restart, run `manage.py rotate_encryption`, then take the old one away.
    """
    lines = [f"{name}={make()}" for name, make in SECRETS.items()] if as_environment else [random_fernet_key()]
    click.echo("\n".join(lines))
