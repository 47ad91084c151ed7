"""The reconciler finds what should not be, and puts it right."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from chatsphere.apps.training import files
from chatsphere.apps.training.models import (
    ChunkTerms,
    ChunkText,
    Document,
    DocumentVersion,
    Embedding,
    Placement,
    TrainingSource,
)
from chatsphere.apps.training.reconcile import Findings, reconcile, reconcile_until
from tests.apps.training.world import GUIDE, make_source, says, stored, trained

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_the_pipeline_leaves_is_clean(chatbot: Any) -> None:
    trained(chatbot)
    assert reconcile() == Findings()
    call_command("reconcile")


def test_a_look_at_what_is_clean_waits_for_nobody_and_nobody_for_it(chatbot: Any) -> None:
    """A chatbot of a million chunks is looked at for a minute."""
    trained(chatbot)
    writer = connection.copy()
    try:
        with writer.cursor() as cursor, connection.cursor() as own:
            cursor.execute(
                "SELECT pg_advisory_lock(hashtextextended('chatsphere.knowledge:' || %s, 0))", [str(chatbot.pk)]
            )
            own.execute("SET lock_timeout = '1s'")
            assert reconcile(repair=True).is_clean
            Placement.objects.all().delete()
            with pytest.raises(OperationalError):  # what is wrong is put right under the lock
                reconcile(repair=True)
            own.execute("RESET lock_timeout")
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        writer.close()
    assert not reconcile(repair=True).is_clean
    assert reconcile().is_clean


def test_a_pending_version_of_an_open_run_is_no_finding(chatbot: Any) -> None:
    source = trained(chatbot)
    make_source(chatbot)
    version = DocumentVersion.objects.get()
    source.runs.update(state="running")
    DocumentVersion.objects.create(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, document=version.document, number=2,
        content_hash=b"x", text="x",
    )  # fmt: skip
    assert reconcile().is_clean


def damage(what: str) -> None:
    """Behind the pipeline's back."""
    chunk = ChunkText.objects.order_by("pk").first()
    if what == "unplaced_chunks":
        Placement.objects.filter(chunk=chunk).delete()
    elif what == "wrongly_hidden":
        ChunkTerms.objects.filter(chunk=chunk).update(is_live=False)
    elif what == "wrongly_shown":
        Document.objects.update(current_version=None)
    elif what == "unindexed":
        ChunkTerms.objects.filter(chunk=chunk).delete()
    elif what == "abandoned_versions":
        version = DocumentVersion.objects.get()
        version.pk, version.number = "00000000-0000-7000-8000-000000000001", 2
        version.save(force_insert=True)
    elif what in ("stray_words", "stray_vectors"):
        model = ChunkTerms if what == "stray_words" else Embedding
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {model._meta.db_table} DISABLE TRIGGER ALL")
            cursor.execute(
                f"UPDATE {model._meta.db_table} SET chunk_id = gen_random_uuid() WHERE chunk_id = %s", [chunk.pk]
            )
            cursor.execute(f"ALTER TABLE {model._meta.db_table} ENABLE TRIGGER ALL")


@pytest.mark.parametrize(
    "what", ["abandoned_versions", "unplaced_chunks", "wrongly_hidden", "wrongly_shown", "unindexed"]
)
def test_each_damage_is_found_and_repaired(chatbot: Any, what: str) -> None:
    trained(chatbot)
    damage(what)
    found = reconcile()
    assert getattr(found, what) > 0
    with pytest.raises(CommandError):
        call_command("reconcile")
    call_command("reconcile", "--repair")
    assert reconcile().is_clean
    if what in ("wrongly_hidden", "unindexed", "abandoned_versions"):
        assert says(chatbot, "lost library card", "four euros and fifty cents")


def test_only_the_named_chatbot_is_looked_at(chatbot: Any, charlie: Any) -> None:
    trained(chatbot)
    damage("wrongly_hidden")
    from tests.apps.training.world import make_chatbot

    assert reconcile(chatbot_id=make_chatbot(charlie).pk).is_clean
    assert not reconcile(chatbot_id=chatbot.pk).is_clean


def test_uploads_that_no_source_knows_are_removed_once_they_are_old(chatbot: Any, settings: Any) -> None:
    file = ContentFile(GUIDE.encode(), name="guide.md")
    source = trained(chatbot, source_type="file", name="guide.md", options={}, file=file)
    storage = TrainingSource._meta.get_field("file").storage
    storage.save(f"sources/{chatbot.workspace_id}/{chatbot.pk}/lost", ContentFile(b"x"))
    assert files.remove_orphans() == 0
    long_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    import os

    paths = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(paths) == 2
    for path in paths:
        os.utime(path, (long_ago, long_ago))
    assert files.remove_orphans() == 1
    assert storage.exists(source.file.name)
    assert stored(chatbot)["texts"] > 0


def test_the_periodic_walk_puts_right_what_is_wrong_says_so_and_goes_on_where_it_stopped(
    chatbot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    trained(chatbot)
    damage("unindexed")
    with caplog.at_level(logging.ERROR, logger="chatsphere.training"):
        assert reconcile_until(time.monotonic() + 30) == 1
    assert f"chatbot={chatbot.pk}" in caplog.text
    assert "'unindexed': 1" in caplog.text
    assert reconcile().is_clean
    assert reconcile_until(time.monotonic() - 1) == 0, "no time, no look"
    assert reconcile_until(time.monotonic() + 30) == 1, "the walk had ended, so it begins anew"
