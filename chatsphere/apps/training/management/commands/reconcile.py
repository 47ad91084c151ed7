"""``manage.py reconcile``: is anything left over or missing in what chatbots know?"""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from chatsphere.apps.training.files import remove_orphans
from chatsphere.apps.training.reconcile import reconcile


class Command(BaseCommand):
    help = "Checks that no chunk, vector or version is left over or missing. Exit code 1 when something is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--chatbot", type=UUID, help="Only this one.")
        parser.add_argument(
            "--repair", action="store_true", help="Put right what is wrong; also removes orphan uploads."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = reconcile(chatbot_id=options["chatbot"], repair=options["repair"])
        for name, count in asdict(findings).items():
            self.stdout.write(f"{name.replace('_', ' ')}: {count}")
        if options["repair"]:
            self.stdout.write(f"orphan uploads removed: {remove_orphans()}")
        elif not findings.is_clean:
            raise CommandError("Something is wrong. Run it again with --repair.")
