"""What an earlier release has encrypted is read by this one. The files were written by the code of the first commits that wrote such:
uploads by 7cc05e2, backups by 2683f37, secrets by cb9a067; the prefix of the nonces was fixed then."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chatsphere.apps.users import file_storage
from chatsphere.apps.users.file_storage import EncryptedStorage
from chatsphere.backups import sealing
from chatsphere.core import encryption

FOLDER = Path(__file__).parents[1] / "stubs" / "earlier_release"
KEY, PREFIX = bytes(range(32)), b"earlier"
WORKSPACE = UUID("0192c0de-0000-7000-8000-000000000001")
TEXT = b"The canary lives in the third drawer. "
ENCRYPTION_KEY = "ZWFybGllci1yZWxlYXNlLWtleS0zMi1ieXRlcy1sb24="
LONG_BACKUP = "2eb9f73ffc34d9dae7b745ab9d642d6c210c708e2b179388067c053aa4a74228"


def test_an_upload(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(file_storage, "_key", {WORKSPACE: KEY.hex()}.__getitem__)
    name = f"sources/{WORKSPACE}/chatbot/upload"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes((FOLDER / "upload.bin").read_bytes())
    plain = (TEXT * 2000)[: 64 * 1024 + 100]

    storage = EncryptedStorage()

    with storage.open(name) as file:
        assert file.read() == plain
        file.seek(64 * 1024)
        assert file.read() == plain[64 * 1024 :]
    assert storage.size(name) == len(plain)


def test_a_backup() -> None:
    source, out = io.BytesIO((FOLDER / "backup.bin").read_bytes()), io.BytesIO()
    assert source.read(len(sealing.MAGIC)) == sealing.MAGIC

    sealing.unseal(source, out, KEY)

    assert out.getvalue() == TEXT.strip()


def test_a_backup_of_several_pieces_is_the_same_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "new_prefix", lambda: PREFIX)
    out = io.BytesIO()
    writer = sealing.SealingWriter(out, KEY)
    writer.write((TEXT * 80_000)[: 2 * 1024 * 1024 + 500_000])
    writer.close()

    assert hashlib.sha256(out.getvalue()).hexdigest() == LONG_BACKUP


def test_a_secret_of_the_database(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ("bmV3ZXItcmVsZWFzZXMta2V5LTMyLWJ5dGVzLWxvbmc=", ENCRYPTION_KEY)

    assert encryption.decrypt((FOLDER / "secret.txt").read_text().strip()) == "whsec_canary in the third drawer"
