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
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.measure import Measure
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.settings import Database, Settings, Vehicles
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.registry import Fleet, Vehicle
from contract.manifest import Group, Manifest, Sampling, Signal, encode_manifest, manifest_id
from contract.topics import MANIFEST, UP, topic
from contract.upload import Anchor, AnchorSource, Change, Count, Grid, Ledger, Reason, Upload, encode_upload

ROUNDS, FILLING = 6, 2
"""Of which the first only fill what is remembered."""
MOST = 1000
"""Monitors that a fleet may have."""
SECONDS = 5
BUDGET_RATE = 1000
"""Uploads a second that one core evaluates, besides deriving them."""
BUDGET_GROWTH = 1.3
_START_MS = 1_700_000_000_000
_PROFILE = """
model = "bench"
label = "Bench"
brand = "Canlift"
motorization = "Thermic"

[buses.can0]
databases = ["bench.dbc"]

[classes]
fast = { every = "1s" }
state = { on_change = true, every = "60s" }

[signals]
"Motion.Speed" = { class = "fast" }
"Body.Ignition" = { class = "state" }
"Body.Door" = { class = "state" }
"Odometer.Total" = { class = "state" }
"Lamps.Oil" = { class = "state" }
"Air.Outside" = { class = "state" }

[data]
"ignition.type" = { from = "Body.Ignition", values = { Off = "Stop", On = "Start" } }
"doorsState.opening.Driver" = { from = "Body.Door", values = { Closed = "Closed", Open = "Open" } }
"kinetic.speed" = { from = "Motion.Speed" }
"odometer.mileage" = { from = "Odometer.Total" }
"environment.air.temp" = { from = "Air.Outside" }

[alerts]
EngineOilPressureFailure = { from = "Lamps.Oil", is = ["On"] }

[trip]
datum = "ignition.type"
active = ["Start"]
"""
_MANIFEST = Manifest(
    "bench",
    (
        Group(
            Sampling.EVERY,
            1000,
            (
                Signal("Motion.Speed", 0.1, unit="km/h"),
                Signal("GNSS.Longitude", 1e-7, unit="deg"),
                Signal("GNSS.Latitude", 1e-7, unit="deg"),
            ),
        ),
        Group(
            Sampling.ON_CHANGE,
            60_000,
            (
                Signal("Body.Ignition", choices={0: "Off", 1: "On"}),
                Signal("Body.Door", choices={0: "Closed", 1: "Open"}),
                Signal("Odometer.Total", 0.1, unit="km"),
                Signal("Lamps.Oil", choices={0: "Off", 1: "On"}),
                Signal("Air.Outside", 0.5, unit="degC"),
            ),
        ),
    ),
)
_IGNITION, _DOOR, _ODOMETER, _OIL, _AIR = range(3, 8)


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
    return [*measures, Measure("monitors, ten times the vehicles", grown, "×", BUDGET_GROWTH, True, shown)]


def _more(name: str, cost: _Cost, without: _Cost, budget: float | None = None) -> Measure:
    shown = f"{cost.cpu_us:,.0f} µs, without monitors {without.cpu_us:,.0f}; {cost.told:.1f} notifications an upload"
    return Measure(name, cost.cpu_us - without.cpu_us, "µs CPU/upload more", budget, True, shown)


def _measure(fleets: int, vehicles: int, monitors: int) -> _Cost:
    """`vehicles` in, and `monitors` of, each of the fleets."""
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        (Path(folder) / "bench.toml").write_text(_PROFILE, encoding="utf-8")
        settings = Settings(database=Database(Path(folder) / "bench.db"), vehicles=Vehicles(Path(folder)))
        storage = Storage(settings)
        try:
            vins = _register(storage, fleets, vehicles, monitors)
            ingest = Ingest(storage.receiving, lambda: time.time_ns() // 1_000_000)
            ingest.commit([Delivery(topic(vin, MANIFEST), encode_manifest(_MANIFEST)) for vin in vins])
            costs, told = [], 0
            for number in range(ROUNDS):
                batch = [Delivery(topic(vin, UP), _payload(vin, place, number)) for place, vin in enumerate(vins)]
                cpu_s = time.process_time()
                ingest.commit(batch)
                for vin in vins:
                    storage.deriver.derive(vin)
                swept = storage.evaluator.sweep()
                costs.append((time.process_time() - cpu_s) / len(vins))
                told += swept.told if number >= FILLING else 0
        finally:
            storage.close()
    return _Cost(min(costs[FILLING:]) * 1e6, told / len(vins) / (ROUNDS - FILLING))


def _register(storage: Storage, fleets: int, vehicles: int, monitors: int) -> list[str]:
    vins = []
    for fleet in range(fleets):
        storage.registry.add_fleet(Fleet(f"fleet{fleet}", "", "", 1, 1))
        for place in range(vehicles):
            number = fleet * vehicles + place
            vins.append(f"VF3BENCH{number:09d}")
            vehicle = Vehicle(f"{number:040x}", vins[-1], "bench", "", "Thermic", 1, 1)
            storage.registry.add_vehicle(vehicle, [f"fleet{fleet}"])
        for number, body in zip(range(monitors), _bodies(), strict=False):
            name = f"{fleet * monitors + number:032x}"
            running = ((_START_MS, None),)
            monitor = Monitor(name, f"fleet{fleet}", body, "Running", 1, _START_MS, _START_MS, running)
            storage.monitors.add(monitor, monitors)
    return vins


def _bodies() -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        fast = _data("fast1", "vehicle.kinetic.speed", "greaterThan", str(40 + number % 90))
        cold = _data("cold1", "environment.air.temp", "lowerThan", str(number % 30 - 15))
        near = _zone("near1", "In", 1 + number % 40, number)
        night = {
            "name": "night1",
            "time": {"times": [{"start": f"PT{number % 24}H", "duration": "PT8H"}], "timeZone": "Europe/Paris"},
        }
        kinds: list[tuple[list[Any], str]] = [
            ([fast], "fast1"),
            ([_data("far1", "vehicle.odometer", "greaterThan", str(number * 1000))], "far1"),
            ([cold], "cold1"),
            ([near], "near1"),
            ([_zone("out1", "Out", 300, number)], "out1"),
            ([night, fast], "night1 & fast1"),
            ([_data("door1", "vehicle.doorsState.opening", "onChange")], "door1"),
            ([_data("oil1", "vehicle.alert", "equalsTo", "EngineOilPressureFailure")], "oil1"),
            ([_data("stop1", "vehicle.trip.stop", "onChange")], "stop1"),
            ([near, night, cold], "near1 & (night1 | cold1)"),
        ]
        triggers, condition = kinds[number % len(kinds)]
        more = {"refreshEvent": 600} if number // 10 % 10 == 0 else {}
        webhook = {"target": "https://partner.example.com/monitors", "name": "bench"}
        yield json.dumps(
            {
                "label": "bench",
                "subscribeParam": {"callback": {"webhook": webhook}, **more},
                "triggerParam": {"triggers": triggers, "boolExp": condition},
                "extendedEventParam": ["vehicle.position"],
            }
        ).encode()


def _data(name: str, datum: str, operator: str, *values: str) -> dict[str, Any]:
    return {"name": name, "data": {"data": datum, "op": operator, **({"value": values} if values else {})}}


def _zone(name: str, transition: str, radius_km: int, number: int) -> dict[str, Any]:
    center = {"longitude": 2.3 + number % 7 / 10, "latitude": 48.8 + number % 11 / 10}
    return {"name": name, "zone": {"transition": transition, "place": {"radius": radius_km, "center": center}}}


def _payload(vin: str, vehicle: int, number: int) -> bytes:
    start_ms = number * SECONDS * 1000
    seconds = [number * SECONDS + row for row in range(SECONDS)]
    columns = (
        tuple(400 + (second * 4 + vehicle * 7) % 200 for second in seconds),
        tuple(23_000_000 + vehicle % 100 * 20_000 + second * 1400 for second in seconds),
        tuple(488_000_000 + vehicle // 100 * 20_000 + second * 900 for second in seconds),
    )
    said = {_ODOMETER: 100_000 * (vehicle % 50) + number, _AIR: vehicle % 40}
    if number == 0:
        said |= {_IGNITION: 1, _DOOR: 0, _OIL: 0}
    if (number + vehicle) % 10 == 0:
        said |= {_DOOR: number % 2, _OIL: number % 2}
    upload = Upload(
        boot=vehicle.to_bytes(8, "big") + bytes(range(8)),
        sequence=number,
        vin=vin,
        manifest=manifest_id(_MANIFEST),
        reason=Reason.CADENCE,
        start_ms=start_ms,
        end_ms=start_ms + SECONDS * 1000,
        anchor=Anchor(0, _START_MS, 50, AnchorSource.GNSS),
        ledger=Ledger({Count.FRAMES: 8000, Count.UNKNOWN: 3000}),
        grids=(Grid(0, start_ms, columns),),
        changes=tuple(Change(start_ms + 10, signal, raw) for signal, raw in sorted(said.items())),
    )
    return encode_upload(upload, _MANIFEST)
