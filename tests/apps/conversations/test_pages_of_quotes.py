"""A citation names the page of its quote, not that on which the passage begins."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chatsphere.apps.conversations.models import Citation
from chatsphere.apps.conversations.pages_of_quotes import with_pages
from chatsphere.apps.training.models import DocumentVersion, Placement
from tests.apps.conversations.world import Caller, ScriptedModel, teach

LONG = "Bicycles are left in the yard. Umbrellas are left in stand K-9 at the door. Coats are left in the hall."


@pytest.fixture(autouse=True)
def a_model_reads(settings: Any) -> None:
    settings.CHAT_MODEL = "scripted:test"


@pytest.mark.django_db(transaction=True)
async def test_a_quote_has_the_page_on_which_it_stands(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    document = await sync_to_async(teach)(chatbot, LONG, title="House rules")
    starts = [0, 0, LONG.index("Umbrellas"), LONG.index("Coats")]  # the first page is blank
    await DocumentVersion.objects.filter(document=document).aupdate(page_starts=starts)
    await Placement.objects.filter(document_version__document=document).aupdate(page=2)
    model.pieces = ("Umbrellas are left in stand K-9 at the door ", "[1].")
    answer = (await caller.ask(chatbot, "Where are umbrellas left, in which stand?")).json()["message"]
    [citation] = answer["citations"]
    assert (citation["quote"], citation["page"]) == ("Umbrellas are left in stand K-9 at the door", 3)
    assert (await Citation.objects.aget(message_id=answer["id"])).page == 3


async def test_passages_without_pages_ask_nothing() -> None:
    assert await with_pages([], None) == ()  # type: ignore[arg-type]  # no database in this test
