"""What is known of the privacy, kept through power cuts: one small file.

    canlift privacy 1 <CRC-32 of the line below, 8 hexadecimal digits>
    {"words": {"bus": "None", "command": "Geolocation"}, "executed": ["<id>", …], "told": "Geolocation"}

It is written anew as a whole beside the old one, synced and renamed, so there is always a whole one: the old or the
new. One that is damaged all the same (a bad block, a hand) says nothing at all, and is told from one that was never
there.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec

from agent.disk.durable import make_private, replace_durably
from contract.upload import Privacy

_HEAD = "canlift privacy 1 "


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: dict[str, Privacy] = {}
    """What each source said last, by its name."""
    executed: tuple[str, ...] = ()
    """Ids of commands, the newest last."""
    told: Privacy = Privacy.NONE
    """The state that the cloud was last told of, by an upload in the journal."""


class DamagedError(Exception):
    """The file is there, and is not one of these."""


def load(file: Path) -> Kept | None:
    """None when there never was one. Raises DamagedError."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as wrong:
        raise DamagedError(f"{file}: {wrong}") from wrong
    head, _, body = text.partition("\n")
    if head != _head(body.encode()):
        raise DamagedError(f"{file}: its checksum is not that of its content")
    try:
        return msgspec.json.decode(body, type=Kept)
    except msgspec.DecodeError as wrong:
        raise DamagedError(f"{file}: {wrong}") from wrong


def save(file: Path, kept: Kept) -> None:
    """Raises OSError: then it is not sure that a power cut spares it."""
    make_private(file.parent)
    body = msgspec.json.encode(kept) + b"\n"
    replace_durably(file, f"{_head(body)}\n".encode() + body)


def _head(body: bytes) -> str:
    return f"{_HEAD}{zlib.crc32(body):08x}"
