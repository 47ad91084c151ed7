"""Redis is stopped under a running web server: getting in stays limited, public chat keeps a limit, the rest is open and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chatsphere.apps.users.actions import create_key, open_session
from chatsphere.embedded.redis import RedisServer
from tests.apps.conversations.world import make_chatbot
from tests.concurrency.conftest import StartWeb

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stopped_redis_opens_only_what_may_be_open(alice: Any, start_web: StartWeb, tmp_path: Path) -> None:
    chatbot = make_chatbot(alice.default_workspace)
    key = create_key(
        workspace_id=chatbot.workspace_id, created_by=alice.pk, name="page", kind="publishable", scopes=["chat"],
        chatbot_ids=[chatbot.pk],
    )  # fmt: skip
    redis = RedisServer(tmp_path / "redis")
    redis.start()
    try:
        url = start_web(REDIS_URL=redis.url, RATE_LIMITS="default=3/3600,ask=3/3600")
        with httpx2.Client(base_url=url, timeout=60, trust_env=False) as http:
            person = {"Authorization": f"Bearer {open_session(user=alice).access}"}
            page = {"Authorization": f"Bearer {key.secret}"}

            def times(count: int, method: str, path: str, **more: Any) -> Counter[int]:
                return Counter(http.request(method, path, **more).status_code for _number in range(count))

            assert times(4, "GET", "/api/v1/chatbots/", headers=person) == {200: 3, 429: 1}
            redis.stop()

            assert times(8, "GET", "/api/v1/chatbots/", headers=person) == {200: 8}
            chat = f"/api/v1/chatbots/{chatbot.pk}/chat/"
            assert times(6, "POST", chat, headers=page, json={"message": "Where?"}) == {200: 3, 429: 3}
            wrong = {"email": "alice@example.com", "password": "guess"}
            assert times(12, "POST", "/api/v1/auth/token/", json=wrong) == {401: 10, 429: 2}
            reset = times(7, "POST", "/api/v1/auth/password/reset/", json={"email": "alice@example.com"})
            assert reset[429] == 2, reset
    finally:
        redis.stop()
    assert "Redis does not answer" in (tmp_path / "web.log").read_text()
