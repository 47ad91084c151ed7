"""A database of the version before, with a trained chatbot and conversations in it, is taken over by this version.

previous_release.json names the last migration of each app in that version. The rows are real ones: this version makes them, and what the tables
of the version before have columns for is copied there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import psycopg
import pytest
from psycopg import sql

from tests.acceptance.deployment import Deployment, deployment, end, expect, join
from tests.own_cluster import OwnCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
PREVIOUS: dict[str, str] = json.loads(Path(__file__).with_name("previous_release.json").read_text())
NOT_COPIED = ("django_migrations", "django_content_type", "auth_permission")
COLUMNS = """
SELECT table_name, array_agg(column_name::text) FROM information_schema.columns
WHERE table_schema = 'public' AND is_generated = 'NEVER' GROUP BY table_name
"""
SEQUENCES = """
SELECT pg_get_serial_sequence(quote_ident(table_name), column_name), table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND is_identity = 'YES'
"""
MIGRATE = """
import json, sys, django
from django.core.management import call_command
django.setup()
for app, name in json.loads(sys.argv[1]).items():
    call_command("migrate", app, name, verbosity=0)
"""


@pytest.fixture
def cluster() -> Iterator[OwnCluster]:
    with TemporaryDirectory(prefix="upgrade-") as folder:
        made = OwnCluster(Path(folder) / "cluster", {"max_connections": "100"})
        Path(folder).chmod(0o755)
        made.make()
        made.start()
        yield made
        made.remove()


def fill(house: Deployment) -> tuple[str, str, int]:
    """A person's key, their chatbot, and how many messages there are."""
    worker, port = house.start("worker", "ingest"), house.start_web()
    person = join(f"http://127.0.0.1:{port}")
    with person.client() as http:
        question = {"message": "What does a lost library card cost?"}
        expect(http.post(f"/api/v1/chatbots/{person.chatbot}/chat/", json=question), 200)
    time.sleep(1)
    end(house.web[port])
    end(worker)
    return person.token, person.chatbot, 2


def columns_of(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, list[str]]:
    return {str(table): list(names) for table, names in connection.execute(COLUMNS)}  # type: ignore[call-overload]


def copy_rows(now: str, before: str) -> None:
    """Into the tables of the version before, what they have columns for. Keys and triggers rest meanwhile, as in a restore."""
    with psycopg.connect(now) as source, psycopg.connect(before) as target:
        target.execute("SET session_replication_role = replica")
        theirs, ours = columns_of(source), columns_of(target)
        for table in ours.keys() - set(NOT_COPIED):
            target.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            names = sql.SQL(", ").join(map(sql.Identifier, [each for each in ours[table] if each in theirs[table]]))
            read = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, sql.Identifier(table))
            write = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
            with source.cursor().copy(read) as rows, target.cursor().copy(write) as taken:
                for row in rows:
                    taken.write(row)
        for sequence, table, column in target.execute(SEQUENCES).fetchall():
            highest = sql.SQL("SELECT setval({}, coalesce(max({}), 1)) FROM {}")
            target.execute(
                highest.format(sql.Literal(sequence), sql.Identifier(str(column)), sql.Identifier(str(table)))
            )


def test_a_database_of_the_version_before_is_migrated_and_answers(tmp_path: Path, cluster: OwnCluster) -> None:
    cluster.ask("CREATE DATABASE now")
    cluster.ask("CREATE DATABASE before")
    with deployment(tmp_path, DATABASE_URL=cluster.url("now")) as house:
        token, chatbot, messages = fill(house)
        house.environment["DATABASE_URL"] = cluster.url("before")
        environment = house.environment | {"DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.production"}
        subprocess.run([sys.executable, "-c", MIGRATE, json.dumps(PREVIOUS)], env=environment, check=True)
        copy_rows(cluster.url("now"), cluster.url("before"))
        waiting = house.run("check").stdout
        assert "migrations are not applied" in waiting, waiting

        began = time.monotonic()
        for phase in ("before", "all"):
            migrated = house.run("migrate", "--phase", phase)
            assert migrated.returncode == 0, migrated.stderr
        print(f"migrated in {time.monotonic() - began:.1f} s")
        house.start("worker", "ingest")
        url = f"http://127.0.0.1:{house.start_web()}"
        with httpx2.Client(
            base_url=url, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {token}"}
        ) as http:
            assert http.get(f"/api/v1/chatbots/{chatbot}/").json()["name"] == "Library"
            answer = http.post(
                f"/api/v1/chatbots/{chatbot}/chat/", json={"message": "What does a lost library card cost?"}
            )
            expect(answer, 200)
            assert "four euros" in answer.json()["message"]["content"]
            assert answer.json()["message"]["citations"]
        join(url)  # new people, new knowledge
        ((count,),) = cluster.ask("SELECT count(*) FROM conversations_message", "before")
        assert count == messages + 2
