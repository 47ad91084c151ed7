"""Personal data and secrets, found by pattern and check digit."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.redaction import SECRETS, Kind, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to jane.doe+x@example.co.uk, please.", "Write to [email], please."),
        ("Call +49 30 901820 or (030) 123-45678.", "Call [phone] or [phone]."),
        ("IBAN DE89 3704 0044 0532 0130 00 is mine.", "IBAN [iban] is mine."),
        ("GB82WEST12345698765432", "[iban]"),
        ("Card 4111 1111 1111 1111, thanks.", "Card [card], thanks."),
        ("My key is sk-proj-abcdefghijklmnop1234.", "My key is [secret]."),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
        ("password: hunter2hunter2", "[secret]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "[secret]"),
    ],
)
def test_it_is_taken_out(text: str, shown: str) -> None:
    assert redact(text)[0] == shown


@pytest.mark.parametrize(
    "text",
    [
        "The order 4111 1111 1111 1112 was sent.",  # Luhn fails
        "GB82WEST12345698765433",  # mod 97 fails
        "It costs 1,299.00 and was made on 2024-05-01.",
        "From 01/02/2024 to 03/04/2024 in room 0815.",
        "Version 10.4.2 of the secret sauce; the token economy.",
        "Ask @jane about B-17.",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == (text, {})


def test_only_the_wanted_kinds_are_taken_out_and_counted() -> None:
    text, found = redact("a@b.example ghp_abcdefghijklmnopqrstuvwxyz0123456789", SECRETS)
    assert (text, found) == ("a@b.example [secret]", {Kind.SECRET: 1})


def test_a_long_hostile_text_takes_no_time() -> None:
    import time

    began = time.process_time()
    for text in (
        "0 " * 50_000,
        "a" * 100_000 + "@",
        "+" + "1-" * 50_000,
        "eyJ" * 30_000,
        "-----BEGIN PRIVATE KEY-----" * 4_000,
    ):
        redact(text)
    assert time.process_time() - began < 5
