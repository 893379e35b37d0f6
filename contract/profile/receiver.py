"""[gnss] and [clock]: where position and time come from."""

from __future__ import annotations

from typing import Literal

import msgspec

from contract.configuration import Duration
from contract.expressions import Expression


class Gnss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Literal["receiver", "can", "none"] = "receiver"
    """receiver: `GNSS.*` make the position unless [data] says otherwise; can: [data] maps it from bus signals."""
    every: Duration = Duration(1000)
    """How often the receiver's values are sampled."""


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signal that gives UTC. Only a clock set by satellites belongs here; a dashboard's clock is set by people."""

    source: str = msgspec.field(name="from")
    """A signal whose physical value is in seconds since 1970-01-01 UTC."""
    valid_when: Expression | None = None
    uncertainty: Duration = Duration(1000)
