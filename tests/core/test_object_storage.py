"""Uploads in an S3 server on this machine (moto): kept, read back only as they were, encrypted on top, listed, backed up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import override_settings
from moto.server import ThreadedMotoServer

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.training import files
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.users import file_storage
from chatsphere.apps.users.file_storage import MARK
from chatsphere.backups import actions
from chatsphere.core.connections import object_storage
from chatsphere.core.object_storage import CHECKSUM, DamagedObject
from tests.backups import test_backups

url, empty = test_backups.url, test_backups.empty  # fixtures
BUCKET = "uploads"
PLAIN = "chatsphere.core.object_storage.S3Uploads"
ENCRYPTED = "chatsphere.apps.users.file_storage.EncryptedStorage"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def bucket(server: str) -> Iterator[Any]:
    found = boto3.resource(
        "s3", endpoint_url=server, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    ).Bucket(BUCKET)
    found.create()
    yield found
    found.objects.all().delete()
    found.delete()


@pytest.fixture(params=[PLAIN, ENCRYPTED])
def uploads(request: pytest.FixtureRequest, server: str, bucket: Any) -> Iterator[Any]:
    address = f"s3://{BUCKET}/chatsphere?endpoint={server}&region=us-east-1&addressing=path"
    plain = {"BACKEND": PLAIN, "OPTIONS": object_storage(address, access_key="k", secret_key="s")}
    chosen = plain if request.param == PLAIN else {"BACKEND": ENCRYPTED}
    file_storage._key.cache_clear()
    with override_settings(STORAGES={"default": chosen, "plain": plain}):
        yield storages["default"]


def name_of(person: Any, name: str = "guide.md") -> str:
    return f"sources/{person.default_workspace_id}/chatbot/{name}"


@pytest.mark.django_db
@pytest.mark.parametrize("size", [0, 10, 5_000_000])
def test_what_comes_out_is_what_went_in(uploads: Any, alice: Any, size: int) -> None:
    plain = (b"canary " * (size // 7 + 1))[:size]
    name = uploads.save(name_of(alice), ContentFile(plain))
    with uploads.open(name) as file:
        assert file.read() == plain
        file.seek(max(0, size - 4))
        assert file.read() == plain[max(0, size - 4) :]
    assert uploads.size(name) == size
    assert uploads.save(name_of(alice), ContentFile(b"other")) != name, "nothing is overwritten"
    uploads.delete(name)
    assert not uploads.exists(name)
    with pytest.raises(FileNotFoundError):
        uploads.open(name)


@pytest.mark.django_db
def test_a_changed_object_is_refused(uploads: Any, alice: Any, bucket: Any) -> None:
    name = uploads.save(name_of(alice), ContentFile(b"A lost card costs four euros."))
    stored = bucket.Object(f"chatsphere/{name}")
    was, metadata = stored.get()["Body"].read(), stored.metadata
    assert CHECKSUM in metadata
    assert was.startswith(MARK) == isinstance(uploads, file_storage.EncryptedStorage)
    stored.put(Body=was[:-1] + bytes([was[-1] ^ 1]), Metadata=metadata)
    with pytest.raises(DamagedObject):
        uploads.open(name).read()


@pytest.mark.django_db
def test_a_service_that_is_away_is_an_error_of_files(uploads: Any, alice: Any, bucket: Any) -> None:
    bucket.objects.all().delete()
    bucket.delete()
    with pytest.raises(OSError, match="NoSuchBucket"):
        uploads.save(name_of(alice), ContentFile(b"x"))
    bucket.create()


@pytest.mark.django_db
def test_files_that_no_source_knows_are_removed_when_they_are_old(
    uploads: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uploads.save(name_of(alice), ContentFile(b"x"))
    monkeypatch.setattr(TrainingSource._meta.get_field("file"), "storage", uploads)
    assert files.remove_orphans() == 0
    monkeypatch.setattr(files, "YOUNG", -files.YOUNG)
    assert files.remove_orphans() == 1
    assert not uploads.exists(name)


@pytest.mark.django_db(transaction=True)
def test_a_backup_takes_them_along_and_brings_them_back(
    url: str,
    uploads: Any,
    bucket: Any,
    alice: Any,
    tmp_path: Path,
    empty: str,
    settings: Any,
) -> None:
    made = create_chatbot(workspace_id=alice.default_workspace_id, name="Library")
    name = default_storage.save(name_of(alice), ContentFile(b"A lost card costs four euros."))
    TrainingSource.objects.create(
        workspace=alice.default_workspace, chatbot=made, source_type="file", name="guide.md", file=name
    )
    out = io.BytesIO()
    actions.back_up(out)
    (tmp_path / "one.backup").write_bytes(out.getvalue())
    assert actions.verify(tmp_path / "one.backup").files == 1
    bucket.objects.all().delete()
    settings.DATABASE_URL = empty
    assert actions.restore(tmp_path / "one.backup").files == 1
    with default_storage.open(name) as file:
        assert file.read() == b"A lost card costs four euros."


@pytest.mark.parametrize("wrong", ["s3:///folder", "s3://bucket?colour=red"])
def test_a_wrong_address_says_what_is_wrong(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"bucket|endpoint"):
        object_storage(wrong, access_key="", secret_key="")
