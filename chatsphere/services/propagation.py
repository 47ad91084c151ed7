"""Headers by which a model's server may go on with a trace. The platform replaces ``headers`` when it traces; nobody else is sent any."""

from __future__ import annotations

from collections.abc import Callable

headers: Callable[[], dict[str, str]] = dict
