"""Sources with access tags answer only those visitors whose signed attributes open them, and leak nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chatsphere.apps.conversations.access import visible_tags
from chatsphere.core.principal import Principal, PrincipalKind, VerifiedVisitor
from tests.apps.conversations.test_visitor_tokens import make_key, make_secret, sign
from tests.apps.conversations.world import Caller, ScriptedModel, teach

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "The vault code of the northern office is 4711."
QUESTION = "What is the vault code of the northern office?"


@pytest.fixture
def vault(chatbot: Any) -> Any:
    teach(chatbot, SECRET, title="Vault", access_tags=("team:security",))
    return chatbot


async def _both(chatbot: Any, kind: str, attributes: dict[str, Any] | None, **filters: Any) -> tuple[str, str]:
    """What chat and search let this visitor see, as text."""
    caller = Caller(await sync_to_async(make_key)(chatbot, kind))
    signed = {}
    if attributes is not None:
        secret = await sync_to_async(make_secret)(chatbot)
        signed = {"X-Visitor-Token": sign(secret, chatbot, attributes=attributes)}
    path = f"/api/v1/chatbots/{chatbot.pk}"
    chat = await caller.post(f"{path}/chat/", {"message": QUESTION}, **signed)
    body = {"query": QUESTION, **({"filters": filters} if filters else {})}
    search = await caller.post(f"{path}/search/", body, **signed)
    assert (chat.status_code, search.status_code) == (200, 200), (chat.content, search.content)
    return json.dumps(chat.json()), json.dumps(search.json())


@pytest.mark.parametrize("kind", ["publishable", "secret"])
async def test_the_visitors_signed_attributes_open_a_source(vault: Any, kind: str, model: ScriptedModel) -> None:
    _, search = await _both(vault, kind, {"team": ["sales", "security"]})
    assert "4711" in search
    assert any("4711" in passage.text for passage in model.prompts[-1].passages)


@pytest.mark.parametrize("kind", ["publishable", "secret"])
@pytest.mark.parametrize("attributes", [{}, {"team": "sales"}, {"role": "security"}, {"access_tags": ["security"]}])
async def test_other_attributes_do_not(vault: Any, kind: str, attributes: dict[str, Any], model: ScriptedModel) -> None:
    chat, search = await _both(vault, kind, attributes)
    assert "4711" not in chat + search
    assert "Vault" not in chat + search
    assert not any("4711" in passage.text for prompt in model.prompts for passage in prompt.passages)


async def test_a_page_cannot_ask_for_tags_that_nobody_signed(vault: Any, model: ScriptedModel) -> None:
    for attributes in (None, {"team": "sales"}):
        _, search = await _both(vault, "publishable", attributes, access_tags=["team:security"])
        assert "4711" not in search


async def test_a_visitor_may_ask_for_less(vault: Any, model: ScriptedModel) -> None:
    _, search = await _both(vault, "publishable", {"team": "security"}, access_tags=["team:sales"])
    assert "4711" not in search


def test_tags_come_from_names_and_values() -> None:
    attributes = {"team": ["hr", "it"], "plan": "gold", "access_tags": ["staff"]}
    visitor = VerifiedVisitor(chatbot_id=None, external_id="ada", attributes=attributes)  # type: ignore[arg-type]
    principal = Principal(kind=PrincipalKind.SECRET_KEY, workspace_id=None, visitor=visitor)  # type: ignore[arg-type]
    assert visible_tags(principal) == frozenset({"team:hr", "team:it", "plan:gold", "staff"})
