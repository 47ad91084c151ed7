"""The example of docs/visitor-tokens.md signs tokens that are accepted."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.chatbots.identity import create_secret
from chatsphere.apps.users.actions import create_key
from chatsphere.apps.users.credentials import authenticate

GUIDE = Path(__file__).parents[2] / "docs" / "visitor-tokens.md"


@pytest.mark.django_db
def test_the_example_of_the_guide_works(alice: Any) -> None:
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    example: dict[str, Any] = {}
    exec(compile(code, str(GUIDE), "exec"), example)
    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Help")
    ids: dict[str, Any] = {"workspace_id": chatbot.workspace_id, "created_by": None}
    secret = create_secret(**ids, chatbot_id=chatbot.pk, overlap=timedelta(0)).secret
    key = create_key(**ids, name="page", kind="publishable", scopes=["chat"], chatbot_ids=[chatbot.pk]).secret

    token = example["visitor_token"](secret, str(chatbot.pk), "ada")
    principal = authenticate(f"Bearer {key}", visitor_token=token)

    assert principal is not None
    assert principal.visitor is not None
    assert (principal.visitor.external_id, principal.visitor.attributes) == ("ada", {"team": ["sales", "support"]})
