"""Monitors in a database, as clients make, pause, replace and delete them."""

from __future__ import annotations

import json

from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.monitors import SqliteMonitors
from tests.cloud_bridge.monitors.bodies import Body


class Kept:
    """What a client does with the monitors of a fleet."""

    def __init__(self, database: Database, fleet_id: str = "f1") -> None:
        self._store = SqliteMonitors(database)
        self._fleet_id = fleet_id

    def add(self, name: str, asked: Body, now_ms: int) -> str:
        """Its id."""
        monitor_id = name.encode().hex().ljust(32, "0")[:32]
        running = ((now_ms, None),)
        body = json.dumps(asked).encode()
        assert self._store.add(Monitor(monitor_id, self._fleet_id, body, "Running", 1, now_ms, now_ms, running), 10**6)
        return monitor_id

    def pause(self, monitor_id: str, now_ms: int) -> None:
        assert self._store.set_status(self._fleet_id, monitor_id, "Paused", now_ms) is not None

    def resume(self, monitor_id: str, now_ms: int) -> None:
        assert self._store.set_status(self._fleet_id, monitor_id, "Running", now_ms) is not None

    def replace(self, monitor_id: str, asked: Body, now_ms: int) -> None:
        assert self._store.replace(self._fleet_id, monitor_id, json.dumps(asked).encode(), now_ms) is not None

    def delete(self, monitor_id: str) -> None:
        assert self._store.delete(self._fleet_id, monitor_id)
