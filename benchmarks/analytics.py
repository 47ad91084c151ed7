"""Analytics of a large workspace: reports from roll-ups beside the same from raw rows, the roll-up itself, and how well questions are grouped.

    python -m benchmarks.analytics [--turns 1000000] [--day 100000] [--questions 10000] [--choose]

Takes about ten minutes, of which most is making and summing the rows; the first run embeds 10,000 questions, too (two minutes more). ``--choose``
shows how the threshold of the grouping was chosen, on the half of the intents that the results leave out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.group_measures import adjusted_rand, k_means, numbered, v_measure
from benchmarks.vector_cache import VectorCache

DAYS = 90
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODEL = "local:all-minilm-l6-v2-int8"
MORE_QUESTIONS = ("squad2_a", "clapnq_a", "policyqa_a", "xquad_a")
REPEATS = 7

LEDGER = """
INSERT INTO users_usagerecord (id, workspace_id, created_at, kind, request_key, occurred_at, chatbot_id, conversation_id, message_id,
    visitor_id, api_key_id, channel, model, prompt_tokens, completion_tokens, embedding_tokens, cost_micros, currency, latency_ms,
    first_token_ms, finish_reason)
SELECT gen_random_uuid(), %(workspace)s, now(), 'chat', 'chat:' || message, at, (%(bots)s::uuid[])[1 + n %% 3], NULL, message,
    (%(visitors)s::uuid[])[1 + (random() * 49999)::int], NULL, (ARRAY['api','widget','widget','openai'])[1 + n %% 4],
    (ARRAY['openai:small','openai:small','openai:large'])[1 + n %% 3], 800 + n %% 900, 50 + n %% 300, 0, 400 + n %% 2000, 'USD',
    (300 * exp(random() * 2.5))::int, (80 * exp(random() * 2))::int, CASE WHEN n %% 12 = 0 THEN 'refused_no_context' ELSE 'stop' END
FROM (SELECT n, gen_random_uuid() AS message, %(since)s::timestamptz + random() * %(span)s::interval AS at
      FROM generate_series(1, %(count)s) AS n) AS made
"""
CONVERSATIONS = """
INSERT INTO conversations_conversation (id, workspace_id, chatbot_id, channel, state, title, messages_count, created_at, last_message_at)
SELECT gen_random_uuid(), %(workspace)s, (%(bots)s::uuid[])[1 + n %% 3], 'widget', 'bot', '', 4, at, at
FROM (SELECT n, %(since)s::timestamptz + random() * %(span)s::interval AS at FROM generate_series(1, %(count)s) AS n) AS made
"""
RAW = """
SELECT {period} AS at, count(*), count(*) FILTER (WHERE finish_reason IN ('stop', 'length')),
    count(*) FILTER (WHERE finish_reason = 'refused_no_context'), sum(prompt_tokens), sum(completion_tokens), sum(cost_micros),
    count(DISTINCT visitor_id), percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency_ms),
    percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY first_token_ms)
FROM users_usagerecord WHERE workspace_id = %(workspace)s AND occurred_at >= %(since)s AND occurred_at < %(until)s AND kind = 'chat'
GROUP BY 1 ORDER BY 1
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--day", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--choose", action="store_true")
    arguments = parser.parse_args()
    if arguments.choose:
        return choose_threshold()
    with ExitStack() as stack:
        _start(stack)
        measure_reports(arguments.turns, arguments.day)
    return measure_grouping(arguments.questions)


def _start(stack: ExitStack) -> None:
    from chatsphere.embedded.postgres import PostgresServer
    from chatsphere.embedded.redis import RedisServer

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chatsphere-bench-")))
    postgres, redis = PostgresServer(folder / "postgres"), RedisServer(folder / "redis")
    for server in (postgres, redis):
        stack.callback(server.stop)
        server.start()
    os.environ.update(
        DATABASE_URL=postgres.url,
        REDIS_URL=redis.url,
        CHATSPHERE_DATA_DIR=str(folder / "data"),
        DJANGO_SETTINGS_MODULE="chatsphere.config.settings.development",
        EMBEDDING_MODEL="hashing:256",
        STATEMENT_TIMEOUT_MS="600000",
        LOG_LEVEL="ERROR",
    )
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


# --- reports --------------------------------------------------------------------------------------------------------


def measure_reports(turns: int, day: int) -> None:
    """Make the rows, sum them, read the overview both ways."""
    from chatsphere.apps.analytics.models import HourlyUsage
    from chatsphere.apps.analytics.periods import Period
    from chatsphere.apps.analytics.reports import Scope, overview

    workspace, bots = _workspace()
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = until - timedelta(days=DAYS)
    place = {"workspace": workspace.pk, "bots": bots, "visitors": [_id(n) for n in range(50_000)]}
    seconds = _timed(lambda: _fill(place, since, timedelta(days=DAYS), turns))
    print(f"{turns:,} turns and {turns // 4:,} conversations of {DAYS} days made in {seconds:.0f} s (in the database)")
    print(f"all of it rolled up in {_timed(lambda: _roll_up(workspace.pk)):.1f} s")
    _execute("VACUUM ANALYZE users_usagerecord", {})
    _execute("VACUUM ANALYZE analytics_dailyusage", {})
    period = Period(since, until, ZoneInfo("UTC"))
    fast = _median_ms(lambda: overview(Scope(workspace.pk), period, "day"))
    raw = {"workspace": workspace.pk, "since": since, "until": until}
    slow = _median_ms(lambda: _raw_overview(raw), repeats=3)
    print(
        f"overview of {DAYS} days, series by day, period before: {fast:.0f} ms from roll-ups, {slow:.0f} ms from raw rows"
    )
    _check(overview(Scope(workspace.pk), period, "day"), raw)
    print(f"{HourlyUsage.objects.count():,} hourly rows; totals, visitors and every day's figures equal the raw rows'")
    _one_day(place, until, day)


def _one_day(place: dict[str, Any], until: datetime, count: int) -> None:
    _fill(place, until, timedelta(days=1), count)
    workspace_id = place["workspace"]
    print(f"roll-up of a day of {count:,} turns: {_timed(lambda: _roll_up(workspace_id)):.2f} s")
    _execute(
        "INSERT INTO analytics_change (workspace_id, at) VALUES (%(workspace)s, %(at)s)",
        {"workspace": workspace_id, "at": until + timedelta(hours=12, minutes=7)},
    )
    print(f"one more answer in it (an hour summed again): {_timed(lambda: _roll_up(workspace_id)) * 1000:.0f} ms")


def _workspace() -> tuple[Any, list[UUID]]:
    from chatsphere.apps.chatbots.models import Chatbot
    from chatsphere.apps.users.models import Workspace

    workspace = Workspace.objects.create(name="Bench")
    bots = [Chatbot.objects.create(workspace=workspace, name=f"Bot {n}", slug=f"bot-{n}").pk for n in range(3)]
    return workspace, bots


def _id(number: int) -> UUID:
    return UUID(bytes=np.random.default_rng(number).bytes(16))


def _fill(place: dict[str, Any], since: datetime, span: timedelta, count: int) -> None:
    values = {**place, "since": since, "span": span}
    _execute(LEDGER, {**values, "count": count})
    _execute(CONVERSATIONS, {**values, "count": count // 4})


def _execute(text: str, values: dict[str, Any]) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []


def _roll_up(workspace_id: UUID) -> None:
    from chatsphere.apps.analytics.rolling import roll_up

    while roll_up(workspace_id):
        pass


def _raw_overview(values: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    days = _execute(RAW.format(period="date_trunc('day', occurred_at, 'UTC')"), values)
    return days, _execute(RAW.format(period="1"), values)


def _check(report: dict[str, Any], values: dict[str, Any]) -> None:
    names = ("messages", "answered", "refused", "prompt_tokens", "completion_tokens", "cost", "visitors")
    days, [total] = _raw_overview(values)
    wanted = [{name: int(value) for name, value in zip(names, row[1:], strict=False)} for row in (*days, total)]
    found = [{name: step[name] for name in names} for step in (*report["series"], report["totals"])]
    if wanted != found:
        raise SystemExit("the roll-ups differ from the raw rows")
    if any(abs(report["totals"][f"latency_{name}_ms"] / exact - 1) > 0.021 for name, exact in zip(("p50", "p95"), total[8], strict=True)):  # fmt: skip
        raise SystemExit("percentiles are off by more than 2 %")


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _median_ms(work: Callable[[], Any], *, repeats: int = REPEATS) -> float:
    work()
    return statistics.median(_timed(work) for _repeat in range(repeats)) * 1000


# --- grouping -------------------------------------------------------------------------------------------------------


def measure_grouping(count: int) -> None:
    """Questions one after the other as the inbox gets them, then tidied as each night; beside k-means, which is told how many groups there are."""
    from chatsphere.apps.analytics.clustering import threshold_for

    if not (DATA / "clinc_oos_a").is_dir():
        print("clinc_oos_a is not beside the checkout: grouping is not measured")
        return
    vectors, intents, _texts = _clinc()
    half = _half(intents)
    threshold = threshold_for(MODEL)
    print(f"grouping of clinc_oos_a, threshold {threshold} (chosen on the other 75 intents)")
    print("                              groups   ARI   V-measure")
    _show("75 unseen intents", vectors[~half], intents[~half], threshold)
    _show("all 150 intents", vectors, intents, threshold)
    more = _vectors(_other_questions(count - len(vectors)))
    order = np.random.default_rng(2).permutation(len(vectors) + len(more))
    everything = np.concatenate([vectors, more])[order]
    began = time.perf_counter()
    labels = group(everything, threshold)
    seconds = time.perf_counter() - began
    known = order < len(vectors)
    truth = numbered(intents)[order[known]]
    found = numbered(labels[known])
    print(
        f"{len(order):,} questions, of which {known.sum():,} labelled: {seconds:.1f} s without embedding, "
        f"{len(set(labels.tolist())):,} groups; labelled ones: ARI {adjusted_rand(truth, found):.3f}, V {v_measure(truth, found):.3f}"
    )


def _show(name: str, vectors: Any, intents: Any, threshold: float) -> None:
    truth = numbered(intents)
    order = np.random.default_rng(1).permutation(len(vectors))
    plain = group(vectors[order], threshold, rounds=0)
    tidied = group(vectors[order], threshold)
    told = k_means(vectors[order], int(truth.max()) + 1)
    for kind, labels in (("as they come", plain), ("tidied", tidied), ("k-means, true k", told)):
        found = numbered(labels)
        ari, v = adjusted_rand(truth[order], found), v_measure(truth[order], found)
        print(f"{name:18} {kind:16} {found.max() + 1:5}  {ari:.3f}   {v:.3f}")


def group(vectors: Any, threshold: float, *, rounds: int = 4) -> Any:
    """Labels, as the inbox groups."""
    from chatsphere.apps.analytics.clustering import Groups, tidy

    groups = Groups(np.zeros((0, vectors.shape[1]), np.float32), np.zeros(0, np.int64), threshold)
    labels = np.array([groups.add(vector) for vector in vectors], np.int64)
    return tidy(vectors, labels, rounds=rounds) if rounds else labels


def choose_threshold() -> None:
    """Mean of three orders on the half of the intents that is not reported."""
    vectors, intents, _texts = _clinc()
    half = _half(intents)
    vectors, truth = vectors[half], numbered(intents[half])
    for threshold in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5):
        scores = []
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(len(vectors))
            found = numbered(group(vectors[order], threshold))
            scores.append((found.max() + 1, adjusted_rand(truth[order], found), v_measure(truth[order], found)))
        groups, ari, v = np.mean(scores, axis=0)
        print(f"threshold {threshold:.2f}: {groups:.0f} groups, ARI {ari:.3f}, V-measure {v:.3f}")


def _half(intents: Any) -> Any:
    names = sorted(set(intents.tolist()))
    np.random.default_rng(1).shuffle(names)
    return np.isin(intents, names[:75])


def _clinc() -> tuple[Any, Any, list[str]]:
    lines = [json.loads(line) for line in (DATA / "clinc_oos_a" / "queries.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["intent"] != "oos"]
    texts = [line["text"] for line in lines]
    return _vectors(texts), np.array([line["intent"] for line in lines]), texts


def _other_questions(count: int) -> list[str]:
    texts: dict[str, None] = {}
    for name in MORE_QUESTIONS:
        path = DATA / name / "queries.jsonl"
        if path.is_file():
            texts |= dict.fromkeys(json.loads(line)["text"] for line in path.read_text().splitlines())
    return list(texts)[: max(0, count)]


def _vectors(texts: list[str]) -> Any:
    from chatsphere.services.ai.local_model import LocalModel

    return VectorCache(MODEL, LocalModel(MODEL).embed).vectors(texts)


if __name__ == "__main__":
    main()
