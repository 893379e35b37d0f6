"""What is known of the privacy, kept through power cuts: one small file (`agent.disk.checked`).

canlift privacy 1 <checksum>
{"words": {"bus": "None", "command": "Geolocation"}, "executed": ["<id>", …], "told": "Geolocation"}
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent.disk.checked import DamagedError, load_checked, save_checked
from contract.upload import Privacy

_TITLE = "canlift privacy 1"


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: dict[str, Privacy] = {}
    """What each source said last, by its name."""
    executed: tuple[str, ...] = ()
    """Ids of commands, the newest last."""
    told: Privacy = Privacy.NONE
    """The state that the cloud was last told of, by an upload in the journal."""


def load(file: Path) -> Kept | None:
    """None when there never was one. Raises DamagedError."""
    body = load_checked(file, _TITLE)
    try:
        return None if body is None else msgspec.json.decode(body, type=Kept)
    except msgspec.DecodeError as wrong:
        raise DamagedError(f"{file}: {wrong}") from wrong


def save(file: Path, kept: Kept) -> None:
    """Raises OSError: then it is not sure that a power cut spares it."""
    save_checked(file, _TITLE, msgspec.json.encode(kept) + b"\n")
