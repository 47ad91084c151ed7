"""The only door through which ChatSphere reaches addresses that customers gave: crawled pages, webhooks, logos.

A name is resolved once, every address it has is checked, and the connection goes to a checked address; the name stays in the Host header
and in TLS. So neither a redirect nor a name that resolves differently the second time leads into our own network. Proxies from the
environment are not used. What may be read is bounded: time for everything together, bytes after decompression, redirects.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urljoin

import httpcore2

from chatsphere.services.content.addresses import Address, Target, is_loopback, is_public, read_address, read_url
from chatsphere.services.errors import FetchFailed, FetchRefused, LimitExceeded

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_ADDRESSES = 4  # of one name that are tried
READ_SIZE = 64 * 1024
USER_AGENT = "ChatSphere/1.0"
Resolve = Callable[[str, int], Sequence[str]]
Wants = Callable[[int, Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Seconds, bytes after decompression, redirects. ``stop_at_limit`` keeps what came until then instead of failing."""

    connect_seconds: float = 10.0
    total_seconds: float = 30.0
    max_bytes: int = 10_000_000
    max_redirects: int = 5
    stop_at_limit: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status. ``headers`` have names in lower case; of a doubled one the last counts."""

    url: str  # where it was found, after redirects
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    redirects: tuple[str, ...] = field(default=())


class Fetcher:
    """Makes requests, one connection each; safe to share between threads.

    ``allow_loopback`` opens this machine (any port) to tests. ``resolve`` gives the addresses of a name; ``tls`` replaces the trust in
    public certificate authorities.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits | None = None,
        allow_loopback: bool = False,
        user_agent: str = USER_AGENT,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or FetchLimits()
        self._allow_loopback = allow_loopback
        self._user_agent = user_agent
        self._resolve = resolve or _resolve
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or httpcore2.default_ssl_context()

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limits: FetchLimits | None = None,
        wants: Wants | None = None,
    ) -> Fetched:
        """One request; GET and HEAD follow redirects, each checked like the first address, as far as the limits allow.

        With no redirects left, or another method, the 3xx itself is the answer. ``wants`` decides by status and headers whether the
        body is read; without it, it is. Raises FetchRefused (an address that must not be
        reached), FetchFailed (no connection, too slow, broken answer), LimitExceeded (too many bytes or redirects).
        """
        limits = limits or self.limits
        begun = time.monotonic()
        deadline = begun + limits.total_seconds
        target = self.check(url)
        passed: list[str] = []
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "gzip, deflate", **(headers or {})}
        while True:
            answer = self._send(target, method, sent, body, limits, deadline, wants)
            following = _next_address(answer, method) if limits.max_redirects else None
            if following is None:
                return replace(answer, seconds=time.monotonic() - begun, redirects=tuple(passed))
            if len(passed) >= limits.max_redirects:
                raise LimitExceeded("This address redirects too often.")
            passed.append(target.url)
            target, sent = self._redirected(target, following, sent)

    def check(self, url: str) -> Target:
        """Look at an address without reaching it, for forms. Raises FetchRefused; where its name leads is only known when it is reached."""
        target = read_url(url, any_port=self._allow_loopback)
        try:
            address = read_address(target.host.strip("[]"))
        except ValueError:
            return target
        self._require_allowed(address)
        return target

    def _redirected(self, target: Target, following: str, sent: dict[str, str]) -> tuple[Target, dict[str, str]]:
        new = self.check(following)
        if (new.scheme, new.host, new.port) == (target.scheme, target.host, target.port):
            return new, sent
        private = ("authorization", "cookie", "proxy-authorization")
        return new, {name: value for name, value in sent.items() if name.lower() not in private}

    def _send(
        self,
        target: Target,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        limits: FetchLimits,
        deadline: float,
        wants: Wants | None,
    ) -> Fetched:
        backend = _CheckedBackend(self._addresses, limits.connect_seconds, deadline)
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), limits.total_seconds)
        with _plain_errors(), httpcore2.ConnectionPool(self._tls, max_connections=1, network_backend=backend) as pool:
            request = pool.stream(
                method, target.url, headers=list(headers.items()), content=body, extensions={"timeout": timeout}
            )
            with request as response:
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                is_detour = response.status in REDIRECTS and "location" in found
                is_unwanted = wants is not None and not wants(response.status, found)
                pieces = (
                    ()
                    if is_detour or is_unwanted
                    else _decoded(response.iter_stream(), found.get("content-encoding", ""))
                )
                return Fetched(target.url, response.status, found, _bounded(pieces, limits), 0.0)

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        texts = self._resolve(host, port)
        if not texts:
            raise FetchFailed("This host name is not known. Check the address.")
        for text in texts:
            self._require_allowed(read_address(text.split("%")[0]))
        return texts

    def _require_allowed(self, address: Address) -> None:
        if not (is_public(address) or (self._allow_loopback and is_loopback(address))):
            raise FetchRefused("This address lies in a private network and may not be reached.")


def _next_address(answer: Fetched, method: str) -> str | None:
    location = answer.headers.get("location")
    if answer.status not in REDIRECTS or not location or method not in ("GET", "HEAD"):
        return None
    try:
        return urljoin(answer.url, location)
    except ValueError as error:
        raise FetchRefused("This address redirects to something that is no address.") from error


def _bounded(pieces: Iterable[bytes], limits: FetchLimits) -> bytes:
    kept = bytearray()
    for piece in pieces:
        kept += piece
        if len(kept) > limits.max_bytes:
            if limits.stop_at_limit:
                return bytes(kept[: limits.max_bytes])
            raise LimitExceeded(f"There is more at this address than {limits.max_bytes:,} bytes.")
    return bytes(kept)


def _decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body without its compression, in pieces of READ_SIZE at most, so that a bomb is noticed while it is small."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FetchFailed("The server sent a compression that it was not asked for.")
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # by its own header, gzip or zlib
    for piece in pieces:
        waiting = piece
        while waiting and not inflate.eof:
            try:
                yield inflate.decompress(waiting, READ_SIZE)
            except zlib.error as error:
                raise FetchFailed("The server sent compressed data that cannot be read.") from error
            waiting = inflate.unconsumed_tail


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise FetchFailed("The server at this address did not answer in time.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        raise FetchFailed(_reason(error)) from error


def _reason(error: BaseException) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "The certificate of this server cannot be trusted."
    if isinstance(error, httpcore2.ProtocolError):
        return "The server at this address broke the rules of HTTP."
    return "The server at this address could not be reached."


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _CheckedBackend(httpcore2.NetworkBackend):
    """Connects to addresses that were checked, and lets nothing go on past the deadline (monotonic seconds)."""

    def __init__(self, addresses: Resolve, connect_seconds: float, deadline: float) -> None:
        self._addresses = addresses
        self._connect_by = min(deadline, time.monotonic() + connect_seconds)
        self._deadline = deadline
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        checked = _within(lambda: self._addresses(host, port), _left(self._connect_by))[:MOST_ADDRESSES]
        for number, address in enumerate(checked, start=1):
            share = _left(self._connect_by) / (len(checked) - number + 1)
            try:
                stream = self._plain.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(checked):
                    raise
            else:
                return _DeadlineStream(stream, self._deadline)
        raise httpcore2.ConnectError("no address answered")


class _DeadlineStream(httpcore2.NetworkStream):
    """A connection on which everything together ends at the deadline, however slowly its other side talks."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(min(max_bytes, READ_SIZE), _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise httpcore2.ReadTimeout("the time is up")
    return seconds


def _within(work: Callable[[], Sequence[str]], seconds: float) -> Sequence[str]:
    """The result of work that knows no time limit of its own (resolving names); its thread is left behind when it takes longer."""
    outcome: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            outcome.put(error)

    threading.Thread(target=run, daemon=True, name="resolve").start()
    try:
        result = outcome.get(timeout=seconds)
    except Empty as error:
        raise httpcore2.ConnectTimeout("the name was not resolved in time") from error
    if isinstance(result, socket.gaierror | UnicodeError):
        raise FetchFailed("This host name is not known. Check the address.") from result
    if isinstance(result, Exception):
        raise result
    return result
