"""What is in a state folder, read without taking hold of it: an agent may be at work there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from agent.journal.segments import read_segment, segment_files

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


class Damaged(msgspec.Struct, frozen=True):
    file: str
    offset: int
    bytes: int
    what: str


class Inventory(msgspec.Struct, frozen=True):
    folder: str
    segments: int
    bytes: int
    """On disk, damage included."""
    uploads: int
    boots: list[Pending]
    damage: list[Damaged]


def journals_in(folder: Path) -> list[Path]:
    """The journals at or below a folder: a journal itself, a vehicle's state, or the state of several vehicles."""
    if segment_files(folder) or (folder / "lock").is_file():
        return [folder]
    return sorted(path for pattern in (JOURNAL, f"*/{JOURNAL}") for path in folder.glob(pattern) if path.is_dir())


def take_inventory(folder: Path) -> Inventory:
    """What the journal in `folder` holds. Raises OSError when it cannot be read."""
    sequences: dict[bytes, dict[int, int]] = {}
    damage: list[Damaged] = []
    size = 0
    files = segment_files(folder)
    for path in files:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # Receipted while we looked.
        size += len(data)
        contents = read_segment(data)
        damage += [Damaged(path.name, *skipped) for skipped in contents.skipped]
        for record in contents.records:
            sequences.setdefault(record.key.boot, {})[record.key.sequence] = record.payload_bytes
    boots = [
        Pending(boot.hex(), len(sizes), sum(sizes.values()), list(stretches(sizes)))
        for boot, sizes in sequences.items()
    ]
    return Inventory(str(folder), len(files), size, sum(boot.uploads for boot in boots), boots, damage)


def stretches(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as first and last of each unbroken stretch, ascending."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] + 1 == number:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
