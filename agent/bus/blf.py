"""Vector's binary logs (`.blf`), read by python-can, whole or damaged.

    file      = header (144 bytes or as long as it says, "LOGG") objects
    object    = "LOBJ" header size (u16) header version (u16) object size (u32) type (u32) …, padded by size mod 4
    container = object of type 10: method (u16) 6 bytes uncompressed size (u32) 4 bytes, then zlib data

The containers, put one after the other, hold the objects that are frames; an object may go on in the next container.

python-can gives up at the first object that it cannot read, and what follows is lost. Here the file is taken apart down
to the single object first, and python-can gets each frame object for itself, in a container of its own:

* a container whose zlib data do not check is lost whole (any byte of it may be wrong), and reported; the last one of
  a torn file is used as far as it goes,
* where no object begins although one should, the search goes on to the next "LOBJ", and that is reported,
* an object that python-can cannot make sense of is reported and left out.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import can
from can.io.blf import BLFParseError

from agent.bus.files import chunks
from agent.bus.losses import Losses

_SIGNATURE = b"LOBJ"
_OBJECT = struct.Struct("<4sHHLL")
_CONTAINER = struct.Struct("<H6xL4x")
_HEADER_BYTES = 144
_CONTAINER_TYPE = 10
_PADDING = 3
"""Bytes that may follow an object, at most."""
_STORED, _DEFLATED = 0, 2
# Types of objects that hold a frame, with the bytes that they have at least: CAN_MESSAGE, CAN_ERROR_EXT, CAN_MESSAGE2,
# CAN_FD_MESSAGE, CAN_FD_MESSAGE_64.
_FRAME_TYPES = {1: 48, 73: 64, 86: 48, 100: 100, 101: 72}
# An object larger than this is a damaged size field.
_LARGEST = 1 << 24


class _File:
    """The bytes of the file, some at a time, with the place of the next one."""

    def __init__(self, path: Path, losses: Losses) -> None:
        self._chunks = chunks(path, losses)
        self._held = bytearray()
        self.at = 0

    def peek(self, count: int) -> bytes:
        while len(self._held) < count:
            piece = next(self._chunks, b"")
            if not piece:
                break
            self._held += piece
        return bytes(self._held[:count])

    def take(self, count: int) -> bytes:
        taken = self.peek(count)
        del self._held[: len(taken)]
        self.at += len(taken)
        return taken

    def give_back(self, taken: bytes) -> None:
        """What was taken last is to be read again."""
        self._held[:0] = taken
        self.at -= len(taken)

    def seek_signature(self) -> bool:
        """Moves to the next "LOBJ" behind this place; False, at the end, if there is none."""
        self.take(1)
        while True:
            found = self._held.find(_SIGNATURE)
            if found >= 0:
                self.take(found)
                return True
            self.take(max(0, len(self._held) - len(_SIGNATURE) + 1))
            if len(self.peek(len(_SIGNATURE) + 1)) <= len(_SIGNATURE) and _SIGNATURE not in self._held:
                self.take(len(self._held))
                return False


class _Whole(io.RawIOBase):
    """The file as python-can gets it: a container for each object, none of them damaged."""

    def __init__(self, header: bytes, objects: Iterator[tuple[str, bytes]]) -> None:
        super().__init__()
        self._objects = objects
        self._held = io.BytesIO(header)
        self.place = ""

    def read(self, size: int = -1, /) -> bytes:
        taken = self._held.read(size)
        if not taken and size:
            self.place, content = next(self._objects, ("", b""))
            if content:
                total = _OBJECT.size + _CONTAINER.size + len(content)
                head = _OBJECT.pack(_SIGNATURE, _OBJECT.size, 1, total, _CONTAINER_TYPE)
                self._held = io.BytesIO(head + _CONTAINER.pack(_STORED, len(content)) + content + bytes(total % 4))
                taken = self._held.read(size)
        return taken

    def write(self, _: object, /) -> int:
        raise io.UnsupportedOperation("read only")


def messages(path: Path, losses: Losses) -> Iterator[can.Message]:
    """The messages of a `.blf` file; times in seconds since the Unix epoch.

    Raises OSError, and ValueError where the file has no header.
    """
    file = _File(path, losses)
    header = file.take(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[:4] != b"LOGG":
        raise ValueError(f"{path}: not a BLF file: no header of {_HEADER_BYTES} bytes marked LOGG")
    (header_bytes,) = struct.unpack_from("<L", header, 4)
    file.take(max(0, min(header_bytes, _LARGEST) - _HEADER_BYTES))
    header = header[:4] + struct.pack("<L", _HEADER_BYTES) + header[8:]
    whole = _Whole(header, _frame_objects(str(path), file, losses))
    reader = can.BLFReader(cast(BinaryIO, whole))
    while True:
        try:
            yield from reader
        except (BLFParseError, ValueError, KeyError, IndexError, OverflowError) as wrong:
            losses.damaged(str(path), whole.place, f"not a frame: {wrong}")
        else:
            return


def _containers(name: str, file: _File, losses: Losses) -> Iterator[tuple[int, bytes | None]]:
    """Place and content of each container; None for one that is lost."""
    while head := file.peek(_OBJECT.size):
        at = file.at
        if len(head) < _OBJECT.size:
            losses.damaged(name, f"byte {at}", "the file stops within an object")
            return
        signature, _, _, size, kind = _OBJECT.unpack(head)
        if signature != _SIGNATURE or not _OBJECT.size <= size <= _LARGEST:
            found = file.seek_signature()
            losses.damaged(name, f"byte {at}", f"no object begins here; {file.at - at} bytes are skipped")
            yield at, None
            if not found:
                return
            continue
        content = file.take(size)[_OBJECT.size :]
        file.take(size % 4)
        if kind != _CONTAINER_TYPE:
            if kind in _FRAME_TYPES:
                yield at, head + content
            else:
                losses.damaged(name, f"byte {at}", f"an object of type {kind} outside of a container is passed over")
            continue
        torn = len(content) < size - _OBJECT.size
        if len(content) < _CONTAINER.size:
            losses.damaged(name, f"byte {at}", "the file stops within a container")
            return
        unpacked, rest = _unpacked(name, at, content, torn, losses)
        yield at, unpacked
        if len(rest) > _PADDING:
            file.give_back(rest)
            losses.damaged(name, f"container at byte {at}", "its size is damaged: it ends before that")
        elif torn:
            losses.damaged(name, f"byte {at}", "the file stops within a container; what followed is lost")


def _unpacked(name: str, at: int, container: bytes, torn: bool, losses: Losses) -> tuple[bytes | None, bytes]:
    """Of one that is `torn`, what there is of it; and what stands behind its end."""
    method, size = _CONTAINER.unpack_from(container)
    content = container[_CONTAINER.size :]
    if method == _STORED and (torn or len(content) == size):
        return content, b""
    if method != _DEFLATED:
        losses.damaged(name, f"container at byte {at}", f"unknown compression {method}; its frames are lost")
        return None, b""
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(content)
        if unpacking.eof or torn:
            return unpacked, unpacking.unused_data
        wrong = "its end is missing, and with it the checksum"
    except zlib.error as damage:
        wrong = str(damage)
    losses.damaged(name, f"container at byte {at}", f"damaged compressed data ({wrong}); its frames are lost")
    return None, b""


def _frame_objects(name: str, file: _File, losses: Losses) -> Iterator[tuple[str, bytes]]:
    """Place and bytes of each object that is a frame."""
    held = b""
    number = 0
    for at, content in _containers(name, file, losses):
        if content is None:
            # The object that began before the gap cannot be completed, and the next one may begin anywhere.
            held = b""
            continue
        held += content
        position = 0
        while True:
            begin = held.find(_SIGNATURE, position)
            if begin < 0 or len(held) - begin < _OBJECT.size:
                break
            _, header, version, size, kind = _OBJECT.unpack_from(held, begin)
            number += 1
            place = f"object {number} in the container at byte {at}"
            if not (_OBJECT.size <= size <= _LARGEST and header <= size):
                losses.damaged(name, place, "its size is damaged; it is lost")
                position = begin + 1
                continue
            if len(held) - begin < size:
                break
            position = begin + size
            if kind not in _FRAME_TYPES:
                continue
            if size < _FRAME_TYPES[kind] or version not in (1, 2):
                losses.damaged(name, place, "too short, or of an unknown version; it is lost")
                continue
            yield place, held[begin : begin + size]
        held = held[max(position, begin) if begin >= 0 else max(position, len(held) - len(_SIGNATURE) + 1) :]
