"""Whether what the API says is what was driven."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.partner import Partner


@dataclass(frozen=True)
class Drive:
    log: Path
    nmea: Path | None
    model: str
    vin: str
    truth: dict[str, Any] | None
    """What `demo.make_drive` knows of its own recording; None for a user's."""


def unmet(drive: Drive, partner: Partner) -> list[str]:
    """What is wrong with the answers; empty when they are right."""
    status = partner.get("/status")
    if status.status == 404:
        return [f"nothing that {drive.model} describes was in {drive.log}: is it the right model?"]
    if status.status != 200:
        return [f"GET status answered {status.status}: {status.text}"]
    if drive.truth is None:
        return []
    return wrong(drive.truth, status.body, partner.trips())


def wrong(truth: dict[str, Any], status: dict[str, Any], trips: list[dict[str, Any]]) -> list[str]:
    """What a status and trips say that is not so, or do not say."""
    try:
        return [*_wrong_status(truth, status), *_wrong_trips(truth["trips"], trips)]
    except (KeyError, IndexError) as absent:
        return [f"{absent} is not shown"]


def _wrong_status(truth: dict[str, Any], status: dict[str, Any]) -> Iterator[str]:
    yield from _off("odometer", status["odometer"]["mileage"], truth["odometer_km"], 0.05)
    yield from _off("fuel level", status["energies"][0]["level"], truth["fuel_pct"], 0.11)
    longitude, latitude = status["lastPosition"]["geometry"]["coordinates"][:2]
    yield from _off("longitude", longitude, truth["position"][0], 0.0001)
    yield from _off("latitude", latitude, truth["position"][1], 0.0001)
    if (ignition := status["ignition"]["type"]) != "Stop":
        yield f"ignition: {ignition} is shown, Stop is true"
    for opening in status["doorsState"]["opening"]:
        if opening["state"] != "Closed":
            yield f"door {opening['identifier']}: {opening['state']} is shown, Closed is true"


def _wrong_trips(truth: list[dict[str, Any]], trips: list[dict[str, Any]]) -> Iterator[str]:
    if len(trips) != len(truth):
        yield f"{len(trips)} trips are shown, {len(truth)} were driven"
        return
    for number, (driven, shown) in enumerate(zip(truth, trips, strict=True), 1):
        name = f"trip {number}"
        for moment in ("startedAt", "stoppedAt"):
            yield from _off(f"{name} {moment}", _seconds(shown[moment]), _seconds(driven[moment]), 0.5)
        yield from _off(f"{name} distance", shown["distance"], driven["distance_km"], 0.1)
        yield from _off(f"{name} start mileage", shown["startMileage"], driven["startMileage_km"], 0.05)
        yield from _off(f"{name} fuel at the start", shown["startEnergies"][0]["level"], driven["fuel_start_pct"], 0.11)
        yield from _off(f"{name} fuel at the end", shown["endEnergies"][0]["level"], driven["fuel_end_pct"], 0.11)
        yield from _off(f"{name} maximum speed", shown["kinetic"]["maxSpeed"], driven["maxSpeed_kmh"], 1)


def _off(what: str, shown: float, true: float, tolerance: float) -> Iterator[str]:
    if abs(shown - true) > tolerance:
        yield f"{what}: {shown} is shown, {true} is true"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
