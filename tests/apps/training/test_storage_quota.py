"""Storage: counted with the bytes of sources, refused before anything is kept, exact when several add at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Sum

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import actions, site
from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.users import notices
from chatsphere.apps.users.models import Plan, QuotaCounter
from chatsphere.apps.users.notices import QuotaNotice
from chatsphere.core.exceptions import QuotaExceeded
from tests.apps.training.world import make_source, trained, work
from tests.stubs.website import serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def _limit(most: int | None) -> None:
    Plan.objects.update(storage_bytes=most)


def _counted() -> int:
    """The counter, which is always the sum of the rows."""
    row = QuotaCounter.objects.filter(metric="storage").first()
    used = row.used if row else 0
    assert used == (TrainingSource.objects.aggregate(total=Sum("bytes"))["total"] or 0)
    return used


def _add(client: Any, chatbot: Any, content: str) -> Any:
    body = {"source_type": "text", "name": "T", "content": content}
    return client.post(f"/api/v1/chatbots/{chatbot.pk}/sources/", body, format="json")


def test_bytes_count_from_the_moment_they_are_added_and_stay_the_same_when_they_are_read(chatbot: Any) -> None:
    source = make_source(chatbot, "ä" * 50)
    assert _counted() == 100

    work()

    source.refresh_from_db()
    assert (source.status, source.bytes, _counted()) == ("ready", 100, 100)


def test_what_does_not_fit_is_402_says_what_to_do_and_leaves_nothing(client: Any, chatbot: Any, settings: Any) -> None:
    _limit(100)
    assert _add(client, chatbot, "a" * 90).status_code == 202

    answer = _add(client, chatbot, "b" * 11)

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "quota_exceeded")
    assert "Delete sources" in answer.json()["error"]["message"]
    assert (TrainingSource.objects.count(), Run.objects.count(), _counted()) == (1, 1, 90)
    assert _add(client, chatbot, "b" * 10).status_code == 202
    file = SimpleUploadedFile("notes.txt", b"x" * 20, "text/plain")
    answer = client.post(
        f"/api/v1/chatbots/{chatbot.pk}/sources/", {"source_type": "file", "file": file}, format="multipart"
    )
    assert answer.status_code == 402
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert _counted() == 100


def test_several_sources_are_added_all_or_none(client: Any, chatbot: Any) -> None:
    _limit(100)
    sources = [{"source_type": "text", "name": "T", "content": "c" * 40} for _number in range(3)]

    answer = client.post(f"/api/v1/chatbots/{chatbot.pk}/sources/batch/", {"sources": sources}, format="json")

    assert answer.status_code == 402
    assert _counted() == 0


def test_deleting_gives_room(client: Any, chatbot: Any) -> None:
    _limit(100)
    first = _add(client, chatbot, "a" * 100).json()

    assert client.delete(f"/api/v1/sources/{first['id']}/").status_code == 204

    assert _counted() == 0
    assert _add(client, chatbot, "b" * 100).status_code == 202


def test_a_chatbot_that_is_gone_for_good_gives_room(chatbot: Any) -> None:
    make_source(chatbot, "a" * 100)

    Chatbot.objects.filter(pk=chatbot.pk).delete()

    assert _counted() == 0


def test_replacing_counts_the_difference(client: Any, chatbot: Any) -> None:
    _limit(100)
    source = trained(chatbot, "a" * 60)
    url = f"/api/v1/sources/{source.pk}/"

    assert client.patch(url, {"content": "b" * 101}, format="json").status_code == 402
    source.refresh_from_db()
    assert (source.options["content"], source.status, _counted()) == ("a" * 60, "ready", 60)

    assert client.patch(url, {"content": "b" * 100}, format="json").status_code == 200
    assert _counted() == 100
    work()
    assert client.patch(url, {"content": "c" * 30}, format="json").status_code == 200
    work()
    assert _counted() == 30


def test_over_a_limit_that_was_lowered_less_is_welcome(client: Any, chatbot: Any) -> None:
    source = trained(chatbot, "a" * 60)
    _limit(10)

    assert client.patch(f"/api/v1/sources/{source.pk}/", {"content": "b" * 50}, format="json").status_code == 200
    assert client.patch(f"/api/v1/sources/{source.pk}/", {"content": "b" * 51}, format="json").status_code == 402


def test_reading_again_counts_once(chatbot: Any) -> None:
    source = trained(chatbot, "a" * 60)

    actions.sync_source(source=source)
    work()

    assert _counted() == 60


def test_80_and_100_percent_are_told_and_told_again_after_room_was_made(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[QuotaNotice] = []
    monkeypatch.setitem(notices._listeners, "test", (told.append, None))
    _limit(100)
    first = make_source(chatbot, "a" * 80)
    make_source(chatbot, "b" * 20)
    actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[first.pk])
    make_source(chatbot, "c" * 5)
    make_source(chatbot, "d" * 60)

    assert [(each.metric, each.level, each.used) for each in told] == [
        ("storage", 80, 80),
        ("storage", 100, 100),
        ("storage", 80, 85),
    ]


def test_pages_of_a_site_that_do_not_fit_are_left_out_with_a_sentence(chatbot: Any, client: Any) -> None:
    _limit(3_000)
    long = "The reading room of the library holds forty people and one owl. " * 30
    site._polite_fetcher.cache_clear()
    with serving() as website:
        website.page("/", "<h1>The library</h1><p>Welcome to the library of Lindenau.</p>", links=("/long",))
        website.page("/long", f"<h1>Rooms</h1><p>{long}</p>" * 3)
        source = make_source(chatbot, source_type="crawl", uri=website.url + "/", options={})
        work()
        source.refresh_from_db()

        assert source.status == "partial", source.error_message
        assert "storage" in " ".join(source.warnings)
        assert 0 < _counted() < 3_000
        _limit(None)
        actions.sync_source(source=source)
        work()
        source.refresh_from_db()
        assert source.status == "ready"
        assert _counted() > 3_000


def test_of_40_that_add_at_once_exactly_those_pass_that_fit(chatbot: Any) -> None:
    _limit(100)
    start = Barrier(20)

    def add(number: int) -> str:
        start.wait()
        try:
            make_source(chatbot, f"{number:010}")
        except QuotaExceeded:
            return "refused"
        finally:
            connection.close()
        return "added"

    with ThreadPoolExecutor(20) as threads:
        outcomes = Counter(threads.map(add, range(40)))

    assert outcomes == {"added": 10, "refused": 30}
    assert (_counted(), Run.objects.count()) == (100, 10)
