"""A connection on which one kind of message comes: what was not taken stays at the broker, what was taken does not."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_bridge.mqtt.connection import leave
from cloud_bridge.mqtt.listening import Heard, Listening
from cloud_bridge.settings import Mqtt
from contract.topics import PREFIX, RESULT, topic
from tests.cloud_bridge.vehicle import VIN
from tests.conftest import Mosquitto

PATIENCE_S = 60


class Bridge:
    def __init__(self, port: int, *, manual_ack: bool = True) -> None:
        self.came: queue.Queue[Heard] = queue.Queue()
        self.sessions: queue.Queue[bool] = queue.Queue()
        self.listening = Listening(
            Mqtt(port=port, client_id="bridge"),
            "test",
            RESULT,
            self.came.put,
            in_flight=8,
            what="a test",
            manual_ack=manual_ack,
            on_session=self.sessions.put,
        )

    def hear(self) -> Heard:
        return self.came.get(timeout=PATIENCE_S)


@contextmanager
def running(bridge: Bridge) -> Iterator[Bridge]:
    bridge.listening.start()
    assert bridge.listening.connected.wait(PATIENCE_S)
    yield bridge
    bridge.listening.stop()


@contextmanager
def connected(port: int, client_id: str) -> Iterator[mqtt.Client]:
    """A client whose session begins and ends with its connection."""
    there = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda *_: there.set()
    client.connect("127.0.0.1", port, clean_start=True)
    client.loop_start()
    assert there.wait(PATIENCE_S)
    yield client
    leave(client)


def say(port: int, payload: bytes, name: str = topic(VIN, RESULT)) -> None:
    with connected(port, "vehicle") as client:
        client.publish(name, payload, qos=1).wait_for_publish(PATIENCE_S)


def test_it_hears_its_kind_of_message_and_whose_it_is(mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    with running(Bridge(mosquitto.port, manual_ack=False)) as bridge:
        say(mosquitto.port, b"of nobody", f"{PREFIX}/nobody/{RESULT}")
        say(mosquitto.port, b"another kind", topic(VIN, "up"))
        say(mosquitto.port, b"its kind")
        heard = bridge.hear()
        assert (heard.vin, heard.payload) == (VIN, b"its kind")
        assert bridge.came.empty()
    assert "a message for a test came on a topic that names no vehicle" in caplog.messages


def test_what_is_not_done_comes_again_to_who_is_there_next(mosquitto: Mosquitto) -> None:
    with running(Bridge(mosquitto.port)) as bridge:
        assert bridge.sessions.get(timeout=PATIENCE_S) is False
        for payload in (b"1", b"2"):
            say(mosquitto.port, payload)
        bridge.listening.done(bridge.hear())
        assert bridge.hear().payload == b"2"
    with running(Bridge(mosquitto.port)) as again:
        assert again.sessions.get(timeout=PATIENCE_S) is True
        assert again.hear().payload == b"2"
        assert again.came.empty()


def test_what_came_on_a_connection_that_was_lost_is_not_done_on_the_next(mosquitto: Mosquitto) -> None:
    with running(Bridge(mosquitto.port)) as bridge:
        say(mosquitto.port, b"before")
        before = bridge.hear()
        # Somebody with its name throws it out, and what the broker knew of it with it.
        with connected(mosquitto.port, "bridge-test"):
            pass
        assert [bridge.sessions.get(timeout=PATIENCE_S) for _ in range(2)] == [False, False]
        assert bridge.listening.connected.wait(PATIENCE_S)
        say(mosquitto.port, b"after")
        after = bridge.hear()
        assert before.place[1] == after.place[1], "the broker counts from the beginning"
        bridge.listening.done(before)
    with running(Bridge(mosquitto.port)) as again:
        assert again.hear().payload == b"after"
