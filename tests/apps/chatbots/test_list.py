"""GET /api/v1/chatbots/"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatsphere.apps.chatbots.actions import create_chatbot, delete_chatbot
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.users.actions import create_key
from chatsphere.apps.users.models import Plan

pytestmark = pytest.mark.django_db
URL = "/api/v1/chatbots/"


@pytest.fixture(autouse=True)
def _room_for_many(db: None) -> None:
    Plan.objects.update(chatbots=None)


def _make(person: Any, *names: str) -> list[Chatbot]:
    return [create_chatbot(workspace_id=person.default_workspace_id, name=name) for name in names]


def _names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def test_it_shows_the_workspaces_own_newest_first(alice: Any, bob: Any, charlie: Any, client_of: Any) -> None:
    _make(alice, "one", "two")
    _make(charlie, "other")

    assert _names(client_of(bob).get(URL)) == ["two", "one"]
    assert _names(client_of(charlie).get(URL)) == ["other"]


def test_nobody_gets_nothing(api_client: Any) -> None:
    answer = api_client.get(URL)

    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_it_leaves_out_the_deleted(alice: Any, client_of: Any) -> None:
    gone, _stays = _make(alice, "gone", "stays")
    delete_chatbot(workspace_id=gone.workspace_id, chatbot_id=gone.pk)

    assert _names(client_of(alice).get(URL)) == ["stays"]


def test_it_counts_sources(alice: Any, client_of: Any) -> None:
    chatbot, _empty = _make(alice, "full", "empty")
    for _ in range(3):
        TrainingSource.objects.create(
            workspace_id=chatbot.workspace_id, chatbot=chatbot, source_type="text", name="source"
        )

    rows = client_of(alice).get(URL).json()["results"]

    assert {row["name"]: row["sources_count"] for row in rows} == {"full": 3, "empty": 0}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("is_active=true", ["sales", "help"]),
        ("is_active=false", ["asleep"]),
        ("search=EL", ["help"]),
        ("slug=sales", ["sales"]),
        ("slug=nobody", []),
        ("ordering=name", ["asleep", "help", "sales"]),
        ("ordering=-name", ["sales", "help", "asleep"]),
        ("ordering=created_at", ["help", "sales", "asleep"]),
    ],
)
def test_it_can_be_narrowed_and_ordered(alice: Any, client_of: Any, query: str, names: list[str]) -> None:
    *_others, asleep = _make(alice, "help", "sales", "asleep")
    Chatbot.objects.filter(pk=asleep.pk).update(is_active=False)

    assert _names(client_of(alice).get(f"{URL}?{query}")) == names


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1e9", "limit"),
        ("limit=٣", "limit"),
        ("ordering=workspace", "ordering"),
        ("ordering=--name", "ordering"),
        ("is_active=perhaps", "is_active"),
        ("search=%00", "search"),
        ("fields=name,secret", "fields"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=ä", "cursor"),
        ("cursor=WyItaWQiLCJuZXh0IiwieCIsIngiXQ", "cursor"),
        ("cursor=W1tbW1tb", "cursor"),
    ],
)
def test_it_says_what_is_wrong_with_a_query(alice: Any, client_of: Any, query: str, field: str) -> None:
    _make(alice, "one")

    answer = client_of(alice).get(f"{URL}?{query}")

    assert answer.status_code == 422, answer.content
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_cursor_of_another_ordering_is_refused(alice: Any, client_of: Any) -> None:
    _make(alice, "one", "two")
    client = client_of(alice)
    by_name = client.get(f"{URL}?ordering=name&limit=1").json()["next"]

    assert client.get(by_name.replace("ordering=name", "ordering=created_at")).status_code == 422


@pytest.mark.parametrize("ordering", ["name", "-name", "created_at", "-updated_at", None])
def test_pages_forth_and_back_show_each_row_once(alice: Any, client_of: Any, ordering: str | None) -> None:
    made = _make(alice, *["same"] * 5, "other", "third")
    Chatbot.objects.filter(name="same").update(created_at=timezone.now())
    client = client_of(alice)
    page = client.get(URL, {"limit": 3, **({"ordering": ordering} if ordering else {})}).json()
    assert page["previous"] is None
    seen, pages = [], [page]
    while page["next"]:
        page = client.get(page["next"]).json()
        pages.append(page)
    seen = [row["id"] for page in pages for row in page["results"]]

    assert sorted(seen) == sorted(str(chatbot.pk) for chatbot in made)
    assert [len(page["results"]) for page in pages] == [3, 3, 1]
    back = client.get(pages[-1]["previous"]).json()
    assert back["results"] == pages[1]["results"]
    first = client.get(back["previous"]).json()
    assert (first["results"], first["previous"]) == (pages[0]["results"], None)


def test_rows_that_come_meanwhile_do_not_shift_the_next_page(alice: Any, client_of: Any) -> None:
    _make(alice, "one", "two", "three")
    client = client_of(alice)
    page = client.get(f"{URL}?limit=2").json()
    _make(alice, "four")

    assert _names(client.get(page["next"])) == ["one"]


def test_it_shows_only_the_fields_that_are_asked_for(alice: Any, client_of: Any) -> None:
    _make(alice, "one")

    assert client_of(alice).get(f"{URL}?fields=name, slug").json()["results"] == [{"name": "one", "slug": "one"}]


@pytest.mark.django_db(transaction=True)  # the cache of reads follows commits
def test_it_costs_the_same_for_one_and_for_many(alice: Any, client_of: Any, django_assert_num_queries: Any) -> None:
    client = client_of(alice)
    _make(alice, "one")
    with django_assert_num_queries(2):  # who asks; the page
        client.get(URL)
    _make(alice, *["many"] * 2)
    with django_assert_num_queries(2):
        client.get(URL)


def test_a_key_that_is_bound_sees_its_own_chatbots_only(alice: Any, api_client: Any) -> None:
    mine, other = _make(alice, "mine", "other")
    key = create_key(
        workspace_id=alice.default_workspace_id,
        created_by=alice.pk,
        name="bound",
        scopes=["chatbots:read", "chatbots:write"],
        chatbot_ids=[mine.pk],
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")

    assert _names(api_client.get(URL)) == ["mine"]
    assert api_client.get(f"{URL}{other.pk}/").status_code == 404
    assert api_client.post(URL, {"name": "new"}).status_code == 403


def test_another_workspace_in_the_header_is_not_found(alice: Any, charlie: Any, client_of: Any) -> None:
    for workspace in (charlie.default_workspace_id, uuid4(), "nonsense"):
        answer = client_of(alice).get(URL, headers={"X-Workspace": str(workspace)})
        assert answer.status_code == 404, answer.content
