"""Answers of plain fields without the ways round that Django REST framework takes for each value of each row.

It asks each field for its attribute and the field for its representation, which for a text, a number or a time is the same in the end as
what stands here. A value of any other type, a default, a path over several attributes and a field with a representation of its own go
DRF's way. Where no field looks at its serializer's context, a class makes its plan once instead of copying all its fields for each answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

from rest_framework import serializers
from rest_framework.settings import api_settings

Write = Callable[[Any], Any]
_MISSING: Final = object()


def _same(value: Any) -> Any:
    return value


def _time(value: datetime) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_WRITERS: Final[Mapping[type, Mapping[type, Write]]] = {
    serializers.CharField: {str: _same},
    serializers.ChoiceField: {str: _same},
    serializers.BooleanField: {bool: _same},
    serializers.IntegerField: {int: _same},
    serializers.FloatField: {float: _same},
    serializers.UUIDField: {UUID: str},
    serializers.DateTimeField: {datetime: _time},
}


_PLAIN: Final = (*_WRITERS, serializers.SerializerMethodField)  # fields that know no context


class Step(NamedTuple):
    """How one field is shown: by a method of the serializer, by the type of its value, or by the field itself."""

    name: str
    attribute: str
    writers: Mapping[type, Write]
    method: str
    field: Any


class QuickFields(serializers.BaseSerializer[Any]):
    """A mixin for what shows rows; it stands before the serializer in the list of bases."""

    def to_representation(self, instance: Any) -> Any:
        if isinstance(instance, Mapping):
            return super().to_representation(instance)
        shown: dict[str, Any] = {}
        for name, attribute, writers, method, field in self._plan:
            value = getattr(instance, attribute, _MISSING) if writers else _MISSING
            if method:
                shown[name] = getattr(self, method)(instance)
            elif value is None:
                shown[name] = None
            elif (write := writers.get(type(value))) is not None:
                shown[name] = write(value)
            else:
                _show(shown, name, field, instance)
        return shown

    @cached_property
    def _plan(self) -> list[Step]:
        return _steps_of(self)


@cache
def shared_plan(kind: type[QuickFields]) -> Mapping[str, Step] | None:
    """By name, what all serializers of a class do with all of their fields; None where a field may look at the context."""
    plan = {step.name: step for step in _steps_of(kind())}
    return plan if all(_is_plain(step.field) for step in plan.values()) else None


def _is_plain(field: Any) -> bool:
    child = getattr(field, "child", None)
    return type(field) in _PLAIN or (
        type(field) in (serializers.ListField, serializers.DictField) and child is not None and _is_plain(child)
    )


def _steps_of(serializer: Any) -> list[Step]:
    return [_step(field) for field in serializer._readable_fields]


def _step(field: Any) -> Step:
    method = field.method_name if type(field) is serializers.SerializerMethodField else ""
    return Step(field.field_name, field.source_attrs[0] if field.source_attrs else "", _writers(field), method, field)


def _show(shown: dict[str, Any], name: str, field: Any, instance: Any) -> None:
    try:
        value = field.get_attribute(instance)
    except serializers.SkipField:
        return
    shown[name] = None if value is None else field.to_representation(value)


def _writers(field: Any) -> Mapping[type, Write]:
    """By type of value; empty for a field that must be asked."""
    if len(field.source_attrs) != 1:
        return {}
    for kind, writers in _WRITERS.items():
        if type(field).to_representation is kind.to_representation:  # type: ignore[attr-defined]
            return writers if _has_usual_format(field) else {}
    return {}


def _has_usual_format(field: Any) -> bool:
    if isinstance(field, serializers.DateTimeField):
        return getattr(field, "format", api_settings.DATETIME_FORMAT) == "iso-8601"
    return not isinstance(field, serializers.UUIDField) or field.uuid_format == "hex_verbose"
