"""The ``chatsphere`` command. Each command lives in its own module, named in one table and imported when it is used."""

from __future__ import annotations

from importlib import import_module

import click

import chatsphere

COMMANDS = {
    "up": "chatsphere.cli.up:up",
    "demo": "chatsphere.cli.demo:demo",
    "ingest": "chatsphere.cli.ingest:ingest",
    "ask": "chatsphere.cli.ask:ask",
    "evaluate": "chatsphere.cli.evaluate:evaluate",
    "check": "chatsphere.cli.check:check",
    "backup": "chatsphere.cli.backup:backup",
    "verify": "chatsphere.cli.backup:verify",
    "restore": "chatsphere.cli.backup:restore",
    "loglevel": "chatsphere.cli.loglevel:loglevel",
    "createkey": "chatsphere.cli.createkey:createkey",
    "migrate": "chatsphere.cli.server:migrate",
    "web": "chatsphere.cli.server:web",
    "worker": "chatsphere.cli.server:worker",
    "beat": "chatsphere.cli.server:beat",
    "embedder": "chatsphere.cli.server:embedder",
}


class CommandTable(click.Group):
    """Finds a command in ``COMMANDS`` and imports only that one, so that each starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is no click command")
        return command


@click.group(cls=CommandTable)
@click.version_option(chatsphere.__version__, prog_name="chatsphere")
def main() -> None:
    """Build chatbots trained on your own content."""
