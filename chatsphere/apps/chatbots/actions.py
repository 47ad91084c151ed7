"""Everything that changes a chatbot. Whoever gives out a slug or a place in the quota locks the workspace first, then the chatbot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots import configuration as configurations
from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.apps.chatbots.publishing import require_publishable
from chatsphere.apps.chatbots.slugs import free_slug, slug_of
from chatsphere.apps.users import audit
from chatsphere.apps.users.audit import SYSTEM, Actor
from chatsphere.apps.users.models import Workspace
from chatsphere.apps.webhooks.actions import announce
from chatsphere.core.conditional import require_match
from chatsphere.core.exceptions import Conflict, Invalid, NotFound, QuotaExceeded

RESTORABLE = timedelta(days=7)
PURGE_TIMEOUT_SECONDS = 600


@transaction.atomic
def create_chatbot(
    *,
    workspace_id: UUID,
    name: str,
    slug: str = "",
    is_active: bool = True,
    configuration: Mapping[str, Any] | None = None,
    budget_per_day: int | None = None,
    visitor_budget_per_day: int | None = None,
) -> Chatbot:
    """A new chatbot. ``configuration`` was validated by ConfigurationSerializer; without ``slug`` one is made from the name.

    Raises QuotaExceeded when the plan has no room, Invalid when the slug is taken.
    """
    workspace = _lock_workspace(workspace_id)
    _require_room(workspace)
    chatbot: Chatbot = Chatbot.objects.create(
        workspace=workspace,
        name=name,
        slug=_take_slug(workspace_id, slug) if slug else _make_slug(workspace_id, name),
        is_active=is_active,
        configuration=configurations.merge({}, configuration or {}),
        budget_per_day=budget_per_day,
        visitor_budget_per_day=visitor_budget_per_day,
    )
    _announce("chatbot.created", chatbot)
    _note(audit.current(), "chatbot.created", chatbot)
    return chatbot


@transaction.atomic
def update_chatbot(
    *,
    workspace_id: UUID,
    chatbot_id: UUID,
    changes: Mapping[str, Any],
    replace_configuration: bool = False,
    if_match: str | None = None,
) -> Chatbot:
    """Change the named fields. Keys of ``configuration`` are merged into what is there (None: back to the default) or replace all of it.

    Raises NotFound, PreconditionFailed (``if_match`` names an older reading), Invalid (slug taken).
    """
    chatbot = _lock_chatbot(workspace_id, chatbot_id, if_match)
    if "slug" in changes:
        _lock_workspace(workspace_id)
    values = dict(changes)
    if "slug" in values and values["slug"] != chatbot.slug:
        _take_slug(workspace_id, values["slug"])
    if "configuration" in values:
        stored = {} if replace_configuration else chatbot.configuration
        values["configuration"] = configurations.merge(stored, values["configuration"])
    _note(audit.current(), "chatbot.changed", chatbot, fields=_changed(changes))
    return _save(chatbot, **values)


@transaction.atomic
def delete_chatbot(*, workspace_id: UUID, chatbot_id: UUID, if_match: str | None = None, actor: Actor = SYSTEM) -> None:
    """From now on it answers nothing and is seen by nobody; an operator can restore it until it is purged. Raises NotFound."""
    chatbot = _save(_lock_chatbot(workspace_id, chatbot_id, if_match), deleted_at=timezone.now())
    _announce("chatbot.deleted", chatbot)
    _note(actor, "chatbot.deleted", chatbot)


@transaction.atomic
def create_version(
    *, workspace_id: UUID, chatbot_id: UUID, created_by: UUID | None = None, note: str = ""
) -> ChatbotVersion:
    """Freeze the present configuration, every default included, under the next number. It answers only when it is published."""
    chatbot = _lock_chatbot(workspace_id, chatbot_id)
    newest = chatbot.versions.order_by("-number").values_list("number", flat=True).first()
    present = configurations.read_configuration(chatbot.configuration)
    version: ChatbotVersion = ChatbotVersion.objects.create(
        workspace_id=workspace_id,
        chatbot=chatbot,
        number=(newest or 0) + 1,
        configuration=configurations.as_stored(present),
        note=note,
        created_by_id=created_by,
    )
    _note(audit.current(), "chatbot.version_created", chatbot, version=version.number)
    return version


def publish_version(
    *, workspace_id: UUID, chatbot_id: UUID, number: int, roll_back: bool = False, actor: Actor = SYSTEM
) -> ChatbotVersion:
    """This version answers from now on; ``roll_back`` also takes the editable configuration back to it. Raises NotFound, and Conflict when
    a check of ``publishing`` refuses (never for a roll-back).

    Publishing the version that already answers changes nothing and announces nothing.
    """
    if not roll_back:
        _require_publishable(workspace_id, chatbot_id, number)
    return _publish(workspace_id, chatbot_id, number, roll_back=roll_back, actor=actor)


def _require_publishable(workspace_id: UUID, chatbot_id: UUID, number: int) -> None:
    chatbot: Chatbot | None = Chatbot.objects.in_workspace(workspace_id).filter(pk=chatbot_id, deleted_at=None).first()
    version = chatbot.versions.filter(number=number).first() if chatbot else None
    if chatbot is not None and version is not None and version.pk != chatbot.published_version_id:
        require_publishable(chatbot, version)


@transaction.atomic
def _publish(workspace_id: UUID, chatbot_id: UUID, number: int, *, roll_back: bool, actor: Actor) -> ChatbotVersion:
    chatbot = _lock_chatbot(workspace_id, chatbot_id)
    version: ChatbotVersion | None = chatbot.versions.filter(number=number).first()
    if version is None:
        raise NotFound(_("There is no version with this number."))
    if roll_back:
        _save(chatbot, configuration=version.configuration)
    if chatbot.published_version_id == version.pk:
        return version
    version.published_at = timezone.now()
    version.save(update_fields=["published_at"])
    _save(chatbot, published_version=version)
    _announce("chatbot.published", chatbot, version=version.number)
    _note(actor, "chatbot.published", chatbot, version=version.number)
    return version


@transaction.atomic
def restore_chatbot(*, chatbot_id: UUID) -> Chatbot:
    """Take a deletion back, for operators. Its slug is numbered when another chatbot has taken it. Raises NotFound, Conflict."""
    found = Chatbot.objects.filter(pk=chatbot_id).values_list("workspace_id", flat=True).first()
    if found is None:
        raise NotFound(_("There is no such chatbot, or it was purged already."))
    chatbot: Chatbot = Chatbot.objects.select_for_update(no_key=True).get(pk=chatbot_id)
    _lock_workspace(found)
    if chatbot.deleted_at is None:
        raise Conflict(_("This chatbot is not deleted."))
    slug = free_slug(chatbot.slug, _slugs_like(found, chatbot.slug))
    _note(SYSTEM, "chatbot.restored", chatbot)
    return _save(chatbot, deleted_at=None, slug=slug)


def purge_deleted_chatbots(*, now: datetime | None = None) -> int:
    """Remove what was deleted more than RESTORABLE ago, with everything below it, one transaction each; returns how many.

    The database's own cascades do it. Chatbots that another process removes at this moment are passed over.
    """
    before = (now or timezone.now()) - RESTORABLE
    waiting = Chatbot.objects.filter(deleted_at__lt=before).order_by("deleted_at").values_list("pk", flat=True)
    return sum(_purge(chatbot_id, before) for chatbot_id in list(waiting))


@transaction.atomic
def _purge(chatbot_id: UUID, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{PURGE_TIMEOUT_SECONDS}s'")
        cursor.execute(
            "DELETE FROM chatbots_chatbot WHERE id = (SELECT id FROM chatbots_chatbot"
            " WHERE id = %s AND deleted_at < %s FOR UPDATE SKIP LOCKED)",
            [chatbot_id, before],
        )
        return int(cursor.rowcount)


def _changed(changes: Mapping[str, Any]) -> list[str]:
    """Names, not values: instructions and origins are the customer's own."""
    keys = [f"configuration.{name}" for name in changes.get("configuration", {})]
    return sorted([name for name in changes if name != "configuration"] + keys)


def _lock_workspace(workspace_id: UUID) -> Workspace:
    """After the chatbot, never before it: at the end of each change of a chatbot a trigger locks this row, too."""
    workspace: Workspace | None = (
        Workspace.objects.select_for_update(no_key=True).filter(pk=workspace_id, deleted_at=None).first()
    )
    if workspace is None:
        raise NotFound
    return workspace


def _lock_chatbot(workspace_id: UUID, chatbot_id: UUID, if_match: str | None = None) -> Chatbot:
    living = Chatbot.objects.in_workspace(workspace_id).filter(deleted_at=None)
    chatbot: Chatbot | None = living.select_for_update(no_key=True).filter(pk=chatbot_id).first()
    if chatbot is None:
        raise NotFound
    require_match(chatbot, if_match)
    return chatbot


def _save(chatbot: Chatbot, **values: Any) -> Chatbot:
    for name, value in values.items():
        setattr(chatbot, name, value)
    chatbot.save(update_fields=[*values, "updated_at"])
    return chatbot


def _require_room(workspace: Workspace) -> None:
    most = workspace.plan.chatbots
    if most is not None and Chatbot.objects.in_workspace(workspace).filter(deleted_at=None).count() >= most:
        raise QuotaExceeded(
            _("The plan of this workspace has room for %(most)s chatbots. Delete one or raise the plan.")
            % {"most": most}
        )


def _make_slug(workspace_id: UUID, name: str) -> str:
    return free_slug(name, _slugs_like(workspace_id, slug_of(name)))


def _take_slug(workspace_id: UUID, slug: str) -> str:
    if Chatbot.objects.in_workspace(workspace_id).filter(deleted_at=None, slug=slug).exists():
        raise Invalid(fields={"slug": [_("Another chatbot of this workspace has this slug.")]})
    return slug


def _slugs_like(workspace_id: UUID, beginning: str) -> set[str]:
    living = Chatbot.objects.in_workspace(workspace_id).filter(deleted_at=None, slug__startswith=beginning)
    return set(living.values_list("slug", flat=True))


def _announce(kind: str, chatbot: Chatbot, **more: Any) -> None:
    announce(
        workspace_id=chatbot.workspace_id,
        type=kind,
        chatbot_id=chatbot.pk,
        object_id=chatbot.pk,
        payload={"chatbot": {"id": str(chatbot.pk), "name": chatbot.name, "slug": chatbot.slug}, **more},
    )


def _note(actor: Actor, action: str, chatbot: Chatbot, **details: Any) -> None:
    audit.record(
        actor,
        action,
        workspace_id=chatbot.workspace_id,
        object_type="chatbot",
        object_id=chatbot.pk,
        details={"name": chatbot.name, **details},
    )
