"""Shows features, or switches one: for everyone, or for one workspace."""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from chatsphere.apps.users import audit
from chatsphere.apps.users.flags import FEATURES
from chatsphere.apps.users.models import Flag, Workspace


class Command(BaseCommand):
    """``manage.py flag``, ``manage.py flag crawling off``, ``manage.py flag crawling off --workspace ID``; ``default`` takes it back."""

    help = __doc__ or ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", choices=sorted(FEATURES))
        parser.add_argument("state", nargs="?", choices=("on", "off", "default"))
        parser.add_argument("--workspace", type=UUID, help="Only there.")

    def handle(self, *args: Any, **options: Any) -> None:
        name, state, workspace_id = options["name"], options["state"], options["workspace"]
        if name and not state:
            raise CommandError("Say on, off or default.")
        if name:
            _switch(name, state, workspace_id)
        for each in FEATURES.values() if not name else [FEATURES[name]]:
            self.stdout.write(f"{each.name}: {_told(each.name)}")


@transaction.atomic
def _switch(name: str, state: str, workspace_id: UUID | None) -> None:
    if workspace_id is None:
        _switch_everyone(name, state)
    elif not FEATURES[name].by_workspace:
        raise CommandError(f"{name} is the same for every workspace.")
    else:
        _switch_workspace(name, state, workspace_id)
    details = {"state": state, "workspace": str(workspace_id or "")}
    audit.record(audit.SYSTEM, "flag.changed", workspace_id=None, object_type="flag", object_id=name, details=details)


def _switch_everyone(name: str, state: str) -> None:
    if state == "default":
        Flag.objects.filter(name=name).delete()
    else:
        Flag.objects.update_or_create(name=name, defaults={"everyone": state == "on"})


def _switch_workspace(name: str, state: str, workspace_id: UUID) -> None:
    if not Workspace.objects.filter(pk=workspace_id).exists():
        raise CommandError(f"There is no workspace {workspace_id}.")
    flag, _is_new = Flag.objects.get_or_create(name=name)
    for those, wanted in ((flag.workspaces, "on"), (flag.not_workspaces, "off")):
        (those.add if state == wanted else those.remove)(workspace_id)


def _told(name: str) -> str:
    flag = Flag.objects.filter(name=name).first()
    if flag is None:
        return f"{_word(FEATURES[name].default)} (default)"
    if flag.everyone is not None:
        return f"{_word(flag.everyone)} for everyone"
    return f"on for {flag.workspaces.count()} workspaces, off for {flag.not_workspaces.count()}, percent {flag.percent}"


def _word(is_on: Any) -> str:
    return "on" if is_on else "off"
