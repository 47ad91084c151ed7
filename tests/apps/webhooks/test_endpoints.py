"""/api/v1/webhooks/endpoints/"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.users.actions import create_key
from chatsphere.apps.webhooks.actions.endpoints import MOST_ENDPOINTS
from chatsphere.apps.webhooks.models import Delivery, Endpoint
from chatsphere.core.durable import DurableState

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks/endpoints/"
BODY = {"url": "https://example.com/hook", "events": ["source.ready"]}


def _make(client: Any, **more: Any) -> dict[str, Any]:
    answer = client.post(URL, {**BODY, **more})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_it_makes_an_endpoint_and_shows_its_secret_this_once(alice: Any, client_of: Any) -> None:
    client = client_of(alice)

    made = _make(client, description="CRM")

    assert made["secret"].startswith("whsec_")
    assert len(made["secret"]) >= 40
    assert (made["is_active"], made["chatbots"], made["description"]) == (True, [], "CRM")
    shown = client.get(f"{URL}{made['id']}/").json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert "whsec_" not in client.get(URL).content.decode()


def test_the_secret_stands_encrypted_in_the_database(alice: Any, client_of: Any) -> None:
    made = _make(client_of(alice))

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_endpoint WHERE id = %s", [made["id"]])
        [stored] = cursor.fetchone()
    assert "whsec_" not in stored
    assert Endpoint.objects.get(pk=made["id"]).secret == made["secret"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({**BODY, "url": "ftp://example.com/"}, "url"),
        ({**BODY, "url": "http://10.0.0.1/"}, "url"),
        ({**BODY, "url": "http://[::ffff:169.254.169.254]/"}, "url"),
        ({**BODY, "url": "https://user:pass@example.com/"}, "url"),
        ({**BODY, "url": "https://example.com/" + "x" * 2000}, "url"),
        ({**BODY, "events": []}, "events"),
        ({**BODY, "events": ["source.gone"]}, "events.0"),
        ({**BODY, "events": ["webhook.test"]}, "events.0"),
        ({**BODY, "events": "source.ready"}, "events"),
        ({**BODY, "chatbots": ["x"]}, "chatbots.0"),
        ({**BODY, "secret": "whsec_x"}, "secret"),
    ],
)
def test_it_says_what_is_wrong(alice: Any, client_of: Any, body: Any, field: str) -> None:
    answer = client_of(alice).post(URL, body)

    assert answer.status_code == 422
    assert field in answer.json()["error"]["fields"]


def test_chatbots_of_others_cannot_be_named(alice: Any, charlie: Any, client_of: Any) -> None:
    mine = create_chatbot(workspace_id=alice.default_workspace_id, name="Mine").pk
    theirs = create_chatbot(workspace_id=charlie.default_workspace_id, name="Theirs").pk
    client = client_of(alice)

    for ids in ([theirs], [mine, theirs], [uuid4()]):
        answer = client.post(URL, {**BODY, "chatbots": [str(one) for one in ids]})
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["chatbots"])
    made = _make(client, chatbots=[str(mine), str(mine)])
    path = f"{URL}{made['id']}/"
    assert client.patch(path, {"chatbots": [str(theirs)]}).status_code == 422
    Chatbot.objects.filter(pk=mine).update(deleted_at=timezone.now())
    assert client.patch(path, {"chatbots": [str(mine)], "description": "as it was"}).status_code == 200


def test_there_is_an_end_to_endpoints(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for _ in range(MOST_ENDPOINTS):
        _make(client)

    assert client.post(URL, BODY).status_code == 422


def test_it_changes_what_is_named(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = _make(client)

    answer = client.patch(f"{URL}{made['id']}/", {"events": ["*", "*"]})

    assert answer.status_code == 200
    assert (answer.json()["events"], answer.json()["url"]) == (["*"], BODY["url"])


def test_a_change_on_an_old_reading_is_refused(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = _make(client)
    old = client.get(f"{URL}{made['id']}/").headers["ETag"]
    client.patch(f"{URL}{made['id']}/", {"description": "one"}, headers={"If-Match": old})

    assert client.patch(f"{URL}{made['id']}/", {"description": "two"}, headers={"If-Match": old}).status_code == 412


def test_switching_it_off_drops_what_waits_and_on_forgets_why(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = _make(client)
    client.post(f"{URL}{made['id']}/test/")

    off = client.patch(f"{URL}{made['id']}/", {"is_active": False}).json()

    assert (off["is_active"], off["disabled_reason"]) == (False, "by_member")
    assert Delivery.objects.get().state == DurableState.CANCELLED
    assert client.post(f"{URL}{made['id']}/test/").status_code == 409
    on = client.patch(f"{URL}{made['id']}/", {"is_active": True}).json()
    assert (on["is_active"], on["disabled_reason"], on["disabled_at"]) == (True, "", None)


def test_a_deleted_endpoint_is_gone_with_its_log(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = _make(client)
    client.post(f"{URL}{made['id']}/test/")

    assert client.delete(f"{URL}{made['id']}/").status_code == 204
    assert client.get(f"{URL}{made['id']}/").status_code == 404
    assert client.delete(f"{URL}{made['id']}/").status_code == 404
    assert not Delivery.objects.exists()


def test_a_new_secret_leaves_the_old_one_valid_for_a_while(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    made = _make(client)

    rotated = client.post(f"{URL}{made['id']}/rotate-secret/").json()

    assert rotated["secret"] != made["secret"]
    endpoint = Endpoint.objects.get(pk=made["id"])
    assert (endpoint.secret, endpoint.previous_secret) == (rotated["secret"], made["secret"])


def test_an_editor_reads_but_does_not_write(alice: Any, bob: Any, client_of: Any) -> None:
    made = _make(client_of(alice))
    client = client_of(bob)

    assert client.get(f"{URL}{made['id']}/").status_code == 200
    assert client.post(URL, BODY).status_code == 403
    assert client.patch(f"{URL}{made['id']}/", {}).status_code == 403
    assert client.post(f"{URL}{made['id']}/rotate-secret/").status_code == 403


@pytest.mark.parametrize("below", ["", "test/", "rotate-secret/", "deliveries/", "redeliver/"])
def test_a_stranger_finds_nothing(alice: Any, charlie: Any, client_of: Any, below: str) -> None:
    made = _make(client_of(alice))
    client = client_of(charlie)

    assert {client.get(f"{URL}{made['id']}/{below}").status_code} <= {404, 405}
    assert {client.post(f"{URL}{made['id']}/{below}", {}).status_code} <= {404, 405}
    assert client.get(URL).json()["results"] == []


def test_a_key_of_some_chatbots_has_no_business_here(alice: Any, api_client: Any) -> None:
    key = create_key(
        workspace_id=alice.default_workspace_id,
        created_by=alice.pk,
        name="bound",
        scopes=["webhooks:read", "webhooks:write"],
        chatbot_ids=[],
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")

    assert api_client.get(URL).status_code == 403
    assert api_client.post(URL, BODY).status_code == 403
