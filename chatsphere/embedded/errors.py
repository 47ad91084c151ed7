"""The one error of this room."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot start or go on. The message is one plain sentence that says what to do about it."""
