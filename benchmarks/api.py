"""Requests a second of the main endpoints, and what authentication and limits cost: ``python -m benchmarks.api [--processes 2]``.

Twenty connections ask the list of chatbots on two web processes: from a bare Django view with the same rows; made anew for somebody who is
believed without a look and not counted; made anew for a person (the difference is what authentication and limits cost); and as it is, from
the cache of reads. Then the other endpoints, as they are; memory of the web processes, cold starts, sizes of the packages and of the wheel. Load generator, PostgreSQL and Redis share
the machine. Takes about four minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackagePath, distribution, requires
from pathlib import Path
from urllib.request import urlopen

import psutil
from packaging.requirements import Requirement

from benchmarks import api_load
from benchmarks.api_load import Load
from benchmarks.api_start import show_starts
from benchmarks.chat import _cpu, _process, _servers, _wait_for

PORT = 9321
LIST = "/api/v1/chatbots/"
# Limits are asked and counted, but nobody is refused.
WIDE = {"RATE_LIMITS_ENABLED": "true", "RATE_LIMITS": "default=100000000/60,ask=100000000/60,anonymous=100000000/60"}
WITHOUT = {"DJANGO_SETTINGS_MODULE": "benchmarks.api_without_account"}
UNCACHED = {"DJANGO_SETTINGS_MODULE": "benchmarks.api_without_cache"}


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        servers = {**stack.enter_context(_servers()), "EMBEDDING_MODEL": "hashing:256", "CHAT_MODEL": "extractive"}
        account = _prepare(servers)
        person, key = _get(LIST, account["access"]), _get(LIST, account["key"])
        known = {"BENCH_WORKSPACE": account["workspace"], "BENCH_USER": account["user"]}
        print(f"20 rows a list, {options.connections} connections, {options.processes} web processes")
        print(f"{'':44}{'requests/s':>11}{'p50 ms':>8}{'p99 ms':>8}{'CPU ms':>8}{'not 2xx':>9}", flush=True)
        with _web("benchmarks.api_floor", options.processes, servers, loop_only=True) as pid:
            _show("bare Django view, no middleware", pid, _get("/healthz", ""), options)
            _show("bare Django view, psycopg, 20 rows", pid, _get("/chatbots/", ""), options)
        with _web("chatsphere.config.asgi", options.processes, {**servers, **WITHOUT, **known}) as pid:
            _show("list, made anew, nobody asked or counted", pid, _get(LIST, ""), options)
        with _web("chatsphere.config.asgi", options.processes, {**servers, **WIDE, **UNCACHED}) as pid:
            _show("list, made anew, a person", pid, person, options)
        with _web("chatsphere.config.asgi", options.processes, {**servers, **WIDE}) as pid:
            _show("bare view behind all middleware", pid, _get("/healthz", ""), options)
            _show("list of chatbots, a person", pid, person, options)
            _show("list of chatbots, a key", pid, key, options)
            for name, request in _endpoints(account).items():
                _show(name, pid, request, options)
            _show_memory(pid)
        show_starts(servers)
    _show_sizes()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Requests a second of the main endpoints.")
    parser.add_argument("--processes", type=int, default=2, help="web processes")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=6.0, help="a measurement")
    return parser.parse_args()


def _endpoints(account: Mapping[str, str]) -> dict[str, bytes]:
    chatbot, key, person = f"{LIST}{account['chatbot']}/", account["key"], account["access"]
    return {
        "GET chatbot": _get(chatbot, key),
        "GET sources": _get(f"{chatbot}sources/", key),
        "GET source": _get(f"/api/v1/sources/{account['source']}/", key),
        "GET conversations": _get("/api/v1/conversations/", key),
        "GET messages of a conversation": _get(f"/api/v1/conversations/{account['conversation']}/messages/", key),
        "GET users/me": _get("/api/v1/users/me/", person),
        "GET API keys": _get("/api/v1/api-keys/", person),
        "GET usage": _get(f"/api/v1/workspaces/{account['workspace']}/usage/", person),
        "GET webhook endpoints": _get("/api/v1/webhooks/endpoints/", key),
        "GET /v1/models": _get("/v1/models", key),
        "POST search": _post(f"{chatbot}search/", '{"query": "Where does the red heron keep its chargers?"}', key),
    }


def _get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def _post(path: str, body: str, token: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _prepare(environment: Mapping[str, str]) -> dict[str, str]:
    command = [sys.executable, "-m", "benchmarks.api_account"]
    made = subprocess.run(
        command, env={**environment, "ACCESS_TOKEN_SECONDS": "900"}, check=True, stdout=subprocess.PIPE, text=True
    )
    account: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return account


@contextmanager
def _web(application: str, processes: int, environment: Mapping[str, str], *, loop_only: bool = False) -> Iterator[int]:
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asginl" if loop_only else "asgi", "--port", str(PORT)),
        *("--workers", str(processes), "--no-ws", "--log-level", "warning", f"{application}:application"),
    ]
    with _process(command, environment) as pid:
        _wait_for(PORT)
        for _ in range(
            8 * processes
        ):  # the system deals connections out to all processes, also to one that still imports
            with urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=60):
                pass
        yield pid


def _show(name: str, pid: int, request: bytes, options: argparse.Namespace) -> None:
    asyncio.run(api_load.run(PORT, request, connections=options.connections, seconds=1))
    before = _cpu(pid)
    load: Load = asyncio.run(api_load.run(PORT, request, connections=options.connections, seconds=options.seconds))
    cpu = (_cpu(pid) - before) / max(1, len(load.seconds)) * 1000
    figures = f"{load.a_second:>11.0f}{load.percentile(50):>8.1f}{load.percentile(99):>8.1f}{cpu:>8.2f}{load.bad:>9}"
    print(f"{name:44}{figures}", flush=True)


def _show_memory(pid: int) -> None:
    """Of each web process after the load, without what they share counted twice."""
    workers = psutil.Process(pid).children()
    print("memory of a web process, MB:", ", ".join(f"{each.memory_full_info().pss / 1e6:.0f}" for each in workers))


def _show_sizes() -> None:
    """What an image must hold beside the system, and the wheel."""
    packages = _needed("chatsphere")
    sizes = {name: sum(_size(file) for file in distribution(name).files or ()) for name in packages}
    largest = ", ".join(
        f"{name} {size / 1e6:.0f}" for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:5]
    )
    print(f"installed packages: {len(sizes)}, {sum(sizes.values()) / 1e6:.0f} MB ({largest})")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder]
        if subprocess.run(command, check=False).returncode == 0:
            print(f"wheel: {next(Path(folder).glob('*.whl')).stat().st_size / 1e6:.1f} MB")


def _size(file: PackagePath) -> int:
    path = Path(str(file.locate()))
    return path.stat().st_size if path.is_file() else 0


def _needed(name: str) -> set[str]:
    """The distribution's requirements and theirs, as installed here, without extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for line in requires(waiting.pop()) or []:
            requirement = Requirement(line)
            if requirement.name not in found and (
                requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            ):
                found.add(requirement.name)
                waiting.append(requirement.name)
    return found


if __name__ == "__main__":
    main()
