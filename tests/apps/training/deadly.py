"""Processes that kill themselves, and what must be true when another one has done the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils import timezone

from chatsphere.apps.training import sweep
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
from tests.apps.training.world import stored, work

# Does a job, and kills itself at the n-th call of a function; ``module:attribute`` and ``before`` or ``after``.
_PROCESS = """
import faulthandler, json, os, signal, sys, time, django
faulthandler.dump_traceback_later(45, exit=True)
django.setup()
from functools import wraps
from importlib import import_module
from uuid import UUID
from chatsphere.apps.training import actions, retrain_worker, worker
from chatsphere.apps.training.models import TrainingSource

def found(place):
    module, _, path = place.partition(":")
    owner = import_module(module)
    *between, name = path.split(".")
    for each in between:
        owner = getattr(owner, each)
    return owner, name

place, moment, call, values, job = sys.argv[1:]
for each, value in json.loads(values).items():
    setattr(*found(each), tuple(value) if isinstance(value, list) else value)
owner, name = found(place)
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
exec(job)
"""
BOTH = ("before", "after")
WORK = "worker.work_until(time.monotonic() + 60)"

TRAINING = "chatsphere.apps.training"
CLAIM = f"{TRAINING}.worker:_claim_several"
READ = f"{TRAINING}.material:Material.read"
CHUNK = f"{TRAINING}.pipeline:Training.chunks_of"
HOLD = f"{TRAINING}.knowledge:hold"
HOLD_ALL = f"{TRAINING}.knowledge:hold_all"
STORE = f"{TRAINING}.knowledge:add_all_chunks"
EMBED = "chatsphere.services.ai.hashing:HashingEmbedder.embed_passages"
VECTORS = f"{TRAINING}.knowledge:add_vectors"
SWITCH = f"{TRAINING}.pipeline:Training._switch"
END = f"{TRAINING}.outcomes:all_ended_well"
COUNT = f"{TRAINING}.worker:refresh_statistics"
MEMBER = f"{TRAINING}.archives:ArchiveTraining.count_done"


def killed_at(
    place: str, moment: str, *, call: int = 1, job: str = WORK, values: Mapping[str, object] | None = None
) -> None:
    """Do a job in a process of its own until it dies there. ``values`` are set in it first, by ``module:attribute``."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {"DATABASE_URL": url, "MEDIA_ROOT": str(settings.MEDIA_ROOT), "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-c", _PROCESS, place, moment, str(call), json.dumps(dict(values or {})), job]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, f"it did not come to {place}: {done.stderr[-2000:]}"


def found_by_the_sweep() -> None:
    """The lease runs out, and the sweep finds the run."""
    Run.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()


def done_again() -> None:
    """Another worker does what the dead one has left."""
    found_by_the_sweep()
    work()
    sweep.sweep()


def assert_whole(chatbot: Any, *, documents: int, ready: int) -> None:
    """Each document once, each of its chunks once, each event and booking once, all counted, nothing left over."""
    assert set(TrainingSource.objects.values_list("status", "searchable")) == {("ready", "full")}
    assert not Run.objects.exclude(state="succeeded").exists()
    assert max(Run.objects.values_list("crashes", flat=True)) <= 1
    assert (Document.objects.count(), DocumentVersion.objects.count()) == (documents, documents)
    assert Event.objects.filter(type="source.ready").count() == ready
    assert UsageRecord.objects.filter(kind="training").count() == Run.objects.filter(tokens__gt=0).count()
    assert_no_row_too_many(chatbot)


def assert_no_row_too_many(chatbot: Any) -> None:
    """Places, texts, words and vectors belong to each other, all are counted, and nothing is left over."""
    counts = stored(chatbot)
    assert counts["places"] == Placement.objects.values("document_version", "ordinal").distinct().count()
    assert counts["places"] == sum(source.chunks_count for source in TrainingSource.objects.all())
    assert counts["texts"] == counts["words"] == counts["vectors"]
    assert not TermChange.objects.exists()
    statistics = KnowledgeStatistics.objects.filter(chatbot_id=chatbot.pk).first()
    assert (statistics.chunks if statistics else 0) == ChunkTerms.objects.filter(is_live=True).count()
    assert reconcile().is_clean
