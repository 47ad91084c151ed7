"""The log: one JSON line a message with the ids of what it is about, one line a request, levels that change while everything runs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from io import StringIO
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.cli import main
from chatsphere.core import context, log_levels, logs, process, request_record, task_context
from chatsphere.core.async_database import close_pool, pool
from chatsphere.core.middleware.request_log import RequestLog
from chatsphere.core.redis_clients import sync_client
from chatsphere.core.request_record import template

WORKSPACE = UUID("0198c0ff-ee01-7000-8000-000000000000")


class Written:
    """A logger's lines as they would be written."""

    def __init__(self, *, is_json: bool = True) -> None:
        self.stream = StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logs.SafeFormatter(is_json=is_json, known=["a-secret-of-the-settings"]))

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    yield from _attached(Written())


@pytest.fixture
def written_for_people() -> Iterator[Written]:
    yield from _attached(Written(is_json=False))


def _attached(log: Written) -> Iterator[Written]:
    ours = logging.getLogger("chatsphere")
    ours.addHandler(log.handler)
    before, ours.level = ours.level, logging.DEBUG
    ours.manager._clear_cache()  # type: ignore[attr-defined]
    yield log
    ours.removeHandler(log.handler)
    ours.setLevel(before)


def test_a_line_has_the_ids_of_what_it_is_about(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "role", "worker-ingest")
    with context.bound(request="request-1", workspace_id=WORKSPACE, run_id="", message_id=None):
        logging.getLogger("chatsphere.training").warning("It took %d s", 3, extra={"data": {"pages": 7}})

    (line,) = written.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "chatsphere.training",
        "event": "It took 3 s",
        "process": "worker-ingest",
        "request_id": "request-1",
        "workspace_id": str(WORKSPACE),
        "pages": 7,
    }


def test_ids_end_with_their_block() -> None:
    with context.bound(request="outer", workspace_id=WORKSPACE):
        with context.bound(request="", run_id="r"):
            assert context.known() == {"workspace_id": str(WORKSPACE), "run_id": "r"}
        assert context.known() == {"request_id": "outer", "workspace_id": str(WORKSPACE)}


def test_secrets_in_messages_exceptions_and_fields_are_hidden(written: Written) -> None:
    try:
        raise ValueError("Authorization: Bearer s3cr3t-s3cr3t")
    except ValueError:
        logging.getLogger("chatsphere.x").exception("password=%s", "s3cr3t-2", extra={"data": {"token": "s3cr3t-3"}})
    logging.getLogger("chatsphere.x").info("a-secret-of-the-settings")

    assert "s3cr3t" not in written.text
    assert "a-secret" not in written.text
    assert "ValueError" in written.lines[0]["exception"]


PIECES = (
    "Authorization: ",
    "Bearer ",
    "password",
    "token",
    "=",
    ": ",
    '"',
    "'",
    "\\",
    " ",
    ",",
    "}",
    "s3cr3t-s3cr3t",
    "redis://:",
    "@x/",
)


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_a_line_stays_json_whatever_it_tells(pieces: list[str]) -> None:
    text = "".join(pieces)
    record = logging.LogRecord("chatsphere.x", logging.INFO, "", 0, text, None, None)
    record.data = {"headers": {"authorization": text}, "nested": json.dumps({"authorization": text})}
    line = json.loads(logs.SafeFormatter(is_json=True).format(record))
    assert {"event", "headers", "nested", "level"} <= line.keys()


def test_people_get_text(written_for_people: Written) -> None:
    with context.bound(request="request-1"):
        logging.getLogger("chatsphere.x").warning("It took long", extra={"data": {"ms": 3}})

    assert "It took long" in written_for_people.text
    assert "request_id=request-1" in written_for_people.text
    assert "ms=3" in written_for_people.text
    assert "\x1b" not in written_for_people.text


def test_setting_up_twice_writes_once() -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    try:
        for _ in range(2):
            logs.configure({"level": "WARNING", "format": "json"})
        ours = [each for each in root.handlers if isinstance(each.formatter, logs.SafeFormatter)]
        assert len(ours) == 1
        assert logging.getLogger("httpx2").level == logging.WARNING
    finally:
        root.handlers, root.level = before[0], before[1]


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "shown"),
    [
        ("api/v1/chatbots/<uuid:chatbot_id>/chat/", "/api/v1/chatbots/{chatbot_id}/chat/"),
        ("healthz", "/healthz"),
        ("", "/"),
        (r"^static/(?P<path>.+)$", "/static/{path}"),
        ("admin/users/user/<path:object_id>/change/", "/admin/users/user/{object_id}/change/"),
    ],
)
def test_a_route_is_told_as_a_template(route: str, shown: str) -> None:
    assert template(route) == shown


async def ask(application: Any, path: str, *, query: bytes = b"", headers: dict[str, str] | None = None) -> list[Any]:
    given = [
        (name.lower().encode(), value.encode()) for name, value in ({"host": "localhost"} | (headers or {})).items()
    ]
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query, "headers": given,
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []
    came = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in came:
            return message
        await asyncio.sleep(60)
        return None

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent


@pytest.mark.django_db(transaction=True)
def test_a_request_is_one_line_without_query_body_or_token(written: Written, alice: Any) -> None:
    from chatsphere.apps.chatbots.actions import create_chatbot
    from chatsphere.apps.users.actions import open_session
    from chatsphere.config.asgi import application

    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Anna")
    token = open_session(user=alice).access

    async def run() -> list[Any]:
        try:
            return await ask(
                application,
                f"/api/v1/chatbots/{chatbot.pk}/",
                query=b"fields=name&secret-question=1",
                headers={"Authorization": f"Bearer {token}", "X-Request-Id": "my-request-1"},
            )
        finally:
            await close_pool()

    sent = asyncio.run(run())

    (line,) = [line for line in written.lines if line["logger"] == "chatsphere.requests"]
    body = b"".join(message.get("body", b"") for message in sent)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/chatbots/{chatbot_id}/", 200)
    assert line["bytes"] == len(body) > 0
    assert line["ms"] > 0
    assert (line["principal"], line["principal_id"]) == ("person", alice.pk.hex)
    assert line["request_id"] == "my-request-1"
    assert (line["workspace_id"], line["chatbot_id"]) == (str(alice.default_workspace_id), str(chatbot.pk))
    assert "secret-question" not in written.text
    assert token not in written.text
    assert "Anna" not in written.text


async def test_an_answer_that_was_given_before_anybody_looked_at_the_path_has_its_route(written: Written) -> None:
    async def from_a_cache(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for path in ("/api/v1/chatbots/0198c0ff-ee01-7000-8000-000000000000/", "/no/such/path"):
        await ask(RequestLog(from_a_cache), path)

    assert [line["route"] for line in written.lines] == ["/api/v1/chatbots/{chatbot_id}/", request_record.UNMATCHED]


async def test_probes_are_quiet_as_long_as_they_answer_well(written: Written) -> None:
    from chatsphere.config.asgi import application

    await ask(application, "/healthz")
    await ask(application, "/no/such/path")

    levels = {line["route"]: line["level"] for line in written.lines}
    assert levels == {"/healthz": "debug", request_record.UNMATCHED: "info"}


async def test_a_stream_that_breaks_off_is_told_with_its_first_piece(written: Written) -> None:
    async def streaming(_scope: Any, _receive: Any, send: Any) -> None:
        request_record.note_stream()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.02)
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ask(RequestLog(streaming), "/x")

    (line,) = written.lines
    assert line["bytes"] == 15
    assert line["is_complete"] is False
    assert line["first_ms"] < line["ms"]


async def test_one_request_knows_nothing_of_another(written: Written) -> None:
    async def view(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/first":
            context.bind(workspace_id=WORKSPACE)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for path in ("/first", "/second"):
        await ask(RequestLog(view), path)

    assert [line.get("workspace_id") for line in written.lines] == [str(WORKSPACE), None]


# --- workers -------------------------------------------------------------------------------------------------------


def test_a_hint_takes_the_ids_along(written: Written) -> None:
    headers: dict[str, Any] = {}
    with context.bound(request="request-1", workspace_id=WORKSPACE, task="another"):
        task_context._add_ids(headers=headers)
    task = SimpleNamespace(name="chatsphere.apps.training.tasks.run_training", request=SimpleNamespace(**headers))

    task_context._enter(task_id="t", task=task)
    logging.getLogger("chatsphere.training").warning("at work")
    task_context._leave(task_id="t", task=task, state="SUCCESS")

    at_work, ended = written.lines
    assert (at_work["request_id"], at_work["workspace_id"]) == ("request-1", str(WORKSPACE))
    assert at_work["task"] == "run_training"
    assert ended["level"] == "debug"
    assert "task" not in context.known()


# --- slow statements -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_slow_statement_is_told_without_its_parameters(written: Written, settings: Any) -> None:
    settings.SLOW_QUERY_MS = 20
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.05),  %s", ["a-parameter"])
        cursor.execute("SELECT 1")

    (line,) = written.lines
    assert line["sql"] == "SELECT pg_sleep(0.05), %s"
    assert line["ms"] >= 50
    assert "a-parameter" not in written.text


@pytest.mark.django_db(transaction=True)
async def test_so_is_one_of_the_hot_path(written: Written, settings: Any) -> None:
    settings.SLOW_QUERY_MS = 20
    try:
        async with (await pool()).connection() as own:
            await own.execute("SELECT pg_sleep(0.05), %s::text", ["a-parameter"])
        settings.SLOW_QUERY_MS = 0
        async with (await pool()).connection() as own:
            await own.execute("SELECT pg_sleep(0.05)")
    finally:
        await close_pool()

    (line,) = written.lines
    assert line["sql"].startswith("SELECT pg_sleep(0.05)")
    assert "a-parameter" not in written.text


# --- levels --------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_wishes() -> Iterator[None]:
    sync_client().delete(log_levels.KEY)
    yield
    sync_client().delete(log_levels.KEY)
    log_levels.apply({})


@pytest.mark.usefixtures("no_wishes")
def test_an_operator_changes_a_level_while_everything_runs() -> None:
    name = "chatsphere.training"
    before = logging.getLogger(name).getEffectiveLevel()

    said = CliRunner().invoke(main, ["loglevel", "debug", "--logger", name, "--for", "10m"])
    log_levels.follow()

    assert said.exit_code == 0, said.output
    assert f"{name}: DEBUG for another" in said.output
    assert logging.getLogger(name).getEffectiveLevel() == logging.DEBUG

    assert "Nothing is changed" in CliRunner().invoke(main, ["loglevel", "--reset"]).output
    log_levels.follow()
    assert logging.getLogger(name).getEffectiveLevel() == before


@pytest.mark.usefixtures("no_wishes")
def test_a_wish_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    log_levels.wish("chatsphere.x", "DEBUG", seconds=60)
    log_levels.follow()
    assert logging.getLogger("chatsphere.x").level == logging.DEBUG

    real = log_levels.time.time
    monkeypatch.setattr(log_levels.time, "time", lambda: real() + 61)
    log_levels.follow()
    assert logging.getLogger("chatsphere.x").level == logging.NOTSET


@pytest.mark.parametrize(
    "wrong", [["loglevel", "LOUD"], ["loglevel", "DEBUG", "--for", "3"], ["loglevel", "DEBUG", "--for", "25h"]]
)
def test_a_wish_that_cannot_be_is_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(main, wrong).exit_code == 2
