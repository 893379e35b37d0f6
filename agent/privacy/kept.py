"""What is known of the privacy, kept through power cuts: one small file (`agent.disk.checked`).

canlift privacy 1 <checksum>
{"words": {"bus": "None", "command": "Geolocation"}, "executed": [{"id": "<id>", "expires_utc_ms": …}, …],
 "past_utc_ms": …, "issued_utc_ms": …, "damaged": false, "issued_after_utc_ms": 0, "told": "Geolocation"}

Before, `executed` had ids alone; of such a one nobody knows when it expires.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent.disk.checked import load_struct, save_checked
from contract.upload import Privacy

_TITLE = "canlift privacy 1"


class Obeyed(msgspec.Struct, frozen=True):
    """A command that was executed."""

    id: str
    expires_utc_ms: int


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: dict[str, Privacy] = {}
    """What each source said last, by its name."""
    executed: tuple[Obeyed | str, ...] = ()
    """Commands, the newest last."""
    past_utc_ms: int = 0
    """Of those that are forgotten none expires later."""
    issued_utc_ms: int = 0
    """When the newest of the commands that were executed was issued."""
    damaged: bool = False
    """What was executed is not known, and since when is not known either yet."""
    issued_after_utc_ms: int = 0
    """Since the file was damaged: only what was issued later is executed."""
    told: Privacy = Privacy.NONE
    """The state that the cloud was last told of, by an upload in the journal."""


def load(file: Path) -> Kept | None:
    """None when there never was one. Raises DamagedError."""
    return load_struct(file, _TITLE, Kept)


def save(file: Path, kept: Kept) -> None:
    """Raises OSError: then it is not sure that a power cut spares it."""
    save_checked(file, _TITLE, msgspec.json.encode(kept) + b"\n")
