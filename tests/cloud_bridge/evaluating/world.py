"""A bridge in which monitors are evaluated, and what it would send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.monitors.bodies import data
from tests.cloud_bridge.monitors.kept import Kept
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, PROFILE, VIN

FAST = data("fast1", "vehicle.kinetic.speed", "greaterThan", "50")
OIL = data("oil1", "vehicle.alert", "equalsTo", "EngineOilPressureFailure")
STARTED = data("start1", "vehicle.trip.start", "onChange")
ENDED = data("stop1", "vehicle.trip.stop", "onChange")
STOLEN = data("stolen1", "stolen.state", "equalsTo", "true")
DOOR = data("door1", "vehicle.doorsState.opening", "onChange")

_EVENTS = "SELECT sender, at_ms, refresh, body FROM notification ORDER BY number"
_WAITING = "SELECT body FROM notification WHERE state = 0 ORDER BY number"
_DELIVERED = "UPDATE notification SET state = 1, body = NULL, settled_at_ms = ?"


def electric(folder: Path) -> None:
    """The speed is that of an electric car whose battery has as many percent as it drives km/h."""
    text = PROFILE.replace("[data]", '[data]\n"energies.Electric.level" = { expression = "Motion.Speed" }')
    (folder / "vehicles" / f"{MODEL}.toml").write_text(text, encoding="utf-8")


class Watched:
    """A cloud with monitors over both of its vehicles."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.kept = Kept(cloud.database)

    def say(self, *payloads: bytes, vin: str = VIN) -> list[float]:
        """It comes, is derived and evaluated; the events that are told now (seconds since the epoch of the tests)."""
        before = len(self.rows())
        self.cloud.send_manifest(vin=vin)
        self.cloud.send(*payloads, vin=vin)
        self.evaluate()
        return [second for _, second, _ in self.rows()[before:]]

    def evaluate(self) -> int:
        for vehicle in self.cloud.registry.all_vehicles():
            self.cloud.deriver.derive(vehicle.vin)
        told = 0
        while True:
            swept = self.cloud.evaluator.sweep()
            told += swept.told
            if not swept.again:
                return told

    def rows(self) -> list[tuple[str, float, bool]]:
        """Sender, second and whether it reminds, of all that was told."""
        with self.cloud.database.read() as connection:
            found = connection.execute(_EVENTS).fetchall()
        return [(sender, (at_ms - EPOCH_MS) / 1000, bool(refresh)) for sender, at_ms, refresh, _ in found]

    def told(self, monitor_id: str) -> list[float]:
        """When what was told of it was, reminders left out, in order of time."""
        return sorted(second for sender, second, refresh in self.rows() if sender == monitor_id and not refresh)

    def bodies(self) -> list[Any]:
        """What waits to be sent."""
        with self.cloud.database.read() as connection:
            return [json.loads(body) for (body,) in connection.execute(_WAITING).fetchall()]

    def delivered(self) -> None:
        with self.cloud.database.write() as connection:
            connection.execute(_DELIVERED, (self.cloud.now_ms,))
