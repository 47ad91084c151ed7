"""docs/webhooks.md: its consumer works, its list of events is the real one."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chatsphere.apps.webhooks.actions import create_endpoint
from chatsphere.apps.webhooks.catalogue import CATALOGUE

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def test_the_list_of_event_types_is_the_real_one() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (.+) \|$", PAGE, flags=re.MULTILINE))

    assert rows == {name: kind.description for name, kind in CATALOGUE.items()}


@pytest.mark.django_db(transaction=True)
def test_the_consumer_of_the_page_receives_and_verifies(alice: Any, happen: Any, work: Any, tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 21
    script = tmp_path / "consumer.py"
    script.write_text(code, encoding="utf-8")
    port = _free_port()
    endpoint = create_endpoint(
        workspace_id=alice.default_workspace_id, url=f"http://127.0.0.1:{port}/", events=["chatbot.created"]
    )
    environment = {**os.environ, "WEBHOOK_SECRET": endpoint.secret, "PORT": str(port)}
    consumer = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        _wait_for(port)
        happen("chatbot.created", payload={"name": "Desk"})
        work()
        assert consumer.stdout is not None
        assert consumer.stdout.readline() == "chatbot.created {'name': 'Desk'}\n"
    finally:
        consumer.kill()
        consumer.wait(10)
    assert endpoint.deliveries.get().response_status == 204


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the consumer did not start")
