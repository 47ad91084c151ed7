"""Commands beside a running ``chatsphere up``: its servers and secrets by the data directory alone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.leftovers import MARK
from chatsphere.embedded.running import environment_of, note
from chatsphere.embedded.stack import Stack

CHATSPHERE = Path(sys.executable).with_name("chatsphere")


@pytest.fixture
def noted(folder: Path) -> DataFolder:
    data = DataFolder(folder / "data")
    data.open("http://localhost:1")
    own = {
        "OPENAI_API_KEY": "the operator's",
        "EMBEDDING_MODEL": "hashing:256",
        "SMTP_PASSWORD_FILE": "/s",
        "HOME": "/h",
    }
    given = {**own, "REDIS_URL": "unix:///r", "SECRET_KEY": "made", MARK: "x"}
    note(data, given, {**own, "SECRET_KEY": ""}, {"EMBEDDING_MODEL", "REDIS_URL", "SMTP_PASSWORD_FILE"})
    return data


def test_what_the_stack_made_and_was_told_is_noted_for_its_owner_only(noted: DataFolder) -> None:
    assert environment_of(noted.path) == {
        "EMBEDDING_MODEL": "hashing:256",
        "REDIS_URL": "unix:///r",
        "SECRET_KEY": "made",
        "SMTP_PASSWORD_FILE": "/s",
    }
    assert stat.S_IMODE(noted.environment_file.stat().st_mode) == 0o600
    noted.close()


def test_a_note_without_its_stack_does_not_count(noted: DataFolder) -> None:
    noted.close()
    with pytest.raises(StackError, match=r"No ChatSphere runs on .*; start it with `chatsphere up --data-dir"):
        environment_of(noted.path)
    again = DataFolder(noted.path)
    again.open("http://localhost:2")
    again.environment_file.unlink()
    with pytest.raises(StackError, match="is still starting"):
        environment_of(noted.path)
    again.close()


@pytest.mark.timeout(400)
def test_levels_checks_and_backups_need_the_data_directory_alone(
    folder: Path, free_port: Callable[[], int], tmp_path: Path
) -> None:
    data = folder / "data"
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    def run(*arguments: str) -> str:
        command = [str(CHATSPHERE), *arguments, "--data-dir", str(data)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    given = {**environ, "EMBEDDING_MODEL": "hashing:256"}
    with Stack(data, port=free_port(), environ=given) as stack:
        assert "chatsphere: DEBUG for another" in run("loglevel", "DEBUG", "--for", "2m")
        wait_for(lambda: "[debug" in stack.log_file.read_text())
        assert "Nothing is changed" in run("loglevel", "--reset")
        assert "FAIL" not in run("check")
        backup = run("backup", str(tmp_path)).strip()
        assert "are all there" in run("verify", backup if "/" in backup else str(tmp_path / backup))
        assert "SECRET_KEY" in json.loads((data / "environment.json").read_text())
    assert not (data / "environment.json").exists()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)
