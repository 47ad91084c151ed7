"""Starting and ending a retraining: a chatbot's whole knowledge goes over to another embedding model or another length of chunks."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training import knowledge
from chatsphere.apps.training.database import engine_connection
from chatsphere.apps.training.estimate import Estimate, count_untold, estimate
from chatsphere.apps.training.hints import INGEST, RUN_RETRAINING
from chatsphere.apps.training.models import Retraining
from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.ledger import Kind, Usage, record_usage
from chatsphere.apps.webhooks.actions import announce
from chatsphere.core import durable, engines
from chatsphere.core.durable import OPEN_STATES, DurableState
from chatsphere.core.exceptions import Conflict, NotFound
from chatsphere.core.hints import hint_after_commit
from chatsphere.services.errors import EngineMisconfigured
from chatsphere.services.vector_store.base import ChatbotRef

ALL_AT_ONCE: Final = 2_000_000_000
Phase = Retraining.Phase


def start_retraining(*, workspace_id: UUID, chatbot_id: UUID, actor: Actor = SYSTEM) -> Retraining:
    """Queue what the configuration asks for. What answers now goes on answering until it is done.

    Raises Conflict when nothing has to change or a retraining is open, EngineMisconfigured for a model that is not there.
    """
    with transaction.atomic():
        chatbots = Chatbot.objects.in_workspace(workspace_id).alive()
        chatbot = chatbots.select_for_update(of=("self",)).filter(pk=chatbot_id).first()
        if chatbot is None:
            raise NotFound
        if Retraining.objects.filter(chatbot=chatbot, state__in=OPEN_STATES).exists():
            raise Conflict(_("This chatbot is being retrained already."), type="already_running")
        plan = estimate(chatbot)
        if not plan.is_needed:
            raise Conflict(_("Everything is trained as the configuration says."), type="nothing_to_retrain")
        made = _make(chatbot, plan)
        details = {"from_model": made.from_model, "to_model": made.to_model, "chunking": made.chunking}
        _note(actor, "chatbot.retraining_started", made, details)
        hint_after_commit(RUN_RETRAINING, str(made.pk), queue=INGEST)
        return made


def tell_words(chatbot: Chatbot) -> bool:
    """Queue a retraining for what the words of a chatbot's chunks mean, when that is not known of all; whether it was queued. For the clock: not beside
    an open retraining, and not again when somebody has cancelled one or it has failed."""
    last = Retraining.objects.filter(chatbot=chatbot).order_by("-created_at").first()
    if last is not None and last.only_tells_words and last.state != DurableState.SUCCEEDED:
        return False
    try:
        if not count_untold(chatbot)["chunks"] or not estimate(chatbot).only_tells_words:
            return False
        start_retraining(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)
    except (Conflict, NotFound, EngineMisconfigured):
        return False
    return True


def cancel_retraining(*, retraining: Retraining, actor: Actor = SYSTEM) -> Retraining:
    """Stop it. The old vectors go on answering, and new ones are removed; documents that were cut anew stay as they are.

    Raises Conflict when it has ended, or when the new vectors answer already.
    """
    with transaction.atomic():
        row: Retraining | None = Retraining.objects.select_for_update(of=("self",)).filter(pk=retraining.pk).first()
        if row is None:
            raise NotFound
        if row.state not in OPEN_STATES or row.phase == Phase.CLEAN:
            raise Conflict(_("This retraining has ended; it cannot be cancelled."), type="nothing_running")
        durable.cancel(row)
        knowledge.lock(ChatbotRef(row.workspace_id, row.chatbot_id))
        drop_vectors(row, keep=[row.from_model], most=ALL_AT_ONCE)
        book(row)
        _note(actor, "chatbot.retraining_cancelled", row, {})
        return row


def fail(retraining: Retraining, *, error_type: str, message: str) -> None:
    """It has failed for good, and what answers goes on answering. Vectors of the new model are kept for the next one. Raises LostLease."""
    with transaction.atomic():
        durable.fail(retraining, error_type=error_type, message=message)
        failed(retraining, error_type=error_type, message=message)


def failed(retraining: Retraining, *, error_type: str, message: str) -> None:
    """Book and announce a failure. Part of the transaction that made the row ``failed``."""
    book(retraining)
    error = {"type": error_type, "message": message}
    _announce("retraining.failed", retraining, {"is_switched": retraining.phase == Phase.CLEAN, "error": error})


def succeed(retraining: Retraining) -> None:
    """Everything is done: end, book and announce it. Part of the caller's transaction. Raises LostLease."""
    durable.succeed(retraining)
    book(retraining)
    figures = {"chunks_embedded": retraining.chunks_embedded, "tokens": retraining.tokens}
    _announce("retraining.completed", retraining, figures)


def drop_vectors(retraining: Retraining, *, keep: list[str], most: int) -> int:
    """Remove at most so many vectors of other models than these; how many it were. Part of the caller's transaction."""
    chatbot = ChatbotRef(retraining.workspace_id, retraining.chatbot_id)
    return len(engines.vector_store().drop_vectors(engine_connection(), chatbot=chatbot, keep=keep, most=most))


def book(retraining: Retraining) -> None:
    """What was embedded goes to the ledger once, however it ended."""
    if retraining.tokens:
        usage = Usage(
            workspace_id=retraining.workspace_id,
            kind=Kind.TRAINING,
            request_key=f"retraining:{retraining.pk}",
            chatbot_id=retraining.chatbot_id,
            model=retraining.to_model,
            embedding_tokens=retraining.tokens,
            cost_micros=retraining.cost_micros,
        )
        record_usage(usage)


def _make(chatbot: Chatbot, plan: Estimate) -> Retraining:
    made: Retraining = Retraining.objects.create(
        workspace_id=chatbot.workspace_id,
        chatbot=chatbot,
        from_model=plan.current_model,
        to_model=plan.model,
        chunking=plan.chunking,
        phase=Phase.READ if plan.chunking else Phase.EMBED,
        progress_total=plan.documents if plan.chunking else plan.chunks or plan.untold,
    )
    return made


def _announce(kind: str, retraining: Retraining, details: dict[str, Any]) -> None:
    announce(
        workspace_id=retraining.workspace_id,
        type=kind,
        payload={
            "retraining_id": str(retraining.pk),
            "chatbot_id": str(retraining.chatbot_id),
            "from_model": retraining.from_model,
            "to_model": retraining.to_model,
            "chunking": retraining.chunking,
            **details,
        },
        chatbot_id=retraining.chatbot_id,
        object_id=retraining.pk,
    )


def _note(actor: Actor, action: str, retraining: Retraining, details: dict[str, Any]) -> None:
    audit.record(
        actor,
        action,
        workspace_id=retraining.workspace_id,
        object_type="chatbot",
        object_id=retraining.chatbot_id,
        details={"retraining": str(retraining.pk), **details},
    )
