"""What ChatSphere adds to a model: ``python -m benchmarks.chat [--users 1,10,50,200,1000] [--idle 5000] [--quick]``; ten minutes.

A stub of an OpenAI-compatible provider needs 50 ms to the first token and then says 100 tokens at 100 tokens a second; embeddings come from
the same stub at once. Everything beyond that is ours: HTTP, account, limits, quota, embedding, search, citations, storage. In the same
minutes, with the same two web processes and the same load generator, run the stub alone (so that it can be seen not to be the limit), a bare
Django relay (the floor), a hand-written FastAPI and LlamaIndex application, and ChatSphere with its local embedding model. All of it
shares this machine, the load generator too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from benchmarks import chat_load
from benchmarks.chat_account import BIRDS, CHUNKS, COLORS, texts
from benchmarks.chat_load import Load, Target
from benchmarks.chat_peers import python_of_peers
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer

FIRST_TOKEN_MS = 50.0
PORTS = {
    "stub": 9311,
    "chatsphere": 9312,
    "floor": 9313,
    "llamaindex": 9314,
    "local": 9315,
    "idle": 9316,
    "quiet": 9317,
}
QUESTION = "Where does the red heron of shelf 17 keep its spare chargers?"
LOCAL_MODEL = "local:all-minilm-l6-v2-int8"
HERE = Path(__file__).resolve().parents[1]
IDLE_RUNS = 50  # answers in the making that the idle readers follow
Options = argparse.Namespace


def main() -> None:
    options = _options()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with ExitStack() as stack:
        environment = stack.enter_context(_servers())
        stack.enter_context(_stub("stub", environment))
        account = _prepare(environment)
        print(HEAD, flush=True)
        _bench("stub", _stub_target(), options.users, options, None)
        with _web("floor", "benchmarks.chat_floor", options.processes, environment) as pid:
            _bench("floor", _floor(), options.users, options, pid)
        with _web("chatsphere", "chatsphere.config.asgi", options.processes, environment) as pid:
            _bench("chatsphere", _chatsphere("chatsphere", account), options.users, options, pid)
        if not options.quick:
            _beside(options, environment)
        if options.idle:
            _idle(options, environment, account)


def _beside(options: Options, environment: Mapping[str, str]) -> None:
    """The hand-written application, and ChatSphere with its local model."""
    python = python_of_peers()
    if python is not None:
        with _llamaindex(python, options.processes, environment) as pid:
            _bench(
                "llamaindex",
                _post_target("llamaindex", "/chat", b'"delta": "The"', b"[DONE]"),
                options.users,
                options,
                pid,
            )
    with _embedder(environment) as socket:
        local = {**environment, "EMBEDDING_MODEL": LOCAL_MODEL, "EMBEDDER_SOCKET": socket}
        second = _prepare(local)
        with _web("local", "chatsphere.config.asgi", options.processes, local) as pid:
            _bench("local model", _chatsphere("local", second), options.users, options, pid)


def _options() -> Options:
    parser = argparse.ArgumentParser(description="Added latency of a streamed answer.")
    parser.add_argument(
        "--users", default="1,10,50,200,1000", type=lambda text: [int(part) for part in text.split(",")]
    )
    parser.add_argument("--processes", type=int, default=2, help="web processes")
    parser.add_argument("--answers", type=int, default=0, help="answers a user; 0 chooses by the number of users")
    parser.add_argument("--idle", type=int, default=5_000, help="idle resumable streams; 0 leaves them out")
    parser.add_argument("--quick", action="store_true", help="without the other application and the local model")
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
        (folder / "texts.json").write_text(json.dumps(texts()), encoding="utf-8")
        yield {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.development",
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "CHATSPHERE_DATA_DIR": str(folder / "data"),
            "OPENAI_BASE_URL": _base_url("stub"),
            "OPENAI_API_KEY": "stub",
            "CHAT_MODEL": "openai:stub",
            "EMBEDDING_MODEL": "openai:text-embedding-3-small",
            "RATE_LIMITS_ENABLED": "false",
            "LOG_LEVEL": "ERROR",
            "BENCH_TEXTS": str(folder / "texts.json"),
            "BENCH_SOCKET": str(folder / "embedder.sock"),
        }


def _base_url(name: str) -> str:
    return f"http://127.0.0.1:{PORTS[name]}/v1"


def _stub(name: str, environment: Mapping[str, str], *more: str) -> Any:
    return _process([sys.executable, "-m", "tests.stubs.openai_stub", "--port", str(PORTS[name]), *more], environment)


def _prepare(environment: Mapping[str, str]) -> dict[str, str]:
    """A migrated database with an account and a chatbot that knows 400 chunks; its key and id."""
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.chat_account"],
        env=dict(environment),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    account: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return account


@contextmanager
def _process(command: list[str], environment: Mapping[str, str]) -> Iterator[int]:
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL, cwd=HERE)
    try:
        yield process.pid
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        for (
            child
        ) in children:  # on a busy machine one may be left over: it would go on answering at the port of the next
            with suppress(psutil.NoSuchProcess):
                child.kill()


@contextmanager
def _web(name: str, application: str, processes: int, environment: Mapping[str, str]) -> Iterator[int]:
    interface = "asginl" if name == "floor" else "asgi"
    command = [
        str(Path(sys.executable).with_name("granian")), "--interface", interface, "--port", str(PORTS[name]), "--workers", str(processes),
        "--backlog", "4096", "--backpressure", "10000", "--no-ws", "--log-level", "warning", f"{application}:application",
    ]  # fmt: skip
    with _process(command, environment) as pid:
        _wait_for(PORTS[name])
        yield pid


@contextmanager
def _llamaindex(python: Path, processes: int, environment: Mapping[str, str]) -> Iterator[int]:
    command = [
        str(python), "-m", "uvicorn", "benchmarks.chat_llamaindex:application", "--port", str(PORTS["llamaindex"]), "--workers",
        str(processes), "--log-level", "error", "--no-access-log",
    ]  # fmt: skip
    with _process(command, environment) as pid:
        _wait_for(PORTS["llamaindex"])
        yield pid


@contextmanager
def _embedder(environment: Mapping[str, str]) -> Iterator[str]:
    socket = environment["BENCH_SOCKET"]
    module = "chatsphere.services.ai.embedder_server"
    command = [sys.executable, "-m", module, "--socket", socket, "--model", LOCAL_MODEL]
    with _process(command, environment):
        for _ in range(600):
            if Path(socket).exists():
                yield socket
                return
            time.sleep(0.1)
        raise SystemExit("the embedder did not come up")


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except OSError as error:
            if getattr(error, "code", None):  # it answers, though not with 200
                return
            time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")


# --- what is asked -------------------------------------------------------------------------------------------------


def _chatsphere(name: str, account: Mapping[str, str]) -> Target:
    path = f"/api/v1/chatbots/{account['chatbot']}/chat/"
    return _post_target(name, path, b"event: message.delta", b"event: message.completed", key=account["key"])


def _floor() -> Target:
    return _post_target("floor", "/chat", b'"content":"The"', b"[DONE]")


def _stub_target() -> Target:
    body = {"model": "stub", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    return _post_target("stub", "/v1/chat/completions", b'"content":"The"', b"[DONE]", body=body)


def _post_target(name: str, path: str, first: bytes, last: bytes, *, key: str = "none", body: Any = None) -> Target:
    text = json.dumps(body or {"message": QUESTION, "stream": True})

    def make(number: int) -> bytes:
        return _post(PORTS[name], path, text.replace(QUESTION, _question(number)), key)

    return Target(PORTS[name], make, first, last)


def _question(number: int) -> str:
    """Each asks something else, as people do: an answer found in a memory of questions would say nothing about the others."""
    bird, color = BIRDS[number % len(BIRDS)], COLORS[number // len(BIRDS) % len(COLORS)]
    return QUESTION.replace("red", color).replace("heron", bird).replace("17", str(number * 7 % CHUNKS))


def _post(port: int, path: str, body: str, key: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


# --- what is measured ----------------------------------------------------------------------------------------------


def _bench(name: str, target: Target, users: list[int], options: Options, pid: int | None) -> None:
    """Warm up, then one printed line for each number of users."""
    asyncio.run(chat_load.run(target, users=8, answers=3))
    for count in users:
        print(_line(_measure(name, target, pid, count, options.answers)), flush=True)


def _measure(name: str, target: Target, pid: int | None, users: int, answers: int) -> dict[str, Any]:
    each = answers or {1: 12, 10: 5, 50: 4, 200: 3}.get(users, 1)
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


def _cpu(pid: int | None) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _tree(pid))


def _memory(pid: int | None) -> float:
    return sum(process.memory_full_info().pss for process in _tree(pid)) / 1e6


def _tree(pid: int | None) -> list[psutil.Process]:
    if pid is None:
        return []
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


HEAD = (
    "Added time to the first token, ms | answers a second | CPU ms an answer | worst gap in an answer, ms | memory of the web processes, MB\n"
    f"{'':12}{'users':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'answ/s':>9}{'CPU':>8}{'gap':>8}{'MB':>7}{'errors':>8}"
)


def _line(row: dict[str, Any]) -> str:
    figures = "".join(f"{row[name]:>9.1f}" for name in ("p50", "p95", "p99", "answers_per_second"))
    others = f"{row['cpu_ms']:>8.1f}{row['worst_gap_ms']:>8.0f}{row['pss_mb']:>7.0f}{row['errors']:>8}"
    return f"{row['name']:12}{row['users']:>6}{figures}{others}"


# --- idle streams --------------------------------------------------------------------------------------------------


def _idle(options: Options, environment: Mapping[str, str], account: Mapping[str, str]) -> None:
    """Answers that never go on, and many readers who came back to them: what a waiting reader costs."""
    patient = {
        **environment,
        "OPENAI_BASE_URL": _base_url("quiet"),
        "MODEL_IDLE_TIMEOUT": "600",
        "MODEL_TOTAL_TIMEOUT": "900",
    }
    faults = ["--fault=", "--fault=stall_midway"] * (2 * IDLE_RUNS)  # of each question's embedding and answer
    with (
        _stub("quiet", environment, *faults),
        _web("idle", "chatsphere.config.asgi", options.processes, patient) as pid,
    ):
        print(asyncio.run(_readers(options.idle, _chatsphere("idle", account), account["key"], lambda: _memory(pid))))


async def _readers(count: int, target: Target, key: str, memory: Callable[[], float]) -> str:
    held = [await chat_load.hold(target) for _ in range(IDLE_RUNS)]
    messages = [message for _writer, message in held]
    before, began = memory(), time.perf_counter()
    writers, refused = [], 0
    for start in range(0, count, 50):
        opened = await asyncio.gather(
            *(
                chat_load.come_back(target.port, messages[number % IDLE_RUNS], key)
                for number in range(start, min(start + 50, count))
            )
        )
        writers += [writer for writer in opened if writer is not None]
        refused += sum(writer is None for writer in opened)
    seconds = time.perf_counter() - began
    await asyncio.sleep(3)
    added = memory() - before
    for writer in [*writers, *(writer for writer, _message in held)]:
        writer.close()
    each = added * 1000 / max(1, len(writers))
    return f"{len(writers)} idle resumable streams: {added:.0f} MB more ({each:.0f} KB each), opened in {seconds:.1f} s, {refused} refused"


if __name__ == "__main__":
    main()
