"""The chat model of ``chatsphere up --local-model``: where it listens, and what the other children are told of it."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chatsphere.embedded.errors import StackError
from chatsphere.services.ai.local_chat_server import find_model
from chatsphere.services.errors import EngineMisconfigured

PROVIDER = "local-model"
HOST = "127.0.0.1"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class LocalChatModel:
    """One model file behind a port of loopback and a key that only this run knows."""

    file: Path
    port: int = field(default_factory=_free_port)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The operator's environment, with this model as the one that answers. Further providers stay."""
        try:
            others = json.loads(environ.get("MODEL_PROVIDERS") or "{}")
        except ValueError:
            others = None
        if not isinstance(others, dict):
            return dict(environ)  # the settings say what is wrong with it
        provider = {"base_url": f"http://{HOST}:{self.port}/v1", "api_key": self.key}
        return {
            **environ,
            "MODEL_PROVIDERS": json.dumps({**others, PROVIDER: provider}),
            "CHAT_MODEL": f"{PROVIDER}:{self.file.stem}",
        }

    def is_ready(self) -> bool:
        """Whether it has loaded its model."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def local_chat_model(file: Path | None) -> LocalChatModel:
    """The model to run. Raises StackError, with what to install, when there is none."""
    try:
        return LocalChatModel(find_model(file))
    except EngineMisconfigured as error:
        raise StackError(str(error)) from error
