"""The safe outbound client: what it refuses, what it bounds, what it brings back."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest

from chatsphere.services.content.addresses import is_public, read_url
from chatsphere.services.content.fetch import Fetcher, FetchLimits
from chatsphere.services.errors import FetchFailed, FetchRefused, LimitExceeded


class Site(ThreadingHTTPServer):
    """A web server of this machine; ``seen`` are the requests that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


class Pages(BaseHTTPRequestHandler):
    """Each path misbehaves in its own way."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        name = self.path.strip("/").split("/")[0].split("?")[0]
        getattr(self, f"page_{name}", self.page_hello)()

    do_POST = do_GET  # noqa: N815 - the server looks for this name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silence."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page_hello(self) -> None:
        self.answer(200, b"hello", Content_Type="text/plain")

    def page_gzip(self) -> None:
        self.answer(200, gzip.compress(b"hello" * 1000), Content_Encoding="gzip")

    def page_deflate(self) -> None:
        self.answer(200, zlib.compress(b"hello"), Content_Encoding="deflate")

    def page_bomb(self) -> None:
        self.answer(200, gzip.compress(b"\0" * 50_000_000, 1), Content_Encoding="gzip")

    def page_broken(self) -> None:
        self.answer(200, b"not gzip", Content_Encoding="gzip")

    def page_brotli(self) -> None:
        self.answer(200, b"x", Content_Encoding="br")

    def page_large(self) -> None:
        self.answer(200, b"x" * 1_000_001)

    def page_missing(self) -> None:
        self.answer(404, b"nothing here")

    def page_to(self) -> None:
        self.answer(302, b"moved", Location=self.path.split("?", 1)[1])

    def page_loop(self) -> None:
        self.answer(307, Location="/loop")

    def page_drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def page_hang(self) -> None:
        time.sleep(5)

    def page_headers(self) -> None:
        self.send_response(200)
        for number in range(3000):
            self.send_header(f"X-{number}", "x" * 1000)
        self.end_headers()


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(allow_loopback=True, limits=FetchLimits(connect_seconds=1, total_seconds=1.5, max_bytes=1_000_000))


def test_it_brings_a_page(site: Site, fetcher: Fetcher) -> None:
    page = fetcher.fetch(f"{site.url}/hello#part", headers={"X-Mine": "1"})

    assert (page.status, page.body, page.headers["content-type"], page.redirects) == (200, b"hello", "text/plain", ())
    assert page.url == f"{site.url}/hello"
    assert 0 < page.seconds < 1.5
    method, path, headers, _body = site.seen[0]
    assert (method, path, headers["X-Mine"], headers["Host"]) == ("GET", "/hello", "1", site.url[7:])


def test_it_sends_a_body(site: Site, fetcher: Fetcher) -> None:
    fetcher.fetch(f"{site.url}/", method="POST", body=b'{"a": 1}')

    assert site.seen[0][3] == b'{"a": 1}'


def test_a_bad_status_is_an_answer(site: Site, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{site.url}/missing").status == 404


@pytest.mark.parametrize(("path", "body"), [("gzip", b"hello" * 1000), ("deflate", b"hello")])
def test_it_unpacks(site: Site, fetcher: Fetcher, path: str, body: bytes) -> None:
    assert fetcher.fetch(f"{site.url}/{path}").body == body


@pytest.mark.parametrize("path", ["bomb", "large"])
def test_it_stops_at_the_limit_of_bytes(site: Site, fetcher: Fetcher, path: str) -> None:
    with pytest.raises(LimitExceeded, match="1,000,000 bytes"):
        fetcher.fetch(f"{site.url}/{path}")
    limits = FetchLimits(max_bytes=100, stop_at_limit=True)
    assert len(fetcher.fetch(f"{site.url}/{path}", limits=limits).body) == 100


@pytest.mark.parametrize("path", ["broken", "brotli", "headers"])
def test_broken_answers_are_failures(site: Site, fetcher: Fetcher, path: str) -> None:
    with pytest.raises(FetchFailed):
        fetcher.fetch(f"{site.url}/{path}")


@pytest.mark.parametrize("path", ["drip", "hang"])
def test_all_together_ends_in_time(site: Site, fetcher: Fetcher, path: str) -> None:
    begun = time.monotonic()

    with pytest.raises(FetchFailed, match="in time"):
        fetcher.fetch(f"{site.url}/{path}")

    assert time.monotonic() - begun < 3


def test_it_follows_redirects_and_says_which(site: Site, fetcher: Fetcher) -> None:
    page = fetcher.fetch(f"{site.url}/to?/to?/hello")

    assert (page.url, page.body) == (f"{site.url}/hello", b"hello")
    assert page.redirects == (f"{site.url}/to?/to?/hello", f"{site.url}/to?/hello")


def test_it_does_not_go_in_circles(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(LimitExceeded, match="redirects"):
        fetcher.fetch(f"{site.url}/loop")
    assert len(site.seen) == 6


def test_a_post_follows_none(site: Site, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{site.url}/to?/hello", method="POST").status == 302
    assert fetcher.fetch(f"{site.url}/to?/hello", limits=FetchLimits(max_redirects=0)).status == 302


def test_secrets_stay_with_the_host_they_were_meant_for(site: Site, fetcher: Fetcher) -> None:
    other = site.url.replace("127.0.0.1", "localhost")

    fetcher.fetch(f"{site.url}/to?{other}/hello", headers={"Authorization": "Bearer x", "Cookie": "a=b", "X-Fine": "1"})

    headers = site.seen[-1][2]
    assert "Authorization" not in headers
    assert "Cookie" not in headers
    assert headers["X-Fine"] == "1"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://a@localhost/",
        "//[::ffff:10.1.1.1]/",
        "http://[::1",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site: Site, fetcher: Fetcher, location: str) -> None:
    with pytest.raises(FetchRefused):
        fetcher.fetch(f"{site.url}/to?{location}")


def test_this_machine_is_closed_unless_tests_open_it(site: Site) -> None:
    closed = Fetcher(resolve=lambda host, port: ["127.0.0.1"])

    for url in (site.url, "http://127.0.0.1/", "http://localhost/", "http://example.com/", "http://[::1]/"):
        with pytest.raises(FetchRefused):
            closed.fetch(url)
    assert site.seen == []


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "127.0.0.1."])
def test_odd_spellings_of_this_machine_are_closed_too(host: str) -> None:
    with pytest.raises((FetchRefused, FetchFailed)):
        Fetcher().fetch(f"http://{host}/")


def test_one_private_address_among_several_is_enough_to_refuse() -> None:
    fetcher = Fetcher(resolve=lambda host, port: ["93.184.215.14", "10.0.0.1"])

    with pytest.raises(FetchRefused):
        fetcher.fetch("http://example.com/")


def test_a_name_is_resolved_once_and_connected_to_what_was_checked(site: Site) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    fetcher = Fetcher(allow_loopback=True, resolve=resolve)
    url = f"http://rebound.example:{site.server_port}/hello"

    assert fetcher.fetch(url).body == b"hello"
    assert asked == ["rebound.example"]
    assert site.seen[0][2]["Host"] == f"rebound.example:{site.server_port}"
    with pytest.raises(FetchRefused):
        fetcher.fetch(url)


def test_the_second_address_is_tried_when_the_first_does_not_answer(site: Site) -> None:
    fetcher = Fetcher(allow_loopback=True, resolve=lambda host, port: ["::1", "127.0.0.1"])

    assert fetcher.fetch(f"http://two.example:{site.server_port}/").status == 200


def test_a_slow_resolver_does_not_hold_us() -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(5)
        return ["127.0.0.1"]

    begun = time.monotonic()
    with pytest.raises(FetchFailed):
        Fetcher(resolve=slow, limits=FetchLimits(connect_seconds=0.3)).fetch("http://slow.example/")
    assert time.monotonic() - begun < 2


def test_an_unknown_name_and_a_closed_port_are_failures(fetcher: Fetcher) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(FetchFailed, match="not known"):
        Fetcher(resolve=unknown).fetch("http://nobody.invalid/")
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailed, match="reached"):
            fetcher.fetch(f"http://127.0.0.1:{reserved.getsockname()[1]}/")


def test_a_proxy_of_the_environment_is_not_asked(site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert fetcher.fetch(f"{site.url}/hello").status == 200


def test_a_server_that_speaks_no_tls_is_a_failure(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(FetchFailed):
        fetcher.fetch(site.url.replace("http://", "https://"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user@example.com/",
        "http://user:pass@example.com/",
        "http://example.com:8080/",
        "https://example.com:22/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: y",
        "http://example.com\\@10.0.0.1/",
        "http://example.com/\x00",
        "http://[fe80::1%25eth0]/",
        "http://[::1",
        "http://example.com/" + "x" * 2000,
        "http://example.com:99999/",
        "http://\ud800.example/",
    ],
)
def test_odd_addresses_are_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        read_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://Example.com", "example.com", 80),
        ("https://example.com:443/x?y#z", "example.com", 443),
        ("https://müller.example/ä", "xn--mller-kva.example", 443),
        ("http://example.com:443/", "example.com", 443),
    ],
)
def test_good_addresses_are_read(url: str, host: str, port: int) -> None:
    target = read_url(url)

    assert (target.host, target.port) == (host, port)
    assert "#" not in target.url


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
        *("192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1"),
        *("203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
        *("::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1"),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:10::1", "2002:a00:1::", "2002:7f00:1::"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "5f00::1", "3fff::1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.215.14", "100.63.255.255"),
        *("2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:4860:4860::8888"),
    ],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ip_address(address))
