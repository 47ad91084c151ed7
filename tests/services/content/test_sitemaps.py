"""Sitemaps: XML, lines, compressed, indexes, and what pretends to be one."""

from __future__ import annotations

import gzip
import json

import pytest

from chatsphere.services.content import sitemaps
from chatsphere.services.content.sitemaps import SitemapEntry, SitemapWalk
from chatsphere.services.errors import BrokenDocument, ContentError, LimitExceeded

HERE = "https://shop.example/sitemap.xml"
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls: str, modified: str = "") -> bytes:
    lastmod = f"<lastmod>{modified}</lastmod>" if modified else ""
    entries = "".join(f"<url><loc> {url} </loc>{lastmod}</url>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {NAMESPACE}>{entries}</urlset>'.encode()


def index(*urls: str) -> bytes:
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f"<sitemapindex {NAMESPACE}>{entries}</sitemapindex>".encode()


def read(files: dict[str, bytes], start: str = HERE) -> list[SitemapEntry]:
    walk, found = SitemapWalk([start]), list[SitemapEntry]()
    while walk.next is not None:
        found += walk.read(files[walk.next.url])
    return found


def test_pages_come_in_their_order_with_lastmod() -> None:
    data = urlset("https://shop.example/a", "https://shop.example/b?c=1&amp;d=2", modified="2026-11-01")
    assert read({HERE: data}) == [
        SitemapEntry("https://shop.example/a", "2026-11-01"),
        SitemapEntry("https://shop.example/b?c=1&d=2", "2026-11-01"),
    ]


def test_an_index_of_compressed_sitemaps_is_followed() -> None:
    parts = ["https://shop.example/1.xml.gz", "https://shop.example/2.xml"]
    files = {
        HERE: gzip.compress(index(*parts, HERE)),
        parts[0]: gzip.compress(urlset("https://shop.example/a")),
        parts[1]: urlset("https://shop.example/b"),
    }
    assert [entry.url for entry in read(files)] == ["https://shop.example/a", "https://shop.example/b"]


def test_lines_are_a_sitemap_too() -> None:
    data = b"\xef\xbb\xbfhttps://shop.example/a\r\n\r\nhttps://shop.example/b"
    assert [entry.url for entry in read({HERE: data[3:]})] == ["https://shop.example/a", "https://shop.example/b"]


def test_an_index_that_names_itself_ends() -> None:
    assert read({HERE: index(HERE)}) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html><body>A page</body></html>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><urlset><url><loc>&a;</loc></url></urlset>',
        b"\x1f\x8bbroken",
        urlset("https://shop.example/a")[:-20],
        b"<urlset>" + b"<a>" * 10_000,
    ],
)
def test_what_is_none_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(ContentError) as refused:
        read({HERE: data})
    assert refused.value.message.endswith(".")


def test_what_was_read_before_the_damage_is_given() -> None:
    entries = SitemapWalk([HERE]).read(urlset("https://shop.example/a")[:-5])
    assert next(entries).url == "https://shop.example/a"
    with pytest.raises(BrokenDocument):
        next(entries)


def test_bombs_and_endless_indexes_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "MOST_BYTES", 100_000)
    with pytest.raises(LimitExceeded):
        read({HERE: gzip.compress(b"<urlset>" + b" " * 10_000_000)})
    many = index(*(f"https://shop.example/{number}.xml" for number in range(sitemaps.MOST_SITEMAPS + 1)))
    with pytest.raises(LimitExceeded):
        list(SitemapWalk([HERE]).read(many))


def test_a_million_pages_are_read_as_a_stream() -> None:
    data = urlset(*(f"https://shop.example/{number}" for number in range(50_000)))
    entries = SitemapWalk([HERE]).read(data)
    assert next(entries).url == "https://shop.example/0"
    assert sum(1 for _ in entries) == 49_999


def test_a_walk_goes_on_where_it_was_written_down() -> None:
    parts = ["https://shop.example/1.xml", "https://shop.example/2.xml"]
    walk = SitemapWalk([HERE])
    assert list(walk.read(index(*parts))) == []
    assert (walk.next.url, walk.put_back()) == (parts[0], 1)
    again = SitemapWalk.gone_on_with(json.loads(json.dumps(walk.state)))
    assert again.next.url == parts[1]
    assert [entry.url for entry in again.read(urlset("https://shop.example/b"))] == ["https://shop.example/b"]
    assert (again.next.url, again.put_back()) == (parts[0], 2)
    again.drop(again.next)
    assert again.next is None
