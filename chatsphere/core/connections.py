"""Turns connection URLs into what Django, Celery, redis-py and boto3 want to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# A pool that cannot connect tries again at growing distances for so long, and anew with the next request. With psycopg's five minutes,
# nobody would be served for up to two minutes after a long outage has ended.
RECONNECT_SECONDS = 5.0


def database(
    url: str,
    *,
    pool_size: int,
    statement_timeout_ms: int,
    lock_timeout_ms: int,
    is_pooled: bool = False,
    role: str = "",
) -> dict[str, Any]:
    """Django's DATABASES entry for a libpq URL; a Unix socket is written ``postgresql://user@/name?host=/folder``.

    With ``is_pooled`` the URL is that of a pooler in transaction mode: nothing is asked of a session that the next transaction may not have.
    Time limits are then the role's own (``chatsphere migrate`` writes them there). Raises ValueError when libpq cannot read the URL.
    """
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError as error:
        raise ValueError(str(error).strip()) from error
    options = {name: value for name, value in parts.items() if name not in _DJANGO_NAMES}
    limits = f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
    options["options"] = f"{limits} {parts.get('options', '')}".strip()
    if is_pooled:
        del options["options"]
    if role:
        options["application_name"] = f"chatsphere {role}"
    options["pool"] = {"min_size": 0, "max_size": pool_size, "timeout": 10, "reconnect_timeout": RECONNECT_SECONDS}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{django: parts.get(libpq, "") for libpq, django in _DJANGO_NAMES.items()},
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": is_pooled,
        "OPTIONS": options,
    }


_DJANGO_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def is_pooled(direct_url: str) -> bool:
    """Whether DATABASE_URL is a pooler's: then the database itself has another address."""
    return bool(direct_url)


def conninfo(entry: dict[str, Any], *, statement_timeout_ms: int) -> str:
    """The libpq string of a DATABASES entry, for the hot path's own pool."""
    parts = {libpq: entry[django] for libpq, django in _DJANGO_NAMES.items() if entry.get(django)}
    extra = {k: v for k, v in entry.get("OPTIONS", {}).items() if k not in ("pool", "options")}
    if not entry.get("DISABLE_SERVER_SIDE_CURSORS"):
        extra["options"] = f"-c statement_timeout={statement_timeout_ms}"
    return make_conninfo("", **parts, **extra)


def prepared(entry: dict[str, Any]) -> dict[str, Any]:
    """What psycopg is told of prepared statements: behind a pooler there are none, because another session would not know them."""
    return {"prepare_threshold": None} if entry.get("DISABLE_SERVER_SIDE_CURSORS") else {}


def direct_conninfo(entry: dict[str, Any], direct_url: str) -> str:
    """The libpq string of the database itself, for the few connections whose session matters; the database's name is the entry's."""
    if not is_pooled(direct_url):
        return conninfo(entry, statement_timeout_ms=0)
    return make_conninfo(direct_url, dbname=entry["NAME"])


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Who knows which Redis is the master of ``service`` at the moment, and how to sign in there."""

    addresses: tuple[tuple[str, int], ...]
    service: str
    of_redis: dict[str, Any]  # db, username, password
    of_sentinels: dict[str, Any]


def sentinels(redis_url: str) -> Sentinels | None:
    """What ``sentinel://user:password@one:26379,two:26379/0?service=mymaster&sentinel_password=…`` says; None for other URLs.

    Raises ValueError for an address that cannot be read, or without ``service``.
    """
    split = urlsplit(redis_url)
    if split.scheme != "sentinel":
        return None
    who, _, hosts = split.netloc.rpartition("@")
    user, _, password = who.partition(":")
    query = dict(parse_qsl(split.query))
    if "service" not in query:
        raise ValueError("name the service that the sentinels watch: ?service=mymaster")
    own = {"username": unquote(user), "password": unquote(password)}
    return Sentinels(
        addresses=tuple(_address(each) for each in hosts.split(",")),
        service=query["service"],
        of_redis={"db": int(split.path.strip("/") or 0), **{k: v for k, v in own.items() if v}},
        of_sentinels={"password": query["sentinel_password"]} if "sentinel_password" in query else {},
    )


def _address(text: str, port: int = 26379) -> tuple[str, int]:
    host, _, own_port = text.rpartition(":")
    return (host, int(own_port)) if host else (own_port, port)


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Some servers of a Redis Cluster, which know the others, and how to sign in there."""

    nodes: tuple[tuple[str, int], ...]
    options: dict[str, Any]  # username, password, ssl


def cluster(redis_url: str) -> ClusterAddress | None:
    """What ``redis+cluster://user:password@one:6379,two:6379`` says (``rediss+cluster`` with TLS); None for other URLs.

    Raises ValueError for an address that cannot be read, or with a database: a cluster has only one.
    """
    split = urlsplit(redis_url)
    if split.scheme not in CLUSTER_SCHEMES:
        return None
    if split.path.strip("/") not in ("", "0"):
        raise ValueError("a Redis Cluster has no databases; leave the number out")
    who, _, hosts = split.netloc.rpartition("@")
    if not hosts:
        raise ValueError("name a server of the cluster: redis+cluster://one:6379,two:6379")
    user, _, password = who.partition(":")
    own = {"username": unquote(user), "password": unquote(password), "ssl": split.scheme == "rediss+cluster"}
    nodes = tuple(_address(each, 6379) for each in hosts.split(","))
    return ClusterAddress(nodes, {name: value for name, value in own.items() if value})


CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")


def broker_options(redis_url: str) -> dict[str, Any]:
    """What Celery must be told besides the address."""
    watched = sentinels(redis_url)
    return {} if watched is None else {"master_name": watched.service, "sentinel_kwargs": watched.of_sentinels}


def broker(redis_url: str) -> str:
    """Celery's spelling of a Redis URL: ``unix://`` becomes ``redis+socket://``, several sentinels become several URLs."""
    split = urlsplit(redis_url)
    watched = sentinels(redis_url)
    if watched is not None:
        who, _, _hosts = split.netloc.rpartition("@")
        at, db = f"{who}@" if who else "", watched.of_redis["db"]
        return ";".join(f"sentinel://{at}{host}:{port}/{db}" for host, port in watched.addresses)
    if split.scheme != "unix":
        return redis_url
    db = parse_qs(split.query).get("db", ["0"])[0]
    return f"redis+socket://{split.path}?virtual_host={db}"


def object_storage(url: str, *, access_key: str, secret_key: str) -> dict[str, Any]:
    """Django's STORAGES options for an ``s3://`` URL. Without keys the SDK looks where it always does (environment, role of the machine).

    Raises ValueError for a URL without a bucket or with a parameter that nobody knows.
    """
    split = urlsplit(url)
    given = dict(parse_qsl(split.query))
    unknown = given.keys() - {"endpoint", "region", "addressing"}
    if unknown:
        raise ValueError(f"there is no parameter {', '.join(sorted(unknown))}; endpoint, region and addressing are")
    if not split.netloc:
        raise ValueError("name the bucket: s3://bucket/folder")
    return {
        "bucket_name": split.netloc,
        "location": split.path.strip("/"),
        "endpoint_url": given.get("endpoint"),
        "region_name": given.get("region"),
        "addressing_style": given.get("addressing"),
        "access_key": access_key or None,
        "secret_key": secret_key or None,
        "file_overwrite": False,
        "default_acl": None,
        "querystring_auth": True,
    }
