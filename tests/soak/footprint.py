"""What a process takes of the machine, as /proc says it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_FIELD = re.compile(r"^(VmRSS|Threads):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Footprint:
    rss_bytes: int
    files: int
    """File descriptors."""
    threads: int


def footprint(pid: int) -> Footprint:
    """Raises OSError where there is no such process, KeyError where it has ended and nobody asked why."""
    process = Path("/proc") / str(pid)
    found = dict(_FIELD.findall((process / "status").read_text()))
    return Footprint(1024 * int(found["VmRSS"]), len(list((process / "fd").iterdir())), int(found["Threads"]))


def times_open(pid: int, file: Path) -> int:
    """How many descriptors of a process are of a file. Raises OSError where there is no such process."""
    count = 0
    for descriptor in (Path("/proc") / str(pid) / "fd").iterdir():
        # One that is closed meanwhile leads nowhere.
        with suppress(FileNotFoundError):
            count += descriptor.readlink() == file
    return count


def size_bytes(folder: Path) -> int:
    """Of the files in it and below. What goes while it is looked at counts as gone."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


@dataclass
class Track:
    """Of one process or folder, over time: figures, by what they are of."""

    at_s: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def note(self, at_s: float, **values: float) -> None:
        self.at_s.append(at_s)
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)
