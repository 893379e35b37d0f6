"""The journal's index: which uploads are pending, and where each of them is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.journal.segments import Key
from contract.receipt import Receipt


@dataclass(slots=True, eq=False)
class Segment:
    """A segment on disk: its length in bytes and how many uploads in it are pending."""

    path: Path
    size: int = 0
    pending: int = 0


@dataclass(slots=True)
class Entry:
    """Where an upload is: in memory (`payload`) or in a segment. `size` is that of its record, in bytes."""

    size: int
    payload: bytes | None = None
    segment: Segment | None = None
    offset: int = 0


@dataclass(slots=True)
class Pending:
    """What is pending, oldest first: boots in the order they were met, within one the uploads as they were appended."""

    boots: dict[bytes, dict[int, Entry]] = field(default_factory=dict)
    count: int = 0

    def __iter__(self) -> Iterator[tuple[Key, Entry]]:
        for boot, entries in self.boots.items():
            for sequence, entry in entries.items():
                yield Key(boot, sequence), entry

    def __contains__(self, key: Key) -> bool:
        return key.sequence in self.boots.get(key.boot, ())

    def get(self, key: Key) -> Entry | None:
        return self.boots.get(key.boot, {}).get(key.sequence)

    def add(self, key: Key, entry: Entry) -> None:
        self.boots.setdefault(key.boot, {})[key.sequence] = entry
        self.count += 1

    def pop(self, key: Key) -> Entry | None:
        entries = self.boots.get(key.boot)
        entry = entries.pop(key.sequence, None) if entries else None
        if entry is None:
            return None
        self.count -= 1
        if not entries:
            del self.boots[key.boot]
        return entry

    def held_by(self, receipt: Receipt) -> list[Key]:
        """The pending uploads that a receipt covers. Costs no more than one of the two, however many ranges it has."""
        entries = self.boots.get(receipt.boot)
        if not entries:
            return []
        if sum(map(len, receipt.held)) < len(entries):
            return [Key(receipt.boot, s) for held in receipt.held for s in held if s in entries]
        ranges = sorted(((held.start, held.stop) for held in receipt.held), reverse=True)
        covered: list[Key] = []
        for sequence in sorted(entries):
            while ranges and ranges[-1][1] <= sequence:
                ranges.pop()
            if ranges and ranges[-1][0] <= sequence:
                covered.append(Key(receipt.boot, sequence))
        return covered
