"""The embedded Redis: real starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from chatsphere.embedded import redis as embedded_redis
from chatsphere.embedded.redis import RedisServer, find_program


def test_what_it_knew_outlives_an_orderly_restart(folder: Path) -> None:
    server = RedisServer(folder / "redis")
    server.start()
    with Redis.from_url(server.url) as client:
        client.set("queue", "waiting")
    server.stop()
    again = RedisServer(folder / "redis")
    again.start()
    with Redis.from_url(again.url) as client:
        assert client.get("queue") == b"waiting"
        assert client.config_get("port")["port"] == "0"
    again.stop()


def test_paths_with_blanks_and_quotes_work(folder: Path) -> None:
    server = RedisServer(folder / 'my "own" data')
    server.start()
    with Redis.from_url(server.url) as client:
        assert client.ping() is True
    server.stop()
    assert (folder / 'my "own" data' / "snapshot.rdb").exists()


def test_a_long_path_puts_the_socket_into_a_private_folder(folder: Path) -> None:
    deep = folder / ("long" * 25)
    server = RedisServer(deep)
    server.start()
    private = Path((deep / "runtime-folder").read_text())
    with Redis.from_url(server.url) as client:
        assert client.ping() is True
    server.stop()
    assert str(private) in server.url
    assert not private.exists()


@pytest.mark.parametrize(("version", "is_chosen"), [("5.0.7", False), ("6.2.0", True), ("8.1.1", True)])
def test_a_server_on_the_path_is_taken_when_it_is_new_enough(
    version: str, is_chosen: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = folder / "valkey-server"
    program.write_text(f'#!/bin/sh\necho "Server v={version} sha=0"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert (find_program() == program) is is_chosen


def test_it_is_not_ready_before_it_runs(folder: Path) -> None:
    server = RedisServer(folder / "redis")
    server.prepare()
    assert not server.is_ready()
    assert embedded_redis.SOCKET_NAME in server.url
