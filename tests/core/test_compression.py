"""Whole answers are compressed the way the client likes best; streams are not."""

from __future__ import annotations

import gzip
import json
from typing import Any

import brotli
import pytest
import zstandard
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from chatsphere.core.compression import chosen
from chatsphere.core.middleware.inline import CompressionMiddleware

BODY = {"results": [{"name": "Help desk", "language": "en"}] * 50}
PLAIN = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("GZIP;Q=0.5, br;q=0.4", "gzip"),
        ("zstd;q=0.1, br; q=0.9", "br"),
        ("zstd;q=0, br;q=0.000, gzip;q=0.0", None),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "br"),
        ("identity", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("gzip;q=2", None),
        ("gzip;q=x, br;level=3", None),
        ("deflate, compress", None),
    ],
)
def test_qualities_choose_the_coding(header: str, coding: str | None) -> None:
    assert chosen(header) == coding


def _answer(response: Any, accept: str) -> Any:
    request = RequestFactory().get("/", headers={"Accept-Encoding": accept})
    return CompressionMiddleware(lambda _request: response)(request)


@pytest.mark.parametrize("coding", list(PLAIN))
def test_the_body_comes_back_whole(coding: str) -> None:
    answer = _answer(JsonResponse(BODY, headers={"ETag": '"1"'}), coding)

    assert answer.headers["Content-Encoding"] == coding
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.headers["ETag"] == 'W/"1"'
    assert json.loads(PLAIN[coding](answer.content)) == BODY


def test_short_and_streamed_and_compressed_answers_pass_as_they_are() -> None:
    short = _answer(JsonResponse({"ok": True}), "br")
    stream = _answer(StreamingHttpResponse([b"data: 1\n\n" * 100]), "br")
    done = _answer(HttpResponse(b"x" * 1000, headers={"Content-Encoding": "gzip"}), "br")

    assert "Content-Encoding" not in short.headers
    assert "Content-Encoding" not in stream.headers
    assert done.headers["Content-Encoding"] == "gzip"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/docs/", "/admin/login/"])
def test_pages_run_scripts_of_this_host_alone_and_hold_none_inline(client: Client, path: str) -> None:
    answer = client.get(path)

    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    scripts = answer.content.decode().split("<script")[1:]
    assert all("src=" in script.split(">")[0] for script in scripts)


def test_the_script_of_the_documentation_is_a_file_of_its_own(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    address = page.split('<script src="')[-1].split('"')[0].replace("&amp;", "&")

    script = client.get(address)

    assert script.headers["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in script.content.decode()
