"""The line to the vehicles over a real broker: what goes down it, and that no answer is lost on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_bridge.mqtt.connection import leave
from cloud_bridge.remote.line import Line
from cloud_bridge.settings import Mqtt
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.threads.faults import Faults
from contract.result import Outcome, Result, encode_result
from contract.topics import COMMAND, RESULT, topic
from tests.cloud_bridge.remote.world import VIN
from tests.conftest import Mosquitto

ANSWER = Result(bytes(16), Outcome.DONE)
STRANGER = "VR3CANL1FT0000009"


class Bridge:
    """Takes what comes, unless `fails` says how it fails."""

    def __init__(self, port: int, client_id: str = "bridge", protocol: int = 5, shared: bool = True) -> None:
        self.taken: list[tuple[str, Result]] = []
        self.faults = Faults()
        self.turned_away: list[tuple[str, bytes]] = []
        self.fails: list[Exception] = []
        self.failed = threading.Event()
        settings = Mqtt(port=port, client_id=client_id, protocol=5 if protocol == 5 else 4, shared=shared)
        self.line = Line(settings, self._turned_away, self._take, self.faults, self.failed.set)

    def _turned_away(self, vin: str, leaf: str, payload: bytes) -> bool:
        if vin == STRANGER:
            self.turned_away.append((leaf, payload))
        return vin == STRANGER

    def _take(self, vin: str, result: Result) -> None:
        if self.fails:
            raise self.fails.pop()
        self.taken.append((vin, result))


@contextmanager
def running(bridge: Bridge) -> Iterator[Bridge]:
    bridge.line.start()
    assert bridge.line.connected.wait(30)
    yield bridge
    bridge.line.stop()


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@contextmanager
def vehicle(port: int) -> Iterator[tuple[mqtt.Client, list[mqtt.MQTTMessage]]]:
    came: list[mqtt.MQTTMessage] = []
    subscribed = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, VIN, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _userdata, message: came.append(message)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(topic(VIN, COMMAND), 1)
    assert subscribed.wait(30)
    yield client, came
    leave(client)


def say(client: mqtt.Client, payload: bytes, name: str = topic(VIN, RESULT)) -> None:
    client.publish(name, payload, qos=1).wait_for_publish(30)


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_command_goes_out_once_and_does_not_stay_at_the_broker(mosquitto: Mosquitto, protocol: int) -> None:
    with running(Bridge(mosquitto.port, protocol=protocol)) as bridge:
        with vehicle(mosquitto.port) as (_, came):
            assert bridge.line.publish(VIN, b"do it", 3_600_500)
            until(lambda: [message.payload for message in came] == [b"do it"])
            assert (came[0].qos, came[0].retain) == (1, False)
            if protocol == 5:
                assert 3000 < getattr(came[0].properties, "MessageExpiryInterval", 0) <= 3600
        with vehicle(mosquitto.port) as (client, came):
            # What is retained comes before what is published now.
            say(client, b"end", topic(VIN, COMMAND))
            until(lambda: [message.payload for message in came] == [b"end"])


def test_without_a_broker_nothing_goes_out_and_that_is_said(mosquitto: Mosquitto) -> None:
    bridge = Bridge(mosquitto.port)
    assert not bridge.line.publish(VIN, b"do it", 5000)
    with running(bridge):
        mosquitto.kill()
        until(lambda: not bridge.line.connected.is_set())
        assert not bridge.line.publish(VIN, b"do it", 5000)
        mosquitto.start()
        assert bridge.line.connected.wait(60)
        assert bridge.line.publish(VIN, b"do it", 5000)


def test_an_answer_is_taken_with_the_vehicle_of_its_topic(mosquitto: Mosquitto) -> None:
    with running(Bridge(mosquitto.port)) as bridge, vehicle(mosquitto.port) as (client, _):
        for payload, name in [
            (b"rubbish", topic(VIN, RESULT)),
            (b"", topic(VIN, RESULT)),
            (encode_result(ANSWER), "canlift/v1/nobody/command/result"),
            (encode_result(ANSWER), topic(STRANGER, RESULT)),
            (encode_result(ANSWER), topic(VIN, RESULT)),
        ]:
            say(client, payload, name)
        until(lambda: bridge.taken == [(VIN, ANSWER)])
    assert bridge.turned_away == [(RESULT, encode_result(ANSWER))]
    assert not bridge.failed.is_set()


def test_an_answer_that_cannot_be_taken_now_is_taken_when_it_can(mosquitto: Mosquitto) -> None:
    bridge = Bridge(mosquitto.port)
    bridge.fails = [StoreError("the disk is full")]
    with running(bridge), vehicle(mosquitto.port) as (client, _):
        say(client, encode_result(ANSWER))
        until(lambda: bridge.taken == [(VIN, ANSWER)])


def test_an_answer_that_was_not_taken_comes_again_to_the_bridge_that_is_back(mosquitto: Mosquitto) -> None:
    away = Bridge(mosquitto.port)
    away.fails = [StoreError("the disk is full")] * 1000
    with vehicle(mosquitto.port) as (client, _):
        with running(away):
            say(client, encode_result(ANSWER))
            until(lambda: len(away.fails) < 1000)
        say(client, encode_result(Result(bytes(16), Outcome.FOREIGN)))
        with running(Bridge(mosquitto.port)) as back:
            until(lambda: [result.outcome for _, result in back.taken] == [Outcome.DONE, Outcome.FOREIGN])
    assert away.taken == []


@pytest.mark.parametrize(("shared", "number"), [(True, 1), (False, 2)])
def test_bridges_of_a_group_share_the_answers(mosquitto: Mosquitto, shared: bool, number: int) -> None:
    with (
        running(Bridge(mosquitto.port, "one", shared=shared)) as one,
        running(Bridge(mosquitto.port, "two", shared=shared)) as two,
        vehicle(mosquitto.port) as (client, _),
    ):
        for outcome in (Outcome.RECEIVED, Outcome.SENT, Outcome.DONE):
            say(client, encode_result(Result(bytes(16), outcome)))
        until(lambda: len(one.taken) + len(two.taken) == 3 * number)


def test_an_answer_that_shows_a_defect_costs_no_other_and_does_not_come_again(mosquitto: Mosquitto) -> None:
    bridge = Bridge(mosquitto.port)
    bridge.fails = [ZeroDivisionError()]
    with vehicle(mosquitto.port) as (client, _):
        with running(bridge):
            say(client, encode_result(ANSWER))
            say(client, encode_result(Result(bytes(16), Outcome.FOREIGN)))
            until(lambda: [result.outcome for _, result in bridge.taken] == [Outcome.FOREIGN])
        assert bridge.faults.counts == {"results": 1}
        with running(Bridge(mosquitto.port)) as again:
            say(client, encode_result(Result(bytes(16), Outcome.SENT)))
            until(lambda: [result.outcome for _, result in again.taken] == [Outcome.SENT])
    assert not bridge.failed.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails_says_so(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = Bridge(mosquitto.port)

    def defective(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bridge.line._listening, "done", defective)
    with running(bridge), vehicle(mosquitto.port) as (client, _):
        say(client, encode_result(ANSWER))
        assert bridge.failed.wait(60)
