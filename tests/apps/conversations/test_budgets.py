"""Budgets: reserved before a model is asked, settled to what the answer cost, refused with 402, told of in time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chatsphere.apps.users.actions import create_key
from chatsphere.apps.users.models import AuditEvent, QuotaCounter, QuotaReservation, UsageRecord, Workspace
from chatsphere.apps.webhooks.models import Event
from chatsphere.services.errors import UpstreamUnavailable
from tests.apps.conversations.world import Caller, ScriptedModel, change, rows, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ESTIMATE = 2_800  # micro-units: a prompt of 2,000 tokens and 800 tokens of answer, one micro-unit each


@pytest.fixture(autouse=True)
def _prices(settings: Any) -> None:
    settings.MODEL_PRICES = '{"scripted:test": {"prompt": 1000000, "completion": 1000000}}'
    settings.CHAT_MODEL = "scripted:test"


async def _counters() -> dict[str, tuple[int, int]]:
    found = await rows(QuotaCounter)
    return {
        row.metric.partition(":")[0] + row.metric[5:8] * row.metric.startswith("spent"): (row.used, row.reserved)
        for row in found
        if row.metric.startswith(("budget", "spent"))
    }


async def _workspace(chatbot: Any, **columns: Any) -> None:
    await sync_to_async(Workspace.objects.filter(pk=chatbot.workspace_id).update)(**columns)


async def test_what_an_answer_cost_is_counted_exactly(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    assert (await caller.ask(chatbot)).status_code == 200

    [line] = await rows(UsageRecord)
    assert line.cost_micros > 100
    spent = (line.cost_micros, 0)
    assert await _counters() == {"budget_day": spent, "budget_month": spent, "spent:c:": spent}
    assert not await rows(QuotaReservation)


@pytest.mark.parametrize("column", ["budget_per_day", "budget_per_month"])
async def test_a_workspace_without_budget_left_is_402_before_the_model_is_asked(
    caller: Caller, chatbot: Any, model: ScriptedModel, column: str
) -> None:
    await _workspace(chatbot, **{column: ESTIMATE + 50})
    assert (await caller.ask(chatbot)).status_code == 200

    answer = await caller.ask(chatbot)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (402, "budget_exceeded")
    assert "raise it" in error["message"]
    assert len(model.prompts) == 1
    assert len(await rows(UsageRecord)) == 1
    assert not await rows(QuotaReservation)


async def test_a_chatbot_has_a_budget_of_its_own(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    await change(chatbot, budget_per_day=ESTIMATE - 1)

    answer = await caller.ask(chatbot)

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "budget_exceeded")
    assert await _counters() == {}


async def test_each_visitor_has_a_budget_of_their_own(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    await change(chatbot, visitor_budget_per_day=ESTIMATE + 50)

    async def status(visitor: str) -> int:
        return int((await caller.ask(chatbot, visitor={"external_id": visitor})).status_code)

    assert [await status("v1"), await status("v1"), await status("v2")] == [200, 402, 200]
    assert (await caller.ask(chatbot)).status_code == 200  # a server that names nobody


async def test_visitors_of_a_page_cannot_rename_themselves_out_of_it(
    alice: Any, chatbot: Any, model: ScriptedModel
) -> None:
    await change(chatbot, visitor_budget_per_day=ESTIMATE + 50)
    made = await sync_to_async(create_key)(
        workspace_id=chatbot.workspace_id, created_by=alice.pk, name="page", kind="publishable", scopes=["chat"],
        chatbot_ids=[chatbot.pk],
    )  # fmt: skip
    page = Caller(made.secret)

    statuses = [
        (await page.ask(chatbot, visitor={"external_id": name})).status_code for name in ("anna", "berta", "carla")
    ]

    assert statuses == [200, 402, 402]


async def test_a_failed_answer_costs_nothing(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    model.pieces, model.error = (), UpstreamUnavailable()

    assert (await caller.ask(chatbot)).status_code == 503

    assert set((await _counters()).values()) == {(0, 0)}


async def test_of_many_at_once_as_many_pass_as_the_estimates_fit(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    await _workspace(chatbot, budget_per_day=4 * ESTIMATE)
    model.gate = asyncio.Semaphore(0)
    asked = [asyncio.create_task(caller.ask(chatbot)) for _number in range(12)]
    await wait_until(lambda: sum(task.done() for task in asked) == 8, seconds=20)
    model.release(100)

    outcomes = Counter([(await task).status_code for task in asked])

    assert outcomes == {200: 4, 402: 8}
    total = sum(line.cost_micros for line in await rows(UsageRecord))
    assert (await _counters())["budget_day"] == (total, 0)


async def test_a_budget_that_runs_low_is_told_once(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    await _workspace(chatbot, budget_per_day=round(ESTIMATE * 2.2))
    [await caller.ask(chatbot) for _number in range(2)]
    await _workspace(chatbot, budget_per_day=ESTIMATE + 250)

    await caller.ask(chatbot)
    await caller.ask(chatbot)

    events = await rows(Event, type="quota.exceeded")
    assert [each.payload["metric"] for each in events] == ["budget_day"]


async def test_a_model_without_a_price_counts_no_money(
    caller: Caller, chatbot: Any, model: ScriptedModel, settings: Any
) -> None:
    settings.MODEL_PRICES = "{}"
    await _workspace(chatbot, budget_per_day=0)

    assert (await caller.ask(chatbot)).status_code == 200


def test_admins_set_budgets_and_it_is_written_down(alice: Any, bob: Any, chatbot: Any, client_of: Any) -> None:
    workspace, url = f"/api/v1/workspaces/{chatbot.workspace_id}/", f"/api/v1/chatbots/{chatbot.pk}/"
    mine = {"budget_per_day": 5_000_000, "visitor_budget_per_day": 200_000}

    assert client_of(bob).patch(workspace, {"budget_per_day": 1}, format="json").status_code == 403
    assert client_of(bob).patch(url, mine, format="json").status_code == 403
    assert client_of(bob).patch(url, {"name": "Other"}, format="json").status_code == 200
    answer = client_of(alice).patch(workspace, {"budget_per_day": 7, "budget_per_month": 90}, format="json")
    assert (answer.json()["budget_per_day"], answer.json()["budget_per_month"]) == (7, 90)
    answer = client_of(alice).patch(url, mine, format="json")
    assert {name: answer.json()[name] for name in mine} == mine
    assert client_of(alice).patch(url, {"budget_per_day": -1}, format="json").status_code == 422

    quotas = client_of(alice).get(f"{workspace}usage/").json()["quotas"]
    assert [(each["metric"], each["limit"]) for each in quotas[-2:]] == [("budget_day", 7), ("budget_month", 90)]
    events = AuditEvent.objects.filter(action__in=["workspace.changed", "chatbot.changed"]).order_by("id")
    assert [event.details["fields"] for event in events][1:] == [["budget_per_day", "budget_per_month"], sorted(mine)]


def test_a_key_sets_no_budget(alice: Any, chatbot: Any, api_client: Any) -> None:
    made = create_key(
        workspace_id=chatbot.workspace_id, created_by=alice.pk, name="k", scopes=["chatbots:write", "chatbots:read"]
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {made.secret}")

    answer = api_client.patch(f"/api/v1/chatbots/{chatbot.pk}/", {"budget_per_day": 1}, format="json")

    assert answer.status_code == 403
