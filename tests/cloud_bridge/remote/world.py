"""A bridge's remote control without broker and webhooks: a real database, a clock that is set, what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cloud_bridge.actions import asked
from cloud_bridge.actions.life import REMOTE_TYPES, RemoteType, Rules
from cloud_bridge.records.model import Known as Value
from cloud_bridge.records.model import Status
from cloud_bridge.remote.control import Control
from cloud_bridge.remote.driver import Driver
from cloud_bridge.remote.waking import Waker
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.port.remote import RemoteAction, RemoteCallback
from cloud_bridge.store.sqlite.callbacks import SqliteCallbacks
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.identities import SqliteIdentities
from cloud_bridge.store.sqlite.outbox import SqliteOutbox
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from cloud_bridge.store.sqlite.remote_actions import SqliteActions
from cloud_bridge.threads.faults import Faults
from contract.command import Command, decode_command
from contract.result import Cause, Outcome, Result
from contract.signing import key_id, public_key
from contract.steps import ARGUMENTS

VIN, OTHER_VIN = "VF3ABCDE0FG000001", "VF3ABCDE0FG000002"
FLEET, CALLBACK = "f1", "c" * 32
NOW = 1_800_000_000_000
KEY = bytes(range(32))
RULES = Rules(wake_ups=3, reach_ms=60_000, answer_ms=30_000)
_PUT_INTAKE = """
INSERT INTO intake (vin, uploads, duplicates, last_upload_at_ms) VALUES (?, 1, 0, ?)
ON CONFLICT (vin) DO UPDATE SET last_upload_at_ms = excluded.last_upload_at_ms
"""


def callback(
    identity: str = CALLBACK, types: Sequence[RemoteType] = REMOTE_TYPES, fleet: str = FLEET
) -> RemoteCallback:
    return RemoteCallback(identity, fleet, b"{}", tuple(types), "Running", NOW, NOW)


def vehicle(vin: str = VIN) -> Vehicle:
    return Vehicle(f"{vin:0>40}", vin, "model", "Brand", "Electric", 1, 1)


@dataclass
class World:
    folder: Path
    rules: Rules = RULES
    wake_command: Sequence[str] = ()
    now_ms: int = NOW
    published: list[tuple[str, bytes, int]] = field(default_factory=list)
    has_broker: bool = True
    able: bool = True
    statuses: dict[str, Status] = field(default_factory=dict)
    told: int = 0
    defects: int = 0
    """That are to show."""
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        is_new = not (self.folder / "bridge.db").exists()
        self.database = Database(self.folder / "bridge.db")
        self.registry = SqliteRegistry(self.database)
        self.actions = SqliteActions(self.database)
        self.identities = SqliteIdentities(self.database)
        self.callbacks = SqliteCallbacks(self.database)
        self.outbox = SqliteOutbox(self.database)
        self.control = Control(self.actions, self.statuses.get, lambda _: "model", self._steps, self.rules)
        self.driver = self.another_driver()
        if is_new:
            self.registry.add_fleet(Fleet(FLEET, "Fleet", "", 1, 1))
            for vin in (VIN, OTHER_VIN):
                self.registry.add_vehicle(vehicle(vin), [FLEET])
            self.callbacks.add(callback(), 10)

    def another_driver(self) -> Driver:
        waker = Waker(self.wake_command, self.rules.reach_ms)
        return Driver(
            self.control, self._publish, KEY, waker, self.faults, lambda: self.now_ms, self._on_told, lambda: None
        )

    def close(self) -> None:
        self.database.close()
        assert self.faults.counts == ({"remote actions": self.defects} if self.defects else {})

    def heard(self, vin: str = VIN) -> None:
        """An upload of the vehicle comes in."""
        with self.database.write() as connection:
            connection.execute(_PUT_INTAKE, (vin, self.now_ms))

    def says(self, vin: str = VIN, **values: bool | float | str) -> None:
        """`__` stands for a dot."""
        known = {name.replace("__", "."): Value(value, self.now_ms) for name, value in values.items()}
        self.statuses[vin] = Status(known, updated_at_ms=self.now_ms)

    def ask(self, body: Mapping[str, object], vin: str = VIN) -> RemoteAction:
        wanted = asked.read(msgspec.json.encode(body))
        asked_for = self.control.ask(callback(), vehicle(vin), wanted, self.now_ms)
        assert asked_for is not None
        return asked_for

    def lock(self, vin: str = VIN) -> RemoteAction:
        return self.ask({"door": {"state": "Locked"}}, vin)

    def pass_ms(self, ms: int) -> None:
        self.now_ms += ms

    def drive(self, after_ms: int = 0) -> list[Command]:
        """What is sent."""
        self.pass_ms(after_ms)
        before = len(self.published)
        self.driver.drive()
        return [self.command(payload) for _, payload, _ in self.published[before:]]

    def command(self, payload: bytes) -> Command:
        received = decode_command(payload)
        public = public_key(KEY)
        assert received.signature is not None
        assert received.signature.by_one_of({key_id(public): public})
        return received.command

    def answer(self, command: Command, *outcomes: Outcome, cause: Cause | None = None) -> None:
        for outcome in outcomes:
            self.driver.take(command.vin, Result(command.id, outcome, "", cause))

    def now(self, action: RemoteAction) -> RemoteAction:
        found = self.actions.action(action.callback_id, action.vin, action.id)
        assert found is not None
        return found

    def story(self, action: RemoteAction) -> list[str]:
        """What the callback was told of it, out of the outbox."""
        found = []
        for kept in self.outbox.waiting(CALLBACK, 1000):
            event = msgspec.json.decode(kept.notification.body)
            if event["remoteActionId"] == action.id:
                status = event["eventStatus"]
                found.append(" ".join(filter(None, (status["status"], status.get("failureCause")))))
        assert found == [" ".join(filter(None, (each.status, each.cause))) for each in self.now(action).told]
        return found

    def _steps(self, _model: str) -> frozenset[str]:
        return frozenset(ARGUMENTS) if self.able else frozenset()

    def _publish(self, vin: str, payload: bytes, lasts_ms: int) -> bool:
        assert 0 < lasts_ms <= 2 * self.rules.reach_ms
        if self.has_broker:
            self.published.append((vin, payload, lasts_ms))
        return self.has_broker

    def _on_told(self) -> None:
        self.told += 1
