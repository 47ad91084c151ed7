"""`manage.py restore_chatbot ID`: takes the deletion of a chatbot back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatsphere.apps.chatbots.actions import restore_chatbot
from chatsphere.core.exceptions import ApiError


class Command(BaseCommand):
    help = "Restore a chatbot that was deleted less than seven days ago."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chatbot_id", type=UUID)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chatbot = restore_chatbot(chatbot_id=options["chatbot_id"])
        except ApiError as error:
            raise CommandError(str(error.message)) from error
        self.stdout.write(f"{chatbot.name} is back as {chatbot.slug}.")
