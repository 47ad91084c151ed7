"""100,000 documents of one customer wait; another one adds a single document, and the platform stays as quick as before."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chatsphere.apps.training import together
from chatsphere.apps.training.actions import SEVERAL_SOURCES
from chatsphere.apps.training.pipeline import PATIENCE
from chatsphere.core import durable
from chatsphere.services.sql import statements
from tests.acceptance.conftest import Account
from tests.acceptance.withstand.conftest import ROOT, House, well_again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

LENGTH = int(os.environ.get("WITHSTAND_QUEUE", "100000"))
FAIR_SECONDS = 30.0  # in which the document of somebody else must be ready
QUICK_SECONDS = 2.0  # for /readyz and the list of a hundred sources, on a machine that trains with all its cores
CLAIM_MS = 250.0

_QUEUE_SOURCES = """
INSERT INTO training_trainingsource
SELECT made.*
  FROM training_trainingsource AS given, generate_series(1, %(length)s) AS number,
       LATERAL jsonb_populate_record(given, jsonb_build_object(
           'id', gen_random_uuid(), 'name', 'Copy ' || number, 'status', 'queued', 'searchable', 'none', 'documents_count', 0,
           'chunks_count', 0, 'last_synced_at', NULL, 'options', jsonb_build_object('content', 'Room ' || number || ' opens at nine.')
       )) AS made
 WHERE given.id = %(source)s
"""
_QUEUE_RUNS = """
INSERT INTO training_run
SELECT made.*
  FROM training_run AS given, training_trainingsource AS copy,
       LATERAL jsonb_populate_record(given, jsonb_build_object(
           'id', gen_random_uuid(), 'source_id', copy.id, 'state', 'queued', 'attempt', 0, 'fence', 0, 'lease_until', NULL,
           'started_at', NULL, 'finished_at', NULL, 'available_at', now(), 'created_at', now(), 'priority', %(priority)s
       )) AS made
 WHERE given.source_id = %(source)s AND copy.workspace_id = given.workspace_id AND copy.status = 'queued'
"""
_SWEEPS = """
import time
from chatsphere.apps.training.sweep import sweep
for _time in range(3):
    began = time.perf_counter()
    sweep()
    print(time.perf_counter() - began)
    time.sleep(1)
"""
_KNOWN = "SELECT count(*) FROM training_trainingsource WHERE chatbot_id = %(chatbot)s AND searchable <> 'none'"
_WAITING = "SELECT count(*) FROM training_run WHERE state = 'queued'"


def test_a_queue_of_100000(house: House) -> None:
    large, small = house.account(), house.account()
    with house.traffic(small) as traffic:
        time.sleep(5)
        empty = _claim_ms(house)
        _queue(house, large)
        queued = time.monotonic()
        waiting = house.ask(_WAITING)[0][0]
        assert waiting > 0.9 * LENGTH, f"only {waiting} are waiting"
        own = [_ready_after(small, number) for number in range(3)]
        full = _claim_ms(house)
        ready = _seconds(lambda: small.http.get("/readyz"))
        listed = _seconds(lambda: large.http.get(f"/api/v1/chatbots/{large.chatbot['id']}/sources/?limit=100"))
        sweep = _sweep_seconds(house)
        left = house.ask(_WAITING)[0][0]
        known = house.ask(_KNOWN, chatbot=large.chatbot["id"])[0][0]
        print(f"\n{known} of the other customer's are found by words after {time.monotonic() - queued:.0f} s; own documents ready after {[f'{s:.1f}' for s in own]} s; a claim {empty:.1f} → {full:.1f} ms; "
              f"/readyz {ready * 1000:.0f} ms; list of 100 {listed * 1000:.0f} ms; sweep {sweep:.2f} s")  # fmt: skip
        assert known > 1, "nothing of the long queue was done meanwhile"
        assert left > 0.5 * LENGTH, "the queue was gone before anything was measured"
        assert max(own) <= FAIR_SECONDS, f"a small customer's documents were ready after {own} s"
        assert full <= CLAIM_MS, f"a claim takes {full:.1f} ms, {empty:.1f} ms without the queue"
        assert ready <= QUICK_SECONDS, f"/readyz takes {ready:.2f} s"
        assert listed <= QUICK_SECONDS, f"the list of the large customer's sources takes {listed:.2f} s"
        assert sweep <= QUICK_SECONDS, f"a sweep takes {sweep:.2f} s"
        event = f"{waiting} documents queued (claim {empty:.0f} → {full:.0f} ms, own document ready in {max(own):.1f} s at most)"
        well_again(house, traffic, event, time.monotonic())


def _queue(house: House, large: Account) -> None:
    source = large.add_text("Template", "Room 0 opens at nine.")
    large.wait(source)
    values = {"source": source, "length": LENGTH, "priority": SEVERAL_SOURCES}
    with psycopg.connect(house.postgres.url) as connection:
        connection.execute(_QUEUE_SOURCES.encode(), values)
        connection.execute(_QUEUE_RUNS.encode(), values)
    house.tell("ANALYZE training_run, training_trainingsource")


def _ready_after(account: Account, number: int) -> float:
    began = time.monotonic()
    account.wait(account.add_text(f"Own {number}", f"The cellar {number} opens at eight."), FAIR_SECONDS + 30)
    return time.monotonic() - began


def _claim_ms(house: House) -> float:
    """What PostgreSQL takes to choose and claim the next run; taken back at once."""
    types = {"small": together.SMALL_BYTES, "small_types": list(together.SMALL_TYPES)}
    values = {"lease": durable.LEASE, "peers": together.MOST - 1, "patience": PATIENCE, "web": 1, **types}
    statement = statements("chatsphere.apps.training")["claim_next"]
    times = []
    with psycopg.connect(house.postgres.url) as connection:
        for _time in range(7):
            began = time.perf_counter()
            connection.execute(statement, values)
            times.append(1000 * (time.perf_counter() - began))
            connection.rollback()
    return statistics.median(times)


def _seconds(ask: Callable[[], Any]) -> float:
    times = []
    for _time in range(5):
        began = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text[:500]
        time.sleep(1.1)  # /readyz keeps its answer for a second
    return statistics.median(times)


def _sweep_seconds(house: House) -> float:
    """The longest of three sweeps beside those of beat: whoever finds another one at work does nothing."""
    environ = {**house.environ, "CHATSPHERE_ENV": "development"}
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", _SWEEPS]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return max(float(line) for line in done.stdout.split())
