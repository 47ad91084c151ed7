"""Two web processes behind HAProxy are restarted in turn while people work and read answers: nothing fails, streams go on where they were."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.conftest import free_port
from tests.acceptance.deployment import (
    Deployment,
    Load,
    Person,
    Stream,
    deployment,
    end,
    join,
    statuses,
    wait_for,
)
from tests.stubs.openai_stub import Settings, default_tokens, running_stub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
DRAIN = {"WEB_DRAIN_SECONDS": "8"}


@contextmanager
def haproxy(folder: Path, ports: list[int]) -> Iterator[str]:
    """The shipped configuration, with these web processes, without TLS, and for as many connections as any machine grants."""
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not Path(program).exists():
        pytest.skip("HAProxy is not installed: apt-get install haproxy")
    port, text = free_port(), CONFIGURATION.read_text()
    for shipped, own in zip(("8000", "8001"), ports, strict=True):
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{own}")
    text = re.sub(r"bind :443 .*", f"bind 127.0.0.1:{port}", text)
    text = text.replace("maxconn 20000", "maxconn 400")
    (folder / "haproxy.cfg").write_text(text)
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", str(folder / "haproxy.cfg")], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _is_up(url), message="HAProxy does not answer")
        yield url
    finally:
        end(process)


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def test_two_web_processes_are_restarted_in_turn_under_load(tmp_path: Path) -> None:
    slow = Settings(tokens=default_tokens(60), tokens_per_second=20)
    with (
        running_stub(slow) as (_stub, model),
        deployment(
            tmp_path,
            CHAT_MODEL="openai:stub",
            OPENAI_BASE_URL=model,
            OPENAI_API_KEY="sk-stub",
            TRUSTED_PROXIES="127.0.0.1",
            **DRAIN,
        ) as house,
    ):
        house.start("worker", "ingest")
        ports = [house.start_web(), house.start_web()]
        with haproxy(tmp_path, ports) as url:
            load = Load(join(url), threads=6)
            load.start(load.read_and_write, load.stream, load.stream)
            time.sleep(3)
            for port in ports:
                end(house.web[port])
                house.start_web(port)
                time.sleep(2)
            load.stop()
    print(load.told())
    assert not load.failures, statuses(load.failures)
    assert load.streams > 5
    assert load.resumed > 0, "visitors who lost the connection went on behind the last event"


def test_the_proxy_passes_each_part_of_a_stream_on_at_once(tmp_path: Path) -> None:
    with running_stub(Settings(tokens=default_tokens(20), tokens_per_second=10)) as (_stub, model):
        settings = {"CHAT_MODEL": "openai:stub", "OPENAI_BASE_URL": model, "OPENAI_API_KEY": "sk-stub"}
        with deployment(tmp_path, **settings) as house:
            house.start("worker", "ingest")
            with haproxy(tmp_path, [house.start_web(), free_port()]) as url:
                person = join(url)
                times = []
                question = {"message": "What does a lost library card cost?", "stream": True}
                with (
                    person.client() as http,
                    http.stream("POST", f"/api/v1/chatbots/{person.chatbot}/chat/", json=question) as got,
                ):
                    times = [time.monotonic() for line in got.iter_lines() if line.startswith("event: message.delta")]
    assert len(times) > 3
    assert times[-1] - times[0] > 0.8, "the parts came as they were made, not all at the end"


def test_an_answer_that_fits_into_the_grace_time_is_completed_and_a_longer_one_is_told_to_be_interrupted(
    tmp_path: Path,
) -> None:
    """Twelve seconds of words are more than the default grace."""
    slow = Settings(tokens=default_tokens(60), tokens_per_second=5)
    with running_stub(slow) as (_stub, model):
        settings = {"CHAT_MODEL": "openai:stub", "OPENAI_BASE_URL": model, "OPENAI_API_KEY": "sk-stub"}
        with deployment(tmp_path, **settings) as house:
            house.start("worker", "ingest")
            patient = stopped_while_it_answers(house, grace=30)
            hasty = stopped_while_it_answers(house, grace=2)
            other = read_again(hasty, house.start_web())
    whole = "".join(default_tokens(60)).strip()
    assert (patient.told.event, patient.told.error, patient.told.text.strip()) == ("message.completed", "", whole)
    assert patient.seconds < 30, "the process ends as soon as its last answer has"
    assert (hasty.told.event, hasty.told.error) == ("error", "interrupted")
    assert hasty.seconds < 2 + 5 + 3
    assert (other.error, other.text) == ("interrupted", hasty.told.text), "another process tells the same"
    assert 0 < len(hasty.told.text) < len(whole)


@dataclass
class Stopped:
    """What a reader was told whose process was stopped, and how long that took from the signal to its end."""

    person: Person
    told: Stream
    seconds: float


def stopped_while_it_answers(house: Deployment, grace: int) -> Stopped:
    port = free_port()
    process = house.start_next(("web", "--port", str(port)), {"WEB_GRACE_SECONDS": str(grace)})
    house.wait_ready(port)
    person, told = join(f"http://127.0.0.1:{port}"), Stream()
    question = {"message": "What does a lost library card cost?", "stream": True}
    with (
        person.client() as http,
        http.stream("POST", f"/api/v1/chatbots/{person.chatbot}/chat/", json=question) as got,
    ):
        reader = threading.Thread(target=told.read, args=(got,))
        reader.start()
        wait_for(lambda: told.text)
        began = time.monotonic()
        process.terminate()
        process.wait(60)
        seconds = time.monotonic() - began
        reader.join(10)
    assert process.returncode == 0
    return Stopped(person, told, seconds)


def read_again(stopped: Stopped, port: int) -> Stream:
    """The same answer from its beginning, as another process tells it."""
    person, told = replace(stopped.person, url=f"http://127.0.0.1:{port}"), Stream()
    path = f"/api/v1/messages/{stopped.told.message}/events/"
    with person.client() as http, http.stream("GET", path, headers={"Last-Event-ID": "0"}) as got:
        assert got.status_code == 200, got.status_code
        told.read(got)
    return told
