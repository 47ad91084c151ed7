"""A deployment as an operator runs one: servers of their own, processes that are started and ended one by one, and people who use it meanwhile."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from tests.acceptance.conftest import CHATSPHERE, clean_environment, free_port


@dataclass
class Deployment:
    """Its environment, and the processes that run. Everything ends with ``stack``."""

    folder: Path
    stack: ExitStack
    environment: dict[str, str]
    postgres: PostgresServer
    redis: RedisServer
    web: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | changes
        return subprocess.run(
            [str(CHATSPHERE), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=400
        )

    def start_next(self, arguments: tuple[str, ...], changes: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """A process of another version, which the changes of the environment name."""
        before, self.environment = self.environment, {**self.environment, **changes}
        try:
            return self.start(*arguments)
        finally:
            self.environment = before

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = self.stack.enter_context((self.folder / f"{arguments[0]}-{time.monotonic_ns()}.log").open("wb"))
        command = [str(CHATSPHERE), *arguments]
        process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
        self.stack.callback(end, process)
        return process

    def start_web(self, port: int = 0) -> int:
        port = port or free_port()
        self.web[port] = self.start("web", "--port", str(port))
        self.wait_ready(port)
        return port

    def wait_ready(self, port: int, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("\n".join(log.read_text()[-3000:] for log in self.folder.glob("*.log")))


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(60)


@contextmanager
def deployment(folder: Path, **settings: str) -> Iterator[Deployment]:
    """Servers are started and the database is migrated; the processes are the caller's."""
    with ExitStack() as stack:
        postgres = PostgresServer(folder / "postgres")
        stack.callback(postgres.stop)
        postgres.start()
        redis = RedisServer(folder / "redis")
        stack.callback(redis.stop)
        redis.start()
        made = subprocess.run(
            [str(CHATSPHERE), "createkey", "--env"], env=clean_environment(), capture_output=True, text=True, check=True
        )
        secrets = dict(line.split("=", 1) for line in made.stdout.splitlines())
        environment = clean_environment(
            **secrets,
            DATABASE_URL=postgres.url,
            REDIS_URL=redis.url,
            CHATSPHERE_DATA_DIR=str(folder / "data"),
            RATE_LIMITS_ENABLED="false",
            EMBEDDING_MODEL="hashing:256",
        )
        made_up = Deployment(folder, stack, environment | settings, postgres, redis)
        migrated = made_up.run("migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield made_up


@dataclass
class Person:
    """Somebody with a chatbot that knows one thing."""

    url: str
    token: str
    chatbot: str

    def client(self) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.Client(base_url=self.url, trust_env=False, timeout=60, headers=headers)


def join(url: str, *, trains: bool = True) -> Person:
    with httpx2.Client(base_url=url, trust_env=False, timeout=60) as http:
        who = {"email": f"p{time.monotonic_ns()}@example.com", "password": "a-Long-Passphrase-9"}
        answer = http.post("/api/v1/auth/register/", json=who)
        assert answer.status_code == 201, answer.text
        http.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        made = http.post("/api/v1/chatbots/", json={"name": "Library"})
        assert made.status_code == 201, made.text
        chatbot = made.json()["id"]
        if trains:
            teach(http, chatbot)
        key = http.post(
            "/api/v1/api-keys/",
            json={
                "name": "load",
                "scopes": ["chatbots:read", "chatbots:write", "sources:read", "sources:write", "chat"],
            },
        )
        assert key.status_code == 201, key.text
        return Person(url, key.json()["secret"], chatbot)


def teach(http: httpx2.Client, chatbot: str) -> None:
    text = {"source_type": "text", "name": "Fees", "content": "A lost library card costs four euros and fifty cents."}
    source = http.post(f"/api/v1/chatbots/{chatbot}/sources/", json=text)
    assert source.status_code == 202, source.text
    deadline = time.monotonic() + 240
    while http.get(f"/api/v1/sources/{source.json()['id']}/").json()["status"] != "ready":
        assert time.monotonic() < deadline, "the source does not become ready"
        time.sleep(0.2)


@dataclass
class Load:
    """People at work until ``stop``; every answer that is no success is kept with its time."""

    person: Person
    threads: int = 4
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    streams: int = 0
    resumed: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self, *work: Callable[[httpx2.Client], None]) -> None:
        for number in range(self.threads):
            mine = work[number % len(work)]
            thread = threading.Thread(target=self._go_on, args=(mine,), daemon=True)
            thread.start()
            self._running.append(thread)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._running:
            thread.join(90)

    def _go_on(self, work: Callable[[httpx2.Client], None]) -> None:
        with self.person.client() as http:
            while not self._ended.is_set():
                began = time.monotonic()
                try:
                    work(http)
                except (httpx2.HTTPError, AssertionError) as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                self.seconds.append(time.monotonic() - began)

    def told(self) -> str:
        """What a drill prints of it (``pytest -s``)."""
        rounds, longest = len(self.seconds), max(self.seconds, default=0)
        return f"{rounds} rounds, {len(self.failures)} failed, the longest {longest:.1f} s; {self.streams} streams, gone on {self.resumed} times"

    def read_and_write(self, http: httpx2.Client) -> None:
        path = f"/api/v1/chatbots/{self.person.chatbot}/"
        expect(http.get(path), 200)
        expect(http.patch(path, json={"name": f"Library at {time.monotonic()}"}), 200)
        expect(http.get("/api/v1/chatbots/"), 200)
        expect(http.get(f"{path}sources/"), 200)

    def ask(self, http: httpx2.Client) -> None:
        question = {"message": "What does a lost library card cost?"}
        answer = http.post(f"/api/v1/chatbots/{self.person.chatbot}/chat/", json=question)
        expect(answer, 200)
        assert "four euros" in answer.json()["message"]["content"]
        time.sleep(0.1)  # a plan has only so many messages

    def stream(self, http: httpx2.Client) -> None:
        """Read an answer to its end; where the connection breaks, go on behind the last event, as an EventSource does."""
        question = {"message": "What does a lost library card cost?", "stream": True}
        told, self.streams = Stream(), self.streams + 1
        with http.stream("POST", f"/api/v1/chatbots/{self.person.chatbot}/chat/", json=question) as got:
            assert got.status_code == 200, got.status_code
            told.read(got, most=5 if self.streams % 2 else 100_000)  # every other visitor loses the connection
        for _ in range(20):
            if told.is_over or told.error:
                break
            self.resumed += 1
            with http.stream(
                "GET", f"/api/v1/messages/{told.message}/events/", headers={"Last-Event-ID": told.last}
            ) as got:
                assert got.status_code in (200, 204), got.status_code
                told.read(got)
        assert not told.error, f"the answer ended with {told.error}"
        assert told.is_over, "the answer was never completed"
        assert told.numbers == list(range(1, len(told.numbers) + 1)), "events are missing or came twice"


@dataclass
class Stream:
    """What a client has had of one answer. It is over when it is complete; an error is none of its ends but a failure."""

    message: str = ""
    last: str = "0"
    event: str = ""
    error: str = ""
    text: str = ""
    numbers: list[int] = field(default_factory=list)

    def read(self, got: httpx2.Response, most: int = 100_000) -> None:
        try:
            for line in got.iter_lines():
                if line.startswith("id:"):
                    self.last = line[3:].strip()
                    self.numbers.append(int(self.last))
                elif line.startswith("event:"):
                    self.event = line[6:].strip()
                elif line.startswith("data:"):
                    self._take(json.loads(line[5:]))
                elif not line and len(self.numbers) >= most:
                    return
        except httpx2.TransportError:
            assert self.message, "the connection broke before the first event"

    @property
    def is_over(self) -> bool:
        return self.event == "message.completed"

    def _take(self, data: dict[str, Any]) -> None:
        self.message = self.message or data.get("message_id", "")
        if self.event == "message.delta":
            self.text += data["text"]
        elif self.event == "error":
            self.error = data["type"]


def expect(answer: httpx2.Response, status: int) -> None:
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:300]}"


def statuses(failures: list[str]) -> Mapping[str, int]:
    return Counter(each[:80] for each in failures)


def wait_for(what: Callable[[], Any], seconds: float = 30, *, message: str = "it did not come") -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(message)
