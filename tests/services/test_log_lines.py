"""No secret gets into a line of the log, however it came into the message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.log_lines import HIDDEN, plain_line, redacted, redacted_data

KEY = "cs_sk_0198c0ffee0198c0ffee0198c0ffee01_s3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
SECRET = "s3cr3tS3cr3t"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"the key {KEY} was used", "s3cr3t"),
        (f"the key {KEY.replace('_sk_', '_pk_')} was used", "s3cr3t"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GK"),
        (f"a token {JWT}", "dozjgNry"),
        (f"a token {JWT}", "eyJzdWIi"),
        (f"Authorization: Bearer {SECRET}", SECRET),
        (f"{{'Authorization': 'Bearer {SECRET}'}}", SECRET),
        (f"(b'authorization', b'Basic {SECRET}')", SECRET),
        (f'{{"authorization": "{SECRET}"}}', SECRET),
        (json.dumps({"event": json.dumps({"password": SECRET})}), SECRET),
        (f'{{"password": "{SECRET}"}}', SECRET),
        (f"password={SECRET}&next=/", SECRET),
        (f"api_key='{SECRET}'", SECRET),
        (f"new_password: {SECRET}", SECRET),
        (f"refresh_token={SECRET}", SECRET),
        (f"Cookie: sessionid={SECRET}", SECRET),
        (f"postgresql://chatsphere:{SECRET}@db:5432/x refuses", SECRET),
        (f"redis://:{SECRET}@cache:6379/0 refuses", SECRET),
        (f"Incorrect API key provided: sk-proj-{SECRET}", SECRET),
    ],
)
def test_it_is_hidden(line: str, secret: str) -> None:
    hidden = redacted(line)
    assert secret not in hidden
    assert HIDDEN in hidden


def test_whose_key_it_was_can_still_be_seen() -> None:
    assert redacted(KEY) == f"cs_sk_0198c0ff{HIDDEN}"


@pytest.mark.parametrize(
    "line",
    [
        "17 tokens were used, prompt_tokens=1234 completion_tokens: 99",
        "https://example.com/a/b?c=1 was read",
        "the session of an operator has ended",
        "run 0198c0ff-ee01-7000-8000-000000000000 failed",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redacted(line) == line


def test_secrets_of_the_configuration_are_hidden_wherever_they_stand() -> None:
    assert redacted("x = qwertyuiop1234567890;", ["qwertyuiop1234567890"]) == f"x = {HIDDEN};"
    assert redacted("it is a day", ["a"]) == "it is a day"


@given(st.text())
def test_any_line_can_be_looked_at(line: str) -> None:
    assert isinstance(redacted(line), str)


def test_names_of_values_are_looked_at_and_figures_stay() -> None:
    given = {
        "password": SECRET,
        "tokens": 17,
        "headers": [{"Cookie": SECRET}, f"Bearer {SECRET}"],
        "other": None,
        "path": "/x",
    }
    hidden = {
        "password": HIDDEN,
        "tokens": 17,
        "headers": [{"Cookie": HIDDEN}, f"Bearer {HIDDEN}"],
        "other": None,
        "path": "/x",
    }
    assert redacted_data(given) == hidden


def test_a_process_without_the_platform_writes_the_same_lines() -> None:
    line = json.loads(plain_line("chatsphere.embedder", "error", f"password={SECRET}", is_json=True))
    assert (line["level"], line["logger"], line["event"]) == ("error", "chatsphere.embedder", f"password={HIDDEN}")
    assert plain_line("chatsphere.embedder", "error", "it ended", is_json=False) == "it ended\n"
