"""A worker of training loads what its processes share before it makes them; other workers load nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chatsphere.apps.training import warming
from chatsphere.services.content import language


def worker_of(*queues: str) -> Any:
    consumed = SimpleNamespace(consume_from=dict.fromkeys(queues))
    return SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=consumed)))


@pytest.mark.parametrize(("queues", "loaded"), [(("ingest", "default"), 1), (("default",), 0)])
def test_only_a_worker_of_training_is_warmed_up(queues: tuple[str, ...], loaded: int) -> None:
    language._identifier.cache_clear()
    warming._warm_up_before_the_fork(worker_of(*queues))
    assert language._identifier.cache_info().currsize == loaded


def test_an_embedder_that_nobody_knows_does_not_keep_a_worker_from_starting(settings: Any) -> None:
    settings.EMBEDDING_MODEL = "unheard:of"
    warming.warm_up()
