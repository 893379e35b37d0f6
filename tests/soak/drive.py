"""The recorded demo drive, driven over and over: a recording of hours, as long as one is wanted.

Each time the car goes on from where it was: the odometer and the positions go on, so that nothing is implausible. The
bus is silent in between.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import cantools
from cantools.database.can import Database

from demo.car import simulate
from demo.make_drive import DATABASE, FOLDER, START
from demo.nmea import sentences

PERIOD_S = 2400.0
"""From the beginning of one drive to that of the next; the drive lasts half an hour."""
_ODOMETER = "Odometer"
_KM_DIGITS = 1


class Frame(NamedTuple):
    at_s: float
    """Since the first drive began."""
    number: int
    data: bytes

    def line(self, start: datetime) -> str:
        """As candump writes it."""
        return f"({start.timestamp() + self.at_s:.6f}) can0 {self.number:03X}#{self.data.hex().upper()}\n"


class Recording(NamedTuple):
    log: Path
    nmea: Path
    frames: int


def frames(until_s: float) -> Iterator[Frame]:
    """The drive's frames, again and again."""
    database = cantools.database.load_file(DATABASE)
    assert isinstance(database, Database)
    odometer = database.get_message_by_name(_ODOMETER)
    driven = list(_recorded())
    cars = list(simulate())
    driven_km = round(cars[-1].odometer_km - cars[0].odometer_km, _KM_DIGITS)
    lap = 0
    while True:
        for frame in driven:
            at_s = frame.at_s + lap * PERIOD_S
            if at_s >= until_s:
                return
            data = frame.data
            if frame.number == odometer.frame_id:
                said = {name: float(str(value)) for name, value in odometer.decode_simple(data).items()}
                # 0 is what it says while the bus wakes up.
                data = odometer.encode({name: km and round(km + lap * driven_km, 1) for name, km in said.items()})
            yield Frame(at_s, frame.number, data)
        lap += 1


def record(folder: Path, until_s: float) -> Recording:
    """Writes it down, with what a receiver says beside it."""
    log, nmea = folder / "hours.log.gz", folder / "hours.nmea.gz"
    count = 0
    with gzip.open(log, "wt", compresslevel=1) as file:
        for frame in frames(until_s):
            file.write(frame.line(START))
            count += 1
    with gzip.open(nmea, "wt", compresslevel=1) as file:
        file.writelines(_heard(until_s))
    return Recording(log, nmea, count)


def _recorded() -> Iterator[Frame]:
    for line in gzip.decompress((FOLDER / "drive.log.gz").read_bytes()).decode("ascii").splitlines():
        stamp, _, said = line.split()
        number, _, data = said.partition("#")
        yield Frame(float(stamp.strip("()")) - START.timestamp(), int(number, 16), bytes.fromhex(data))


def _heard(until_s: float) -> Iterator[str]:
    cars = list(simulate())[::10]
    east, north = (getattr(cars[-1], way) - getattr(cars[0], way) for way in ("longitude", "latitude"))
    lap = 0
    while lap * PERIOD_S < until_s:
        for car in cars:
            at_s = car.at_s + lap * PERIOD_S
            if car.awake and at_s < until_s:
                moved = replace(car, longitude=car.longitude + lap * east, latitude=car.latitude + lap * north)
                yield from sentences(moved, START + timedelta(seconds=at_s))
        lap += 1
