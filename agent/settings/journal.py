"""[journal]: how much is kept, and how often it is written."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from contract.configuration import Duration, Keys


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_bytes: int = 64 << 20
    """On disk and in memory together; when it is full, history is thinned, then the oldest uploads go."""
    max_disk_share: float = 0.5
    """How much of the file system it may take, above 0 up to 1."""
    reserve_bytes: int = 16 << 20
    """Left free on the file system for others."""
    segment_bytes: int = 256 << 10
    memory_bytes: int = 2 << 20
    """How much is kept in memory while the disk refuses writes."""
    flush_every: Duration = Duration(10_000)
    """How much a power cut may cost while receipts are late. Events are written at once."""
    hold: Duration = Duration(30_000)
    """How long an upload waits for its receipt before it is written, while receipts come in time."""
    wear_bytes_per_day: int = 250_000_000
    """Bytes that the disk may be made to write in a day; when they are spent, history is written more seldom."""

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [journal]."""
        if self.segment_bytes < 1024:
            yield ("segment_bytes",), f"expected 1024 or more, found {self.segment_bytes}"
        if self.max_bytes < 4 * self.segment_bytes:
            yield ("max_bytes",), f"expected four segments or more, found {self.max_bytes} bytes"
        if not 0 < self.max_disk_share <= 1:
            yield ("max_disk_share",), f"expected a part of the disk, above 0 up to 1, found {self.max_disk_share}"
        if self.memory_bytes < self.segment_bytes:
            yield ("memory_bytes",), f"expected a segment or more, found {self.memory_bytes} bytes"
        for name, value in (("reserve_bytes", self.reserve_bytes), ("wear_bytes_per_day", self.wear_bytes_per_day)):
            if value < 0:
                yield (name,), f"expected 0 or more, found {value}"
