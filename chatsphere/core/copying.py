"""New rows of a model by COPY in binary: ``bulk_create`` for models of plain fields, without text to format here, to parse and to plan there."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, cast

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from psycopg import Cursor, sql

from chatsphere.services.vector_store import wire

Encode = Callable[[Any], bytes]
_INT2: Final = struct.Struct("!h").pack
_INT4: Final = struct.Struct("!i").pack
_INT8: Final = struct.Struct("!q").pack
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def copy_rows(objects: Sequence[models.Model]) -> None:
    """Write new objects of one model, with the keys that they have been given. Needs the caller's transaction; sends no signals.

    Some 15 µs a row here, where ``bulk_create`` takes 150. Raises Django's database errors, and TypeError for a model with a kind of
    field that is not known here.
    """
    if not objects:
        return
    statement, columns = _plan(type(objects[0]))
    count = _INT2(len(columns))
    rows = [count + b"".join([_cell(field, encode, each) for field, encode in columns]) for each in objects]
    connection.ensure_connection()
    psycopg_connection = cast(Any, connection.connection)
    with connection.wrap_database_errors, Cursor(psycopg_connection) as cursor, cursor.copy(statement) as copy:
        copy.write(b"".join([wire.COPY_BEGINS, *rows, wire.COPY_ENDS]))
    for each in objects:
        each._state.adding, each._state.db = False, connection.alias


def microseconds(moment: datetime) -> bytes:
    """A ``timestamptz``."""
    return _INT8((moment - _EPOCH) // _MICROSECOND)


@cache
def _plan(model: type[models.Model]) -> tuple[sql.Composed, list[tuple[models.Field[Any, Any], Encode]]]:
    fields = model._meta.concrete_fields
    names = sql.SQL(", ").join(sql.Identifier(cast(str, field.column)) for field in fields)
    table = sql.Identifier(model._meta.db_table)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, names)
    return statement, [(field, _encoder(field)) for field in fields]


def _cell(field: models.Field[Any, Any], encode: Encode, row: models.Model) -> bytes:
    value = field.pre_save(row, add=True) if isinstance(field, models.DateTimeField) else getattr(row, field.attname)
    if value is None:
        return _INT4(-1)
    data = encode(value)
    return _INT4(len(data)) + data


def _encoder(field: models.Field[Any, Any]) -> Encode:
    if isinstance(field, ArrayField):
        return _array_of(_kind(field.base_field))
    encoder = _ENCODERS.get(_kind(field))
    if encoder is None:
        raise TypeError(f"{field} is of a kind that is not copied.")
    return encoder


def _kind(field: models.Field[Any, Any]) -> str:
    return _kind(field.target_field) if isinstance(field, models.ForeignKey) else field.get_internal_type()


def _text(value: Any) -> bytes:
    return str(value).encode()


def _json(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)  # the version of jsonb's format


def _array_of(kind: str) -> Encode:
    encode, oid = _ENCODERS[kind], _OIDS[kind]
    return lambda values: wire.array(map(encode, values), oid).data


_OIDS: Final = {"IntegerField": 23, "BigIntegerField": 20, "TextField": wire.TEXT_OID, "CharField": 1043}
_ENCODERS: Final[dict[str, Encode]] = {
    "UUIDField": lambda value: cast(bytes, value.bytes),
    "CharField": _text,
    "TextField": _text,
    "FileField": _text,
    "BinaryField": bytes,
    "BooleanField": lambda value: b"\x01" if value else b"\x00",
    "SmallIntegerField": _INT2,
    "IntegerField": _INT4,
    "BigIntegerField": _INT8,
    "DateTimeField": microseconds,
    "JSONField": _json,
}
