"""Runs: answers in the making. A run belongs to this process, not to the connection that asked for it.

One keeper a process looks after all runs. Five times a second it copies new events to Redis, so that another process can go on with the
stream; what Redis has lost is copied anew, from the first event. Beside that, on a connection of its own, it writes partial texts and leases to PostgreSQL, so that a crash loses less than a second
(the first words at once, grown texts twice a second, all leases every second), and learns which runs somebody wants to cancel.
Neither waits for the other: with Redis away the texts are written all the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils.translation import gettext as _

from chatsphere.apps.conversations import event_store
from chatsphere.apps.conversations.answer import Draft
from chatsphere.apps.conversations.event_store import Batch, Fate
from chatsphere.apps.conversations.prepared import PreparedTurn, milliseconds
from chatsphere.apps.conversations.sayings import interrupted_message
from chatsphere.apps.conversations.turn import SQL, record_turn, stream_turn
from chatsphere.apps.users.credentials import is_still_good
from chatsphere.core import metrics
from chatsphere.core.async_database import DATABASE_AWAY, autocommit
from chatsphere.core.context import bound
from chatsphere.core.exceptions import ApiError, Unauthenticated, Unavailable, as_api_error
from chatsphere.core.lifespan import of_this_loop
from chatsphere.core.principal import Principal
from chatsphere.core.sse import PING_SECONDS, EventLog
from chatsphere.services.types import FinishReason, TokenUsage

logger = logging.getLogger("chatsphere.conversations")
TICK_SECONDS = 0.2
GROWN_SECONDS = 0.5  # after which a text that has grown is written again
LEASE_SECONDS = 1.0  # after which a row is looked at again in any case
RIGHTS_SECONDS = 4.0
SERVER_SECONDS = 1.0  # after which Redis is asked whether it is still the same
AWAY_SECONDS = 1.0  # until Redis is tried again when it is away or refuses to write
MOST_BYTES = 2_000_000  # written to Redis in one round trip
LANE = "runs"
KEEP_ENDED_SECONDS = 10.0
RECORD_ATTEMPTS = 6
RECORD_PAUSE_SECONDS = 0.5


def _interrupted(turn: PreparedTurn) -> ApiError:
    return Unavailable(interrupted_message(turn.configuration, turn.question.text), type="interrupted")


_REASONS: dict[str, Callable[[PreparedTurn], ApiError]] = {
    "shutdown": _interrupted,
    "revoked": lambda _turn: Unauthenticated(_("The credential of this stream is no longer valid.")),
}


class Run:
    """One answer in the making."""

    def __init__(self, turn: PreparedTurn) -> None:
        self.turn = turn
        self.draft = Draft()
        self.log = EventLog()
        self.mirrored = 0  # frames that stand in Redis
        self.kept = 0  # parts of the text that stand in PostgreSQL
        self.kept_at = time.monotonic()
        self.ended_at: float | None = None
        self.result: dict[str, Any] | None = None
        self._reason = ""
        ids = {"conversation_id": str(turn.conversation_id), "message_id": str(turn.answer_id)}
        self.log.add("message.created", ids)
        with bound(workspace_id=turn.workspace_id, chatbot_id=turn.chatbot_id, message_id=turn.answer_id):
            self._answering = asyncio.create_task(stream_turn(turn, self.log, self.draft))
            self._life = asyncio.create_task(self._live())

    def cancel(self, reason: str = "cancelled") -> None:
        """Stop the model. What it has said is kept; a run that is past its last token ends as it would have."""
        if not self._answering.done():
            self._reason = reason
            self._answering.cancel()

    async def finished(self) -> dict[str, Any]:
        """The answer object. Raises the ApiError that ended the run; giving up waiting does not stop it."""
        await asyncio.shield(self._life)
        if self.result is None:
            # Without an error of its own the row was closed by the sweep: its lease could not be kept while the database was away.
            raise self.draft.error or _interrupted(self.turn)
        return self.result

    async def ended(self) -> None:
        """Wait for the end, whichever it is."""
        await asyncio.shield(self._life)

    def is_due(self, now: float) -> bool:
        """Whether its row must be written."""
        since, has_grown = now - self.kept_at, len(self.draft.parts) > self.kept
        return since >= LEASE_SECONDS or (has_grown and (self.kept == 0 or since >= GROWN_SECONDS))

    async def _live(self) -> None:
        try:
            await self._answer()
            await self._record()
        finally:
            self.log.close()
            self.ended_at = time.monotonic()
            _count(self.draft, milliseconds(self.turn))

    async def _answer(self) -> None:
        try:
            await self._answering
        except asyncio.CancelledError:
            if (
                not self._reason
            ):  # not the answer but this life is cancelled: the loop ends, the sweep will close the row
                self._answering.cancel()
                raise
            self._interrupted()
        except Exception as exception:  # noqa: BLE001 - whatever happens, the client gets one terminal event
            self._failed(exception)

    def _interrupted(self) -> None:
        self.draft.finish_reason = FinishReason.CANCELLED
        if self._reason in _REASONS:
            self.draft.error, self.draft.finish_reason = _REASONS[self._reason](self.turn), FinishReason.ERROR

    def _failed(self, exception: Exception) -> None:
        error = as_api_error(exception)
        if error is None:
            logger.exception("Unhandled error in a chat turn", exc_info=exception)
            error = ApiError()
        self.draft.error, self.draft.finish_reason = error, FinishReason.ERROR
        if not self.draft.parts:
            self.draft.usage = TokenUsage()  # nothing was said: nothing is counted, as in the quota

    async def _record(self) -> None:
        for attempt in range(1, RECORD_ATTEMPTS + 1):
            try:
                event, data = await record_turn(self.turn, self.draft, last_event=len(self.log.frames) + 1)
            except DATABASE_AWAY:
                if attempt == RECORD_ATTEMPTS:
                    logger.exception("An answer could not be stored; the sweep will close it")
                    self.draft.error = Unavailable()
                    self.log.add("error", {"type": "unavailable", "message": str(Unavailable.message)})
                    return
                await asyncio.sleep(RECORD_PAUSE_SECONDS * attempt)
            else:
                self.result = data if event == "message.completed" else None
                self.log.add(event, data)
                return


def _count(draft: Draft, ms: int) -> None:
    provider = metrics.provider_of(draft.model)
    metrics.answers.labels(provider, draft.finish_reason.value).inc()
    metrics.answer_seconds.labels(provider).observe(ms / 1000)
    if draft.first_token_ms is not None:
        metrics.first_token_seconds.labels(provider).observe(draft.first_token_ms / 1000)
    ended = {"model": draft.model, "finish_reason": draft.finish_reason.value, "ms": ms}
    logger.info("answer ended", extra={"data": {**ended, "first_token_ms": draft.first_token_ms}})


class Keeper:
    """Looks after the runs of one event loop; its tasks live as long as there are any."""

    def __init__(self) -> None:
        self.runs: dict[UUID, Run] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._rights_at = time.monotonic()
        self._server = ""  # which Redis the runs stand in
        self._server_at = self._mirror_at = 0.0

    def start(self, turn: PreparedTurn) -> Run:
        """Begin to answer."""
        run = self.runs[turn.answer_id] = Run(turn)
        if all(task.done() for task in self._tasks):
            self._tasks = [asyncio.create_task(self._repeat(work)) for work in (self._mirror, self._look_after)]
        return run

    async def close(self, *, grace_seconds: float) -> None:
        """Let runs finish for so long, then end them with what they have said."""
        await self._wait(grace_seconds)
        for run in self.runs.values():
            run.cancel("shutdown")
        await self._wait(None)
        for _attempt in range(2):  # the first may find that Redis has lost the stream
            await self._copy(list(self.runs.values()))
        for task in self._tasks:
            task.cancel()
        self.runs.clear()

    async def _wait(self, seconds: float | None) -> None:
        lives = [run._life for run in self.runs.values() if run.ended_at is None]
        if lives:
            await asyncio.wait(lives, timeout=seconds)

    async def _repeat(self, work: Callable[[Sequence[Run]], Awaitable[None]]) -> None:
        while self.runs:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await work(list(self.runs.values()))
            except Exception:  # one bad look must not end the watch over all runs
                logger.exception("Runs could not be looked after")

    async def _look_after(self, runs: Sequence[Run]) -> None:
        now = time.monotonic()
        await self._persist([run for run in runs if run.ended_at is None and run.is_due(now)])
        self._ping_and_forget(runs)
        if now - self._rights_at >= RIGHTS_SECONDS:
            self._rights_at = now
            await self._stop_what_lost_its_rights([run for run in runs if run.ended_at is None])

    async def _mirror(self, runs: Sequence[Run]) -> None:
        now = time.monotonic()
        if now < self._mirror_at:
            return
        if now - self._server_at >= SERVER_SECONDS:
            self._server_at = now
            await self._begin_anew_in_another_redis(runs)
        if not await self._copy(runs):
            self._mirror_at = now + AWAY_SECONDS

    async def _begin_anew_in_another_redis(self, runs: Sequence[Run]) -> None:
        """It may be empty, or have an older state: also of runs that have nothing new to write."""
        before, now = self._server, await event_store.server()
        self._server = now or before
        if before and before != self._server:
            for run in runs:
                run.mirrored = 0

    async def _copy(self, runs: Sequence[Run]) -> bool:
        """Write what is new to Redis, in portions; False as soon as it is not taken."""
        news = ((run, len(run.log.frames)) for run in runs if len(run.log.frames) > run.mirrored)
        for portion in _portions((run, _batch(run, last)) for run, last in news):
            fates = await event_store.write([batch for _run, batch in portion])
            for (run, batch), fate in zip(portion, fates, strict=True):
                run.mirrored = {Fate.STORED: batch.last, Fate.LOST: 0, Fate.FAILED: run.mirrored}[fate]
            if Fate.FAILED in fates:
                return False
        return True

    async def _persist(self, runs: Sequence[Run]) -> None:
        if not runs:
            return
        parts, now = [len(run.draft.parts) for run in runs], time.monotonic()
        try:
            async with autocommit(LANE) as connection:
                rows = await (await connection.execute(SQL["keep_turns"], _partial(runs))).fetchall()
        except DATABASE_AWAY as error:
            logger.warning("Partial answers could not be stored: %s", error)
            return
        kept = {row["id"]: row["is_cancel_requested"] for row in rows}
        for run, count in zip(runs, parts, strict=True):
            run.kept, run.kept_at = count, now
            if kept.get(run.turn.answer_id, True):  # somebody cancelled it, or ended its row
                run.cancel()

    async def _stop_what_lost_its_rights(self, runs: Sequence[Run]) -> None:
        """A key that was revoked, a session that ended, a workspace that was suspended: open streams end with it."""
        for principal in {rights_of(run.turn.question.principal): run.turn.question.principal for run in runs}.values():
            try:
                is_good = await is_still_good(principal)
            except DATABASE_AWAY as error:
                logger.warning("Rights could not be looked at again: %s", error)
                return
            for run in runs:
                if not is_good and rights_of(run.turn.question.principal) == rights_of(principal):
                    run.cancel("revoked")

    def _ping_and_forget(self, runs: Sequence[Run]) -> None:
        now = time.monotonic()
        for run in runs:
            if run.ended_at is None:
                if now - run.log.touched_at >= PING_SECONDS - 1:
                    run.log.touched_at = now
                    run.log.wake()
            elif now - run.ended_at >= KEEP_ENDED_SECONDS:
                del self.runs[run.turn.answer_id]


def _partial(runs: Sequence[Run]) -> dict[str, list[Any]]:
    drafts = [run.draft for run in runs]
    return {
        "ids": [run.turn.answer_id for run in runs],
        "contents": [
            draft.text.replace("\0", "") for draft in drafts
        ],  # PostgreSQL takes none, and would refuse all rows
        "last_events": [len(run.log.frames) for run in runs],
        "models": [draft.model for draft in drafts],
        "prompts": [draft.usage.prompt_tokens for draft in drafts],
        "first_tokens": [draft.first_token_ms for draft in drafts],
    }


def rights_of(principal: Principal) -> tuple[object, ...]:
    """What a principal's rights hang on: equal for all visitors of a key."""
    return principal.workspace_id, principal.api_key_id, principal.session_id


def _batch(run: Run, last: int) -> Batch:
    frames = b"".join(run.log.frames[run.mirrored : last])
    return Batch(run.turn.answer_id, last, frames, is_start=run.mirrored == 0, is_end=run.log.is_closed)


def _portions(batches: Iterable[tuple[Run, Batch]]) -> Iterator[list[tuple[Run, Batch]]]:
    """Made one after the other: after a restart of Redis everything must be written again, and not all of it held twice."""
    portion: list[tuple[Run, Batch]] = []
    size = 0
    for run, batch in batches:
        portion.append((run, batch))
        size += len(batch.frames)
        if size >= MOST_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, Keeper] = WeakKeyDictionary()


def keeper() -> Keeper:
    """The running loop's keeper."""
    return of_this_loop(
        _keepers, Keeper, lambda keeper: partial(keeper.close, grace_seconds=settings.WEB_GRACE_SECONDS)
    )
