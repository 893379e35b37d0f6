"""Notifications of made-up senders, and what delivers them to a receiver on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path

from cloud_bridge.clock import clock_ms
from cloud_bridge.notify.addresses import Address, Permitted
from cloud_bridge.notify.delivery import Delivery
from cloud_bridge.notify.plan import Planner
from cloud_bridge.notify.posting import Limits, Poster, certificates
from cloud_bridge.notify.sender import Sender
from cloud_bridge.store.port.outbox import Notification
from cloud_bridge.store.port.registry import Fleet
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.outbox import SqliteOutbox, put
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from cloud_bridge.store.sqlite.webhook_secrets import SqliteWebhookSecrets
from cloud_bridge.threads.faults import Faults
from tests.certificates import Authority
from tests.cloud_bridge.vehicle import VIN

NAME = "partner.example.com"
FLEET = "f1"


def event(number: int, vin: str = VIN) -> bytes:
    """An item of the published `events`."""
    document = {
        "fleetId": FLEET,
        "vin": vin,
        "eventDate": "2024-03-05T07:42:10Z",
        "refresh": False,
        "values": [
            {
                "data": "vehicle.energy.electric.level",
                "value": {"type": "string", "body": {"literalValue": str(number)}},
            }
        ],
        "extensions": [],
    }
    return json.dumps(document).encode()


def notification(number: int, sender: str = "m1", vin: str = VIN) -> Notification:
    name = sha256(f"{sender}-{number}".encode()).hexdigest()[:32]
    return Notification(
        name, sender, FLEET, vin, number, refresh=False, body=event(number, vin), variables={"vid": "v1"}
    )


def told(document: dict[str, object]) -> list[int]:
    """The numbers of the events of a call."""
    events = document["events"]
    assert isinstance(events, list)
    return [int(one["values"][0]["value"]["body"]["literalValue"]) for one in events]


def until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.01)


class Cloud:
    """A database, and delivery for the senders that are in `senders`."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.database = Database(folder / "bridge.db")
        self.outbox = SqliteOutbox(self.database)
        self.secrets = SqliteWebhookSecrets(self.database)
        SqliteRegistry(self.database).add_fleet(Fleet(FLEET, "One", "", 1, 1))
        self.senders: dict[str, Sender] = {}
        self.faults = Faults()
        self.permitted = Permitted([ip_network("127.0.0.0/8")])
        self.limits = Limits(connect_s=10.0, whole_s=30.0)
        self.ahead_ms = 0
        """How far the clock of what is delivered is ahead."""
        self._clock_ms = clock_ms
        self._context = certificates(authority.file)
        self._running: list[Delivery] = []

    def now_ms(self) -> int:
        return self._clock_ms() + self.ahead_ms

    def stand_still(self) -> None:
        """From now on only `ahead_ms` moves its clock."""
        now_ms = clock_ms()
        self._clock_ms = lambda: now_ms

    def deliver(self, most_waiting: int = 100_000, outbox: SqliteOutbox | None = None) -> Delivery:
        outbox = outbox or self.outbox
        planner = Planner(outbox, lambda _, name: self.senders.get(name), self.secrets, self.now_ms)
        delivery = Delivery(outbox, planner, self._poster, self.faults, self.now_ms, most_waiting=most_waiting)
        delivery.start()
        self._running.append(delivery)
        return delivery

    def _poster(self) -> Poster:
        async def resolve(_: str) -> list[Address]:
            return [ip_address("127.0.0.1")]

        return Poster(self._context, self.permitted, resolve, self.limits)

    def write(self, *notifications: Notification) -> None:
        """What is written now is looked at now."""
        with self.database.write() as connection:
            put(connection, notifications, self.now_ms())
        self.wake()

    def wake(self) -> None:
        for delivery in self._running:
            delivery.wake()

    def until_nothing_waits(self) -> None:
        until(lambda: self.outbox.counts()[0] == 0)

    def stop(self) -> None:
        running, self._running = self._running, []
        for delivery in running:
            delivery.stop()

    def close(self) -> None:
        self.stop()
        self.database.close()
