"""Folders with short paths, free ports, and children that run as another user."""

from __future__ import annotations

import codecs
import multiprocessing
import os
import pwd
import shutil
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatsphere.embedded.postgres import PostgresServer

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that only its owner may enter, short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="cs-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def _template() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cs-"))
    server = PostgresServer(path)
    server.locate()
    server.make_cluster()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def made_at(_template: Path) -> Callable[[Path], Path]:
    """Puts a PostgreSQL that was made but never started into a folder; quicker than making one."""

    def copy(target: Path) -> Path:
        shutil.copytree(_template, target)
        return target

    return copy


@pytest.fixture
def pg(folder: Path, made_at: Callable[[Path], Path]) -> Path:
    """The folder of a PostgreSQL that was made but never started."""
    return made_at(folder / "pg")


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], None]], None]:
    """Run a function in a fork that is an ordinary user; its failure is the test's. Only root can do so."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests already run as an ordinary one")

    def run(action: Callable[[], None]) -> None:
        codecs.lookup("ascii")  # the other user may not be able to read this Python's library
        context = multiprocessing.get_context("fork")
        reader, writer = context.Pipe(duplex=False)

        def child() -> None:
            os.setgroups([])
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)
            try:
                action()
                writer.send("")
            except BaseException:
                writer.send(traceback.format_exc())

        process = context.Process(target=child)
        process.start()
        assert reader.poll(60), "the child did not report"
        problem = reader.recv()
        process.join()
        assert problem == ""

    return run


def permissions_of_parents(path: Path) -> dict[str, tuple[int, int, int]]:
    """Mode and owner of every folder above ``path``."""
    found = {}
    for parent in path.absolute().parents:
        status = parent.stat()
        found[str(parent)] = (status.st_mode, status.st_uid, status.st_gid)
    return found
