"""Parallel workers of the test run do not empty each other's Redis."""

from __future__ import annotations

import os

import pytest
from django.conf import settings


def test_each_worker_has_a_redis_database_of_its_own() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        pytest.skip("the tests do not run in parallel")
    number = int(worker.removeprefix("gw")) + 1
    assert settings.REDIS_URL.endswith(f"?db={number}")
    assert settings.CACHES["default"]["LOCATION"] == [settings.REDIS_URL]
