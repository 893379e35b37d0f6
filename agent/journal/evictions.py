"""Evictions: uploads that were deleted before a receipt came, until the cloud knows of them.

Each is named by a later upload, of this boot or, after a restart, of another. It is forgotten when that upload is
receipted; when that upload is itself evicted, or refused by the bridge, it is named again. What is not yet known for
sure is kept in a file, a line for each stretch, written anew as a whole (`agent.disk.durable`):

    <CRC-32 of the rest, 8 hexadecimal digits> <boot, 32> <first> <last> <reason>

A line that fails its CRC is left out and counted. Two of a file's lines may say the same: so may two uploads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from agent.disk.durable import replace_durably
from agent.journal.segments import Key

log = logging.getLogger(__name__)

FILE = "evicted"
MOST = 8192
"""Stretches kept. Beyond that the oldest are forgotten: the cloud sees gaps without a reason."""


class Eviction(NamedTuple):
    """Uploads of one boot: first to last, both included."""

    boot: bytes
    first: int
    last: int
    reason: str


class Evictions:
    def __init__(self) -> None:
        self.count = 0
        """Uploads evicted since the start."""
        self.saved = True
        """Whether the file says all."""
        self.loaded = False
        """Whether the file has been read."""
        self._unnamed: list[Eviction] = []
        self._named: dict[Key, tuple[Eviction, ...]] = {}

    def note(self, key: Key, reason: str) -> None:
        """An upload is lost. What it named is to be named again."""
        self.count += 1
        self.name_again([key])
        last = self._unnamed[-1] if self._unnamed else None
        if last is not None and (last.boot, last.last + 1, last.reason) == (key.boot, key.sequence, reason):
            self._unnamed[-1] = last._replace(last=key.sequence)
        else:
            self._unnamed.append(Eviction(key.boot, key.sequence, key.sequence, reason))
            log.warning("upload %d of boot %s is evicted: %s", key.sequence, key.boot.hex(), reason)
        if len(self._unnamed) > MOST:
            self._unnamed = merged(self._unnamed)
            del self._unnamed[:-MOST]
        self.saved = False

    def take(self, by: Key, most: int) -> tuple[Eviction, ...]:
        """What upload `by` is to name: at most so many stretches, the oldest first."""
        self._unnamed = merged(self._unnamed)
        taken, self._unnamed = tuple(self._unnamed[:most]), self._unnamed[most:]
        if taken:
            self._named[by] = taken
        return taken

    def receipted(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if self._named.pop(key, None) is not None:
                self.saved = False

    def name_again(self, keys: Iterable[Key]) -> None:
        """These uploads reach nobody who would read what they named: it is to be named by another."""
        for key in keys:
            self._unnamed += self._named.pop(key, ())

    # On disk

    def load(self, folder: Path, pending: Iterable[Key]) -> int:
        """Adds what an earlier start has left; how many lines were damaged. Raises OSError.

        What is pending after all (the power went before it was deleted) is not evicted.
        """
        try:
            lines = (folder / FILE).read_bytes().splitlines()
        except FileNotFoundError:
            self.loaded = True
            return 0
        self.loaded = True
        read = [_read(line) for line in lines]
        left = [each for each in read if each is not None]
        numbers: dict[bytes, list[int]] = {}
        for key in pending if left else ():
            numbers.setdefault(key.boot, []).append(key.sequence)
        self._unnamed = [part for each in left for part in _without(each, numbers.get(each.boot, ()))] + self._unnamed
        return len(read) - len(left)

    def save(self, folder: Path, also: Iterable[Eviction] = ()) -> None:
        """`also` what is about to be evicted. Raises OSError."""
        kept = merged([*self._unnamed, *(each for named in self._named.values() for each in named), *also])
        if not kept:
            (folder / FILE).unlink(missing_ok=True)
        else:
            replace_durably(folder / FILE, b"".join(map(_line, kept)))
        self.saved = True


def read_evictions(folder: Path) -> list[Eviction]:
    """What a journal's folder has of them. Raises OSError."""
    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [each for each in map(_read, lines) if each is not None]


def merged(evictions: Iterable[Eviction]) -> list[Eviction]:
    """Without repetition; neighbours with one reason put together. Boots in the order they come."""
    boots: dict[bytes, list[Eviction]] = {}
    for each in evictions:
        boots.setdefault(each.boot, []).append(each)
    found: list[Eviction] = []
    for stretches in boots.values():
        last: Eviction | None = None
        for each in sorted(stretches, key=lambda stretch: stretch.first):
            if last is not None and last.last + 1 >= each.first and last.reason == each.reason:
                last = found[-1] = last._replace(last=max(last.last, each.last))
            else:
                last = each
                found.append(each)
    return found


def _without(eviction: Eviction, numbers: Iterable[int]) -> list[Eviction]:
    parts = []
    first = eviction.first
    for number in sorted(number for number in numbers if eviction.first <= number <= eviction.last):
        if number > first:
            parts.append(eviction._replace(first=first, last=number - 1))
        first = number + 1
    return [*parts, eviction._replace(first=first)] if first <= eviction.last else parts


def _line(eviction: Eviction) -> bytes:
    rest = f"{eviction.boot.hex()} {eviction.first} {eviction.last} {eviction.reason}".encode()
    return b"%08x %s\n" % (crc32(rest), rest)


def _read(line: bytes) -> Eviction | None:
    crc, _, rest = line.partition(b" ")
    if crc != b"%08x" % crc32(rest):
        return None
    boot, first, last, reason = rest.decode().split(" ", 3)
    return Eviction(bytes.fromhex(boot), int(first), int(last), reason)
