"""What the journal makes a disk write, counted at the device, and how long a large one takes to open.

The uplink is dead and 200 bytes come each second, for as long as `SECONDS` says; the journal's clock is turned, so its
writes are those of real time and only the waiting is left out, and the kernel's writing back is asked for when it would
come. What is counted is an ext4 disk in a file, behind a loop
device, its own journal and inodes included (mounted anew for each, since the counter begins there). Beside it is what
first comes to mind: a row a second in SQLite (WAL, synchronous=FULL).
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.journal.journal import Journal
from agent.journal.segments import Key
from bench.measure import Measure

SECONDS = 3600
PAYLOAD_BYTES = 200
OPENED_BYTES = 64 << 20
UPLOAD_BYTES = 12_000
"""An upload of a minute at 200 B/s."""


def run(_shared: Path) -> list[Measure]:
    measures = [_opening()]
    if os.geteuid() == 0 and Path("/dev/loop-control").exists():
        measures += _wear()
    return measures


def _wear() -> list[Measure]:
    estimated: list[int] = []

    def journal(folder: Path) -> None:
        now_s = 0.0
        with Journal(folder / "journal", lambda: now_s) as kept:
            for second in range(SECONDS):
                now_s = float(second)
                kept.append(Key(bytes(16), second), os.urandom(PAYLOAD_BYTES))
                kept.tick()
                _write_back(second)
            estimated.append(kept.wear.written_bytes)

    def sqlite(folder: Path) -> None:
        connection = sqlite3.connect(folder / "uploads.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE upload (boot BLOB, sequence INTEGER, payload BLOB, PRIMARY KEY (boot, sequence))"
        )
        for second in range(SECONDS):
            row = (bytes(16), second, os.urandom(PAYLOAD_BYTES))
            connection.execute("INSERT INTO upload VALUES (?, ?, ?)", row)
            _write_back(second)
        connection.close()

    payload = SECONDS * PAYLOAD_BYTES
    measures = []
    for block_bytes, budget in ((1024, 5.0), (4096, None)):
        ours, theirs = _written(journal, block_bytes) / payload, _written(sqlite, block_bytes) / payload
        name = f"journal, uplink dead: bytes written per payload byte, ext4 of {block_bytes // 1024} kB blocks"
        baseline = (
            f"{theirs:.1f} SQLite WAL FULL, a row a second; {estimated[-1] / payload:.1f} by the journal's own count"
        )
        measures.append(Measure(name, ours, "x", budget, True, baseline))
    return measures


def _write_back(second: int) -> None:
    """What the kernel does by itself: what is dirty for 30 s is written, inodes and bitmaps in their places too."""
    if second % 30 == 29:
        os.sync()


def _written(work: Callable[[Path], None], block_bytes: int) -> int:
    """Bytes that the device was made to write, from mounting to unmounting."""
    with tempfile.TemporaryDirectory() as folder:
        image, mounted = Path(folder) / "disk", Path(folder) / "mnt"
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", str(block_bytes), str(image)], check=True)
        subprocess.run(["mount", "-o", "loop,noatime", str(image), str(mounted)], check=True)
        try:
            number = mounted.stat().st_dev
            stat = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat")
            before = int(stat.read_text().split()[6])
            work(mounted)
            os.sync()
            return 512 * (int(stat.read_text().split()[6]) - before)
        finally:
            subprocess.run(["umount", str(mounted)], check=True)


def _opening() -> Measure:
    with tempfile.TemporaryDirectory() as folder:
        with Journal(Path(folder), lambda: 0.0, max_bytes=OPENED_BYTES + (1 << 20)) as kept:
            for sequence in range(OPENED_BYTES // UPLOAD_BYTES):
                kept.append(Key(bytes(16), sequence), os.urandom(UPLOAD_BYTES))
        times = []
        for _ in range(5):
            before_s = time.perf_counter()
            with Journal(Path(folder), lambda: 0.0):
                times.append(time.perf_counter() - before_s)
        segments = sorted(Path(folder).glob("*.segment"))
        before_s = time.perf_counter()
        for segment in segments:
            segment.read_bytes()
        reading_s = time.perf_counter() - before_s
    name = "journal of 64 MB: opened in"
    return Measure(name, min(times) * 1000, "ms", 100.0, True, f"{reading_s * 1000:.0f} ms: reading the files alone")
