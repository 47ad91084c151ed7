"""Serializers and fields that refuse what they do not know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """An unknown field is an error, not a silence: a typing mistake must not look like success."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(key) for key in data.keys() - self.fields.keys())
            if unknown:
                raise serializers.ValidationError({name: [_("This field is not known.")] for name in unknown})
            self._refuse_padding(data)
        return super().to_internal_value(data)

    def _refuse_padding(self, data: Mapping[Any, Any]) -> None:
        """The longest text is meant as it is sent: spaces around it, which are taken away later, count."""
        errors: dict[str, Any] = {}
        for name, field in self.fields.items():
            text, most = data.get(name), getattr(field, "max_length", None)
            if isinstance(field, serializers.CharField) and isinstance(text, str) and most and len(text) > most:
                errors[name] = [_("This is longer than %(most)s characters.") % {"most": most}]
        if errors:
            raise serializers.ValidationError(errors)


class FiniteFloatField(serializers.FloatField):
    """A number that is a number: no NaN, no infinity, no truth value, nothing past what a float can hold."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(value):
            self.fail("invalid")
        return value
