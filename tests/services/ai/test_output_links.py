"""Links and images of answers: nothing is carried out by an address."""

from __future__ import annotations

import pytest

from chatsphere.services.ai.output_links import LinkGuard

PASSAGE = "See https://docs.example.com/a?b=1, https://www.example.com/c and [the form](https://forms.example.com/x)."


def guarded(text: str, *, hosts: tuple[str, ...] = (), size: int = 1_000) -> str:
    guard = LinkGuard([PASSAGE], hosts=hosts)
    return "".join(guard.feed(text[n : n + size]) for n in range(0, len(text), size)) + guard.finish()


CASES = [
    ("Read https://docs.example.com/a?b=1.", "Read https://docs.example.com/a?b=1."),
    ("Read [it](https://forms.example.com/x) [1].", "Read [it](https://forms.example.com/x) [1]."),
    ("Look ![x](https://evil.example/p.png?q=secret) here", "Look  here"),
    ("Click [here](https://evil.example/?q=secret).", "Click here."),
    ("Go to https://evil.example/?q=secret, now", "Go to , now"),
    ("Go to //evil.example/x now", "Go to  now"),
    ("[run](javascript:alert(1))", "run"),
    ('<img src="https://evil.example/x">', '<img src="">'),
    ("[home](/start) and [up](#top)", "[home](/start) and [up](#top)"),
    ("https://docs.example.com/a?b=1&q=secret", ""),
    ("Go to www.evil.example/?q=secret, or www.example.com/c.", "Go to , or www.example.com/c."),
    ("Go to WWW.evil.example", "Go to "),
    ("[here](www.evil.example)", "here"),
    ("Awww. We know how the www works", "Awww. We know how the www works"),
    ("An array [a] [1], with oath! Path: http", "An array [a] [1], with oath! Path: http"),
]


@pytest.mark.parametrize(("text", "shown"), CASES)
@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_only_addresses_of_the_passages_pass_however_the_answer_is_cut(text: str, shown: str, size: int) -> None:
    assert guarded(text, size=size) == shown


def test_where_hosts_are_named_only_they_pass() -> None:
    text = "https://docs.example.com/a?b=1 https://www.mine.example/any?thing=1 https://mine.example/"
    assert guarded(text, hosts=("*.mine.example",)) == " https://www.mine.example/any?thing=1 "
    assert guarded("www.mine.example/x www.example.com/c", hosts=("*.mine.example",)) == "www.mine.example/x "


def test_what_is_no_link_is_not_held_back() -> None:
    guard = LinkGuard([])
    assert guard.feed("Chargers are kept [1] ") == "Chargers are kept [1] "
