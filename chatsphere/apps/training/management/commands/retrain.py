"""``manage.py retrain``: bring chatbots over to what their configuration and this installation's settings say."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.estimate import Estimate, estimate
from chatsphere.apps.training.retraining import start_retraining
from chatsphere.core.exceptions import Conflict
from chatsphere.services.errors import EngineMisconfigured


class Command(BaseCommand):
    help = "Retrain the chatbots that are trained in another way than their configuration says, as after a change of EMBEDDING_MODEL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chatbots", nargs="*", metavar="ID", help="Only these chatbots; all by default.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what it would do and cost.")

    def handle(self, *_: Any, chatbots: list[str], dry_run: bool, **_options: Any) -> None:
        wanted = Chatbot.objects.alive().exclude(embedding_model="").order_by("pk")
        for chatbot in wanted.filter(pk__in=chatbots) if chatbots else wanted:
            self._look_at(chatbot, dry_run=dry_run)

    def _look_at(self, chatbot: Chatbot, *, dry_run: bool) -> None:
        try:
            plan = estimate(chatbot)
            if plan.is_needed:
                self.stdout.write(f"{chatbot.pk}  {chatbot.name}: {_sentence(plan)}")
                if not dry_run:
                    start_retraining(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)
        except (Conflict, EngineMisconfigured) as error:
            self.stderr.write(f"{chatbot.pk}  {chatbot.name}: {error}")


def _sentence(plan: Estimate) -> str:
    cost = f"{plan.cost_micros / 1_000_000:.2f} {plan.currency}"
    if plan.only_tells_words:
        return f"{plan.model} reads what the words mean of {plan.untold} chunks, at no cost"
    return f"{plan.current_model} → {plan.model}, {plan.documents} documents, {plan.chunks} chunks, {plan.tokens} tokens, {cost}"
