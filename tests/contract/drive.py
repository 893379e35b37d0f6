"""One small drive as a manifest and an upload, and the schema of the wire."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pycddl

from contract.manifest import Group, Manifest, Sampling, Signal, manifest_id
from contract.upload import (
    Anchor,
    AnchorSource,
    Change,
    Count,
    Event,
    Evicted,
    Grid,
    Ledger,
    Privacy,
    Reason,
    Upload,
)

CDDL = (Path(__file__).resolve().parents[2] / "contract" / "upload.cddl").read_text(encoding="utf-8")


@lru_cache
def schema(root: str) -> pycddl.Schema:
    """The project's schema with `root` as what a message must be."""
    return pycddl.Schema(f"start = {root}\n{CDDL}")


MANIFEST = Manifest(
    "test-car",
    (
        Group(Sampling.EVERY, 100, (Signal("WHEEL.Speed", 0.01, 0, "km/h"), Signal("ENGINE.Speed", 0.125, 0, "rpm"))),
        Group(Sampling.EVERY, 1000, (Signal("ENGINE.Coolant", 1, -40, "°C"),)),
        Group(
            Sampling.ON_CHANGE,
            10_000,
            (
                Signal("BODY.Ignition", choices={0: "Off", 1: "On"}),
                Signal("BODY.Door", choices={0: "Closed", 1: "Open"}),
            ),
        ),
    ),
)

UPLOAD = Upload(
    boot=bytes(range(16)),
    sequence=4711,
    vin="VF3TESTTEST012345",
    manifest=manifest_id(MANIFEST),
    reason=Reason.EVENT,
    start_ms=86_400_050,
    end_ms=86_403_000,
    anchor=Anchor(86_400_000, 1_700_000_000_000, 20, AnchorSource.GNSS),
    ledger=Ledger(
        {Count.FRAMES: 4000, Count.CHECKSUM: 2, Count.THINNED: 1},
        (Evicted(3, 9, "full"), Evicted(0, 1, "full", bytes(range(8)) + bytes(8))),
    ),
    grids=(
        Grid(
            0,
            86_400_100,
            (
                tuple(5000 + 7 * row for row in range(29)),
                tuple(None if row < 4 else 6400 + row % 3 for row in range(29)),
            ),
        ),
        Grid(1, 86_400_500, ((57, 58),), stride=2),
    ),
    changes=(Change(86_400_060, 3, 1), Change(86_400_060, 4, 0), Change(86_402_999, 4, None)),
    privacy=Privacy.GEOLOCATION,
    events=(Event(86_400_060, "ignition"),),
)
