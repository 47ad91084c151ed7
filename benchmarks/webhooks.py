"""Webhooks under trouble: many events to five endpoints, of which one hangs, one fails half the time and one is down for a while, with the
worker killed in the middle. Everything must arrive, verified; the healthy endpoints must not notice.

    python -m benchmarks.webhooks [--events 10000]

Real PostgreSQL, Redis and Celery. Once the first attempts are through, waits for retries are cut short by the drill itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

PATHS = ("/fine-1", "/fine-2", "/hangs", "/half", "/down")
HEALTHY = ("/fine-1", "/fine-2")
HANGS_SECONDS, DOWN_SECONDS = 30.0, 60.0
PATIENCE_SECONDS = 900.0


class Receivers:
    """One asyncio server for all endpoints. ``arrived``: time of the first accepted delivery, by path and webhook-id."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.arrived: dict[str, dict[str, float]] = defaultdict(dict)
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.forged = self.doubled = 0
        self.begun = time.monotonic()
        self.port = 0
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait(10)

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:  # the worker that was killed
            writer.close()
            return
        path = head[0].split(" ")[1]
        headers = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        status = await self._status(path, headers, body)
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def _status(self, path: str, headers: dict[str, str], body: bytes) -> int:
        message_id, elapsed = headers["webhook-id"], time.monotonic() - self.begun
        if path == "/hangs" and elapsed < HANGS_SECONDS:
            await asyncio.sleep(60)
        if path == "/down" and elapsed < DOWN_SECONDS:
            return 503
        if path == "/half" and message_id not in self.seen[path] and message_id[-1] in "01234567":
            self.seen[path].add(message_id)
            return 500
        try:
            Webhook(self.secrets[path]).verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            return 401
        self.doubled += message_id in self.arrived[path]
        self.arrived[path].setdefault(message_id, time.time())
        return 204


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        _start_servers(stack)
        _run(stack, arguments.events)


def _start_servers(stack: ExitStack) -> None:
    from chatsphere.embedded.postgres import PostgresServer
    from chatsphere.embedded.redis import RedisServer

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chatsphere-bench-")))
    postgres, redis = PostgresServer(folder / "postgres"), RedisServer(folder / "redis")
    for server in (postgres, redis):
        stack.callback(server.stop)
        server.start()
    os.environ.update(
        DATABASE_URL=postgres.url,
        REDIS_URL=redis.url,
        CHATSPHERE_DATA_DIR=str(folder / "data"),
        DJANGO_SETTINGS_MODULE="chatsphere.config.settings.development",
        FETCH_ALLOW_LOOPBACK="true",
        LOG_LEVEL="ERROR",
    )


def _run(stack: ExitStack, count: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    receivers = Receivers()
    workspace_id = _subscribe(receivers)
    worker, beat = (
        _celery("worker", "--concurrency", "2", "--queues", "default"),
        _celery("beat", "--schedule", _beat_file()),
    )
    for process in (worker, beat):
        stack.callback(_kill, process)
    _warm_up(receivers, workspace_id)
    receivers.begun = begun = time.monotonic()
    _announce(workspace_id, count)
    print(f"{count} events announced in {time.monotonic() - begun:.1f} s")
    _wait(lambda: len(receivers.arrived["/fine-1"]) >= count // 2, receivers, count)
    _kill(worker)
    print(f"worker killed at {time.monotonic() - begun:.1f} s; another one starts")
    second = _celery("worker", "--concurrency", "2", "--queues", "default")
    stack.callback(_kill, second)
    _wait(lambda: all(len(receivers.arrived[path]) >= count for path in HEALTHY), receivers, count)
    healthy = time.monotonic() - begun
    print(
        f"healthy endpoints had everything after {healthy:.1f} s: {2 * count / healthy:.0f} deliveries a second to them"
    )
    _wait(lambda: all(len(receivers.arrived[path]) >= count for path in PATHS), receivers, count, hurry=True)
    print(f"every endpoint had everything after {time.monotonic() - begun:.1f} s")
    _report(receivers, count)


def _warm_up(receivers: Receivers, workspace_id: Any) -> None:
    """Celery takes seconds to start; they are not what is measured."""
    receivers.begun -= max(HANGS_SECONDS, DOWN_SECONDS)
    _announce(workspace_id, 1)
    _wait(lambda: all(receivers.arrived[path] for path in HEALTHY), receivers, 1)
    receivers.arrived.clear()


def _subscribe(receivers: Receivers) -> Any:
    from django.contrib.auth import get_user_model

    from chatsphere.apps.webhooks.actions import create_endpoint

    person: Any = get_user_model().objects.create_user(username="b", email="b@example.com", password="bench-Pass-42")
    for path in PATHS:
        url = f"http://127.0.0.1:{receivers.port}{path}"
        endpoint = create_endpoint(workspace_id=person.default_workspace_id, url=url, events=["*"])
        receivers.secrets[path] = endpoint.secret
    return person.default_workspace_id


def _announce(workspace_id: Any, count: int) -> None:
    from django.db import transaction

    from chatsphere.apps.webhooks.actions import announce

    for number in range(count):
        with transaction.atomic():
            announce(workspace_id=workspace_id, type="source.ready", payload={"number": number})


def _celery(*arguments: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "chatsphere.config.celery",
        "--quiet",
        *arguments,
        "--loglevel",
        "ERROR",
    ]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)


def _beat_file() -> str:
    return str(Path(os.environ["CHATSPHERE_DATA_DIR"]).parent / "beat")


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait(condition: Any, receivers: Receivers, count: int, *, hurry: bool = False) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            counts = {path: len(receivers.arrived[path]) for path in PATHS}
            raise SystemExit(f"not everything arrived in {PATIENCE_SECONDS} s: {counts} of {count}")
        if hurry and time.monotonic() - receivers.begun > DOWN_SECONDS:
            _cut_waits_short()
        time.sleep(0.5)


def _cut_waits_short() -> None:
    from django.utils import timezone

    from chatsphere.apps.webhooks.models import Delivery

    Delivery.objects.filter(state="queued", available_at__gt=timezone.now()).update(available_at=timezone.now())


def _report(receivers: Receivers, count: int) -> None:
    from chatsphere.apps.webhooks.models import Delivery, Event

    happened = {str(pk): at.timestamp() for pk, at in Event.objects.values_list("pk", "occurred_at")}
    unfinished = Delivery.objects.exclude(state="succeeded").count()
    lost = sum(count - len(receivers.arrived[path]) for path in PATHS)
    print(
        f"forged {receivers.forged}, lost {lost}, arrived twice {receivers.doubled} of {count * len(PATHS)}, not marked as done {unfinished}"
    )
    print("endpoint   arrived   p50 s   p99 s   (from event to arrival)")
    for path in PATHS:
        waits = [arrived - happened[message_id] for message_id, arrived in receivers.arrived[path].items()]
        cuts = statistics.quantiles(waits, n=100)
        print(f"{path:9} {len(waits):8} {cuts[49]:7.2f} {cuts[98]:7.2f}")


if __name__ == "__main__":
    main()
