"""What can go wrong with a backup."""

from __future__ import annotations


class BackupError(Exception):
    """One sentence for the operator: what is wrong and what to do."""
