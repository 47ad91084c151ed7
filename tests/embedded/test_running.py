"""Commands beside a running ``chatsphere up``: its servers and secrets by the data directory alone."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
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


ENVIRON = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
PERSON = {"email": "owner@example.com", "password": "a-Long-Passphrase-9"}


def chatsphere(data: Path, *arguments: str, code: int = 0) -> str:
    command = [str(CHATSPHERE), *arguments, "--data-dir", str(data)]
    done = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=False, cwd=data.parent)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(400)
def test_levels_checks_backups_and_a_restore_need_the_data_directory_alone(
    folder: Path, free_port: Callable[[], int], tmp_path: Path
) -> None:
    data, new = folder / "data", folder / "new"
    run = partial(chatsphere, data)
    given = {**ENVIRON, "EMBEDDING_MODEL": "hashing:256"}
    with Stack(data, port=free_port(), environ=given) as stack:
        assert "chatsphere: DEBUG for another" in run("loglevel", "DEBUG", "--for", "2m")
        wait_for(lambda: "[debug" in stack.log_file.read_text())
        assert "Nothing is changed" in run("loglevel", "--reset")
        assert "FAIL" not in run("check")
        assert httpx2.post(f"{stack.url}/api/v1/auth/register/", json=PERSON, trust_env=False).status_code == 201
        backup = str(tmp_path / run("backup", str(tmp_path)).strip())
        assert "are all there" in run("verify", backup)
        assert "is in use by" in chatsphere(data, "restore", backup, code=1)
        assert "SECRET_KEY" in json.loads((data / "environment.json").read_text())
    assert not (data / "environment.json").exists()

    assert "None of ENCRYPTION_KEYS is a key of this backup" in chatsphere(new, "restore", backup, code=1)
    shutil.rmtree(new)
    new.mkdir()
    shutil.copy(data / "secrets.json", new)
    assert "Restored" in chatsphere(new, "restore", backup)
    assert "has tables already" in chatsphere(new, "restore", backup, code=1)
    with Stack(new, port=free_port(), environ=given) as stack:
        assert httpx2.post(f"{stack.url}/api/v1/auth/token/", json=PERSON, trust_env=False).status_code == 200


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)
