"""What belongs to a site, and what its pages say."""

from __future__ import annotations

import time

import pytest

from chatsphere.services.content.crawl import Scope, page_links, tidy
from chatsphere.services.content.fetch import Fetched
from chatsphere.services.content.links import read_links
from chatsphere.services.errors import FetchRefused

HERE = "https://shop.example/docs/"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Shop.Example:443/A?b=1#c", "https://shop.example/A?b=1"),
        ("https://shop.example", "https://shop.example/"),
        ("https://shop.example/a?utm_source=x&b=2&gclid=y", "https://shop.example/a?b=2"),
        ("https://shop.example/a?b=%20c&d=", "https://shop.example/a?b=%20c&d="),
    ],
)
def test_an_address_has_one_form(url: str, expected: str) -> None:
    assert tidy(url) == expected
    assert tidy(expected) == expected


@pytest.mark.parametrize("url", ["mailto:a@b.example", "javascript:x", "https://a:b@c.example/", "https://a b/"])
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        tidy(url)


@pytest.mark.parametrize(
    ("url", "is_inside"),
    [
        ("https://shop.example/docs/", True),
        ("https://shop.example/docs", True),
        ("https://shop.example/docs/a/b?c=1", True),
        ("https://www.shop.example/docs/a", True),
        ("http://shop.example/docs/a", True),
        ("https://shop.example/docsx", False),
        ("https://shop.example/", False),
        ("https://other.example/docs/a", False),
        ("https://shop.example.evil.example/docs/a", False),
        ("https://shop.example:8443/docs/a", False),
        ("https://shop.example/docs/a.png", False),
        ("https://shop.example/docs/a.pdf", True),
    ],
)
def test_a_crawl_stays_in_its_folder(url: str, is_inside: bool) -> None:
    assert Scope(HERE).holds(url) is is_inside


def test_the_folder_of_a_file_is_the_one_it_lies_in() -> None:
    scope = Scope("https://shop.example/docs/index.html")
    assert scope.holds("https://shop.example/docs/b.html")
    assert not scope.holds("https://shop.example/blog/")


def test_patterns_include_and_exclude() -> None:
    scope = Scope("https://shop.example/", include=("/docs/*", "/help*"), exclude=("*/old/*", "*print=1*"))
    held = ["/docs/a", "/help", "/docs/a?x=1", "/"]
    left = ["/blog", "/docs/old/a", "/docs/a?print=1"]
    assert [path for path in held + left if scope.holds(f"https://shop.example{path}")] == held


def test_links_are_absolute_and_come_once() -> None:
    page = """<html><head><base href="/docs/"><link rel="canonical" href="a"></head><body>
        <!-- <a href="comment"> --> <script>document.write('<a href="script">')</script>
        <a class=x href=b>b</a> <a href='b#part'>b</a> <A HREF="?q=1&amp;r=2">q</A> <a href="#top">top</a>
        <a href="mailto:x@y.example">m</a> <a href="//other.example/x">o</a> <area href="c"> <a name="n">n</a>
        </body>"""
    found = read_links(page, url="https://shop.example/start")
    assert found.canonical == "https://shop.example/docs/a"
    links = list(Scope("https://shop.example/").of(found.links))
    assert links == [
        "https://shop.example/docs/b",
        "https://shop.example/docs/?q=1&r=2",
        "https://shop.example/docs/c",
    ]


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a href='", '<a href="x', "<script>", "<title>", "<a b=c ", "</", "<a <a ", "<a href=x>"]
)
def test_hostile_markup_costs_linear_time(piece: str) -> None:
    begun = time.process_time()
    read_links(piece * (1_000_000 // len(piece)), url=HERE)
    assert time.process_time() - begun < 5


def test_links_are_read_in_the_pages_own_encoding() -> None:
    headers = {"content-type": "text/html; charset=iso-8859-1"}
    answer = Fetched(HERE, 200, headers, '<html><a href="größe">'.encode("iso-8859-1"), 0.0)
    assert list(Scope(HERE).of(page_links(answer).links)) == [f"{HERE}gr%C3%B6%C3%9Fe"]


def test_only_web_pages_have_links() -> None:
    answer = Fetched(HERE, 200, {"content-type": "text/plain"}, b'<a href="b">', 0.0)
    assert page_links(answer).links == ()


def test_escapes_that_are_not_needed_make_no_other_page() -> None:
    assert tidy("https://shop.example/%7Eann/a%2fb%C3%BC%41") == "https://shop.example/~ann/a%2Fb%C3%BCA"
