"""The inbox of unanswered questions: new ones are embedded and sorted into clusters, and clusters are counted and named again.

Everything can be repeated and killed: a question without a cluster waits, a cluster whose questions changed is marked stale by the
transaction (or the database's trigger) that changed them. One sorter at a time for a chatbot.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from chatsphere.apps.analytics.clustering import Groups, as_matrix, most_central, threshold_for, tidy
from chatsphere.apps.analytics.models import AnswerWork, QuestionCluster, UnansweredQuestion
from chatsphere.apps.chatbots.configuration import read_configuration
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.conversations.guardrails import Words, seen_by_search
from chatsphere.core import engines
from chatsphere.core.durable import OPEN_STATES
from chatsphere.services.ai.base import Embedder
from chatsphere.services.errors import EngineError

AT_ONCE = 500
MOST_NAMED = 2_000  # of a cluster's questions, the newest: enough to find the most central one
MOST_TIDIED = 20_000
HALF_LIFE_DAYS = 14.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LOCK = "chatsphere.analytics.inbox"
State = QuestionCluster.State


def sort_in_all() -> int:
    """Sort the waiting questions of all chatbots; returns how many were sorted. A chatbot whose embedder is away waits."""
    waiting = UnansweredQuestion.objects.filter(cluster=None).order_by().values_list("chatbot_id", flat=True)
    total = 0
    for chatbot_id in waiting.distinct():
        try:
            while done := sort_in(chatbot_id):
                total += done
        except EngineError:
            continue
    refresh(QuestionCluster.objects.filter(is_stale=True).values_list("pk", flat=True)[:1000])
    return total


def sort_in(chatbot_id: UUID, *, most: int = AT_ONCE) -> int:
    """Embed and sort a portion of a chatbot's waiting questions, oldest first; returns how many. Raises EngineError."""
    embedder = engines.embedder()
    waiting = UnansweredQuestion.objects.filter(chatbot_id=chatbot_id, cluster=None).order_by("id")
    questions = list(waiting.only("id", "text", "asked_at", "workspace_id", "chatbot_id")[:most])
    if not questions:
        return 0
    vectors = embedder.embed_passages(_as_seen(questions, embedder))
    with transaction.atomic():
        _alone(chatbot_id)
        _follow_model(chatbot_id, embedder)
        changed = _assign(questions, vectors, embedder.model.id)
        refresh(changed)
    return len(questions)


def _as_seen(questions: Sequence[UnansweredQuestion], embedder: Embedder) -> list[str]:
    """The words of one chatbot's questions as this embedder may see them."""
    stored = (
        Chatbot.objects.in_workspace(questions[0].workspace_id)
        .filter(pk=questions[0].chatbot_id)
        .values_list("configuration", flat=True)
        .first()
    )
    configuration = read_configuration(stored or {})
    return [seen_by_search(Words(each.text), configuration, embedder.model.id).question for each in questions]


def _alone(chatbot_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{LOCK}:{chatbot_id}"])


def _follow_model(chatbot_id: UUID, embedder: Embedder) -> None:
    """Vectors of another model cannot be compared: the questions of its clusters are embedded again, the clusters stay."""
    old = QuestionCluster.objects.filter(chatbot_id=chatbot_id, merged_into=None).exclude(model=embedder.model.id)
    for cluster in old.select_for_update(of=("self",)).defer("centroid"):
        _embed_again(cluster.questions.all(), embedder)
        vectors = as_matrix(cluster.questions.exclude(vector=None).values_list("vector", flat=True))
        centroid = vectors.mean(axis=0) if len(vectors) else np.zeros(embedder.model.dimensions, np.float32)
        QuestionCluster.objects.filter(pk=cluster.pk).update(
            model=embedder.model.id, centroid=centroid.tolist(), is_stale=True
        )


def _embed_again(questions: Iterable[UnansweredQuestion], embedder: Embedder) -> None:
    rows = list(questions)
    for start in range(0, len(rows), AT_ONCE):
        portion = rows[start : start + AT_ONCE]
        vectors = embedder.embed_passages(_as_seen(portion, embedder))
        for row, vector in zip(portion, vectors, strict=True):
            row.vector, row.model = vector.tolist(), embedder.model.id
        UnansweredQuestion.objects.bulk_update(portion, ["vector", "model"])


def _assign(questions: Sequence[UnansweredQuestion], vectors: Any, model_id: str) -> set[UUID]:
    chatbot_id = questions[0].chatbot_id
    known = QuestionCluster.objects.filter(chatbot_id=chatbot_id, merged_into=None, model=model_id).order_by("id")
    clusters = list(known.only("id", "centroid", "asked_count"))
    means = as_matrix(cluster.centroid for cluster in clusters)
    counts = np.array([max(1, cluster.asked_count) for cluster in clusters], np.int64)
    groups = Groups(means, counts, threshold_for(model_id))
    new: list[QuestionCluster] = []
    changed: set[UUID] = set()
    for question, vector in zip(questions, vectors, strict=True):
        number = groups.add(vector)
        if number == len(clusters):
            new.append(_new_cluster(question, vector, model_id))
            clusters.append(new[-1])
        question.cluster_id = clusters[number].pk
        question.vector, question.model = vector.tolist(), model_id
        changed.add(clusters[number].pk)
    QuestionCluster.objects.bulk_create(new)
    UnansweredQuestion.objects.bulk_update(questions, ["cluster", "vector", "model"], batch_size=200)
    return changed


def _new_cluster(question: UnansweredQuestion, vector: Any, model_id: str) -> QuestionCluster:
    return QuestionCluster(
        workspace_id=question.workspace_id,
        chatbot_id=question.chatbot_id,
        model=model_id,
        centroid=vector.tolist(),
        first_asked_at=question.asked_at,
        last_asked_at=question.asked_at,
    )


def refresh(cluster_ids: Iterable[UUID]) -> None:
    """Count, rank and name these clusters from their questions. One without questions goes, since its name and its vector are theirs;
    one that was answered is open again when it was asked in vain since."""
    for cluster_id in cluster_ids:
        with transaction.atomic():
            found = QuestionCluster.objects.select_for_update(of=("self",)).filter(pk=cluster_id, merged_into=None)
            cluster = found.defer("centroid").first()
            if cluster is not None:
                _refresh(cluster)


def _refresh(cluster: QuestionCluster) -> None:
    times = list(cluster.questions.values_list("asked_at", flat=True))
    if not times:
        _remove(cluster)
        return
    _name(cluster)
    cluster.first_asked_at, cluster.last_asked_at = min(times), max(times)
    cluster.rank = rank_of(times)
    cluster.asked_count, cluster.is_stale = len(times), False
    if _is_asked_again(cluster, times):
        cluster.state, cluster.reopened_at = State.UNANSWERED, timezone.now()
    cluster.save()


def _remove(cluster: QuestionCluster) -> None:
    """At once, or when the answering that goes on has ended: it stays stale until then, and nameless."""
    if AnswerWork.objects.filter(cluster=cluster, state__in=OPEN_STATES).exists():
        QuestionCluster.objects.filter(pk=cluster.pk).update(question="", asked_count=0, is_stale=True)
    else:
        cluster.delete()


def _name(cluster: QuestionCluster) -> None:
    newest = list(cluster.questions.exclude(vector=None).order_by("-id").values_list("text", "vector")[:MOST_NAMED])
    vectors = as_matrix(vector for _text, vector in newest)
    if len(vectors):
        cluster.question = newest[most_central(vectors)][0]
        cluster.centroid = vectors.mean(axis=0).tolist()


def _is_asked_again(cluster: QuestionCluster, times: Sequence[datetime]) -> bool:
    if cluster.state != State.ANSWERED or cluster.resolved_at is None:
        return False
    is_busy = AnswerWork.objects.filter(cluster=cluster, state__in=OPEN_STATES).exists()
    return not is_busy and any(at > cluster.resolved_at for at in times)


def rank_of(times: Sequence[datetime]) -> float:
    """How often and how lately: each time counts half as much after two weeks. Its order does not depend on when it is computed."""
    ages = [(at - EPOCH).total_seconds() / 86_400 / HALF_LIFE_DAYS for at in times]
    highest = max(ages)
    return highest + math.log2(sum(2.0 ** (age - highest) for age in ages))


def tidy_up(chatbot_id: UUID) -> int:
    """Move the questions of open clusters to the cluster that is nearest now; returns how many moved. Cluster ids stay."""
    with transaction.atomic():
        _alone(chatbot_id)
        open_questions = UnansweredQuestion.objects.filter(
            chatbot_id=chatbot_id, cluster__state=State.UNANSWERED, cluster__merged_into=None
        ).exclude(vector=None)
        rows = list(open_questions.order_by("-id").values_list("pk", "cluster_id", "vector")[:MOST_TIDIED])
        if len(rows) < 2:
            return 0
        names = sorted({row[1] for row in rows})
        number_of = {name: number for number, name in enumerate(names)}
        labels = np.array([number_of[row[1]] for row in rows], np.int64)
        moved = tidy(as_matrix(row[2] for row in rows), labels)
        changed = [
            UnansweredQuestion(pk=row[0], cluster_id=names[new])
            for row, old, new in zip(rows, labels, moved, strict=True)
            if old != new
        ]
        UnansweredQuestion.objects.bulk_update(changed, ["cluster"], batch_size=500)
        touched = {names[number] for pair in zip(labels, moved, strict=True) if pair[0] != pair[1] for number in pair}
        refresh(touched)
        return len(changed)


def tidy_up_all() -> None:
    """All chatbots that have clusters; once a night."""
    for chatbot in Chatbot.objects.alive().filter(pk__in=QuestionCluster.objects.order_by().values("chatbot_id")):
        tidy_up(chatbot.pk)
