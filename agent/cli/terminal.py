"""Where commands print: as wide as a terminal is, and elsewhere as wide as what is printed."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDE = 240
"""A pipe or a file has no width to fit into: a name that is broken in two is not found in it."""


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _WIDE)
