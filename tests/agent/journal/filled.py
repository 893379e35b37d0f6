"""Journals to be filled: payloads by their number, a clock that stands, what is pending and what was evicted."""

from __future__ import annotations

import random
from itertools import count
from pathlib import Path

from agent.journal.evictions import Eviction
from agent.journal.journal import MAX_BYTES, MEMORY_BYTES, SEGMENT_BYTES, Journal
from agent.journal.segments import Key, segment_files

BOOT = bytes(range(16))
OTHER_BOOT = bytes(range(16, 32))


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def payload(number: int, size: int = 20) -> bytes:
    return random.Random(number).randbytes(size)


def opened(
    folder: Path,
    *,
    max_bytes: int = MAX_BYTES,
    segment_bytes: int = SEGMENT_BYTES,
    memory_bytes: int = MEMORY_BYTES,
) -> Journal:
    return Journal(folder, Clock(), max_bytes=max_bytes, segment_bytes=segment_bytes, memory_bytes=memory_bytes)


_takers = count()


def taken(journal: Journal) -> tuple[Eviction, ...]:
    return journal.take_evicted(Key(bytes(16), next(_takers)))


def fill(journal: Journal, sequences: range, boot: bytes = BOOT, size: int = 20) -> None:
    for sequence in sequences:
        journal.append(Key(boot, sequence), payload(sequence, size))


def sequences(journal: Journal) -> list[int]:
    return [stored.key.sequence for stored in journal.pending(1 << 30)]


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in segment_files(folder))
