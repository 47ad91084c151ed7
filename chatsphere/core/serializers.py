"""Serializers and fields that refuse what they do not know."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

# Line breaks and other control characters (a name stands in subjects of mails), what turns the direction of writing (it makes one name look like
# another), and invisible separators of lines and tags.
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


class StrictSerializer(serializers.Serializer[Any]):
    """An unknown field is an error, not a silence: a typing mistake must not look like success."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(key) for key in data.keys() - self.fields.keys())
            if unknown:
                raise serializers.ValidationError({name: [_("This field is not known.")] for name in unknown})
            errors = self._missing(data) | self._unlike(data)
            if errors:
                raise serializers.ValidationError(errors)
        return super().to_internal_value(data)

    def _missing(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """A PATCH may leave fields of the object out, but an object within it is given whole."""
        if self.root is self or not getattr(self.root, "partial", False):
            return {}
        missing = [name for name, field in self.fields.items() if field.required and name not in data]
        return {name: [_("This field is required.")] for name in missing}

    def _unlike(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """Numbers are no texts. The longest text is meant as it is sent: spaces around it, which are taken away later, count."""
        errors: dict[str, Any] = {}
        for name, field in self.fields.items():
            text, most = data.get(name), getattr(field, "max_length", None)
            if not _is_text(field, text):
                errors[name] = [_("Not a valid string.")]
            elif isinstance(field, serializers.CharField) and isinstance(text, str) and most and len(text) > most:
                errors[name] = [_("This is longer than %(most)s characters.") % {"most": most}]
        return errors


def _is_text(field: Any, value: Any) -> bool:
    """False for a number where the field takes a text or a list of texts; an id is one (DRF would read ``false`` as the id 0)."""
    if isinstance(field, (serializers.CharField, serializers.UUIDField)):
        return not isinstance(value, (int, float))
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return all(_is_text(field.child, item) for item in value)
    return True


class LineField(serializers.CharField):
    """A name or label: one line, in Unicode NFC, so that what looks the same is the same, without characters that hide something."""

    def to_internal_value(self, data: Any) -> str:
        text: str = unicodedata.normalize("NFC", super().to_internal_value(data))
        if _NOT_IN_A_LINE.search(text):
            raise serializers.ValidationError(
                _(
                    "This must be one line, without control characters and characters that turn the direction of writing."
                )
            )
        return text


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
