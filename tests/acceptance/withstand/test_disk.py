"""The disk is full to the last byte, the database's and the uploads': nothing half done stays, and with room again all goes on by itself."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from chatsphere.embedded.stack import Stack
from tests.acceptance.conftest import clean_environment, free_port
from tests.acceptance.withstand.conftest import Build, House, well_again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SIZE_MB = 400
FULL_FOR = 20.0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=755", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"only root may mount a small file system here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        with suppress(OSError):
            folder.rmdir()


def fill(folder: Path) -> Path:
    """Take all the room that is left, to the last byte; returns the file that has it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 65_536)
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 512)
    return filler


def test_the_disk_of_uploads_is_full(build: Build, small_disk: Path) -> None:
    """Uploads are refused as long as there is no room, and leave nothing behind; everybody else goes on."""
    spool = small_disk / "tmp"
    spool.mkdir()
    house = build(MEDIA_ROOT=str(small_disk / "media"), TMPDIR=str(spool))
    account = house.account()
    document = b"# Rooms\n\n" + b"The large room is open at nine. " * 100_000  # 3 MB: more than is kept in memory
    kept = account.upload(("before.md", document))
    account.wait(str(kept[0]["id"]), 120)
    with house.traffic(account) as traffic:
        filler = fill(small_disk)
        began = time.monotonic()
        answers = [_upload(account.http, account.chatbot["id"], document) for _number in range(5)]
        for answer in answers:
            told = (answer.status_code, answer.json()["error"]["type"], "Retry-After" in answer.headers)
            assert told == (503, "storage_full", True), (
                f"an upload to a full disk was answered {answer.status_code}: {answer.text}"
            )
        others = [each for each in traffic.seen if each.began >= began]
        assert all(each.is_fine for each in others), (
            f"others suffered: {[each for each in others if not each.is_fine][:5]}"
        )
        filler.unlink()
        again = _upload(account.http, account.chatbot["id"], document)
        assert again.status_code == 202, again.text
        account.wait(again.json()["id"] if isinstance(again.json(), dict) else again.json()[0]["id"], 120)
        well_again(house, traffic, "the disk of uploads full (5 uploads answered 503 storage_full)", time.monotonic())
    known = {name for (name,) in house.ask("SELECT file FROM training_trainingsource WHERE file <> ''")}
    there = {
        str(file.relative_to(small_disk / "media")) for file in (small_disk / "media").rglob("*") if file.is_file()
    }
    assert there == known, f"left behind: {there - known}; lost: {known - there}"
    assert not list(spool.glob("*.upload*")), list(spool.iterdir())


def _upload(http: httpx2.Client, chatbot: str, document: bytes) -> httpx2.Response:
    files = [("file", ("large.md", document))]
    return http.post(f"/api/v1/chatbots/{chatbot}/sources/", data={"source_type": "file"}, files=files)


def test_the_disk_of_everything_is_full_during_training(small_disk: Path) -> None:
    """`chatsphere up` with database, uploads, Redis and temporary files on a disk that fills up while documents are trained."""
    folder = Path(tempfile.mkdtemp(prefix="withstand-"))
    (small_disk / "tmp").mkdir()
    environ = clean_environment(
        EMBEDDING_MODEL="hashing:256",
        RATE_LIMITS_ENABLED="false",
        ACCESS_TOKEN_SECONDS="900",
        TMPDIR=str(small_disk / "tmp"),
    )
    stack = Stack(small_disk / "data", port=free_port(), environ=environ, log_file=folder / "stack.log")
    stack.start()
    try:
        stack.wait_ready(400)
        _fill_while_training(_house_of(stack, small_disk / "data", environ), small_disk)
    finally:
        stack.stop()


class _Embedded:
    """The database of `chatsphere up`, as a drill asks it."""

    def __init__(self, data: Path) -> None:
        cluster = data / "postgres" / "cluster"
        self._socket = cluster / (cluster / "postmaster.pid").read_text().splitlines()[4]
        self._secrets = data / "secrets.json"

    @property
    def url(self) -> str:
        password = json.loads(self._secrets.read_text())["database_password"]
        return f"postgresql://chatsphere:{password}@/chatsphere?host={self._socket}"


def _house_of(stack: Stack, data: Path, environ: dict[str, str]) -> House:
    database = _Embedded(data)
    return House(data, database, None, stack, environ | {"DATABASE_URL": database.url})  # type: ignore[arg-type]


def _fill_while_training(house: House, disk: Path) -> None:
    account = house.account()
    text = "".join(
        f"## Part {n}\n\nIt speaks of topic{n} and room{n}. {'filler ' * 90}\n\n" for n in range(60)
    ).encode()
    with house.traffic(account) as traffic:
        for start in range(0, 60, 20):
            made = account.upload(
                *((f"{number}.md", b"# %d\n\n" % number + text) for number in range(start, start + 20))
            )
            traffic.sources += [str(source["id"]) for source in made]
        filler = fill(disk)
        left = house.ask("SELECT count(*) FROM training_run WHERE state IN ('queued', 'running')")[0][0]
        assert left > 0, "all was trained before the disk was full"
        time.sleep(FULL_FOR)
        filler.unlink()
        well_again(
            house,
            traffic,
            f"the disk of everything full for {FULL_FOR:.0f} s, {left} documents in training",
            time.monotonic(),
        )
    assert os.path.exists(disk / "data" / "postgres" / "cluster" / "postmaster.pid")
