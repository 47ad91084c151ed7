"""Several at once: slugs, quota and version numbers are given out once each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from chatsphere.apps.chatbots.actions import create_chatbot, create_version, update_chatbot
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.users.models import Plan
from chatsphere.core.exceptions import QuotaExceeded

pytestmark = pytest.mark.django_db(transaction=True)


def _all_at_once(times: int, act: Callable[[], Any]) -> list[Any]:
    def run(_: int) -> Any:
        try:
            return act()
        except QuotaExceeded as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


def test_equal_names_get_different_slugs(alice: Any) -> None:
    Plan.objects.update(chatbots=None)
    workspace_id = alice.default_workspace_id

    made = _all_at_once(6, lambda: create_chatbot(workspace_id=workspace_id, name="Desk"))

    assert sorted(chatbot.slug for chatbot in made) == ["desk", *(f"desk-{number}" for number in range(2, 7))]


def test_the_last_places_of_a_quota_are_given_once(alice: Any) -> None:
    Plan.objects.update(chatbots=2)
    workspace_id = alice.default_workspace_id

    made = _all_at_once(6, lambda: create_chatbot(workspace_id=workspace_id, name="Desk"))

    assert sum(isinstance(each, Chatbot) for each in made) == 2
    assert sum(isinstance(each, QuotaExceeded) for each in made) == 4


def test_changes_of_the_slug_and_of_other_things_do_not_wait_for_each_other(alices_chatbot: Chatbot) -> None:
    ids = {"workspace_id": alices_chatbot.workspace_id, "chatbot_id": alices_chatbot.pk}
    texts = iter(range(160))

    def change() -> Any:
        number = next(texts)
        changes = {"slug": f"desk-{number}"} if number % 2 else {"name": f"Desk {number}"}
        return update_chatbot(**ids, changes=changes)

    assert len(_all_at_once(8, lambda: [change() for _ in range(20)])) == 8


def test_version_numbers_have_no_gap_and_no_double(alices_chatbot: Chatbot) -> None:
    ids = {"workspace_id": alices_chatbot.workspace_id, "chatbot_id": alices_chatbot.pk}

    made = _all_at_once(6, lambda: create_version(**ids))

    assert sorted(version.number for version in made) == [1, 2, 3, 4, 5, 6]
