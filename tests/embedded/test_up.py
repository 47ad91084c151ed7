"""``chatsphere up`` before anything starts: what it checks, what it says, what it hands to its children."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from chatsphere.cli import main
from chatsphere.embedded import children_environment
from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.stack import Stack


def up(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["up", *arguments])
    return result.exit_code, result.output


def test_a_taken_port_is_one_sentence_and_nothing_is_made(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = up("--port", str(port), "--data-dir", str(folder / "data"))
    assert code == 1
    assert output == (f"Error: Port {port} on 127.0.0.1 is taken by another program; choose another one with --port.\n")
    assert not (folder / "data").exists()


def test_an_address_of_another_machine_is_refused(folder: Path, free_port: Callable[[], int]) -> None:
    code, output = up("--host", "192.0.2.1", "--port", str(free_port()), "--data-dir", str(folder / "data"))
    assert code == 1
    assert "ChatSphere cannot listen on 192.0.2.1" in output


def test_a_data_directory_in_use_names_who_uses_it(folder: Path, free_port: Callable[[], int]) -> None:
    holder = DataFolder(folder / "data")
    holder.open("http://127.0.0.1:4711")
    code, output = up("--port", str(free_port()), "--data-dir", str(folder / "data"))
    holder.close()
    assert code == 1
    assert f"is in use by the ChatSphere at http://127.0.0.1:4711 (process {os.getpid()}); stop that one" in output


def test_another_layout_is_refused_and_left_alone(folder: Path, free_port: Callable[[], int]) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "layout").write_text("99\n")
    code, output = up("--port", str(free_port()), "--data-dir", str(folder / "data"))
    assert code == 1
    assert "has layout '99', this ChatSphere uses layout '1'" in output
    assert not (folder / "data" / "postgres").exists()


def test_a_folder_that_cannot_be_written_is_refused(free_port: Callable[[], int]) -> None:
    # Nobody, not even root, can make folders there.
    code, output = up("--port", str(free_port()), "--data-dir", "/proc/chatsphere/data")
    assert code == 1
    assert "The data directory /proc/chatsphere/data cannot be written" in output
    assert "choose a writable folder with --data-dir" in output


def test_a_read_only_folder_is_refused(folder: Path, as_nobody: Callable[[Callable[[], None]], None]) -> None:
    folder.chmod(0o555)

    def check() -> None:
        with pytest.raises(StackError, match=r"cannot be written .*permission denied"):
            DataFolder(folder / "data").open("http://127.0.0.1:1")
        with pytest.raises(StackError, match=r"cannot be written .*permission denied"):
            DataFolder(folder).open("http://127.0.0.1:1")

    as_nobody(check)


def test_a_stack_object_tells_the_same_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stack = Stack(folder / "data", port=taken.getsockname()[1])
        stack.start()
        with pytest.raises(StackError, match="is taken by another program; choose another one with --port"):
            stack.wait_ready(30)
        stack.stop()
    assert stack.pids() == {}


def environment(folder: Path, environ: dict[str, str], host: str = "127.0.0.1") -> dict[str, str]:
    data = DataFolder(folder)
    provided = {"DATABASE_URL": "postgresql://embedded", "REDIS_URL": "unix:///embedded"}
    return children_environment.build(environ, data, host=host, port=8000, provided=provided)


def test_secrets_are_made_once_and_only_their_owner_can_read_them(folder: Path) -> None:
    first = environment(folder, {})
    second = environment(folder, {})
    names = ("SECRET_KEY", "JWT_SIGNING_KEY", "ENCRYPTION_KEYS")
    assert [first[name] for name in names] == [second[name] for name in names]
    assert len({first[name] for name in names}) == 3
    assert len(first["SECRET_KEY"]) >= 32
    Fernet(first["ENCRYPTION_KEYS"])
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600


def test_what_the_operator_set_wins_also_through_a_file(folder: Path) -> None:
    own = {"SECRET_KEY": "mine", "JWT_SIGNING_KEY_FILE": "/run/secrets/jwt", "DATABASE_URL": "postgresql://own"}
    built = environment(folder, own)
    assert built["SECRET_KEY"] == "mine"
    assert "JWT_SIGNING_KEY" not in built
    assert built["DATABASE_URL"] == "postgresql://own"
    assert built["REDIS_URL"] == "unix:///embedded"
    assert list(json.loads((folder / "secrets.json").read_text())) == ["ENCRYPTION_KEYS"]


def test_children_run_in_production_and_know_where_they_are(folder: Path) -> None:
    built = environment(folder, {"DJANGO_SETTINGS_MODULE": "somebody.elses"}, host="0.0.0.0")
    assert built["DJANGO_SETTINGS_MODULE"] == "chatsphere.config.settings.production"
    assert built["PUBLIC_URL"] == "http://localhost:8000"
    assert built["MEDIA_ROOT"] == str(folder / "media")
    assert {"localhost", "127.0.0.1", socket.gethostname()} <= set(built["ALLOWED_HOSTS"].split(","))
    assert "*" not in built["ALLOWED_HOSTS"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://localhost:80"),
        ("::", "http://localhost:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_the_address_that_people_open(host: str, url: str) -> None:
    assert children_environment.local_url(host, 80) == url


def test_a_damaged_secrets_file_is_not_replaced(folder: Path) -> None:
    (folder / "secrets.json").write_text("{")
    with pytest.raises(StackError, match=r"cannot be read .*restore it from your backup"):
        environment(folder, {})
    assert (folder / "secrets.json").read_text() == "{"
