"""Files of a recording, as they come: plain or compressed with gzip, whole or torn.

What can still be decompressed of a torn or damaged gzip file is read; the damage is reported with its place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from agent.bus.losses import Losses

# Some thousand lines once decompressed: what is handed on at once stays small.
_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"
_GZIP_WBITS = 31
_SALVAGE_STEP = 16


def chunks(path: Path, losses: Losses) -> Iterator[bytes]:
    """The content of `path` in pieces, decompressed if it is gzip. Raises OSError if the file cannot be read."""
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(_CHUNK), b"")
        first = next(pieces, b"")
        if first.startswith(_GZIP):
            yield from _inflated(str(path), chain((first,), pieces), losses)
        elif first:
            yield first
            yield from pieces


def _inflated(file: str, pieces: Iterable[bytes], losses: Losses) -> Iterator[bytes]:
    at = 0
    inflate = zlib.decompressobj(wbits=_GZIP_WBITS)
    for piece in pieces:
        rest = piece
        while rest:
            if inflate.eof:  # A gzip file may have several members, one after the other.
                inflate = zlib.decompressobj(wbits=_GZIP_WBITS)
            before = inflate.copy()
            try:
                yield inflate.decompress(rest)
            except zlib.error as wrong:
                yield _salvaged(before, rest)
                losses.damaged(file, f"byte {at}", f"the gzip data are damaged ({wrong}); what follows is lost")
                return
            rest = inflate.unused_data
        at += len(piece)
    if not inflate.eof:
        losses.damaged(file, f"byte {at}", "the gzip data stop before their end; what followed is lost")


def _salvaged(inflate: zlib._Decompress, piece: bytes) -> bytes:
    """What comes out of `piece` before its damage."""
    content = b""
    for start in range(0, len(piece), _SALVAGE_STEP):
        try:
            content += inflate.decompress(piece[start : start + _SALVAGE_STEP])
        except zlib.error:
            break
    return content


def lines(path: Path, losses: Losses) -> Iterator[list[str]]:
    """The lines of a text file, in lists, without their ends. Bytes that are not ASCII become U+FFFD."""
    rest = b""
    for piece in chunks(path, losses):
        whole, newline, tail = piece.rpartition(b"\n")
        if not newline:
            rest += piece
            continue
        text = (rest + whole).decode("ascii", "replace")
        rest = tail
        yield (text.replace("\r\n", "\n") if "\r" in text else text).split("\n")
    if rest:
        yield [rest.decode("ascii", "replace").removesuffix("\r")]
