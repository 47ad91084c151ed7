"""kill -9 of a worker before and after each step of training: what it had begun is done again, nothing is lost and nothing stands twice."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from chatsphere.apps.training import actions, sweep
from chatsphere.apps.training.models import (
    ChunkTerms,
    Document,
    DocumentVersion,
    KnowledgeStatistics,
    Placement,
    Run,
    TermChange,
    TrainingSource,
)
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.apps.users.models import UsageRecord
from chatsphere.apps.webhooks.models import Event
from tests.apps.training.world import make_source, says, stored, trained, work

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

# A worker that kills itself at the n-th call of a function; ``module:attribute`` and ``before`` or ``after``.
_WORKER = """
import os, signal, sys, time, django
django.setup()
from functools import wraps
from importlib import import_module
from chatsphere.apps.training import worker

place, moment, call = sys.argv[1:]
module, _, path = place.partition(":")
owner = import_module(module)
*between, name = path.split(".")
for each in between:
    owner = getattr(owner, each)
original, calls = getattr(owner, name), 0

@wraps(original)
def deadly(*arguments, **named):
    global calls
    calls += 1
    if calls == int(call) and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **named)
    if calls == int(call):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, deadly)
worker.work_until(time.monotonic() + 60)
"""
_TRAINING = "chatsphere.apps.training"
_CLAIM = f"{_TRAINING}.worker:_claim_several"
_READ = f"{_TRAINING}.material:Material.read"
_CHUNK = f"{_TRAINING}.pipeline:Training.chunks_of"
_HOLD = f"{_TRAINING}.knowledge:hold"
_HOLD_ALL = f"{_TRAINING}.knowledge:hold_all"
_STORE = f"{_TRAINING}.knowledge:add_all_chunks"
_EMBED = "chatsphere.services.ai.hashing:HashingEmbedder.embed_passages"
_VECTORS = f"{_TRAINING}.knowledge:add_vectors"
_SWITCH = f"{_TRAINING}.pipeline:Training._switch"
_END = f"{_TRAINING}.outcomes:all_ended_well"
_COUNT = f"{_TRAINING}.worker:refresh_statistics"
_MEMBER = f"{_TRAINING}.archives:ArchiveTraining.count_done"

BOTH = ("before", "after")
TOGETHER = (_CLAIM, _READ, _CHUNK, _HOLD_ALL, _STORE, _EMBED, _VECTORS, _END, _COUNT)
ALONE = (_CLAIM, _READ, _CHUNK, _HOLD, _STORE, _EMBED, _VECTORS, _SWITCH, _END, _COUNT)
ARCHIVE = (_CLAIM, _READ, _STORE, _EMBED, _VECTORS, _MEMBER, _END)


def text(number: int) -> str:
    words = " ".join(["filler"] * 90)
    parts = [f"## Part {n}\n\nDocument{number} part{n} speaks of topic{number}x{n}. {words}." for n in range(4)]
    return "\n\n".join([f"# Document {number}", *parts, f"# Shared\n\n## Notice\n\nThe same everywhere. {words}."])


def archive() -> ContentFile[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(3):
            file.writestr(f"{number}.md", text(number))
    return ContentFile(buffer.getvalue(), name="all.zip")


def killed_at(place: str, moment: str, media: Path, *, call: int = 1) -> None:
    """Work in a process of its own until it dies there."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {"DATABASE_URL": url, "MEDIA_ROOT": str(media), "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-c", _WORKER, place, moment, str(call)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, f"it did not come to {place}: {done.stderr[-500:]}"


def done_again() -> None:
    """The lease runs out, the sweep finds it, another worker does the rest."""
    Run.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()
    work()
    sweep.sweep()


def assert_whole(chatbot: Any, *, documents: int, ready: int) -> None:
    """Each document once, each of its five chunks once, each event and booking once, all counted, nothing left over."""
    assert set(TrainingSource.objects.values_list("status", "searchable")) == {("ready", "full")}
    assert not Run.objects.exclude(state="succeeded").exists()
    assert max(Run.objects.values_list("crashes", flat=True)) <= 1
    assert (Document.objects.count(), DocumentVersion.objects.count()) == (documents, documents)
    counts = stored(chatbot)
    assert counts["places"] == Placement.objects.values("document_version", "ordinal").distinct().count()
    assert counts["places"] == sum(source.chunks_count for source in TrainingSource.objects.all())
    assert counts["texts"] == counts["words"] == counts["vectors"]
    assert Event.objects.filter(type="source.ready").count() == ready
    assert UsageRecord.objects.filter(kind="training").count() == Run.objects.filter(tokens__gt=0).count()
    assert not TermChange.objects.exists()
    assert KnowledgeStatistics.objects.get().chunks == ChunkTerms.objects.filter(is_live=True).count()
    assert reconcile().is_clean


@pytest.fixture
def media(settings: Any) -> Path:
    return Path(settings.MEDIA_ROOT)


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", TOGETHER)
def test_documents_that_are_trained_together(chatbot: Any, media: Path, place: str, moment: str) -> None:
    for number in range(3):
        make_source(chatbot, text(number), name=f"Document {number}")
    killed_at(place, moment, media)
    done_again()
    assert_whole(chatbot, documents=3, ready=3)
    assert says(chatbot, "topic2x3", "topic2x3")


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", ALONE)
def test_a_document_whose_text_has_changed(chatbot: Any, media: Path, place: str, moment: str) -> None:
    source = trained(chatbot, text(1))
    actions.update_source(source=source, changes={"content": text(1).replace("topic1x2", "topic1changed")})
    killed_at(place, moment, media)
    if place not in (_END, _COUNT) or (place, moment) == (_END, "before"):
        assert says(chatbot, "topic1x2", "topic1x2")  # until the switch the old text answers
    done_again()
    assert_whole(chatbot, documents=1, ready=2)
    assert says(chatbot, "topic1changed", "topic1changed")
    assert not says(chatbot, "topic1x2", "topic1x2")


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", ARCHIVE)
def test_an_archive_in_the_middle_of_which_the_worker_dies(chatbot: Any, media: Path, place: str, moment: str) -> None:
    make_source(chatbot, name="all.zip", source_type="file", options={}, file=archive(), media_type="application/zip")
    killed_at(place, moment, media, call=1 if place in (_CLAIM, _END) else 2)
    done_again()
    assert_whole(chatbot, documents=3, ready=1)
    assert says(chatbot, "topic2x3", "topic2x3")
