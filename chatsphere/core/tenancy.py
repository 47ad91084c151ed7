"""The tenant key: every row of a customer carries its workspace, and the database refuses a row that mixes two.

``TenantModel`` gives the id and the workspace; ``SameWorkspace`` is the composite foreign key
``(workspace_id, <field>_id) → parent (workspace_id, id)`` as a constraint that migrations know. The parent needs a unique constraint over
``(workspace, id)``, which every concrete TenantModel adds with ``tenant_key("<table>")``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self
from uuid import UUID

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table

from chatsphere.core.identifiers import new_id

OnDelete = Literal["CASCADE", "SET NULL", "NO ACTION"]


class WorkspaceQuerySet(models.QuerySet[Any, Any]):
    """Rows of customers are reached through ``in_workspace`` and nothing else."""

    def in_workspace(self, workspace: models.Model | UUID) -> Self:
        """Only rows of this workspace; a stranger's id is then simply not found."""
        workspace_id = workspace.pk if isinstance(workspace, models.Model) else workspace
        return self.filter(workspace_id=workspace_id)


class TenantModel(models.Model):
    """A row that belongs to a customer."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("users.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True


class TenantChild(TenantModel):
    """A row below another row of the customer: its SameWorkspace keys prove the workspace, so the plain key to it is not checked again."""

    workspace = models.ForeignKey(
        "users.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )

    class Meta(TenantModel.Meta):
        abstract = True


def tenant_key(name: str) -> models.UniqueConstraint:
    """The unique pair that composite foreign keys point to."""
    return models.UniqueConstraint(fields=["workspace", "id"], name=f"{name}_tenant_key")


class SameWorkspace(models.BaseConstraint):
    """``field`` must point to a row of the same workspace. ``on_delete`` is what the database itself does with raw deletes."""

    def __init__(self, *, field: str, name: str, on_delete: OnDelete = "CASCADE") -> None:
        super().__init__(name=name)
        self.field = field
        self.on_delete = on_delete

    def _statement(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:
        field: Any = model._meta.get_field(self.field)
        parent = field.remote_field.model._meta.db_table
        quote = schema_editor.quote_name
        action = f"SET NULL ({quote(field.column)})" if self.on_delete == "SET NULL" else self.on_delete
        return Statement(
            "ALTER TABLE %(table)s ADD CONSTRAINT %(name)s FOREIGN KEY (workspace_id, %(column)s) "
            "REFERENCES %(parent)s (workspace_id, id) ON DELETE %(action)s DEFERRABLE INITIALLY DEFERRED",
            table=Table(model._meta.db_table, quote),
            name=quote(self.name),
            column=quote(field.column),
            parent=quote(parent),
            action=action,
        )

    def constraint_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        self._defer(model, schema_editor)
        return ""

    def create_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        # Nothing to run now. Not None: Django may put what comes back among the statements for the end.
        self._defer(model, schema_editor)
        return ""

    def _defer(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> None:
        # The parent or its unique pair may not exist yet: the key is added at the end of the migration.
        if model is None or schema_editor is None:
            raise ValueError("a constraint belongs to a model")
        schema_editor.deferred_sql.append(self._statement(model, schema_editor))

    def remove_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        if model is None or schema_editor is None:
            raise ValueError("a constraint belongs to a model")
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Left to the database: a Python check would race."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SameWorkspace):
            return NotImplemented
        return (self.name, self.field, self.on_delete) == (other.name, other.field, other.on_delete)

    def __hash__(self) -> int:
        return hash((self.name, self.field, self.on_delete))

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field, "on_delete": self.on_delete}


def parent_key(to: str, *, related_name: str = "+", index: bool = False) -> Any:
    """A foreign key whose database constraint is a SameWorkspace one, which the model must add itself.

    Indexed only on request: most tables have a composite index that begins with it.
    """
    return models.ForeignKey(
        to, on_delete=models.CASCADE, related_name=related_name, db_constraint=False, db_index=index
    )
