"""A vehicle that says whatever it can as results, ten thousand times, to a bridge that runs: it changes nothing that is
told of another one, and holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cbor2
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_bridge.mqtt.connection import leave
from contract.actions import Doors
from contract.command import Command
from contract.result import Cause, Outcome, Result, encode_result
from contract.topics import RESULT, topic
from tests.cloud_bridge.actions.bodies import LOCK
from tests.cloud_bridge.vehicle import MODEL, VIN
from tests.conftest import Mosquitto
from tests.e2e.remote import PATIENCE_S, MadeUpVehicle, RemoteWorld, remote_world

pytestmark = pytest.mark.slow

ROGUE, NOBODY = "VR3CANL1FT0000666", "VR3CANL1FT0000999"
COUNT = 10_000


@pytest.fixture
def remote(tmp_path: Path, mosquitto: Mosquitto, shared: Path) -> Iterator[RemoteWorld]:
    with remote_world(tmp_path, mosquitto, shared) as remote:
        remote.world.add_vehicle(ROGUE, MODEL)
        yield remote


@contextmanager
def connected(port: int) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, ROGUE, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    yield client
    leave(client)


def what_it_can_say(identity: bytes) -> list[bytes]:
    """By the id of an action of another vehicle's, and otherwise."""
    results = [Result(identity, outcome) for outcome in Outcome if outcome is not Outcome.FAILED]
    failed = [Result(identity, Outcome.FAILED, "x" * 256, cause) for cause in Cause]
    unknown = [Result(number.to_bytes(16, "big"), Outcome.DONE, "é" * 128) for number in range(100)]
    return [
        *map(encode_result, [*results, *failed, *unknown, Result(identity, Outcome.UNTRUSTED, message=bytes(8))]),
        b"",
        b"\xff" * 200_000,
        b"\xa4\x01\x01\x02\x50" + identity + b"\x03\x04\x04\x62\xff\xfe",
        cbor2.dumps({1: 2, 2: identity, 3: 10, 4: "x" * 900, 5: "DoorsOpen"}),
        cbor2.dumps({1: 1, 2: identity, 3: 0, 4: "x" * 100_000}),
        b"\x7b" + b"\xff" * 8,
        b"\x81" * 1000,
    ]


def test_what_another_vehicle_says_ten_thousand_times_changes_nothing_that_is_told_and_holds_nobody_up(
    remote: RemoteWorld,
) -> None:
    flooded = threading.Event()

    def flood(command: Command) -> None:
        """When the vehicle has the command, and before it says so."""
        if flooded.is_set() or not isinstance(command.body, Doors):
            return
        said = what_it_can_say(command.id)
        last = [rogue.publish(topic(ROGUE, RESULT), said[number % len(said)], 1) for number in range(COUNT)][-1]
        rogue.publish(topic(NOBODY, RESULT), said[0], 1)
        last.wait_for_publish(PATIENCE_S)
        assert last.is_published()
        flooded.set()

    with connected(remote.world.broker.port) as rogue, MadeUpVehicle(remote.world.broker.port, remote.key) as vehicle:
        vehicle.on_command = flood
        assert remote.told.story(remote.ask({"wakeUp": {}}))[-1] == "Success"
        action = remote.ask(LOCK)
        assert remote.told.story(action) == ["Accepted", "SentToVehicle", "Success"]
        assert flooded.is_set()
        assert len(vehicle.executed) == 2
        # Nor does what it says itself after the end.
        for payload in what_it_can_say(bytes.fromhex(action)):
            rogue.publish(topic(VIN, RESULT), payload, 1)
        assert remote.told.story(remote.ask({"horn": {"state": "Activated"}}))[-1] == "Success"
        assert remote.shown(action)["status"] == "Success"
        assert len(remote.told.events[action]) == 3
    assert remote.world.bridge is not None
    assert remote.world.bridge.poll() is None
