"""How cached values are written: JSON, never pickle."""

from __future__ import annotations

from typing import Any

import orjson


class JSONSerializer:
    """For Django's Redis cache. Integers stay plain, so that ``incr`` works."""

    def dumps(self, obj: Any) -> bytes | int:
        return obj if type(obj) is int else orjson.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)
