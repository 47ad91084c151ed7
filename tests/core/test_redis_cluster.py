"""Limits and cache in a Redis Cluster: what is charged together lies on different servers there."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from redis import RedisError

from chatsphere.core import health, redis_clients, throttling
from chatsphere.core.cache import ClusterCache
from chatsphere.core.connections import cluster
from chatsphere.core.rates import Charge, Rate
from chatsphere.core.redis_clients import close_async_client, sync_cache_client
from chatsphere.core.throttling import LocalLimiter, check_rate, check_rate_async
from tests.stubs.redis_cluster import Cluster, ask, running_cluster, wait_for


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(Path(tmp_path_factory.mktemp("cluster"))) as made:
        yield made


@pytest.fixture(autouse=True)
def spread(servers: Cluster, settings: Any) -> Iterator[None]:
    settings.CACHE_REDIS_URL, settings.RATE_LIMITS_ENABLED = servers.url, True
    yield
    redis_clients._own_cache_client.cache_clear()
    throttling._absence._until = 0.0


def charges(*rates: Rate) -> list[Charge]:
    """One of each rate, with keys that lie on different servers."""
    client: Any = sync_cache_client()
    found: dict[str, Charge] = {}
    for one in rates:
        for number in count():
            charge = Charge(one, f"{os.urandom(4).hex()}{number}")
            owner = client.get_node_from_key(charge.redis_key).name
            if owner not in found:
                found[owner] = charge
                break
    return list(found.values())


def test_several_limits_are_charged_together_or_not_at_all() -> None:
    wide, narrow, last = charges(Rate("wide", 100, 3600), Rate("narrow", 2, 3600), Rate("last", 50, 3600))

    decisions = [check_rate([wide, narrow, last]) for _number in range(5)]

    assert [decision.is_allowed for decision in decisions] == [True, True, False, False, False]
    assert {decision.is_counted for decision in decisions} == {True}
    assert decisions[2].rate.name == "narrow"
    assert decisions[2].retry_after > 1000
    assert check_rate([wide]).remaining == 97
    assert check_rate([last]).remaining == 47


async def test_async_views_charge_the_same_keys() -> None:
    wide, narrow = await asyncio.to_thread(charges, Rate("wide", 500, 3600), Rate("narrow", 10, 3600))

    decisions = await asyncio.gather(*(check_rate_async([wide, narrow]) for _number in range(100)))
    after = await asyncio.to_thread(check_rate, [wide])
    await close_async_client()

    assert Counter((decision.is_allowed, decision.is_counted) for decision in decisions) == {
        (True, True): 10,
        (False, True): 90,
    }
    assert after.remaining == 489


async def test_a_user_and_a_password_are_told_to_every_server(servers: Cluster, settings: Any) -> None:
    for port in servers.owners:
        ask(port, "ACL", "SETUSER", "limits", "on", ">se/cret", "~chatsphere:rate:*", "+@all")
    settings.CACHE_REDIS_URL = servers.url.replace("://", "://limits:se%2Fcret@")
    mine = await asyncio.to_thread(charges, Rate("one", 9, 60), Rate("two", 9, 60), Rate("three", 9, 60))

    assert (await check_rate_async(mine)).is_counted
    assert (await asyncio.to_thread(check_rate, mine)).remaining == 7
    settings.CACHE_REDIS_URL = servers.url.replace("://", "://limits:wrong@")
    await close_async_client()
    assert not (await check_rate_async(mine)).is_counted
    await close_async_client()


def test_djangos_cache_lies_on_all_servers() -> None:
    cache = ClusterCache([""], {"OPTIONS": {"serializer": "chatsphere.core.cache.JSONSerializer"}})
    values = {f"key{number}": [number] for number in range(30)}

    cache.set_many(values, timeout=60)
    cache.add("key0", ["other"], timeout=60)
    cache.set("counter", 4, timeout=60)
    cache.incr("counter", 3)

    assert cache.get_many([*values, "missing"]) == values
    assert cache.get("counter") == 7
    client: Any = sync_cache_client()
    sizes = client.execute_command("DBSIZE", target_nodes="all")
    assert len([size for size in sizes.values() if size]) == 3 if isinstance(sizes, dict) else sizes >= 31
    cache.delete_many(list(values)[:20])
    assert len(cache.get_many(values)) == 10
    cache.clear()
    assert cache.get_many([*values, "counter"]) == {}


def test_without_one_of_the_servers_chat_keeps_a_limit_of_its_own_until_it_is_back(servers: Cluster) -> None:
    one = Charge(Rate("ask", 3, 3600), os.urandom(4).hex())
    assert check_rate([one]).is_counted
    throttling._local = LocalLimiter()
    away = servers.owners[0]
    servers.kill(away)
    wait_for(lambda: not servers.is_well())

    began = time.monotonic()
    decisions = [check_rate([one]) for _number in range(6)]
    took = time.monotonic() - began

    assert [decision.is_allowed for decision in decisions] == [True, True, True, False, False, False]
    assert took < 5
    assert health._redis() in ("", "Redis of the cache and limits does not answer")
    servers.start(away)
    wait_for(servers.is_well)
    throttling._absence._until = 0.0
    assert check_rate([Charge(Rate("default", 5, 60), os.urandom(4).hex())]).is_counted


async def test_commands_in_flight_while_a_server_dies_end_well_or_in_an_ordinary_error(servers: Cluster) -> None:
    rate, ends = Rate("ask", 1_000_000, 60), Counter[str]()

    async def go_on(number: int) -> None:
        for _time in range(40):
            decision = await check_rate_async([Charge(rate, f"{number}")])
            ends["counted" if decision.headers() else "not counted"] += 1
            throttling._absence._until = 0.0  # so that each asks the cluster
            await asyncio.sleep(0.05)

    going = [asyncio.create_task(go_on(number)) for number in range(60)]
    await asyncio.sleep(0.5)
    await asyncio.to_thread(servers.kill, servers.owners[1])
    outcomes = await asyncio.gather(*going, return_exceptions=True)
    await asyncio.to_thread(servers.start, servers.owners[1])
    await asyncio.to_thread(wait_for, servers.is_well)
    await close_async_client()

    assert [outcome for outcome in outcomes if outcome is not None] == []
    assert ends["counted"] == 2400  # by the cluster or by this process


def test_a_cluster_that_is_away_is_an_ordinary_error() -> None:
    with override_settings(CACHE_REDIS_URL="redis+cluster://127.0.0.1:1"):
        with pytest.raises(RedisError):
            sync_cache_client()
        assert not check_rate([Charge(Rate("default", 1, 60), "x")]).is_counted
        assert health._redis() == "Redis of the cache and limits does not answer"


async def test_a_cluster_that_is_away_is_one_for_async_views_too() -> None:
    with override_settings(CACHE_REDIS_URL="redis+cluster://127.0.0.1:1"):
        assert not (await check_rate_async([Charge(Rate("default", 1, 60), "x")])).is_counted
        await close_async_client()


def test_addresses_are_read() -> None:
    found = cluster("rediss+cluster://me:se%40cret@one:7000,two")
    assert found is not None
    assert found.nodes == (("one", 7000), ("two", 6379))
    assert found.options == {"username": "me", "password": "se@cret", "ssl": True}
    assert cluster("redis://one:6379/0") is None
    for wrong in ("redis+cluster://one/3", "redis+cluster://"):
        with pytest.raises(ValueError, match=r"(?i)cluster"):
            cluster(wrong)
