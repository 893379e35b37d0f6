"""[cadence]: when an upload is made."""

from __future__ import annotations

import msgspec

from contract.configuration import Duration


class Cadence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an upload is made."""

    driving: Duration = Duration(60_000)
    parked: Duration = Duration(60_000)
