"""A refresh token is good once, also when two requests bring it in the same moment."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from chatsphere.apps.users import actions
from chatsphere.apps.users.models import Session
from chatsphere.core.exceptions import Unauthenticated
from chatsphere.core.identifiers import new_id

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"


def test_whoever_waits_for_another_exchange_of_the_same_token_is_refused_and_ends_the_session(alice: Any) -> None:
    pair = actions.open_session(user=alice)

    def exchange() -> str:
        try:
            actions.refresh_session(refresh=pair.refresh)
        except Unauthenticated as error:
            return str(error.type)
        finally:
            connection.close()
        return "exchanged"

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            Session.objects.filter(pk=pair.session_id).update(current_jti=new_id())  # another process, a moment earlier
            second = threads.submit(exchange)
            _wait_for_a_lock()
        assert second.result(10) == "refresh_reused"

    assert Session.objects.get(pk=pair.session_id).end_reason == "refresh_reused"


def _wait_for_a_lock() -> None:
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    pytest.fail("nobody waits")
