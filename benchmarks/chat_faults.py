"""What a failing model provider does to an answer: ``python -m benchmarks.chat_faults``; about a minute.

A running platform is asked through its stream while the stub of the provider fails in one way after another. For each fault: what the
client got, what stands in the database afterwards, what was metered, and how long it took.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import psycopg
from psycopg.rows import dict_row

from benchmarks import chat
from chatsphere.core.sse import PING, read_frame, split_frames
from tests.stubs.openai_stub import OpenAIStub, Settings, default_tokens, running_stub

PATIENCE = {
    "MODEL_CONNECT_TIMEOUT": "1",
    "MODEL_FIRST_TOKEN_TIMEOUT": "2",
    "MODEL_IDLE_TIMEOUT": "1",
    "MODEL_TOTAL_TIMEOUT": "10",
}
FAULTS: dict[str, list[str]] = {
    "none": [""],
    "429 once, Retry-After": ["429"],
    "429 for good": ["429"] * 3,
    "500 once": ["500"],
    "500 for good": ["500"] * 3,
    "401": ["401"],
    "connection dropped once": ["drop"],
    "connection dropped for good": ["drop"] * 3,
    "never a header": ["mute"] * 3,
    "headers, then silence": ["stall"] * 3,
    "silence in mid-answer": ["stall_midway"],
    "comments and nothing else in mid-answer": ["comments_midway"],
    "cut in mid-answer": ["cut"],
    "error in mid-answer": ["error_midway"],
    "no event stream": ["garbage"],
    "events that are no JSON": ["wrong_json"],
    "a line of 2 MB": ["huge_line"],
    "bytes in dribs and drabs": ["dribble"],
    "no usage": ["no_usage"],
    "no [DONE]": ["no_done"],
    "negative and absurd usage": ["wrong_usage"],
}
OUTCOME = """
SELECT m.state, m.error_type, length(m.content) AS characters, m.last_event,
       (SELECT count(*) FROM users_usagerecord u WHERE u.message_id = m.id) AS lines,
       (SELECT sum(prompt_tokens + completion_tokens) FROM users_usagerecord u WHERE u.message_id = m.id) AS tokens,
       (SELECT coalesce(sum(reserved), 0) FROM users_quotacounter) AS reserved
FROM conversations_message m WHERE m.id = %s
"""


def main() -> None:
    with ExitStack() as stack:
        stub, url = stack.enter_context(running_stub(Settings(tokens=default_tokens(40), tokens_per_second=400)))
        environment = {
            **stack.enter_context(chat._servers()),
            **PATIENCE,
            "OPENAI_BASE_URL": url,
            "EMBEDDING_MODEL": "hashing:256",
        }
        account = chat._prepare(environment)
        stack.enter_context(chat._web("chatsphere", "chatsphere.config.asgi", 1, environment))
        target = chat._chatsphere("chatsphere", account)
        print(f"{'fault':30}{'what the client got':50}{'stored':>26}{'metered':>22}{'seconds':>9}")
        with psycopg.connect(environment["DATABASE_URL"], autocommit=True, row_factory=dict_row) as database:
            for name, faults in FAULTS.items():
                print(_row(name, _ask(stub, faults, target.request, target.port), database), flush=True)
                _ask(stub, [""], target.request, target.port)  # a good answer between, so that the circuit stays closed


def _ask(stub: OpenAIStub, faults: list[str], request: bytes, port: int) -> tuple[list[tuple[int, str, Any]], float]:
    stub.settings.faults.clear()
    stub.settings.faults.extend(faults)
    began = time.perf_counter()
    return asyncio.run(_events(request, port)), time.perf_counter() - began


async def _events(request: bytes, port: int) -> list[tuple[int, str, Any]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))  # a body without chunks
    answer = await asyncio.wait_for(reader.read(-1), 60)
    writer.close()
    frames = split_frames(answer.partition(b"\r\n\r\n")[2].replace(PING, b""))
    return [read_frame(raw) for raw in frames]


def _row(
    name: str, answered: tuple[list[tuple[int, str, Any]], float], database: psycopg.Connection[Mapping[str, Any]]
) -> str:
    events, seconds = answered
    message = events[0][2]["message_id"]
    found: Any = database.execute(OUTCOME, (message,)).fetchone()
    ids = [number for number, _event, _data in events]
    told = sum(event == "message.delta" for _n, event, _d in events)
    last = events[-1][1] if events[-1][1] != "error" else f"error {events[-1][2]['type']}"
    order = "" if ids == list(range(1, len(ids) + 1)) else " ids with gaps!"
    stored = f"{found['state']} {found['error_type']} {found['characters']} ch."
    metered = f"{found['lines']} line, {found['tokens']} tokens" + (" RESERVED!" if found["reserved"] else "")
    return f"{name:30}{f'{told} pieces, {last}{order}':50}{stored:>26}{metered:>22}{seconds:>9.1f}"


if __name__ == "__main__":
    main()
