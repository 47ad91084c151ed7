"""Qdrant's HTTP interface, as far as the engine speaks it, before the client's own in-memory Qdrant: no server program is needed.

It has the real client build real requests and read real answers. How Qdrant itself ranks, indexes and persists is not shown by it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from qdrant_client import QdrantClient, models
from qdrant_client.http.models import CountRequest, CreateCollection, PointsList, ScrollRequest

_Body = dict[str, Any]


class QdrantServer(ThreadingHTTPServer):
    """``is_broken`` answers 503 to everything; ``seen`` are the requests that came; ``keys`` the API keys they carried."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.local = QdrantClient(":memory:", force_disable_check_same_thread=True)
        self.lock = threading.Lock()
        self.is_broken = False
        self.seen: list[str] = []
        self.keys: set[str] = set()
        self.created: dict[str, _Body] = {}
        self.indexed: list[tuple[str, _Body]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> QdrantServer:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: QdrantServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: Any) -> None:
        """Silence."""

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.seen.append(f"{self.command} {path}")
        self.server.keys.add(self.headers.get("api-key", ""))
        status, result = 503, None
        if not self.server.is_broken:
            with self.server.lock:
                status, result = self._result(path, orjson.loads(raw) if raw else {})
        body = orjson.dumps({"result": result, "status": "ok" if status == 200 else {"error": "no"}, "time": 0.0})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the base class's names

    def _result(self, path: str, body: _Body) -> tuple[int, Any]:
        if path == "/collections":
            return 200, self.server.local.get_collections().model_dump(mode="json")
        name, _, rest = path.removeprefix("/collections/").partition("/")
        action = _ACTIONS.get(f"{self.command} {rest}")
        if action is None or not re.fullmatch(r"[a-z0-9_]{1,200}", name):
            return 404, None
        return 200, action(self.server, name, body)


def _exists(server: QdrantServer, name: str, _body: _Body) -> Any:
    return {"exists": server.local.collection_exists(name)}


def _create(server: QdrantServer, name: str, body: _Body) -> Any:
    wanted = CreateCollection(**body)
    server.created[name] = body
    return server.local.create_collection(
        name, vectors_config=wanted.vectors or {}, sparse_vectors_config=wanted.sparse_vectors
    )


def _index(server: QdrantServer, name: str, body: _Body) -> Any:
    server.indexed.append((name, body))
    return _done()


def _upsert(server: QdrantServer, name: str, body: _Body) -> Any:
    server.local.upsert(name, PointsList(**body).points)
    return _done()


def _delete(server: QdrantServer, name: str, body: _Body) -> Any:
    server.local.delete(name, models.FilterSelector(**body))
    return _done()


def _query(server: QdrantServer, name: str, body: _Body) -> Any:
    asked = models.QueryRequest(**body)
    found = server.local.query_points(
        name, query=asked.query, using=asked.using, query_filter=asked.filter, limit=asked.limit or 10
    )
    return found.model_dump(mode="json")


def _count(server: QdrantServer, name: str, body: _Body) -> Any:
    return server.local.count(name, CountRequest(**body).filter).model_dump(mode="json")


def _scroll(server: QdrantServer, name: str, body: _Body) -> Any:
    asked = ScrollRequest(**body)
    points, offset = server.local.scroll(name, asked.filter, limit=asked.limit or 10, offset=asked.offset)
    return {"points": [point.model_dump(mode="json") for point in points], "next_page_offset": offset}


def _done() -> Any:
    return {"operation_id": 0, "status": "completed"}


_ACTIONS: dict[str, Callable[[QdrantServer, str, _Body], Any]] = {
    "GET exists": _exists,
    "PUT ": _create,
    "PUT index": _index,
    "PUT points": _upsert,
    "POST points/delete": _delete,
    "POST points/query": _query,
    "POST points/count": _count,
    "POST points/scroll": _scroll,
}
