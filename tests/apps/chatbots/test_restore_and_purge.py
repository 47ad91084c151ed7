"""Seven days in which an operator can take a deletion back; then it is final."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatsphere.apps.chatbots.actions import (
    create_chatbot,
    create_version,
    delete_chatbot,
    publish_version,
    purge_deleted_chatbots,
    restore_chatbot,
)
from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.apps.training.models import TrainingSource
from chatsphere.core.exceptions import Conflict, NotFound

pytestmark = pytest.mark.django_db


def _delete(chatbot: Chatbot, *, days_ago: float = 0) -> None:
    delete_chatbot(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)
    Chatbot.objects.filter(pk=chatbot.pk).update(deleted_at=timezone.now() - timedelta(days=days_ago))


def test_an_operator_takes_a_deletion_back(alices_chatbot: Chatbot) -> None:
    _delete(alices_chatbot)
    out = StringIO()

    call_command("restore_chatbot", str(alices_chatbot.pk), stdout=out)

    assert out.getvalue() == "Help desk is back as help-desk.\n"
    assert Chatbot.objects.get(pk=alices_chatbot.pk).deleted_at is None


def test_a_slug_that_was_taken_meanwhile_gets_a_number(alices_chatbot: Chatbot) -> None:
    _delete(alices_chatbot)
    create_chatbot(workspace_id=alices_chatbot.workspace_id, name="Help desk")

    assert restore_chatbot(chatbot_id=alices_chatbot.pk).slug == "help-desk-2"


def test_only_what_is_deleted_can_be_restored(alices_chatbot: Chatbot) -> None:
    with pytest.raises(Conflict):
        restore_chatbot(chatbot_id=alices_chatbot.pk)
    with pytest.raises(CommandError, match="is not deleted"):
        call_command("restore_chatbot", str(alices_chatbot.pk))


def test_after_seven_days_everything_below_it_goes_with_it(alices_chatbot: Chatbot) -> None:
    ids = {"workspace_id": alices_chatbot.workspace_id, "chatbot_id": alices_chatbot.pk}
    create_version(**ids)
    publish_version(**ids, number=1)
    TrainingSource.objects.create(**ids, source_type="text", name="source")
    _delete(alices_chatbot, days_ago=7.1)

    assert purge_deleted_chatbots() == 1

    assert not Chatbot.objects.filter(pk=alices_chatbot.pk).exists()
    assert not ChatbotVersion.objects.exists()
    assert not TrainingSource.objects.exists()
    with pytest.raises(NotFound):
        restore_chatbot(chatbot_id=alices_chatbot.pk)


def test_younger_tombstones_and_living_chatbots_stay(alices_chatbot: Chatbot, charlie: Any) -> None:
    create_chatbot(workspace_id=charlie.default_workspace_id, name="alive")
    _delete(alices_chatbot, days_ago=6.9)

    assert purge_deleted_chatbots() == 0
    assert Chatbot.objects.count() == 2
