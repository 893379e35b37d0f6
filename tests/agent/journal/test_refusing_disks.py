"""A disk that refuses writes costs nothing while memory lasts."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.journal.evictions import Eviction
from tests.agent.journal.filled import BOOT, fill, opened, sequences, taken


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_refuses_writes_costs_nothing_while_memory_lasts(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(2))
        journal.flush()
        fill(journal, range(2, 6))
        with largest_file(150):
            assert not journal.flush()
        assert journal.refused_writes == 1
        assert sequences(journal) == [0, 1, 2, 3, 4, 5]
        assert journal.flush()
    with opened(tmp_path) as journal:
        assert journal.damage == []
        assert sequences(journal) == [0, 1, 2, 3, 4, 5]


def test_a_disk_that_never_accepts_a_write_leaves_the_newest_uploads_in_bounded_memory(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=1000, memory_bytes=2000) as journal:
        with largest_file(10):
            fill(journal, range(200))
            assert journal.size_bytes <= 2000
            left = sequences(journal)
            assert left == list(range(left[0], 200))
            assert taken(journal) == (Eviction(BOOT, 0, left[0] - 1, "the disk refused writes"),)
        assert journal.flush()
