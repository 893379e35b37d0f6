"""Vehicles under monitors, as `bench.monitors` measures them: what is watched, and what they say.

The monitors are of all kinds: thresholds spread over what is said, zones over the country, times of the day, and what
comes once in a while. A tenth of them reminds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cloud_bridge.storage import Storage
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.registry import Fleet, Vehicle
from contract.manifest import Group, Manifest, Sampling, Signal, manifest_id
from contract.upload import Anchor, AnchorSource, Change, Count, Grid, Ledger, Reason, Upload, encode_upload

SECONDS = 5
"""That an upload covers."""
PROFILE = """
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
MANIFEST = Manifest(
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


def register(storage: Storage, fleets: int, vehicles: int, monitors: int, start_ms: int) -> list[str]:
    """`vehicles` in, and `monitors` of, each of the fleets, since `start_ms`; the VINs."""
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
            running = ((start_ms, None),)
            monitor = Monitor(name, f"fleet{fleet}", body, "Running", 1, start_ms, start_ms, running)
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


def payload(vin: str, vehicle: int, number: int, began_ms: int) -> bytes:
    """The upload of that number of a boot that began at `began_ms`."""
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
        manifest=manifest_id(MANIFEST),
        reason=Reason.CADENCE,
        start_ms=start_ms,
        end_ms=start_ms + SECONDS * 1000,
        anchor=Anchor(0, began_ms, 50, AnchorSource.GNSS),
        ledger=Ledger({Count.FRAMES: 8000, Count.UNKNOWN: 3000}),
        grids=(Grid(0, start_ms, columns),),
        changes=tuple(Change(start_ms + 10, signal, raw) for signal, raw in sorted(said.items())),
    )
    return encode_upload(upload, MANIFEST)
