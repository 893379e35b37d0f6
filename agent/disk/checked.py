"""A small file that must survive power cuts, with a checksum: one that is damaged says nothing at all.

    <title> <CRC-32 of what follows the line, 8 hexadecimal digits>
    content

It is written anew as a whole beside the old one, synced and renamed, so there is always a whole one: the old or the
new. One that is damaged all the same (a bad block, a hand) is told from one that was never there.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.disk.durable import make_private, replace_durably

MAXIMUM_BYTES = 64 * 1024

T = TypeVar("T", bound=msgspec.Struct)


class DamagedError(Exception):
    """The file is there, and is not one of these."""


def load_checked(file: Path, title: str) -> bytes | None:
    """The content; None when there never was one. Raises DamagedError."""
    try:
        with file.open("rb") as opened:
            whole = opened.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise DamagedError(f"{file}: {wrong}") from wrong
    head, _, content = whole.partition(b"\n")
    if head != _head(title, content) or len(whole) > MAXIMUM_BYTES:
        raise DamagedError(f"{file}: its checksum is not that of its content")
    return content


def load_struct(file: Path, title: str, kind: type[T]) -> T | None:
    """The content, which is JSON of such a struct; None when there never was one. Raises DamagedError."""
    content = load_checked(file, title)
    try:
        return None if content is None else msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as wrong:
        raise DamagedError(f"{file}: {wrong}") from wrong


def save_checked(file: Path, title: str, content: bytes) -> None:
    """Raises OSError: then it is not sure that a power cut spares it."""
    make_private(file.parent)
    replace_durably(file, _head(title, content) + b"\n" + content)


def _head(title: str, content: bytes) -> bytes:
    return f"{title} {zlib.crc32(content):08x}".encode()
