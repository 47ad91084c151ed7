"""What ChatSphere adds to a model: ``python -m benchmarks.chat [--users 1,10,50] [--processes 1]``.

A stub of an OpenAI-compatible provider needs 50 ms to the first token and then says 100 tokens at 100 tokens a second; embeddings come from
the same stub at once. Everything beyond that is ours: HTTP, account, limits, quota, embedding, search, citations, storage. A bare Django
relay of the same stub runs in the same minutes as the floor. All of it shares this machine, the load generator too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from benchmarks import chat_load
from benchmarks.chat_load import Load, Target
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer

FIRST_TOKEN_MS = 50.0
PORTS = {"stub": 9311, "chatsphere": 9312, "floor": 9313}
QUESTION = "Where does the red heron of shelf 17 keep its spare chargers?"


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        environment = stack.enter_context(_servers())
        stack.enter_context(
            _process([sys.executable, "-m", "tests.stubs.openai_stub", "--port", str(PORTS["stub"])], environment)
        )
        account = _prepare(environment)
        rows = []
        for name, application in (("floor", "benchmarks.chat_floor"), ("chatsphere", "chatsphere.config.asgi")):
            with _web(name, application, options.processes, environment) as pid:
                target = _floor() if name == "floor" else _chatsphere(account)
                asyncio.run(chat_load.run(target, users=2, answers=3))
                rows += [_measure(name, target, pid, users, options.answers) for users in options.users]
        print(_table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Added latency of a streamed answer.")
    parser.add_argument("--users", default="1,10,50", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--processes", type=int, default=1, help="web processes")
    parser.add_argument("--answers", type=int, default=0, help="answers a user; 0 chooses by the number of users")
    return parser.parse_args()


# --- what runs -----------------------------------------------------------------------------------------------------


@contextmanager
def _servers() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chatsphere-bench-")))
        postgres, redis = PostgresServer(folder / "postgres"), RedisServer(folder / "redis")
        for server in (postgres, redis):
            stack.callback(server.stop)
            server.start()
        yield {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.development",
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "CHATSPHERE_DATA_DIR": str(folder / "data"),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{PORTS['stub']}/v1",
            "OPENAI_API_KEY": "stub",
            "CHAT_MODEL": "openai:stub",
            "EMBEDDING_MODEL": "openai:text-embedding-3-small",
            "RATE_LIMITS_ENABLED": "false",
            "LOG_LEVEL": "WARNING",
        }


def _prepare(environment: Mapping[str, str]) -> dict[str, str]:
    """A migrated database with an account and a chatbot that knows 400 chunks; its key and id."""
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.chat_account"],
        env=dict(environment),
        check=True,
        capture_output=True,
        text=True,
    )
    account: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return account


@contextmanager
def _process(command: list[str], environment: Mapping[str, str]) -> Iterator[int]:
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _web(name: str, application: str, processes: int, environment: Mapping[str, str]) -> Iterator[int]:
    port = PORTS[name]
    command = [
        str(Path(sys.executable).with_name("granian")), "--interface", "asgi" if name == "chatsphere" else "asginl", "--port", str(port), "--workers", str(processes),
        "--no-ws", "--log-level", "warning", f"{application}:application",
    ]  # fmt: skip
    with _process(command, environment) as pid:
        _wait_for(port)
        yield pid


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except OSError as error:
            if getattr(error, "code", None):  # it answers, though not with 200
                return
            time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")


def _chatsphere(account: Mapping[str, str]) -> Target:
    body = json.dumps({"message": QUESTION, "stream": True})
    request = _post(PORTS["chatsphere"], f"/api/v1/chatbots/{account['chatbot']}/chat/", body, account["key"])
    return Target(PORTS["chatsphere"], request, b"event: message.delta", b"event: message.completed")


def _floor() -> Target:
    return Target(PORTS["floor"], _post(PORTS["floor"], "/chat", "{}", "none"), b'"content":"The"', b"[DONE]")


def _post(port: int, path: str, body: str, key: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


# --- what is measured ----------------------------------------------------------------------------------------------


def _measure(name: str, target: Target, pid: int, users: int, answers: int) -> dict[str, Any]:
    each = answers or {1: 12, 10: 5}.get(users, 4)
    before = _cpu(pid)
    load = asyncio.run(chat_load.run(target, users=users, answers=each))
    used = _cpu(pid) - before
    return {
        "name": name,
        "users": users,
        **_figures(load),
        "cpu_ms": used / len(load.samples) * 1000,
        "pss_mb": _memory(pid),
    }


def _figures(load: Load) -> dict[str, float]:
    added = sorted(sample.first_token * 1000 - FIRST_TOKEN_MS for sample in load.samples if sample.is_good) or [
        float("nan")
    ]
    return {
        "p50": statistics.median(added),
        "p95": _percentile(added, 95),
        "p99": _percentile(added, 99),
        "answers_per_second": len(load.samples) / load.seconds,
        "worst_gap_ms": max((sample.worst_gap for sample in load.samples), default=0.0) * 1000,
        "errors": load.errors,
    }


def _percentile(ordered: list[float], share: int) -> float:
    return ordered[min(len(ordered) - 1, round(len(ordered) * share / 100))]


def _cpu(pid: int) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _tree(pid))


def _memory(pid: int) -> float:
    return sum(process.memory_full_info().pss for process in _tree(pid)) / 1e6


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "Added time to the first token, ms | answers/s | CPU ms an answer | worst gap between tokens, ms | memory of the web processes, MB",
        f"{'':12}{'users':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'answ/s':>9}{'CPU':>8}{'gap':>8}{'MB':>7}{'errors':>8}",
    ]
    return "\n".join([*lines, *map(_line, rows)])


def _line(row: dict[str, Any]) -> str:
    figures = "".join(f"{row[name]:>9.1f}" for name in ("p50", "p95", "p99", "answers_per_second"))
    others = f"{row['cpu_ms']:>8.1f}{row['worst_gap_ms']:>8.0f}{row['pss_mb']:>7.0f}{row['errors']:>8}"
    return f"{row['name']:12}{row['users']:>6}{figures}{others}"


if __name__ == "__main__":
    main()
