"""Uploads at rest."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection

from chatsphere.apps.users import file_storage
from chatsphere.apps.users.file_storage import (
    HEAD_BYTES,
    PIECE,
    STORED_PIECE,
    DamagedFile,
    DiskStorage,
    EncryptedStorage,
)
from chatsphere.apps.users.models import FileKey

pytestmark = pytest.mark.django_db
SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7)


@pytest.fixture
def storage(settings: Any, tmp_path: Path) -> EncryptedStorage:
    settings.MEDIA_ROOT = tmp_path
    file_storage._key.cache_clear()
    return EncryptedStorage()


def name_of(person: Any, name: str = "upload") -> str:
    return f"sources/{person.default_workspace_id}/chatbot/{name}"


def text_of(size: int) -> bytes:
    return (b"canary " * (size // 7 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_what_comes_out_is_what_went_in(alice: Any, storage: EncryptedStorage, tmp_path: Path, size: int) -> None:
    plain = text_of(size)
    name = storage.save(name_of(alice), ContentFile(plain))

    with storage.open(name) as file:
        assert file.read() == plain
        file.seek(max(0, size - 5))
        assert file.read(3) == plain[max(0, size - 5) :][:3]
    assert storage.size(name) == size
    assert b"canary" not in (tmp_path / name).read_bytes()


def test_nobody_reads_around_it(alice: Any, storage: EncryptedStorage) -> None:
    with pytest.raises(NotImplementedError):
        storage.path(storage.save(name_of(alice), ContentFile(b"x")))


DAMAGES = {
    "a changed letter": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "a changed head": lambda raw: raw[:10] + bytes([raw[10] ^ 1]) + raw[11:],
    "the last piece cut off": lambda raw: raw[: HEAD_BYTES + 2 * STORED_PIECE],
    "some bytes cut off": lambda raw: raw[:-20],
    "pieces swapped": lambda raw: (
        raw[:HEAD_BYTES]
        + raw[HEAD_BYTES + STORED_PIECE : HEAD_BYTES + 2 * STORED_PIECE]
        + raw[HEAD_BYTES : HEAD_BYTES + STORED_PIECE]
        + raw[HEAD_BYTES + 2 * STORED_PIECE :]
    ),
    "something added": lambda raw: raw + b"x" * 100,
    "nothing but the head": lambda raw: raw[:HEAD_BYTES],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_seen(alice: Any, storage: EncryptedStorage, tmp_path: Path, damage: str) -> None:
    name = storage.save(name_of(alice), ContentFile(text_of(2 * PIECE + 100)))
    stored = tmp_path / name
    stored.chmod(0o600)
    stored.write_bytes(DAMAGES[damage](stored.read_bytes()))

    with pytest.raises(DamagedFile), storage.open(name) as file:
        file.read()


def test_each_workspace_has_a_key_of_its_own(
    alice: Any, charlie: Any, storage: EncryptedStorage, tmp_path: Path
) -> None:
    name = storage.save(name_of(alice), ContentFile(b"alices"))
    storage.save(name_of(charlie), ContentFile(b"charlies"))
    moved = name_of(charlie, "moved")
    (tmp_path / moved).write_bytes((tmp_path / name).read_bytes())

    assert len(set(FileKey.objects.values_list("key", flat=True))) == 2
    with pytest.raises(DamagedFile):
        storage.open(moved).read()


def test_files_from_before_are_read_as_they_are(alice: Any, storage: EncryptedStorage, tmp_path: Path) -> None:
    name = name_of(alice)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"plain")

    assert (storage.open(name).read(), storage.size(name)) == (b"plain", 5)


def test_rotation_moves_the_keys_and_the_files_stay_readable(
    alice: Any, storage: EncryptedStorage, settings: Any
) -> None:
    from cryptography.fernet import Fernet

    name = storage.save(name_of(alice), ContentFile(b"kept"))
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = (new, *settings.ENCRYPTION_KEYS)
    out = io.StringIO()
    call_command("rotate_encryption", stdout=out)
    settings.ENCRYPTION_KEYS = (new,)
    file_storage._key.cache_clear()

    covered = (
        "FileKey.key: 1",
        "SecondFactor.secret",
        "IdentitySecret.secret",
        "PrivacyRequest.result",
        "Endpoint.secret",
    )
    assert [each for each in covered if each not in out.getvalue()] == []
    assert storage.open(name).read() == b"kept"
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM users_filekey")
        assert FileKey.objects.get().key not in str(cursor.fetchall())


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_a_file_for_which_there_was_no_room_leaves_nothing_behind(
    alice: Any, storage: EncryptedStorage, tmp_path: Path, is_encrypted: bool
) -> None:
    class Endless(ContentFile):  # type: ignore[type-arg]  # generic only in the stubs
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"x" * 100_000
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        (storage if is_encrypted else DiskStorage()).save(name_of(alice), Endless(b"x"))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
