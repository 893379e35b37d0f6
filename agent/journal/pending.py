"""The journal's index: which uploads are pending, where each of them is, and in which order they go.

First the events, oldest first. Then the newest state: the newest upload of all, which says how the vehicle is now
(every upload restates), and what was said before each sleep, newest first. Then history, oldest first, so that the
cloud can append. An upload counts as the newest only until it has gone: the one before it does not take its place,
else history would go backwards. New uploads come slower than any link sends them, so history is never starved.

A recording that is replayed has no now: there states and history go as one, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.journal.segments import Key, Priority
from contract.receipt import Receipt


class Segment(msgspec.Struct, eq=False):
    """A segment on disk: its length in bytes and how many uploads in it are pending."""

    path: Path
    size: int = 0
    pending: int = 0
    newer: int = 0
    """Records of a version that is not known: while there are any, the segment is not touched."""


class Entry(msgspec.Struct, eq=False):
    """Where an upload is: in memory (`payload`) or in a segment."""

    priority: Priority
    payload_bytes: int
    size: int
    """Of its record, in bytes."""
    payload: bytes | None = None
    segment: Segment | None = None
    offset: int = 0
    thinned: int = 0


class Pending(msgspec.Struct):
    """What is pending: boots in the order they were met, within one the uploads as they were appended."""

    newest_first: bool = False
    """After an outage, as a live vehicle should."""
    boots: dict[bytes, dict[int, Entry]] = msgspec.field(default_factory=dict)
    count: int = 0
    newest: Key | None = None
    """The last that was added, pending or not."""
    _first: dict[Priority, dict[Key, Entry]] = msgspec.field(
        default_factory=lambda: {Priority.EVENT: {}, Priority.STATE: {}}
    )
    """What is not history: little, so that looking for it costs little."""

    def __iter__(self) -> Iterator[tuple[Key, Entry]]:
        """Oldest first."""
        for boot, entries in self.boots.items():
            for sequence, entry in entries.items():
                yield Key(boot, sequence), entry

    def in_order(self, least: Priority = Priority.HISTORY) -> Iterator[tuple[Key, Entry, Priority]]:
        """As they are to go, each with the priority of its place in the order: those of `least` or a higher one."""
        for key, entry in self._first[Priority.EVENT].items():
            yield key, entry, Priority.EVENT
        if least is Priority.EVENT:
            return
        if not self.newest_first:
            for key, entry in self:
                if Priority.EVENT < entry.priority <= least:
                    yield key, entry, entry.priority
            return
        newest = self.get(self.newest) if self.newest is not None else None
        if self.newest is not None and newest is not None and newest.priority is not Priority.EVENT:
            yield self.newest, newest, Priority.STATE
        for key, entry in reversed(self._first[Priority.STATE].items()):
            if entry is not newest:
                yield key, entry, Priority.STATE
        if least is Priority.HISTORY:
            for key, entry in self:
                if entry.priority is Priority.HISTORY and entry is not newest:
                    yield key, entry, Priority.HISTORY

    def by_priority(self) -> dict[Priority, int]:
        """How many uploads."""
        first = {priority: len(entries) for priority, entries in self._first.items()}
        return {**first, Priority.HISTORY: self.count - sum(first.values())}

    def __contains__(self, key: Key) -> bool:
        return key.sequence in self.boots.get(key.boot, ())

    def get(self, key: Key) -> Entry | None:
        return self.boots.get(key.boot, {}).get(key.sequence)

    def add(self, key: Key, entry: Entry) -> None:
        self.boots.setdefault(key.boot, {})[key.sequence] = entry
        if entry.priority in self._first:
            self._first[entry.priority][key] = entry
        self.newest = key
        self.count += 1

    def pop(self, key: Key) -> Entry | None:
        entries = self.boots.get(key.boot)
        entry = entries.pop(key.sequence, None) if entries else None
        if entry is None:
            return None
        self.count -= 1
        if not entries:
            del self.boots[key.boot]
        if entry.priority in self._first:
            del self._first[entry.priority][key]
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
