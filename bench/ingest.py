"""Ingest: uploads a second into SQLite that survives a power cut.

Uploads of 200 vehicles, five seconds of driving each: five positions, speed, and the states that changed. They go
through `Ingest.commit` as the broker would hand them over, in batches as the bridge makes them under load: read,
checked, stored with what receipts need, and on disk (WAL, `synchronous=FULL`) when it returns. The baseline is the same
with each upload in a transaction of its own. Each round has an empty database on the disk of the build folder; of the
clock the best round counts (others measure what else the machine does), of the processor the median.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.measure import Measure
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.ingest.subscription import BATCH
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.received import SqliteReceiving
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from contract.manifest import Group, Manifest, Sampling, Signal, encode_manifest, manifest_id
from contract.topics import MANIFEST, UP, topic
from contract.upload import Anchor, AnchorSource, Change, Count, Grid, Ledger, Reason, Upload, encode_upload

VEHICLES = 200
UPLOADS_EACH = 100
ALONE = 300
"""Uploads of the baseline: it takes longer."""
ROUNDS = 5
POSITIONS = 5
BUDGET_PER_S = 10_000
BUDGET_CPU_US = 100

_MANIFEST = Manifest(
    "bench",
    (
        Group(
            Sampling.EVERY,
            1000,
            (
                Signal("GNSS.Longitude", 1e-7, unit="deg"),
                Signal("GNSS.Latitude", 1e-7, unit="deg"),
                Signal("GNSS.Altitude", 0.1, unit="m"),
                Signal("GNSS.Heading", unit="deg"),
                Signal("Motion.Speed", 0.01, unit="km/h"),
            ),
        ),
        Group(Sampling.ON_CHANGE, 60_000, (Signal("Body.Ignition"), Signal("Odometer.Total", 0.1, unit="km"))),
    ),
)
_ODOMETER = 6


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    vins = [f"VF3BENCH{number:09d}" for number in range(VEHICLES)]
    deliveries = [
        Delivery(topic(vin, UP), _payload(vin, number, sequence))
        for sequence in range(UPLOADS_EACH)
        for number, vin in enumerate(vins)
    ]
    together = [_measure(vins, deliveries, BATCH) for _ in range(ROUNDS)]
    alone = [_measure(vins, deliveries[:ALONE], 1) for _ in range(ROUNDS)]
    per_s, alone_per_s = (max(1 / wall for wall, _ in each) for each in (together, alone))
    cpu_us, alone_cpu_us = (median(cpu for _, cpu in each) * 1e6 for each in (together, alone))
    size = len(deliveries[0].payload)
    one = "one upload, one transaction"
    rate, cost = f"{one}: {alone_per_s:,.0f} uploads/s", f"{one}: {alone_cpu_us:,.0f} µs; {size} bytes each"
    return [
        Measure("ingest, SQLite FULL", per_s, "uploads/s", BUDGET_PER_S, False, rate),
        Measure("ingest, CPU", cpu_us, "µs/upload", BUDGET_CPU_US, True, cost),
    ]


def _payload(vin: str, vehicle: int, sequence: int) -> bytes:
    start_ms = sequence * POSITIONS * 1000
    seconds = [sequence * POSITIONS + row for row in range(POSITIONS)]
    columns = (
        tuple(23_000_000 + second * 1400 + vehicle for second in seconds),
        tuple(488_000_000 + second * 900 - second % 7 for second in seconds),
        tuple(350 + second % 11 for second in seconds),
        tuple(57 + second % 3 for second in seconds),
        tuple(5000 + second * 37 % 200 for second in seconds),
    )
    upload = Upload(
        boot=vehicle.to_bytes(8, "big") + bytes(range(8)),
        sequence=sequence,
        vin=vin,
        manifest=manifest_id(_MANIFEST),
        reason=Reason.CADENCE,
        start_ms=start_ms,
        end_ms=start_ms + POSITIONS * 1000,
        anchor=Anchor(0, 1_700_000_000_000, 50, AnchorSource.GNSS),
        ledger=Ledger({Count.FRAMES: 8000, Count.UNKNOWN: 3000}),
        grids=(Grid(0, start_ms, columns),),
        changes=(Change(start_ms + 10, _ODOMETER, 676_602 + sequence),),
    )
    return encode_upload(upload, _MANIFEST)


def _measure(vins: Sequence[str], deliveries: Sequence[Delivery], size: int) -> tuple[float, float]:
    """Seconds of the clock and of the processor that an upload takes, in batches of `size`."""
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        database = Database(Path(folder) / "bench.db")
        try:
            ingest = _ingest(database, vins)
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            for start in range(0, len(deliveries), size):
                ingest.commit(deliveries[start : start + size])
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        finally:
            database.close()
    return wall_s / len(deliveries), cpu_s / len(deliveries)


def _ingest(database: Database, vins: Sequence[str]) -> Ingest:
    registry = SqliteRegistry(database)
    registry.add_fleet(Fleet("bench", "bench", "", 0, 0))
    for number, vin in enumerate(vins):
        registry.add_vehicle(Vehicle(f"{number:040x}", vin, "bench", "", "Thermic", 0, 0), ["bench"])
    ingest = Ingest(SqliteReceiving(database), lambda: time.time_ns() // 1_000_000)
    ingest.commit([Delivery(topic(vin, MANIFEST), encode_manifest(_MANIFEST)) for vin in vins])
    return ingest
