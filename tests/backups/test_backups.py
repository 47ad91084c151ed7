"""A backup of a platform with data in it is verified, restored elsewhere, and refused when anything is wrong with it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.models import TrainingSource
from chatsphere.backups import actions, database
from chatsphere.backups.errors import BackupError
from tests.apps.training.world import make_chatbot, trained

pytestmark = pytest.mark.django_db(transaction=True)
KEY = Fernet.generate_key().decode()


@pytest.fixture
def url(settings: Any, tmp_path: Path) -> str:
    """DATABASE_URL of the test database, and a storage of its own."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.DATABASE_URL = database.with_database(settings.DATABASE_URL, connection.settings_dict["NAME"])
    return settings.DATABASE_URL


@pytest.fixture
def chatbot(alice: Any, url: str) -> Chatbot:
    """A chatbot with one uploaded file."""
    made = create_chatbot(workspace_id=alice.default_workspace_id, name="Library")
    name = default_storage.save("uploads/fees.txt", ContentFile(b"A lost card costs four euros."))
    TrainingSource.objects.create(
        workspace=alice.default_workspace,
        chatbot=made,
        source_type=TrainingSource.Type.FILE,
        name="fees.txt",
        file=name,
    )
    return made


@pytest.fixture
def empty(url: str) -> Iterator[str]:
    with database.scratch(url, f"chatsphere_test_{uuid4().hex[:12]}") as made:
        yield made


def written(path: Path, key: str = "") -> Path:
    with path.open("wb") as out:
        actions.back_up(out, key=key)
    return path


@pytest.mark.parametrize("key", [pytest.param("", id="plain", marks=pytest.mark.slow), pytest.param(KEY, id="sealed")])
def test_a_backup_comes_back_in_an_empty_database_with_its_files(
    key: str, chatbot: Chatbot, empty: str, settings: Any, tmp_path: Path
) -> None:
    backup = written(tmp_path / "one.backup", key)
    settings.DATABASE_URL, settings.MEDIA_ROOT = empty, str(tmp_path / "elsewhere")
    proof = actions.restore(backup, key=key)
    assert proof.files == 1
    with database.connect(empty) as restored:
        assert restored.execute("SELECT name FROM chatbots_chatbot").fetchall() == [("Library",)]
        restored.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            restored.execute("UPDATE chatbots_chatbot SET workspace_id = gen_random_uuid()")
    assert (tmp_path / "elsewhere/uploads/fees.txt").read_bytes() == b"A lost card costs four euros."


@pytest.mark.slow
def test_verify_counts_what_is_there_and_leaves_no_database_behind(chatbot: Chatbot, url: str, tmp_path: Path) -> None:
    proof = actions.verify(written(tmp_path / "one.backup"))
    with database.connect(url) as live:
        assert proof.rows == sum(database.count_rows(live).values())
        left = live.execute("SELECT 1 FROM pg_database WHERE datname LIKE 'chatsphere_verify%'").fetchall()
    assert (proof.files, left) == (1, [])


def test_a_scratch_database_in_which_autovacuum_works_is_dropped_all_the_same() -> None:
    asked: list[str] = []

    class Server:
        def execute(self, statement: Any) -> None:
            asked.append(statement.as_string(None))
            if "FORCE" in asked[-1]:
                raise psycopg.errors.InsufficientPrivilege

    server: Any = Server()
    database.drop(server, "scratch")

    assert asked == ['DROP DATABASE IF EXISTS "scratch" WITH (FORCE)', 'DROP DATABASE IF EXISTS "scratch"']


def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(
    chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dump = database.dump

    def write_first(*arguments: Any) -> None:
        Chatbot.objects.filter(pk=chatbot.pk).update(name="Renamed")
        TrainingSource.objects.all().delete()
        dump(*arguments)

    monkeypatch.setattr(database, "dump", write_first)
    backup = written(tmp_path / "one.backup")
    monkeypatch.undo()
    assert actions.verify(backup).files == 1
    assert TrainingSource.objects.count() == 0


@pytest.mark.slow
def test_a_file_that_is_gone_is_named_in_the_manifest(chatbot: Chatbot, tmp_path: Path) -> None:
    default_storage.delete("uploads/fees.txt")
    with (tmp_path / "one.backup").open("wb") as out:
        manifest = actions.back_up(out)
    assert manifest.missing == ["uploads/fees.txt"]


def test_a_restore_into_a_database_with_tables_is_refused(chatbot: Chatbot, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="empty one"):
        actions.restore(written(tmp_path / "one.backup"))
    assert Chatbot.objects.count() == 1


@pytest.mark.slow
def test_a_restore_without_the_keys_of_its_secrets_is_refused(
    chatbot: Chatbot, empty: str, settings: Any, tmp_path: Path
) -> None:
    backup = written(tmp_path / "one.backup")
    settings.DATABASE_URL, settings.ENCRYPTION_KEYS = empty, (KEY,)
    with pytest.raises(BackupError, match="ENCRYPTION_KEYS"):
        actions.restore(backup)
    with database.connect(empty) as untouched:
        assert database.is_empty(untouched)


def test_a_backup_whose_file_was_changed_is_refused(chatbot: Chatbot, tmp_path: Path) -> None:
    backup = rewritten(written(tmp_path / "one.backup"), "files/uploads/fees.txt", b"A lost card costs nothing.")
    with pytest.raises(BackupError, match="not what its manifest says"):
        actions.verify(backup)


@pytest.mark.slow
def test_a_backup_that_lost_rows_is_refused(chatbot: Chatbot, tmp_path: Path) -> None:
    backup = written(tmp_path / "one.backup")
    with zipfile.ZipFile(backup) as content:
        manifest = json.loads(content.read("manifest.json"))
    manifest["rows"]["chatbots_chatbot"] += 1
    with pytest.raises(BackupError, match="chatbots_chatbot"):
        actions.verify(rewritten(backup, "manifest.json", json.dumps(manifest).encode()))


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no backup", b"CSBACKUP1\n"])
def test_what_is_no_backup_is_refused_with_a_sentence(content: bytes, url: str, tmp_path: Path) -> None:
    (tmp_path / "none").write_bytes(content)
    with pytest.raises(BackupError, match="backup"):
        actions.verify(tmp_path / "none", key=KEY)


def test_a_folder_keeps_the_newest_backups_and_nothing_unfinished(
    chatbot: Chatbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2, 3):
        (tmp_path / f"chatsphere-2026010{day}T000000Z.backup").write_bytes(b"old")
    path = actions.back_up_to_folder(tmp_path, keep=2)
    assert [each.name for each in sorted(tmp_path.glob("*.backup"))] == [
        "chatsphere-20260103T000000Z.backup",
        path.name,
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(actions, "back_up", lambda *_args, **_options: (_ for _ in ()).throw(BackupError("no")))
    with pytest.raises(BackupError):
        actions.back_up_to_folder(tmp_path, keep=1)
    assert path.exists()


@pytest.mark.slow
def test_a_pipe_will_do(chatbot: Chatbot, tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    actions.back_up(pipe)  # type: ignore[arg-type]
    (tmp_path / "piped").write_bytes(pipe.written)
    assert actions.verify(tmp_path / "piped").files == 1


def rewritten(backup: Path, name: str, content: bytes) -> Path:
    changed = backup.with_suffix(".changed")
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    return changed


def test_verify_asks_questions_whose_sources_are_known(alice: Any, url: str, tmp_path: Path) -> None:
    trained(
        make_chatbot(alice), content="A lost library card costs four euros and fifty cents. It is ready after two days."
    )
    assert actions.verify(written(tmp_path / "good.backup")).questions == 1

    with connection.cursor() as cursor:  # the text is there, and nobody can find it: no count and no constraint tells
        cursor.execute("UPDATE training_chunkterms SET is_live = false")
    with pytest.raises(BackupError, match="do not find their source"):
        actions.verify(written(tmp_path / "bad.backup"))
