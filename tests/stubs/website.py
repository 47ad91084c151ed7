"""A web site of this machine whose pages tests write, change and take away."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What a path answers. A 200 has an ETag by its body unless it is told otherwise."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # before it answers
    is_broken: bool = False  # hangs up in the middle
    has_etag: bool = True
    drips: float = 0.0  # seconds between two bytes of the body


class Website(ThreadingHTTPServer):
    """``pages`` maps paths with queries to answers; ``seen`` are the requests that came, as path and status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Answer] = {}
        self.seen: list[tuple[str, int]] = []
        self.agents: set[str] = set()
        self.open, self.most_at_once = 0, 0  # requests that are being answered
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def page(self, path: str, html: str, *, links: tuple[str, ...] = (), head: str = "", **more: Any) -> None:
        """Write a page: a heading, paragraphs, and a menu with links."""
        menu = "".join(f'<a href="{link}">{link}</a> ' for link in links)
        body = f"<!doctype html><html><head>{head}</head><body><nav>{menu}</nav><main>{html}</main></body></html>"
        self.pages[path] = Answer(body.encode(), headers={"Content-Type": "text/html; charset=utf-8"}, **more)

    def paths(self, status: int | None = None) -> list[str]:
        """The paths that were asked for, robots.txt left out."""
        return [path for path, got in self.seen if path != "/robots.txt" and status in (None, got)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Website

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.open += 1
            self.server.most_at_once = max(self.server.open, self.server.most_at_once)
        try:
            self._answer()
        finally:
            with self.server.lock:
                self.server.open -= 1

    def _answer(self) -> None:
        answer = self.server.pages.get(self.path, Answer(b"nothing here", 404))
        self.server.agents.add(self.headers.get("User-Agent", ""))
        time.sleep(answer.seconds)
        headers, status, body = dict(answer.headers), answer.status, answer.body
        if status == 200 and answer.has_etag:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        modified = headers.get("Last-Modified")
        if status == 200 and (
            self.headers.get("If-None-Match") == headers.get("ETag", "none")
            or (modified and self.headers.get("If-Modified-Since") == modified)
        ):
            status, body = 304, b""
        self.server.seen.append((self.path, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (100 if answer.is_broken else 0)))
        self.end_headers()
        for piece in [body[n : n + 1] for n in range(len(body))] if answer.drips else [body]:
            self.wfile.write(piece)
            time.sleep(answer.drips)
        self.close_connection = answer.is_broken

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silence."""


@contextmanager
def serving() -> Iterator[Website]:
    """A site that answers while the block runs."""
    server = Website()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
