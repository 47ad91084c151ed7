"""The public HTTP API as the command line uses it. Errors become one sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import click
import httpx2

DEFAULT_URL = "http://localhost:8000"
FINAL_STATES = frozenset({"ready", "partial", "failed", "cancelled"})


class Failure(click.ClickException):
    """One sentence on standard error and exit code 1."""


@dataclass(frozen=True, slots=True)
class Event:
    """A frame of a server-sent stream."""

    name: str
    data: Mapping[str, Any]


class ApiClient:
    """Speaks to one ChatSphere as one account or key."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx2.Timeout(60.0, connect=5.0)
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout, trust_env=False)
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._call("POST", path, json=body or {}, headers={"Idempotency-Key": uuid4().hex})

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """Every result of a list, page by page."""
        page = self.get(path, limit=100, **params)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = self._call("GET", page["next"])

    def find_chatbot(self, wanted: str) -> Mapping[str, Any]:
        """The chatbot with this id, slug or name."""
        try:
            found: Mapping[str, Any] = self.get(f"/api/v1/chatbots/{UUID(wanted)}/")
        except ValueError:
            matches = [bot for bot in self.pages("/api/v1/chatbots/") if wanted in (bot["slug"], bot["name"])]
            if not matches:
                raise Failure(f"There is no chatbot named {wanted!r} in this workspace.") from None
            found = matches[0]
        return found

    def upload(self, chatbot_id: str, path: Path, name: str) -> Mapping[str, Any]:
        """One file as a new source named ``name``; waits and tries again when the server asks to slow down."""
        with path.open("rb") as file:
            data = file.read()
        answer = self._call(
            "POST",
            f"/api/v1/chatbots/{chatbot_id}/sources/",
            data={"source_type": "file", "name": name},
            files=[("file", (path.name, data))],
            headers={"Idempotency-Key": uuid4().hex},
        )
        source: Mapping[str, Any] = answer[0] if isinstance(answer, list) else answer
        return source

    def replace(self, source_id: str, path: Path) -> Mapping[str, Any]:
        """Another file in the place of that of a source; else as ``upload``."""
        files = [("file", (path.name, path.read_bytes()))]
        headers = {"Idempotency-Key": uuid4().hex}
        replaced: Mapping[str, Any] = self._call("PATCH", f"/api/v1/sources/{source_id}/", files=files, headers=headers)
        return replaced

    def ask(self, chatbot_id: str, message: str, conversation_id: str | None = None) -> Iterator[Event]:
        """The events of a streamed answer, as they come."""
        body = {"message": message, "stream": True}
        if conversation_id:
            body["conversation_id"] = conversation_id
        try:
            with self._http.stream("POST", f"/api/v1/chatbots/{chatbot_id}/chat/", json=body) as response:
                if response.status_code != 200:
                    response.read()
                    raise _refused(response)
                yield from read_events(response.iter_lines())
        except httpx2.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def _call(self, method: str, path: str, **options: Any) -> Any:
        for _attempt in range(10):
            try:
                response = self._http.request(method, path, **options)
            except httpx2.HTTPError as error:
                raise _unreachable(self.url, error) from error
            if response.status_code != 429:
                break
            time.sleep(min(float(response.headers.get("Retry-After", "1")), 30.0))
        if response.status_code >= 400:
            raise _refused(response)
        return response.json() if response.content else None


def connect(url: str, token: str) -> ApiClient:
    """A client for the options that ``ingest`` and ``ask`` share; says what to do when there is no token."""
    if not token:
        raise Failure("Set CHATSPHERE_TOKEN (or --token) to an API key or access token.")
    return ApiClient(url, token)


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """Frames of ``text/event-stream``, by the WHATWG rules as far as one JSON object a frame needs them."""
    name, data = "message", ""
    for line in lines:
        if line == "":
            if data:
                yield Event(name, json.loads(data))
            name, data = "message", ""
        elif line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data += line.removeprefix("data:").removeprefix(" ")


def _refused(response: httpx2.Response) -> Failure:
    try:
        error = response.json()["error"]
        fields = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.get("fields", {}).items())
        return Failure(f"{error['message']} ({fields})" if fields else error["message"])
    except (ValueError, KeyError, TypeError):
        return Failure(f"The server answered {response.status_code}.")


def _unreachable(url: str, error: httpx2.HTTPError) -> Failure:
    return Failure(
        f"ChatSphere at {url} cannot be reached ({error or type(error).__name__}). Is `chatsphere up` running?"
    )


def server_options(command: Any) -> Any:
    """``--url`` and ``--token``, with their environment variables."""
    url = click.option("--url", envvar="CHATSPHERE_URL", default=DEFAULT_URL, show_default=True, help="The server.")
    token = click.option("--token", envvar="CHATSPHERE_TOKEN", default="", help="API key or access token.")
    return url(token(command))
