"""What every test may ask for: real PostgreSQL and Redis, and the same people everywhere.

Alice owns a workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
import pytest

from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
END_OTHER_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
_servers = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, before Django reads its settings; parallel workers inherit them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsphere.config.settings.test")
    os.environ.setdefault("EMBEDDING_MODEL", "hashing:256")
    os.environ.setdefault("OCR_LANGUAGES", "")  # an engine on this machine must not decide what tests see
    if hasattr(config, "workerinput"):
        number = int(config.workerinput["workerid"].removeprefix("gw")) + 1
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].split("?")[0] + f"?db={number}"
    elif not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        _start_servers()  # else: the caller's own; Django makes a test database beside the named one
    django.setup()
    if getattr(config.option, "numprocesses", None):
        # Parallel workers must not read the settings before they have chosen a Redis database of their own (above).
        os.environ.pop("DJANGO_SETTINGS_MODULE")


def _start_servers() -> None:
    folder = Path(tempfile.mkdtemp(prefix="chatsphere-test-"))
    _servers.callback(shutil.rmtree, folder, ignore_errors=True)
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
    postgres = PostgresServer(folder / "postgres", extra_options=quick)
    _servers.callback(postgres.stop)
    postgres.start()
    redis = RedisServer(folder / "redis")
    _servers.callback(redis.stop)
    redis.start()
    os.environ.update(DATABASE_URL=postgres.url, REDIS_URL=redis.url, CHATSPHERE_DATA_DIR=str(folder / "data"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _servers.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rows that migrations wrote are there again for each test that commits (``tests.emptying``)."""
    for item in items:
        for marker in item.iter_markers("django_db"):
            if marker.kwargs.get("transaction"):
                marker.kwargs.setdefault("serialized_rollback", True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Tests that commit empty all tables afterwards; the audit trail's refusal of TRUNCATE is tested by the one test that enables it.

    At the end the connections of event loops that are gone are ended, so that the database can be dropped.
    """
    from django.db import connection

    from chatsphere.core import engines
    from tests import emptying

    engines.forget()  # a module that was collected before made them for the database beside which the tests have theirs
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE users_auditevent DISABLE TRIGGER users_auditevent_no_truncate")
        emptying.prepare()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(END_OTHER_CONNECTIONS)


@pytest.fixture(autouse=True)
def _clean_cache(request: pytest.FixtureRequest) -> None:
    """Limits and caches of one test do not reach the next; parallel workers use databases of Redis of their own."""
    if request.node.get_closest_marker("django_db") is None:
        return
    from django.core.cache import cache

    from chatsphere.apps.users import audit, flags

    cache.clear()
    flags.forget()
    audit._current.set(
        audit.SYSTEM
    )  # requests of a server have contexts of their own, those of the test client share one


@pytest.fixture
def api_client() -> Any:
    """DRF's client, signed in as nobody."""
    from rest_framework.test import APIClient

    return APIClient()


@pytest.fixture
def user(db: None) -> Any:
    """A person with a workspace."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user(username="testuser", email="test@example.com", password="testpass123")


@pytest.fixture
def alice(db: None) -> Any:
    """Owns a workspace."""
    return _person("alice")


@pytest.fixture
def bob(alice: Any) -> Any:
    """An editor in Alice's workspace, which is his default one."""
    from chatsphere.apps.users.models import Membership, Role

    person = _person("bob")
    Membership.objects.create(workspace=alice.default_workspace, user=person, role=Role.EDITOR)
    person.default_workspace = alice.default_workspace
    person.save(update_fields=["default_workspace"])
    return person


@pytest.fixture
def charlie(db: None) -> Any:
    """A stranger with a workspace of his own."""
    return _person("charlie")


@pytest.fixture
def client_of() -> Callable[[Any], Any]:
    """An API client that carries a real access token of a person."""
    from rest_framework.test import APIClient

    from chatsphere.apps.users.actions import open_session

    def make(person: Any) -> Any:
        tokens = open_session(user=person)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.access}")
        return client

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets; tests that read it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data sets are not beside the checkout")
    return SHARED_DATA


def _person(name: str) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user(username=name, email=f"{name}@example.com", password=f"{name}-Pass-42")
