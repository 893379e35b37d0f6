"""Recordings for the bed's bus, and profiles for them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path


def rav4(shared: Path, folder: Path, *, on_change: int) -> Path:
    """A profile of the RAV4's wanted signals, `on_change` of them taken on change instead of each second."""
    wanted = json.loads((shared / "data/bench/rav4_wanted.json").read_text("utf-8"))
    fast, slow = wanted["every_100_ms"], wanted["every_1000_ms"]
    classes = {"fast": fast, "slow": slow[on_change:], "state": slow[:on_change]}
    lines = ['model = "rav4"', 'label = "RAV4"', 'brand = "Toyota"', 'motorization = "Thermic"', "[buses.can0]"]
    lines += [f'databases = ["{shared / "data/dbc/toyota_rav4_merged.dbc"}"]', "[classes]"]
    lines += ['fast = { every = "100ms" }', 'slow = { every = "1s" }', 'state = { on_change = true, every = "60s" }']
    lines.append("[signals]")
    lines += [f'"{name}" = {{ class = "{kind}" }}' for kind, names in classes.items() for name in names]
    (folder / "rav4.toml").write_text("\n".join(lines), "utf-8")
    return folder / "rav4.toml"


def part(log: Path, seconds: float, to: Path) -> Path:
    """The beginning of a recording's first bus, on the bed's."""
    with gzip.open(log, "rt") as lines, to.open("w") as file:
        began_s = None
        for line in lines:
            at, bus, frame = line.split()[:3]
            at_s = float(at.strip("()"))
            began_s = at_s if began_s is None else began_s
            if at_s - began_s > seconds:
                break
            if bus == "can0":
                file.write(f"{at} vcan0 {frame}\n")
    return to
