"""What the children find in their environment: the operator's own variables first, then what the stack provides."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

import chatsphere
from chatsphere.config import environment_module
from chatsphere.embedded import stored_secrets
from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.leftovers import MARK

SECRETS = {
    "SECRET_KEY": stored_secrets.random_text,
    "JWT_SIGNING_KEY": stored_secrets.random_text,
    "ENCRYPTION_KEYS": stored_secrets.random_fernet_key,
}
WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


def is_set(name: str, environ: Mapping[str, str]) -> bool:
    """Whether the operator gave a value, directly or through a file."""
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def local_url(host: str, port: int) -> str:
    """Where a browser on this machine reaches the web process."""
    shown = "localhost" if host in WILDCARDS else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def build(
    environ: Mapping[str, str], folder: DataFolder, *, host: str, port: int, provided: Mapping[str, str]
) -> dict[str, str]:
    """The environment of all Python children. ``provided`` holds the URLs of the embedded servers and wins over nothing.

    Makes the secrets that the operator did not set, at the first start, and keeps them in the data directory.
    """
    wanted = {name: make for name, make in SECRETS.items() if not is_set(name, environ)}
    defaults = {
        **stored_secrets.load_or_make(folder.secrets_file, wanted),
        **provided,
        "CHATSPHERE_ENV": "production",
        "PUBLIC_URL": local_url(host, port),
        "ALLOWED_HOSTS": ",".join(_hosts(environ, host)),
        "MEDIA_ROOT": str(folder.media),
        "LOG_FORMAT": "text",
        # glibc gives each thread an arena of its own; two are enough and keep idle memory low.
        "MALLOC_ARENA_MAX": "2",
    }
    own = dict(environ)
    merged = own | {name: value for name, value in defaults.items() if not is_set(name, environ)}
    return merged | {
        "CHATSPHERE_DATA_DIR": str(folder.path),
        "DJANGO_SETTINGS_MODULE": environment_module(merged),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(chatsphere.__file__).parents[1]), own.get("PYTHONPATH")))),
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        MARK: str(folder.path),
    }


def _hosts(environ: Mapping[str, str], host: str) -> list[str]:
    names = ["localhost", "127.0.0.1", "[::1]"]
    names += [*_addresses_of_this_machine(), socket.gethostname()] if host in WILDCARDS else [_bracketed(host)]
    public = urlsplit(environ.get("PUBLIC_URL", "")).hostname
    names += [_bracketed(public)] if public else []
    return list(dict.fromkeys(names))


def _addresses_of_this_machine() -> list[str]:
    families = (socket.AF_INET, socket.AF_INET6)
    found = [entry for entries in psutil.net_if_addrs().values() for entry in entries if entry.family in families]
    return [_bracketed(entry.address) for entry in found if "%" not in entry.address]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
