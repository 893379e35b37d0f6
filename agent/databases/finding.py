"""Findings: what healing says about a database, one line at a time."""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["repaired", "quarantined", "kept"]
"""kept: doubtful, but used as it is written."""


class Finding(msgspec.Struct, frozen=True):
    """Something in a database that is not as it should be."""

    file: str
    line: int
    """From 1."""
    found: str
    """What is wrong and, if it was repaired, what it was read as."""
    action: Action

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found} ({self.action})"
