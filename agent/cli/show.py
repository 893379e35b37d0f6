"""What `canlift-agent` shows people: progress while it works, and what it found. Text goes to standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.journal.inventory import Inventory
from agent.lifting import Progress


def clock_time(at_ms: int) -> str:
    """Milliseconds as `h:mm:ss`."""
    seconds = at_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def size(number_of_bytes: int) -> str:
    """Bytes as people read them, in decimal units."""
    if number_of_bytes < 10_000:
        return f"{number_of_bytes:,} B"
    return f"{number_of_bytes / 1000:,.1f} kB" if number_of_bytes < 10_000_000 else f"{number_of_bytes / 1e6:,.1f} MB"


def progress_line(progress: Progress) -> Text:
    line = Text.assemble(
        (clock_time(progress.at_ms), "bold"),
        f"  {progress.frames:,} frames  {progress.samples:,} samples",
        f"  {progress.receipted + progress.refused:,}/{progress.uploads:,} uploads receipted",
        f"\n{progress.depth:,} in the journal  {size(progress.wire_bytes)} on the wire",
    )
    if not progress.connected:
        line.append("  no broker", "yellow")
    elif progress.bridge_silent:
        line.append("  no receipts", "yellow")
    if progress.put_aside:
        line.append(f"  {progress.put_aside:,} put aside", "yellow")
    return line


class ProgressDisplay:
    """Two lines that keep changing, on a terminal; nothing elsewhere."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, progress: Progress) -> None:
        if self._live is not None:
            self._live.update(progress_line(progress))


def summary(progress: Progress) -> str:
    """What a finished replay did."""
    each = f", {progress.wire_bytes / progress.samples:.2f} bytes a sample" if progress.samples else ""
    return (
        f"{progress.frames:,} frames over {clock_time(progress.at_ms)}, {progress.samples:,} samples, "
        f"{progress.uploads:,} uploads\n{size(progress.wire_bytes)} on the wire{each}"
    )


def inventory_table(inventory: Inventory) -> Table:
    """The boots of a journal, and what is damaged in it."""
    held = f"{inventory.uploads:,} uploads in {inventory.segments} segments, {size(inventory.bytes)}"
    table = Table(title=f"{inventory.folder}: {held}", title_justify="left")
    for column in ("boot", "uploads", "numbers", "payload", "events, states, history", "thinned"):
        table.add_column(column, overflow="fold")
    for boot in inventory.boots:
        numbers = ", ".join(f"{first}-{last}" if first < last else str(first) for first, last in boot.sequences)
        priorities = ", ".join(f"{count:,}" for count in boot.priorities.values())
        table.add_row(boot.boot, f"{boot.uploads:,}", numbers, size(boot.bytes), priorities, f"{boot.thinned:,}")
    for gone in inventory.evicted:
        table.add_row(Text(gone.boot, "yellow"), "deleted", f"{gone.first}-{gone.last}", gone.reason)
    if inventory.newer:
        table.add_row(Text("of a newer version", "yellow"), f"{inventory.newer:,}")
    for damaged in inventory.damage:
        where = f"{damaged.file}, {damaged.bytes} bytes from offset {damaged.offset}"
        table.add_row(Text("damaged", "red"), "", where, damaged.what)
    return table
