"""Django's ASGI handler with fewer thread hops and without a second task.

Django calls a view that is no coroutine in a thread of its own, draws its answer in a second call and closes connections in a third; here
one call of a lent thread (``core.request_threads``) does all of that, and an async view is never told of threads. Django also runs view and
disconnect watch in two tasks. For a stream of 30 pieces that saves a third of what the framework costs, for thousands of idle streams their
second stack, and for a short list half of the request.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import setting_changed
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, get_resolver, set_script_prefix

from chatsphere.core import garbage, request_record
from chatsphere.core.exceptions import answer_to
from chatsphere.core.request_threads import LentThread
from chatsphere.core.sse import EventStreamResponse

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
View = Callable[..., Any]
VIEWS_AT_ONCE = 16  # that need a thread; each keeps a connection of the pool, and more only fight for the interpreter


class Handler(ASGIHandler):
    """Answers HTTP as Django does."""

    def __init__(self) -> None:
        super().__init__()
        self._room = asyncio.Semaphore(VIEWS_AT_ONCE)
        self._scales = garbage.Scales()
        for signal in (signals.request_started, signals.request_finished):  # the loop's thread has no connections
            signal.disconnect(close_old_connections)
        signals.request_started.disconnect(reset_queries)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        thread = LentThread()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            thread.give_back()

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request. A client that goes away cancels the view where it stands. Raises ApiError for a body that cannot be kept."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        except OSError as error:  # large bodies wait on the disk
            raise answer_to(error, f"the body of {scope['path']}") from error
        size = body.seek(0, os.SEEK_END)
        body.seek(0)
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: HttpResponseBase | None = refusal
        try:
            if request is None:
                await self.send_response(refusal, send)
            else:
                async with _WhileConnected(receive):
                    response = await self.run_get_response(request)
                    if isinstance(response, EventStreamResponse):
                        request_record.note_stream()
                        _let_go(response)
                        request = None
                    await self.send_response(response, send)
        finally:
            await self._finish(response)
            body.close()
            self._scales.add(size)

    async def send_response(self, response: Any, send: Send) -> None:
        """Event streams go out as they are: no copy, no layer between the log and the server."""
        if not isinstance(response, EventStreamResponse):
            await super().send_response(response, send)
            return
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        async with aclosing(response.frames) as frames:
            async for piece in frames:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """The view of a path; the ones asked for lately are remembered. The log wants to know of it, too."""
        match = request.resolver_match = match_of(request.path_info)
        request_record.note_route(match)
        return match

    def make_view_atomic(self, view: View) -> View:
        """A view that is no coroutine becomes one: called, drawn and cleared up behind in one go."""
        called: View = super().make_view_atomic(view)
        if iscoroutinefunction(called):
            return called
        in_thread = sync_to_async(_in_one_go(called), thread_sensitive=True)

        async def run(*args: Any, **kwargs: Any) -> HttpResponseBase:
            async with self._room:
                response: HttpResponseBase = await in_thread(*args, **kwargs)
            return response

        return run

    async def _finish(self, response: HttpResponseBase | None) -> None:
        """Receivers of ``request_finished`` hear of it here, and in the thread only when it was needed until now."""
        close = response.close if response is not None else self._finished
        if response is not None and response.streaming and not isinstance(response, EventStreamResponse):
            await sync_to_async(_closed_with_connections(close), thread_sensitive=True)()
        else:
            close()

    def _finished(self) -> None:
        signals.request_finished.send(sender=self.__class__)


class _WhileConnected:
    """Cancels what stands inside when the client goes away, and lets nobody outside know."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_gone = False

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._watch = asyncio.create_task(self._listen())

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        self._watch.cancel()
        if kind is not None and issubclass(kind, asyncio.CancelledError) and self._is_gone and self._task is not None:
            return self._task.uncancel() == 0
        return False

    async def _listen(self) -> None:
        await self._receive()  # behind a body, a server has only one thing to say
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()


def _let_go(response: Any) -> None:
    """A stream may last for hours and needs nothing of its request: files are closed now, and the memory is free."""
    for close in response._resource_closers:
        close()
    response._resource_closers.clear()


def _in_one_go(view: View) -> View:
    def run(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response: Any = None
        try:
            response = view(*args, **kwargs)
            if callable(getattr(response, "render", None)):
                response.render()
                response.render = None  # or it is called once more, by another hop
            return response  # type: ignore[no-any-return]
        finally:
            if not getattr(response, "streaming", False):  # else its pieces may still come from the database
                close_old_connections()

    return run


def _closed_with_connections(close: Callable[[], None]) -> Callable[[], None]:
    """For a response whose pieces may have come from the database until now."""

    def run() -> None:
        try:
            close()
        finally:
            close_old_connections()

    return run


@lru_cache(maxsize=2_000)
def match_of(path: str) -> ResolverMatch:
    """Where a path leads. Raises Resolver404; the paths asked for lately are remembered."""
    return get_resolver().resolve(path)


def _forget_paths(*, setting: str, **_kwargs: Any) -> None:
    if setting == "ROOT_URLCONF":
        match_of.cache_clear()


setting_changed.connect(_forget_paths)
