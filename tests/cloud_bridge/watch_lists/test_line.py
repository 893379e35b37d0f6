"""The line by which lists go and reports come, on a real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_bridge.mqtt.connection import leave
from cloud_bridge.settings import Mqtt
from cloud_bridge.watch_lists.line import Line, Report
from contract.topics import COMMAND, WATCH, WATCH_REPORT, topic
from contract.watching import WatchReport, encode_report
from tests.agent.bridge import eventually
from tests.conftest import Mosquitto, free_port

VIN, OTHER = "VR3CANL1FT0000001", "VR3CANL1FT0000002"


@contextmanager
def line(port: int, protocol: int = 5) -> Iterator[tuple[Line, threading.Event]]:
    """With what is set when there is something to do."""
    something = threading.Event()
    made = Line(Mqtt(port=port, protocol=5 if protocol == 5 else 4), something.set)
    made.start()
    try:
        yield made, something
    finally:
        made.stop()


def found(port: int, vin: str, leaf: str = WATCH) -> bytes:
    """What a vehicle finds on its topic when it connects."""
    came: list[bytes] = []
    end = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "finds", protocol=MQTTProtocolVersion.MQTTv5)

    def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        end.set() if message.topic.endswith("end") else came.append(bytes(message.payload))

    subscribed = threading.Event()
    client.on_message = take
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe([(topic(vin, leaf), 1), ("end", 1)])
    assert subscribed.wait(60)
    client.publish("end", b"", qos=1)  # What is retained was queued before it.
    assert end.wait(60)
    leave(client)
    return b"".join(came)


def says(port: int, vin: str, payload: bytes, leaf: str = WATCH_REPORT, *, retain: bool = False) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "says", protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic(vin, leaf), payload, qos=1, retain=retain).wait_for_publish(20)
    leave(client)


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_vehicle_that_was_away_finds_its_newest_list_and_none_that_was_taken_away(
    mosquitto: Mosquitto, protocol: int
) -> None:
    with line(mosquitto.port, protocol) as (ours, _):
        assert ours.connected.wait(60)
        assert ours.publish({VIN: b"one", OTHER: b"other"}) == {VIN, OTHER}
        assert ours.publish({VIN: b"two"}) == {VIN}
        assert (found(mosquitto.port, VIN), found(mosquitto.port, OTHER)) == (b"two", b"other")
        says(mosquitto.port, VIN, b"a command that waits", COMMAND, retain=True)
        assert found(mosquitto.port, VIN, COMMAND) == b"a command that waits"
        ours.take_back(VIN)
        assert eventually(lambda: found(mosquitto.port, VIN) + found(mosquitto.port, VIN, COMMAND) == b"")
        assert found(mosquitto.port, OTHER) == b"other"


def test_reports_come_and_what_is_none_is_passed_over(mosquitto: Mosquitto) -> None:
    report = WatchReport(7, b"12345678", ("kinetic.speed",))
    with line(mosquitto.port) as (ours, something):
        assert eventually(ours.forgotten)
        something.clear()

        def heard() -> bool:
            """Whether it is heard by now: the subscription may be made after the connection."""
            says(mosquitto.port, VIN, encode_report(report))
            return something.wait(0.2)

        assert eventually(heard)
        says(mosquitto.port, OTHER, b"\xff")
        says(mosquitto.port, OTHER, encode_report(WatchReport()))
        reports: set[Report] = set()

        def came() -> bool:
            reports.update(ours.reports())
            return Report(OTHER, WatchReport()) in reports

        assert eventually(came)
        assert reports == {Report(VIN, report), Report(OTHER, WatchReport())}


def test_a_broker_that_lost_everything_is_noticed_and_one_that_kept_our_session_is_not(mosquitto: Mosquitto) -> None:
    with line(mosquitto.port) as (ours, _):
        assert eventually(ours.forgotten)
        assert not ours.forgotten()
        mosquitto.kill()
        assert eventually(lambda: not ours.connected.is_set())
        assert ours.publish({VIN: b"one"}) == set()
        mosquitto.start()
        assert eventually(ours.forgotten, 60)
    with line(mosquitto.port) as (ours, _):
        assert ours.connected.wait(60)
        assert not ours.forgotten()


def test_without_a_broker_nothing_is_published_and_nothing_waits_for_ever() -> None:
    with line(free_port()) as (ours, _):
        assert ours.publish({VIN: b"one"}) == set()
