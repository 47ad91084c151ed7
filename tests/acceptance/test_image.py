"""The image as the Dockerfile says it: its steps carried out, and its processes started in it with a read-only root, as compose.yaml starts them."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import psycopg
import pytest

from chatsphere import __version__
from chatsphere.embedded.redis import find_program
from tests.acceptance import image
from tests.acceptance.conftest import free_port
from tests.acceptance.deployment import end, join, wait_for
from tests.own_cluster import OwnCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
DOCKERFILE = (image.ROOT / "Dockerfile").read_text()


@dataclass
class Container:
    """The image with its settings; everything that runs ends with ``stack``."""

    built: image.Stage
    folder: Path
    stack: ExitStack
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.built.run([*self.built.entrypoint, *arguments], **self.settings)

    def start(self, *arguments: str, changes: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        log = self.stack.enter_context((self.folder / f"{'-'.join(arguments[:2]).replace('/', '')}.log").open("wb"))
        environment = self.built.environment(**self.settings, **(changes or {}))
        command = self.built.argv([*self.built.entrypoint, *arguments])
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        self.stack.callback(end, process)
        return process

    def logs(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in self.folder.glob("*.log"))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="chatsphere-image-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def built(folder: Path) -> Iterator[image.Stage]:
    if not image.can_be_built():
        pytest.skip("mounts of one's own are not granted here: run it as root on Linux")
    with image.built(DOCKERFILE, folder) as made:
        environment = image.size_of(made.path("/opt/chatsphere"))
        print(f"beside the base image {made.added() / 1e6:.0f} MB, of it the environment {environment / 1e6:.0f} MB")
        made.make_read_only()
        yield made


@pytest.fixture
def container(built: image.Stage, folder: Path) -> Iterator[Container]:
    with ExitStack() as stack:
        container = Container(built, folder, stack)
        made = container.run("createkey", "--env")
        assert made.returncode == 0, made.stderr
        container.settings = dict(line.split("=", 1) for line in made.stdout.splitlines())
        container.settings |= {"DATABASE_URL": postgres(stack, folder), "REDIS_URL": redis(stack, folder)}
        container.settings |= {
            "RATE_LIMITS_ENABLED": "false",
            "PUBLIC_URL": "http://127.0.0.1",
            "ALLOWED_HOSTS": "127.0.0.1",
        }
        yield container


def postgres(stack: ExitStack, folder: Path) -> str:
    port = free_port()
    cluster = OwnCluster(folder / "cluster", {"listen_addresses": "'127.0.0.1'", "port": str(port)})
    cluster.make()
    stack.callback(cluster.remove)
    cluster.start()
    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE chatsphere")
    return f"postgresql://postgres@127.0.0.1:{port}/chatsphere"


def redis(stack: ExitStack, folder: Path) -> str:
    port = free_port()
    command = [str(find_program()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    stack.callback(end, subprocess.Popen(command, stdout=subprocess.DEVNULL))
    return f"redis://127.0.0.1:{port}/0"


def test_the_image_says_its_version_and_writes_nowhere_else(built: image.Stage) -> None:
    told = built.run([*built.entrypoint, "--version"])
    assert __version__ in told.stdout, told.stderr
    who = built.run(
        ["sh", "-c", "id -u; touch /data/x /tmp/x && echo written; touch /opt/chatsphere/x || echo refused"]
    )
    assert who.stdout.split() == ["10001", "written", "refused"]
    as_root = built.run(["touch", "/opt/chatsphere/x", "/usr/x"], user="0:0")
    assert "Read-only file system" in as_root.stderr


def test_its_processes_serve_train_and_answer(container: Container) -> None:
    migrated = container.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    container.start("embedder", "--socket", container.built.variables["EMBEDDER_SOCKET"])
    container.start("worker", "ingest")
    container.start("worker", "default")
    container.start("beat")
    port = str(free_port())
    own = {"0.0.0.0": "127.0.0.1", "8000": port}
    web = container.start(*(own.get(word, word) for word in container.built.command))
    asked = [word.replace(":8000", f":{port}") for word in container.built.healthcheck]
    wait_for(lambda: container.built.run(asked).returncode == 0 or web.poll() is not None, 120)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: httpx2.get(f"{url}/readyz", trust_env=False).status_code == 200, 60)
        checked = container.run("check")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        serves_pages(url)
        answers(url)
    except (AssertionError, httpx2.HTTPError) as error:
        raise AssertionError(f"{error}\n{container.logs()}") from error
    saved = container.run("backup", "/data/backup")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    web.terminate()
    assert web.wait(60) == 0


def serves_pages(url: str) -> None:
    """The reader of the API, whose script and style come out of the packages as they were installed."""
    page = httpx2.get(f"{url}/api/docs/", trust_env=False)
    assert page.status_code == 200
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert files
    for file in files:
        assert httpx2.get(f"{url}{file}", trust_env=False).status_code == 200, file


def answers(url: str) -> None:
    person = join(url)
    with person.client() as http:
        began = time.monotonic()
        question = {"message": "What does a lost library card cost?"}
        answer = http.post(f"/api/v1/chatbots/{person.chatbot}/chat/", json=question)
        assert answer.status_code == 200, answer.text
        assert "four euros" in answer.json()["message"]["content"], answer.text
        print(f"answered after {time.monotonic() - began:.1f} s")
