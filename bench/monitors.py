"""Monitors: what an upload costs with and without, and how that grows with monitors and with vehicles.

100 fleets of 10 vehicles have 100 monitors each: 10,000 monitors over 1,000 vehicles, and each upload concerns 100. (Of
10 fleets each vehicle would have 1,000, which is as many as a fleet may have: shown beside.) The monitors are of all
kinds in turn: thresholds of speed, odometer and outside temperature, zones near and far, schedules with a threshold,
openings, alerts, trips, combinations of three; every tenth reminds. The vehicles drive, each sends an upload of five
seconds, positions, speed and what changed, and some of what is watched begins and ends all the time.

Each round every vehicle sends one upload, and all are committed, derived and evaluated as the bridge does it. What must
stay small is the processor's time for an upload, from the broker's message to the outbox, more than without monitors;
and it must not grow with the number of vehicles. The best of the rounds counts: others measure what else the machine
does.

Then the same vehicles send 1,000 uploads a second for some time (`bench.sustained`): what of it was kept up with, by
how much of a core, and how long an event was on its way.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.measure import Measure
from bench.monitored import MANIFEST, PROFILE, payload, register
from bench.sustained import RATE, Run, Sustained
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.settings import Database, Settings, Vehicles
from cloud_bridge.storage import Storage
from contract import topics
from contract.manifest import encode_manifest
from contract.topics import topic

ROUNDS, FILLING = 6, 2
"""Of which the first only fill what is remembered."""
MOST = 1000
"""Monitors that a fleet may have."""
BUDGET_RATE = 1000
"""Uploads a second that one core evaluates, besides deriving them."""
BUDGET_GROWTH = 1.3
BUDGET_CPU_US = 1000
"""So that one core does as many with deriving them."""
BUDGET_SUSTAINED_US = 1250
"""The same with all that a bridge does beside it: taking them in, its threads waiting for one another."""
_START_MS = 1_700_000_000_000


class _Cost(NamedTuple):
    """Of an upload."""

    cpu_us: float
    told: float
    """Notifications."""


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    without, few_without = _measure(100, 10, 0), _measure(10, 10, 0)
    all_of_them = _measure(100, 10, 100)
    few = {each: _measure(*(10, 10) if each < MOST else (1, 10), each) for each in (1, 10, 100, MOST)}
    measures = [_more("monitors, 100 of each of 1,000 vehicles", all_of_them, without, 1e6 / BUDGET_RATE)]
    measures += [_more(f"monitors, {each} of each", cost, few_without) for each, cost in few.items()]
    grown, shown = all_of_them.cpu_us / few[100].cpu_us, "an upload of one of 1,000 by one of 100"
    measures.append(Measure("monitors, ten times the vehicles", grown, "×", BUDGET_GROWTH, True, shown))
    shown = "from the message to the outbox, 100 monitors on each of 1,000 vehicles"
    measures.append(Measure("monitors, CPU in all", all_of_them.cpu_us, "µs CPU/upload", BUDGET_CPU_US, True, shown))
    with _opened() as storage:
        began_ms = time.time_ns() // 1_000_000
        kept_up = Run(storage, register(storage, 100, 10, 100, 0), began_ms).measure()
    return [*measures, *_sustained(kept_up)]


def _sustained(run: Sustained) -> list[Measure]:
    shown = (
        f"{RATE:,} a second were offered for {run.offered_s:.0f} s; {run.share:.0%} of a core;"
        f" {run.backlog:,} were left when it ended, for {run.after_s:.1f} s"
    )
    late = f"median {run.median_s:.2f} s, of {run.events:,}"
    return [
        Measure("monitors, sustained", run.per_s, "uploads/s", None, False, shown),
        Measure("monitors, sustained, CPU", run.cpu_us, "µs CPU/upload", BUDGET_SUSTAINED_US, True, "all threads"),
        Measure("monitors, sustained, upload to outbox p99", run.p99_s, "s", None, True, late),
    ]


def _more(name: str, cost: _Cost, without: _Cost, budget: float | None = None) -> Measure:
    shown = f"{cost.cpu_us:,.0f} µs, without monitors {without.cpu_us:,.0f}; {cost.told:.1f} notifications an upload"
    return Measure(name, cost.cpu_us - without.cpu_us, "µs CPU/upload more", budget, True, shown)


@contextmanager
def _opened() -> Iterator[Storage]:
    """An empty database on the disk of the build folder."""
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        (Path(folder) / "bench.toml").write_text(PROFILE, encoding="utf-8")
        storage = Storage(Settings(database=Database(Path(folder) / "bench.db"), vehicles=Vehicles(Path(folder))))
        try:
            yield storage
        finally:
            storage.close()


def _measure(fleets: int, vehicles: int, monitors: int) -> _Cost:
    """`vehicles` in, and `monitors` of, each of the fleets."""
    with _opened() as storage:
        vins = register(storage, fleets, vehicles, monitors, _START_MS)
        ingest = Ingest(storage.receiving, lambda: time.time_ns() // 1_000_000)
        ingest.commit([Delivery(topic(vin, topics.MANIFEST), encode_manifest(MANIFEST)) for vin in vins])
        costs, told = [], 0
        for number in range(ROUNDS):
            batch = [
                Delivery(topic(vin, topics.UP), payload(vin, place, number, _START_MS))
                for place, vin in enumerate(vins)
            ]
            cpu_s = time.process_time()
            ingest.commit(batch)
            storage.deriver.derive_all(vins)
            swept = storage.evaluator.sweep()
            costs.append((time.process_time() - cpu_s) / len(vins))
            told += swept.told if number >= FILLING else 0
    return _Cost(min(costs[FILLING:]) * 1e6, told / len(vins) / (ROUNDS - FILLING))
