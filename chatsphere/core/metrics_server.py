"""``/metrics`` on a port of its own, for machines and containers where workers run and no web process does. The same guard holds."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from prometheus_client import CONTENT_TYPE_LATEST

from chatsphere.core.metrics_view import exposition, may_read_as


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer one scrape after the other: there is one reader."""
        allowed = may_read_as(self.client_address[0], self.headers.get("Authorization", ""))
        if self.path.partition("?")[0] != "/metrics" or not allowed:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = exposition()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the server's signature
        """Nothing: each scrape would be a line."""

    timeout = 10


def serve(host: str, port: int) -> None:
    """Serve until the process ends. Raises OSError when the port is taken."""
    HTTPServer((host, port), _Handler).serve_forever()
