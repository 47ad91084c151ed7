"""The database itself keeps workspaces apart."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models

from chatsphere.apps.chatbots.models import Chatbot, ChatbotVersion
from chatsphere.core.tenancy import SameWorkspace, TenantModel

TENANT_MODELS = [model for model in apps.get_models() if issubclass(model, TenantModel)]


def parents(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """Foreign keys to other rows of customers."""
    keys = [field for field in model._meta.get_fields() if isinstance(field, models.ForeignKey)]
    return [key for key in keys if issubclass(key.related_model, TenantModel)]


def composite_keys(table: str) -> set[str]:
    """Columns that the database ties to a parent together with the workspace."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
            [table],
        )
        definitions = [row[0] for row in cursor.fetchall()]
    marker = "FOREIGN KEY (workspace_id, "
    return {text.removeprefix(marker).split(")")[0] for text in definitions if text.startswith(marker)}


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_each_parent_is_tied_together_with_the_workspace(model: type[TenantModel]) -> None:
    proved_by_others = {"training.Placement": {"chatbot_id"}}.get(model._meta.label, set())
    wanted = {key.column for key in parents(model)} - proved_by_others
    assert wanted <= composite_keys(model._meta.db_table)


@pytest.mark.django_db
def test_a_row_that_mixes_two_workspaces_is_refused(alice: Any, charlie: Any) -> None:
    chatbot = Chatbot.objects.create(workspace=alice.default_workspace, name="Help", slug="help")
    ChatbotVersion.objects.create(workspace=charlie.default_workspace, chatbot=chatbot, number=1, configuration={})
    with pytest.raises(IntegrityError, match="same_workspace"):
        connection.check_constraints()


@pytest.mark.django_db
def test_in_workspace_does_not_find_a_strangers_row(alice: Any, charlie: Any) -> None:
    chatbot = Chatbot.objects.create(workspace=alice.default_workspace, name="Help", slug="help")
    assert Chatbot.objects.in_workspace(alice.default_workspace).filter(pk=chatbot.pk).exists()
    assert not Chatbot.objects.in_workspace(charlie.default_workspace.pk).filter(pk=chatbot.pk).exists()


def test_a_constraint_survives_the_way_through_a_migration() -> None:
    constraint = SameWorkspace(field="chatbot", name="x", on_delete="SET NULL")
    _, arguments, keywords = constraint.deconstruct()
    assert SameWorkspace(*arguments, **keywords) == constraint
    assert constraint != SameWorkspace(field="chatbot", name="x")
