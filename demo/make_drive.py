"""Makes the demo recording: `python -m demo.make_drive` writes demo/drive.log.gz, drive.nmea.gz and drive.truth.json.

The car of `demo.car` is encoded with the project's own database at the cycle times it declares, as candump would have
recorded it; messages of doors, locks and lamps are also sent at once when they change. Deterministic: the same script
gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cantools
from cantools.database.can import Database, Message

from demo.car import DRIVES, OIL_LAMP_S, TUNNEL_S, Car, simulate
from demo.nmea import sentences

FOLDER = Path(__file__).resolve().parent
DATABASE = FOLDER.parent / "dbc" / "demo_car.dbc"
VIN = "VF3DEM0CARLFT2026"
START = datetime(2026, 5, 12, 6, 30, tzinfo=UTC)
AT_ONCE = frozenset({"VehicleState", "Body", "Warnings"})
"""Messages that are also sent when their content changes."""
UNLIT = (
    "CoolantHotLamp", "BatteryChargeLamp", "BrakeLamp", "AbsLamp", "StabilityLamp", "AirbagLamp", "EngineLamp",
    "WasherFluidLamp",
)  # fmt: skip
WAKING_S = 0.4
"""How long the bus takes to wake up; its values do not count until then."""


def signals(car: Car, since_wake_s: float) -> dict[str, dict[str, float | str]]:
    """What each message says, by message and signal."""
    ready = since_wake_s >= WAKING_S
    lamp = {False: "Off", True: "On"}
    door = {False: "Closed", True: "Open"}
    return {
        "VehicleState": {"Ignition": car.ignition, "NetworkState": "Awake" if ready else "WakingUp"},
        "Engine": {
            "EngineSpeed": car.engine_rpm,
            "CoolantTemperature": round(car.coolant_c),
            "EngineRunning": "Yes" if car.engine_running else "No",
        },
        "Motion": {"VehicleSpeed": car.speed_kmh, "LongitudinalAcceleration": car.acceleration_ms2},
        "Odometer": {"TotalDistance": int(car.odometer_km * 10) / 10 if ready else 0},
        "Fuel": {"FuelLevel": car.fuel_pct if ready else 0, "FuelRange": int(car.fuel_pct * 6.3) if ready else 0},
        "Climate": {"OutsideTemperature": car.outside_c},
        "Body": {
            "DriverDoor": door[car.driver_door_open],
            "PassengerDoor": "Closed",
            "RearLeftDoor": "Closed",
            "RearRightDoor": "Closed",
            "Tailgate": door[car.trunk_open],
            "Locks": "Locked" if car.locked else "Unlocked",
            "DriverBelt": "Fastened" if car.driver_belted else "Unfastened",
            "PassengerBelt": "NobodySeated",
            "TurnLights": car.turning,
        },
        "Warnings": {
            "OilPressureLamp": lamp[car.oil_lamp],
            "FuelLowLamp": lamp[car.low_fuel_lamp],
            **dict.fromkeys(UNLIT, "Off"),
        },
        "Supply": {"BatteryVoltage": car.battery_v},
        "Service": {"ServiceDays": 143, "ServiceDistance": 9_538},
    }  # fmt: skip


def frames(cars: Iterable[Car], database: Database) -> Iterator[tuple[datetime, Message, bytes]]:
    """The bus as a recorder would have seen it."""
    messages = database.messages
    last: dict[str, bytes] = {}
    woke_s: float | None = None
    for car in cars:
        if not car.awake:
            woke_s = None
            continue
        if woke_s is None:
            woke_s = car.at_s
            last = {}
        said = signals(car, car.at_s - woke_s)
        tenth = round(car.at_s * 10)
        for place, message in enumerate(messages):
            data = message.encode(said[message.name])
            # 50 ms messages are sent twice a step; the others when their cycle comes round, spread over the steps.
            every = max(1, (message.cycle_time or 100) // 100)
            due = (tenth + place) % every == 0 or message.name not in last
            if due or (message.name in AT_ONCE and data != last[message.name]):
                at = START + timedelta(seconds=car.at_s, microseconds=place * 240)
                yield at, message, data
                if (message.cycle_time or 100) < 100:
                    yield at + timedelta(milliseconds=50), message, data
                last[message.name] = data


def truth(cars: list[Car]) -> dict[str, object]:
    """What a true account of the recording must say."""

    def at(seconds: float) -> str:
        return (START + timedelta(seconds=seconds)).isoformat()

    by_time = {car.at_s: car for car in cars}
    trips = []
    for drive in DRIVES:
        first, last = by_time[drive.ignition_on_s], by_time[drive.ignition_off_s]
        trips.append({
            "startedAt": at(drive.ignition_on_s),
            "stoppedAt": at(drive.ignition_off_s),
            "distance_km": round(last.odometer_km - first.odometer_km, 3),
            "startMileage_km": round(first.odometer_km, 1),
            "fuel_start_pct": round(first.fuel_pct, 2),
            "fuel_end_pct": round(last.fuel_pct, 2),
            "maxSpeed_kmh": round(max(c.speed_kmh for c in cars if first.at_s <= c.at_s <= last.at_s), 2),
        })  # fmt: skip
    end = cars[-1]
    return {
        "vin": VIN,
        "trips": trips,
        "oil_pressure_alert": [at(seconds) for seconds in OIL_LAMP_S],
        "fuel_low_since": at(next(car.at_s for car in cars if car.low_fuel_lamp)),
        "no_fix": [at(seconds) for seconds in TUNNEL_S],
        "odometer_km": int(end.odometer_km * 10) / 10,
        "fuel_pct": round(end.fuel_pct, 1),
        "position": [round(end.longitude, 5), round(end.latitude, 5)],
    }


def write_gzip(path: Path, text: str) -> None:
    """Without a time or a name inside, so that the same text gives the same file."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as packed:
        packed.write(text.encode("ascii"))


def main() -> None:
    cars = list(simulate())
    database = cantools.database.load_file(DATABASE)
    assert isinstance(database, Database)
    lines = [
        f"({at.timestamp():.6f}) can0 {message.frame_id:03X}#{data.hex().upper()}\n"
        for at, message, data in sorted(frames(cars, database), key=lambda frame: frame[0])
    ]
    write_gzip(FOLDER / "drive.log.gz", "".join(lines))
    # A receiver speaks once a second while the car is awake.
    heard = [line for car in cars[::10] if car.awake for line in sentences(car, START + timedelta(seconds=car.at_s))]
    write_gzip(FOLDER / "drive.nmea.gz", "".join(heard))
    (FOLDER / "drive.truth.json").write_text(json.dumps(truth(cars), indent=1) + "\n")
    print(f"{len(lines)} frames, {len(heard)} sentences")


if __name__ == "__main__":
    main()
