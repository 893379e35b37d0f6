"""[buses]: which databases describe which bus."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from contract.expressions import Expression


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    databases: tuple[Path, ...]
    """Relative to the profile in the file; absolute once loaded."""
    protocol: Literal["can", "j1939"] = "can"
    """j1939: a message of the databases is every frame of its parameter group, from one source."""
    valid_when: Expression | None = None
    """For every signal of the bus but those that the condition itself reads."""
