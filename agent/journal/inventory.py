"""What is in a state folder, read without taking hold of it: an agent may be at work there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from agent.journal.evictions import read_evictions
from agent.journal.segments import Priority, Record, read_segment, segment_files

JOURNAL = "journal"
MANIFESTS = "manifests"


class Pending(msgspec.Struct, frozen=True):
    """The uploads of one boot that are on disk."""

    boot: str
    """Hexadecimal."""
    uploads: int
    bytes: int
    """Of payload."""
    sequences: list[tuple[int, int]]
    """First and last of each stretch."""
    priorities: dict[str, int] = {}
    """Uploads: `event`, `state`, `history`."""
    thinned: int = 0
    """Uploads that have lost rows to make room."""


class Damaged(msgspec.Struct, frozen=True):
    file: str
    offset: int
    bytes: int
    what: str


class Evicted(msgspec.Struct, frozen=True):
    """Uploads that were deleted, and the cloud does not know of it yet."""

    boot: str
    first: int
    last: int
    reason: str


class Inventory(msgspec.Struct, frozen=True):
    folder: str
    segments: int
    bytes: int
    """On disk, damage included."""
    uploads: int
    boots: list[Pending]
    damage: list[Damaged]
    evicted: list[Evicted] = []
    newer: int = 0
    """Uploads that a newer version of canlift has written."""


def journals_in(folder: Path) -> list[Path]:
    """The journals at or below a folder: a journal itself, a vehicle's state, or the state of several vehicles."""
    if segment_files(folder) or (folder / "lock").is_file():
        return [folder]
    return sorted(path for pattern in (JOURNAL, f"*/{JOURNAL}") for path in folder.glob(pattern) if path.is_dir())


def take_inventory(folder: Path) -> Inventory:
    """What the journal in `folder` holds. Raises OSError when it cannot be read."""
    held: dict[bytes, dict[int, Record]] = {}
    damage: list[Damaged] = []
    size = newer = 0
    files = segment_files(folder)
    for path in files:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # Receipted while we looked.
        size += len(data)
        contents = read_segment(data)
        newer += contents.newer
        damage += [Damaged(path.name, *skipped) for skipped in contents.skipped]
        for record in contents.records:
            held.setdefault(record.key.boot, {}).setdefault(record.key.sequence, record)
    boots = [_boot(boot, records) for boot, records in held.items()]
    evicted = [Evicted(each.boot.hex(), each.first, each.last, each.reason) for each in read_evictions(folder)]
    uploads = sum(boot.uploads for boot in boots)
    return Inventory(str(folder), len(files), size, uploads, boots, damage, evicted, newer)


def _boot(boot: bytes, records: Mapping[int, Record]) -> Pending:
    counted = Counter(record.priority.name.lower() for record in records.values())
    return Pending(
        boot.hex(),
        len(records),
        sum(record.payload_bytes for record in records.values()),
        list(stretches(records)),
        {priority.name.lower(): counted[priority.name.lower()] for priority in Priority},
        sum(record.thinned > 0 for record in records.values()),
    )


def stretches(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as first and last of each unbroken stretch, ascending."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] + 1 == number:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
