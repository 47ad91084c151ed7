"""Charts are valid pictures that say what they show; the digest goes to whom asked for it, once a week, and ends by its link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core import mail

from chatsphere.apps.analytics import digest
from chatsphere.apps.analytics.models import DigestSubscription
from tests.apps.analytics.ledger import ask, book, make_bot

pytestmark = pytest.mark.django_db
API = "/api/v1/analytics/"
SVG = "{http://www.w3.org/2000/svg}"
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def _texts(answer: Any) -> list[str]:
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    root = ElementTree.fromstring(answer.content)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert not list(root.iter(f"{SVG}script"))
    return ["".join(each.itertext()) for name in ("text", "title", "desc") for each in root.iter(SVG + name)]


def test_charts_are_svg_with_a_title_and_a_description(alice: Any, client: Any) -> None:
    bot = make_bot(alice.default_workspace, "Shop <advice>")
    book(bot.workspace, datetime.now(UTC), chatbot_id=bot.pk, cost_micros=2_500_000)
    ask(bot, 'Is 1 < 2 & "so"?', datetime.now(UTC))
    client.get(f"{API}questions/")

    overview = _texts(client.get(f"{API}overview/chart.svg"))
    assert "2 messages: 1 answered, 1 refused." in overview
    assert any("Shop <advice> · 2.50" in text for text in _texts(client.get(f"{API}usage/chart.svg")))
    assert any('Is 1 < 2 & "so"?' in text for text in _texts(client.get(f"{API}questions/chart.svg")))


def test_charts_of_nothing_are_charts_too(client: Any) -> None:
    for name in ("overview", "usage", "questions"):
        assert _texts(client.get(f"{API}{name}/chart.svg", HTTP_ACCEPT="image/svg+xml"))


def test_a_chart_of_anothers_chatbot_is_not_found(alice: Any, charlie: Any, client_of: Any) -> None:
    bot = make_bot(alice.default_workspace)
    for name in ("overview", "usage", "questions"):
        answer = client_of(charlie).get(f"{API}{name}/chart.svg", {"chatbot": str(bot.pk)})
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "not_found"


def test_the_digest_is_sent_once_a_week_to_whom_asked_for_it(alice: Any, bob: Any, client: Any) -> None:
    bot = make_bot(alice.default_workspace)
    for _number in range(3):
        book(bot.workspace, MONDAY - timedelta(days=3), chatbot_id=bot.pk)
    ask(bot, "<b>Free</b> shipping?", MONDAY - timedelta(days=2))
    client.get(f"{API}questions/")
    assert client.put(f"{API}digest/").json() == {"subscribed": True}
    assert client.get(f"{API}digest/").json() == {"subscribed": True}

    assert [digest.send_due(moment) for moment in (MONDAY, MONDAY + timedelta(days=1))] == [1, 0]
    [message] = mail.outbox
    assert message.to == [alice.email]
    assert "Messages              4" in message.body
    html = message.alternatives[0][0]  # type: ignore[attr-defined]  # it has them
    assert "&lt;b&gt;Free&lt;/b&gt; shipping?" in html
    assert [part.get_content_type() for part in message.attachments] == ["image/png", "image/png"]
    assert all(part.get_payload(decode=True).startswith(b"\x89PNG") for part in message.attachments)
    assert "cid:messages" in html
    assert digest.send_due(MONDAY + timedelta(days=7)) == 1


def test_nobody_gets_it_before_monday_morning_nor_after_leaving(alice: Any, bob: Any) -> None:
    workspace = alice.default_workspace
    DigestSubscription.objects.create(workspace=workspace, user=bob, last_week=MONDAY.date() - timedelta(days=7))
    assert digest.send_due(MONDAY.replace(hour=6)) == 0
    bob.memberships.filter(workspace=workspace).delete()
    assert digest.send_due(MONDAY) == 0


def test_the_link_ends_it_only_when_it_is_pressed(alice: Any, api_client: Any) -> None:
    mine = DigestSubscription.objects.create(workspace=alice.default_workspace, user=alice)
    link = digest.unsubscribe_url(mine)
    path = link[link.index("/api/") :]

    assert api_client.get(path).status_code == 200
    assert DigestSubscription.objects.count() == 1
    assert api_client.post(path + "x").status_code == 404
    assert (
        api_client.post(
            path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        ).status_code
        == 200
    )
    assert not DigestSubscription.objects.exists()


def test_a_mail_server_that_fails_is_asked_again(alice: Any, monkeypatch: Any) -> None:
    DigestSubscription.objects.create(workspace=alice.default_workspace, user=alice)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMultiAlternatives.send", lambda self: (_ for _ in ()).throw(OSError))
        assert digest.send_due(MONDAY) == 0
    assert digest.send_due(MONDAY) == 1
