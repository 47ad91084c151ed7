"""A database that an operator just made has no extension yet: migrations must make it before they need it."""

from __future__ import annotations

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.fields import AddField, AlterField
from pgvector.django import BitField, HalfVectorField, SparseVectorField, VectorField

OF_THE_EXTENSION = (BitField, HalfVectorField, SparseVectorField, VectorField)
MAKES_IT = ("training", "0001_initial")


def fields_of(operation: object) -> list[object]:
    if isinstance(operation, CreateModel):
        return [field for _name, field in operation.fields]
    return [operation.field] if isinstance(operation, (AddField, AlterField)) else []


def test_whatever_needs_vectors_comes_after_the_extension() -> None:
    loader = MigrationLoader(None)
    needing = [
        key
        for key, migration in loader.disk_migrations.items()
        if any(
            isinstance(field, OF_THE_EXTENSION) for operation in migration.operations for field in fields_of(operation)
        )
    ]
    assert len(needing) >= 2
    for key in needing:
        assert MAKES_IT in loader.graph.forwards_plan(key), (
            f"{key} can run before {MAKES_IT}, which makes the extension"
        )
