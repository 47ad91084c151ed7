"""Features that operators switch while everything runs."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chatsphere.apps.users import flags
from chatsphere.apps.users.flags import CRAWLING, FEATURES, REGISTRATION, RERANKING
from chatsphere.apps.users.models import AuditEvent, Flag

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "flags.md"
GOOD = {"email": "dora@example.com", "password": "quite-long-and-odd-7"}


def switch(*arguments: str) -> str:
    said = StringIO()
    call_command("flag", *arguments, stdout=said)
    flags.forget()
    return said.getvalue()


def test_the_page_lists_every_feature_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (on|off) \| (yes|no) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    words = {True: ("on", "yes"), False: ("off", "no")}
    assert rows == [
        (each.name, words[each.default][0], words[each.by_workspace][1], each.help) for each in FEATURES.values()
    ]


def test_questions_within_two_seconds_cost_one_query(alice: Any) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for _ in range(50):
            assert CRAWLING.is_on(alice.default_workspace_id)
    assert len(queries) == 1


def test_everyone_overrides_workspaces_and_default_takes_it_back(alice: Any, charlie: Any) -> None:
    hers, his = alice.default_workspace_id, charlie.default_workspace_id
    switch("crawling", "off", "--workspace", str(hers))
    assert (CRAWLING.is_on(hers), CRAWLING.is_on(his)) == (False, True)
    switch("crawling", "on")
    assert CRAWLING.is_on(hers)
    assert "on (default)" in switch("crawling", "default")
    switch("crawling", "on", "--workspace", str(hers))
    assert (CRAWLING.is_on(hers), CRAWLING.is_on(his)) == (True, False), "who is named has it, the others wait"
    assert AuditEvent.objects.filter(action="flag.changed").count() == 4


def test_a_percentage_is_the_same_workspaces_each_time_and_about_as_many_as_it_says() -> None:
    Flag.objects.create(name="reranking", percent="25.0")
    those = [uuid4() for _ in range(2_000)]
    on = {each for each in those if RERANKING.is_on(each)}
    assert 400 < len(on) < 600
    assert on == {each for each in those if RERANKING.is_on(each)}


def test_with_registration_off_strangers_stay_outside_and_invited_people_come_in(
    api_client: Any, alice: Any, client_of: Any
) -> None:
    switch("registration", "off")
    answer = api_client.post("/api/v1/auth/register/", GOOD)
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "registration_closed"
    invited = client_of(alice).post(
        f"/api/v1/workspaces/{alice.default_workspace_id}/invitations/", {"email": "Dora@example.com", "role": "viewer"}
    )
    assert invited.status_code == 201, invited.content
    assert api_client.post("/api/v1/auth/register/", GOOD).status_code == 201


def test_registration_is_not_a_matter_of_workspaces(alice: Any) -> None:
    with pytest.raises(CommandError, match="same for every workspace"):
        switch("registration", "off", "--workspace", str(alice.default_workspace_id))
    assert REGISTRATION.is_on()


def test_operators_switch_a_feature_for_some_workspaces_in_the_admin(alice: Any, client: Any) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client.force_login(alice)
    form = {
        "name": "crawling",
        "everyone": "unknown",
        "not_workspaces": [str(alice.default_workspace_id)],
        "note": "slow site",
    }
    answer = client.post(reverse("admin:users_flag_add"), form)
    assert answer.status_code == 302, answer.content.decode()
    flags.forget()
    assert not CRAWLING.is_on(alice.default_workspace_id)
    event = AuditEvent.objects.get(action="flag.changed")
    assert event.details["not_workspaces"] == [str(alice.default_workspace_id)]
    made_up = client.post(reverse("admin:users_flag_add"), {"name": "made-up", "everyone": "true"})
    assert made_up.status_code == 200, "the form comes back with its mistake"
    assert not Flag.objects.filter(name="made-up").exists()


@pytest.mark.django_db(transaction=True)
async def test_async_code_reads_the_same_flags_and_lives_with_a_database_away(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asgiref.sync import sync_to_async

    workspace = alice.default_workspace_id
    assert await RERANKING.is_on_async(workspace)
    await sync_to_async(switch)("reranking", "off", "--workspace", str(workspace))
    assert not await RERANKING.is_on_async(workspace)

    def away() -> Any:
        raise flags.DATABASE_AWAY[0]("away")

    monkeypatch.setattr(flags, "autocommit", away)
    flags.forget()
    assert not await RERANKING.is_on_async(workspace), "what was known last holds"
