"""A running platform keeps what its OpenAPI document promises, whatever a client sends: schemathesis, all checks, links included.

SCHEMATHESIS_REQUESTS (20,000) is the least number of requests, SCHEMATHESIS_SEED (1) where the first round begins. A round tries all
operations, some 12,000 requests; rounds with further seeds follow until the number is reached. The full size takes about ten minutes on two cores. What a round has
found so far is in events-<seed>.ndjson of the temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.conftest import CHATSPHERE, Platform, clean_environment, free_port

HERE = Path(__file__).parent
REQUESTS = int(os.environ.get("SCHEMATHESIS_REQUESTS", "20000"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
EXAMPLES = 25  # an operation and round
PATIENCE = "90"  # seconds a request: what is looked for are wrong answers, not late ones of a busy machine
LEAST_ROUND = 500  # fewer requests than that mean that a round did not work
MOST_UNREACHED = 0.1  # of the operations: one-time secrets from mails and codes cannot be guessed
UNLIMITED = (
    "UPDATE users_plan SET messages_per_month = NULL, tokens_per_month = NULL, storage_bytes = NULL, chatbots = NULL, "
    "messages_per_chatbot_per_day = NULL"
)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own: limits off, quotas without end, a model that costs nothing."""
    folder = tmp_path_factory.mktemp("roomy")
    port, log = free_port(), folder / "up.log"
    command = [str(CHATSPHERE), "up", "--port", str(port), "--data-dir", str(folder / "data")]
    environment = clean_environment(
        RATE_LIMITS_ENABLED="false", EMBEDDING_MODEL="hashing:256", ACCESS_TOKEN_SECONDS="900"
    )
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    running = Platform(f"http://127.0.0.1:{port}", log, process)
    try:
        running.wait_ready(120)
        _lift_quotas(folder / "data")
        yield running
    finally:
        process.terminate()
        process.wait(30)


def _lift_quotas(data: Path) -> None:
    cluster = data / "postgres" / "cluster"
    socket = str(cluster / (cluster / "postmaster.pid").read_text().splitlines()[4])
    password = json.loads((data / "secrets.json").read_text())["database_password"]
    with psycopg.connect(host=socket, user="chatsphere", dbname="chatsphere", password=password) as connection:
        connection.execute(UNLIMITED)


def _round(platform: Platform, seed: int) -> tuple[int, str, int]:
    """Requests, report and exit status of one round."""
    program = Path(sys.executable).with_name("schemathesis")
    size = min(EXAMPLES, max(2, REQUESTS // 150))
    command = [
        *(
            str(program),
            "--config-file",
            str(HERE / "schemathesis.toml"),
            "run",
            f"{platform.url}/api/schema/?format=json",
        ),
        *("--url", platform.url, "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
        *("-n", str(size), "--seed", str(seed), "--workers", "2"),
        *("--continue-on-failure", "--request-timeout", PATIENCE),
        *("--report", "ndjson", "--report-ndjson-path", str(platform.log.with_name(f"events-{seed}.ndjson"))),
    ]
    environment = clean_environment(
        SCHEMATHESIS_HOOKS="schemathesis_hooks",
        PYTHONPATH=str(HERE),
        DRILL_URL=platform.url,
        DRILL_LOG=str(platform.log),
        DRILL_REACH=str(platform.log.with_name("reach")),
    )
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=platform.log.parent
    )
    platform.log.with_name(f"report-{seed}.txt").write_text(done.stdout + done.stderr)
    made = re.search(r"([\d,]+) generated", done.stdout)
    return int(made[1].replace(",", "")) if made else 0, done.stdout + done.stderr, done.returncode


def _statuses(platform: Platform) -> dict[str, Counter[str]]:
    """Operation → how often each status came."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for line in platform.log.with_name("reach").read_text().splitlines():
        operation, status = line.rsplit(" ", 1)
        found[operation][status] += 1
    return found


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_the_platform_keeps_what_its_document_promises(roomy: Platform) -> None:
    requests, seed = 0, SEED
    while requests < REQUESTS:
        made, report, status = _round(roomy, seed)
        assert status == 0, report[-20_000:]
        assert made >= min(LEAST_ROUND, REQUESTS), report[-5_000:]
        requests, seed = requests + made, seed + 1
        print(f"{requests} requests, no finding")
    assert roomy.process.poll() is None
    statuses = _statuses(roomy)
    for operation, counts in sorted(statuses.items()):
        print(f"{operation}: {dict(sorted(counts.items()))}")
    never = [operation for operation, counts in statuses.items() if not any(status[0] == "2" for status in counts)]
    assert len(never) <= MOST_UNREACHED * len(statuses), f"these were never done, only refused: {sorted(never)}"
