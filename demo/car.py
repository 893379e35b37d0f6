"""A car that drives itself through a script: what the demo recording is made of.

Simple physics in steps of 100 ms: the speed follows the targets of a route with bounded acceleration, the position
follows the speed along the route's headings, fuel and coolant follow the engine. The story around it (doors, belt,
ignition, a lamp, a tunnel) is a list of moments. Everything is a function of time, so the truth is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

STEP_S = 0.1
TANK_L = 44.0
EARTH_M_PER_DEGREE = 111_195.0


@dataclass(frozen=True)
class Leg:
    """Drive at `target_kmh` for `seconds`, turning by `turn_deg` spread over the leg."""

    target_kmh: float
    seconds: float
    turn_deg: float = 0


@dataclass(frozen=True)
class Drive:
    """One trip: when the bus wakes, the ignition goes on and off, and what is driven between."""

    wakes_s: float
    ignition_on_s: float
    engine_on_s: float
    legs: tuple[Leg, ...]

    @property
    def moves_s(self) -> float:
        return self.engine_on_s + 12

    @property
    def arrives_s(self) -> float:
        return self.moves_s + sum(leg.seconds for leg in self.legs)

    @property
    def engine_off_s(self) -> float:
        return self.arrives_s + 6

    @property
    def ignition_off_s(self) -> float:
        return self.engine_off_s + 2

    @property
    def sleeps_s(self) -> float:
        return self.ignition_off_s + 28


CITY = (
    Leg(32, 25, 10), Leg(0, 14), Leg(48, 45, -35), Leg(30, 15, 80), Leg(50, 60, -20), Leg(0, 22), Leg(47, 55, 15),
    Leg(28, 12, -85), Leg(50, 70, 25), Leg(68, 80, -30), Leg(70, 60, 12), Leg(45, 30, 60), Leg(0, 18), Leg(42, 40, -40),
    Leg(20, 12, 70), Leg(0, 10),
)  # fmt: skip
COUNTRY = (
    Leg(30, 20, 90), Leg(50, 40, 15), Leg(88, 110, -40), Leg(90, 90, 35), Leg(72, 25, -60), Leg(86, 80, 20),
    Leg(50, 35, -15), Leg(0, 9), Leg(38, 30, 75), Leg(0, 12),
)  # fmt: skip

DRIVES = (
    Drive(wakes_s=0, ignition_on_s=14, engine_on_s=17.5, legs=CITY),
    Drive(wakes_s=1320, ignition_on_s=1333, engine_on_s=1336, legs=COUNTRY),
)
FIRST_FIX_S = 41.0
TUNNEL_S = (330.0, 372.0)
OIL_LAMP_S = (455.0, 473.0)
LOW_FUEL_PCT = 9.0


@dataclass(frozen=True)
class Car:
    """Everything the demo car's bus and GNSS receiver say, at one instant."""

    at_s: float = 0
    awake: bool = False
    ignition: str = "Off"
    engine_running: bool = False
    engine_rpm: float = 0
    speed_kmh: float = 0
    acceleration_ms2: float = 0
    odometer_km: float = 23_461.3
    fuel_pct: float = 10.6
    coolant_c: float = 14
    outside_c: float = 11.5
    driver_door_open: bool = False
    trunk_open: bool = False
    locked: bool = True
    driver_belted: bool = False
    turning: str = "Off"
    oil_lamp: bool = False
    low_fuel_lamp: bool = False
    battery_v: float = 12.4
    longitude: float = -1.6801
    latitude: float = 48.1102
    altitude_m: float = 41
    heading_deg: float = 75

    @property
    def fix(self) -> bool:
        """Whether the GNSS receiver has a fix: not before the first one, not in the tunnel, not asleep."""
        return self.awake and self.at_s >= FIRST_FIX_S and not TUNNEL_S[0] <= self.at_s < TUNNEL_S[1]


def simulate() -> Iterator[Car]:
    """The car every 100 ms, from the first wake-up to the last sleep; also while it sleeps."""
    car = Car()
    while car.at_s <= DRIVES[-1].sleeps_s:
        yield car
        car = _step(car)


def _step(car: Car) -> Car:
    at = round(car.at_s + STEP_S, 1)
    drive = max((d for d in DRIVES if d.wakes_s <= at), key=lambda d: d.wakes_s)
    leg, moving = _leg(drive, at)
    target = leg.target_kmh if moving else 0.0
    limit = 1.9 if target > car.speed_kmh else 2.4
    missing_kmh = target - car.speed_kmh
    change = max(-limit, min(limit, missing_kmh / 3.6 / 1.5)) if abs(missing_kmh) > 0.05 else 0.0
    speed = max(0.0, car.speed_kmh + change * 3.6 * STEP_S)
    if target == 0 and speed < 0.4:
        speed = 0.0
    metres = (speed + car.speed_kmh) / 2 / 3.6 * STEP_S
    running = drive.engine_on_s <= at < drive.engine_off_s
    heading = (car.heading_deg + (leg.turn_deg * STEP_S / leg.seconds if moving and speed > 0 else 0)) % 360
    litres_h = (0.7 + 0.045 * speed + max(0.0, change) * speed * 0.12) if running else 0.0
    fuel = car.fuel_pct - litres_h / 3600 * STEP_S / TANK_L * 100
    north = metres * math.cos(math.radians(heading)) / EARTH_M_PER_DEGREE
    east = metres * math.sin(math.radians(heading)) / (EARTH_M_PER_DEGREE * math.cos(math.radians(car.latitude)))
    return replace(
        _story(car, drive, at),
        at_s=at,
        engine_running=running,
        engine_rpm=(820 + speed % 32 * 52 + max(0.0, change) * 260) if running else 0.0,
        speed_kmh=speed,
        acceleration_ms2=(speed - car.speed_kmh) / 3.6 / STEP_S,
        odometer_km=car.odometer_km + metres / 1000,
        fuel_pct=fuel,
        coolant_c=car.coolant_c + ((88 - car.coolant_c) * 0.00032 if running else (11 - car.coolant_c) * 0.00004),
        low_fuel_lamp=fuel < LOW_FUEL_PCT,
        battery_v=14.2 if running else 12.4,
        longitude=car.longitude + east,
        latitude=car.latitude + north,
        altitude_m=41 + 14 * math.sin(car.odometer_km / 2.3),
        heading_deg=heading,
    )


def _leg(drive: Drive, at: float) -> tuple[Leg, bool]:
    start = drive.moves_s
    for leg in drive.legs:
        if start <= at < start + leg.seconds:
            return leg, True
        start += leg.seconds
    return Leg(0, 1), False


def _story(car: Car, drive: Drive, at: float) -> Car:
    """The moments around the driving."""
    leg, moving = _leg(drive, at)
    cranking = drive.ignition_on_s + 2 <= at < drive.engine_on_s
    on = drive.ignition_on_s <= at < drive.ignition_off_s
    return replace(
        car,
        awake=drive.wakes_s <= at < drive.sleeps_s,
        ignition="Cranking" if cranking else "On" if on else "Off",
        driver_door_open=drive.wakes_s + 5 <= at < drive.wakes_s + 11
        or drive.ignition_off_s + 4 <= at < drive.ignition_off_s + 9,
        trunk_open=drive is DRIVES[1] and drive.ignition_off_s + 12 <= at < drive.ignition_off_s + 18,
        locked=not drive.wakes_s + 2 <= at < drive.ignition_off_s + 22,
        driver_belted=drive.engine_on_s + 4 <= at < drive.engine_off_s + 1,
        turning=("Right" if leg.turn_deg > 0 else "Left") if moving and abs(leg.turn_deg) >= 60 else "Off",
        oil_lamp=OIL_LAMP_S[0] <= at < OIL_LAMP_S[1],
    )
