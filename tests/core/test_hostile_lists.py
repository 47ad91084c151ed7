"""What strangers write into cursors, limits, event numbers and headers is a 4xx, never a 500 and never a way round a cap."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

import pytest

from chatsphere.apps.chatbots.actions import create_chatbot
from chatsphere.core.exceptions import Malformed
from chatsphere.core.sse import last_event_id

URL = "/api/v1/chatbots/"


def _cursor(parts: Any) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.django_db
@pytest.mark.parametrize("row_id", [5, [1], {"a": 1}, True, None, "x"])
def test_a_cursor_whose_id_is_none_is_refused(alice: Any, client_of: Any, row_id: Any) -> None:
    answer = client_of(alice).get(URL, {"cursor": _cursor(["-id", "next", str(uuid4()), row_id])})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["cursor"])


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2020-01-01T00:00:00"])
def test_a_cursor_whose_time_cannot_be_is_refused(alice: Any, client_of: Any, moment: str) -> None:
    cursor = _cursor(["created_at", "next", moment, str(uuid4())])
    answer = client_of(alice).get(URL, {"ordering": "created_at", "cursor": cursor})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["cursor"])


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00+23:59", "2020-01-01T00:00:00+00:00"])
def test_a_cursor_in_another_time_zone_is_read(alice: Any, client_of: Any, moment: str) -> None:
    cursor = _cursor(["created_at", "next", moment, str(uuid4())])

    assert client_of(alice).get(URL, {"ordering": "created_at", "cursor": cursor}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["000001999", "000001" + "9" * 30, "1" + "0" * 5000, "0" * 5000, "-1", "١"])
def test_a_limit_is_capped_however_it_is_written(alice: Any, client_of: Any, limit: str) -> None:
    answer = client_of(alice).get(URL, {"limit": limit})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["limit"])


@pytest.mark.parametrize("header", ["0" * 5000, "0" * 17 + "9" * 40, str(2**53), "-1", "1e3", "\u0661"])
def test_an_event_number_that_cannot_be_is_refused(header: str) -> None:
    with pytest.raises(Malformed):
        last_event_id(header)


@pytest.mark.parametrize(("header", "number"), [(None, 0), ("", 0), ("7", 7), (str(2**53 - 1), 2**53 - 1)])
def test_any_other_event_number_is_read(header: str | None, number: int) -> None:
    assert last_event_id(header) == number


@pytest.mark.django_db
def test_options_tells_nothing(alice: Any, client_of: Any) -> None:
    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Help")

    for path in (URL, f"{URL}{chatbot.pk}/", "/api/v1/auth/token/"):
        answer = client_of(alice).options(path)
        assert (answer.status_code, answer.json()["error"]["type"]) == (405, "method_not_allowed")


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["idna", "punycode", "zip", "undefined", "no-such"])
def test_a_form_in_an_encoding_that_cannot_be_is_4xx(alice: Any, client_of: Any, charset: str) -> None:
    chatbot = create_chatbot(workspace_id=alice.default_workspace_id, name="Help")
    form = b'--X\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\\ud800\r\n--X--\r\n'
    kind = f"multipart/form-data; boundary=X; charset={charset}"

    assert client_of(alice).post(f"{URL}{chatbot.pk}/sources/", form, content_type=kind).status_code in (400, 422)
