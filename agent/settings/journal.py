"""[journal]: how much is kept."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from contract.configuration import Duration, Keys


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_bytes: int = 64 << 20
    """On disk and in memory together; the oldest uploads go first when it is full."""
    segment_bytes: int = 256 << 10
    flush_every: Duration = Duration(10_000)
    """How much a power cut may cost while receipts are late."""

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [journal]."""
        if self.segment_bytes < 1024:
            yield ("segment_bytes",), f"expected 1024 or more, found {self.segment_bytes}"
        if self.max_bytes < 4 * self.segment_bytes:
            yield ("max_bytes",), f"expected four segments or more, found {self.max_bytes} bytes"
