"""A web server of its own on the database of the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from django.db import connection

StartWeb = Callable[..., str]


@pytest.fixture
def start_web(tmp_path: Path, transactional_db: Any) -> Iterator[StartWeb]:
    """Starts granian with settings of one's own; gives its address. What it logs stands in ``tmp_path / "web.log"``."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(_web(tmp_path / "web.log", settings))


@contextmanager
def _web(log: Path, settings: dict[str, str]) -> Iterator[str]:
    port = _free_port()
    command = [
        str(Path(sys.executable).with_name("granian")), "--interface", "asgi", "--port", str(port), "--workers", "1", "--no-ws",
        "--backlog", "1024", "--log-level", "warning", "chatsphere.config.asgi:application",
    ]  # fmt: skip
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.test",
        "DATABASE_URL": database.replace("postgresql:/test", "postgresql:///test"),
        **settings,
    }
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            httpx2.get(f"{url}/healthz", trust_env=False)
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-4000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
