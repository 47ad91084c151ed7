"""Loaded by schemathesis: signs in as an owner, and lets paths name what this owner really has, as often as what nobody has."""

from __future__ import annotations

import os
from typing import Any

import httpx2
import schemathesis

PASSWORD = "a-Long-Passphrase-9"
http = httpx2.Client(base_url=os.environ["DRILL_URL"], trust_env=False, timeout=60)


class _Account:
    """One owner at a time: a drill that happens to delete its account goes on as somebody new."""

    email = ""
    ids: dict[str, str]

    def sign_in(self) -> str:
        if self.email:
            answer = http.post("/api/v1/auth/token/", json={"email": self.email, "password": PASSWORD})
            if answer.status_code == 200:
                token: str = answer.json()["access"]
                self._equip(token)
                return token
        self.email = f"{os.urandom(6).hex()}@example.com"
        answer = http.post("/api/v1/auth/register/", json={"email": self.email, "password": PASSWORD})
        answer.raise_for_status()
        token = answer.json()["access"]
        self._equip(token)
        return token

    def _equip(self, token: str) -> None:
        """Fresh things to name, as the drill deletes them."""
        headers = {"Authorization": f"Bearer {token}"}

        def post(path: str, **body: Any) -> dict[str, Any]:
            answer = http.post(f"/api/v1/{path}", json=body, headers=headers)
            made: dict[str, Any] = answer.json() if answer.is_success else {}
            return made

        bot = post("chatbots/", name="Drill").get("id", "")
        ids = {"chatbot_id": bot}
        ids["source_id"] = post(
            f"chatbots/{bot}/sources/", source_type="text", name="Hours", content="We open at nine."
        ).get("id", "")
        talk = post(f"chatbots/{bot}/chat/", message="When do you open?")
        ids["conversation_id"] = talk.get("conversation_id", "")
        ids["message_id"] = talk.get("message", {}).get("id", "")
        ids["test_set_id"] = post(f"chatbots/{bot}/test-sets/", name="Drill").get("id", "")
        ids["endpoint_id"] = post(
            "webhooks/endpoints/", url="https://hooks.example.com/x", events=["source.ready"]
        ).get("id", "")
        ids["key_id"] = post("api-keys/", name="Drill", scopes=["chat"]).get("id", "")
        self.ids = {name: value for name, value in ids.items() if value}


account = _Account()


@schemathesis.auth(refresh_interval=60)
class Owner:
    """A bearer token, renewed before it ends."""

    def get(self, case: Any, context: Any) -> str:
        return account.sign_in()

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Ids that generation makes up become real ones in three of four cases; which ones, the made-up id decides."""
    if not path_parameters or not hasattr(account, "ids"):
        return path_parameters
    real = {
        name: account.ids[name]
        for name, value in path_parameters.items()
        if name in account.ids and sum(str(value).encode()) % 4
    }
    return path_parameters | real
