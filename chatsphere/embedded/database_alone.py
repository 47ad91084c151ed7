"""The database of a data directory without the rest of the stack, for a restore: ``chatsphere up`` would have made its tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatsphere.embedded import children_environment
from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.leftovers import MARK
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from chatsphere.embedded.runtime_folder import RuntimeFolder


@contextmanager
def database_alone(data_dir: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL runs inside the block; gives what the settings must be told. Makes the directory and its secrets where they are missing.

    Call it in the main thread. Raises StackError when a ChatSphere runs there, or DATABASE_URL names another database.
    """
    if children_environment.is_set("DATABASE_URL", os.environ):
        raise StackError("DATABASE_URL names a database already; leave --data-dir out, or unset it.")
    folder = DataFolder(data_dir)
    folder.open("a restore")
    runtime = RuntimeFolder(folder.runtime_record)
    try:
        runtime.remove()
        redis = RedisServer(folder.redis, runtime=runtime)  # the settings want an address; nobody asks it
        redis.prepare()
        server = PostgresServer(folder.postgres, secrets_file=folder.secrets_file, runtime=runtime)
        server.start()
        try:
            provided = {"DATABASE_URL": server.url, "REDIS_URL": redis.url}
            given = children_environment.build(os.environ, folder, host="127.0.0.1", port=8000, provided=provided)
            yield {name: value for name, value in given.items() if name != MARK}
        finally:
            server.stop()
    finally:
        runtime.remove()
        folder.close()
