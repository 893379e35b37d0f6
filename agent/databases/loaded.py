"""What reading a database gives: apart from the reader, which the running service does not load."""

from __future__ import annotations

import msgspec

from agent.databases.finding import Finding
from agent.databases.layouts import MessageLayout


class DatabaseError(Exception):
    """A database that cannot be read at all; the text says which file and line, why, and what to do."""


class Loaded(msgspec.Struct, frozen=True):
    layouts: tuple[MessageLayout, ...]
    findings: tuple[Finding, ...]
    """What healing repaired or left out, in the order of the lines. Empty: the file is clean."""
