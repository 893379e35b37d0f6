"""Remote control from the client's request to the body controller and back to the callback: a real bridge, broker and
receiver, and the agent as it runs in a vehicle, on python-can's virtual bus."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import can
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.live.run import run
from agent.plan.compiling import compile_plan
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.commands import CommandsSettings
from agent.settings.remote import RemoteSettings
from agent.settings.uplink import UplinkSettings
from cloud_bridge.actions.asked import read
from cloud_bridge.actions.life import REMOTE_TYPES
from cloud_bridge.mqtt.connection import leave
from contract.actions import Doors
from contract.command import Command, encode_command
from contract.result import Outcome, decode_result
from contract.steps import ARGUMENTS
from contract.topics import COMMAND, RESULT, topic
from tests.agent.remote import model
from tests.agent.remote.body import LOCK, Body
from tests.cloud_bridge.actions.bodies import LOCK as ASK_TO_LOCK
from tests.conftest import Mosquitto
from tests.e2e.nine import ASLEEP, AWAKE, DRAINED, MODEL, play_all, write_model
from tests.e2e.remote import RemoteWorld, remote_world

pytestmark = pytest.mark.slow

SENT = ["Accepted", "SentToVehicle"]


@pytest.fixture
def remote(tmp_path: Path, mosquitto: Mosquitto, shared: Path) -> Iterator[RemoteWorld]:
    with remote_world(tmp_path, mosquitto, shared, model.VIN, partial(write_model, model.PROFILE)) as remote:
        yield remote


@pytest.fixture
def whole(tmp_path: Path, mosquitto: Mosquitto, shared: Path) -> Iterator[RemoteWorld]:
    with remote_world(tmp_path, mosquitto, shared, model.VIN, partial(write_model, model.WHOLE)) as remote:
        yield remote


@contextmanager
def driven(remote: RemoteWorld, folder: Path, key: bytes | None = None) -> Iterator[Body]:
    """A run of the agent, and what it asks on its bus. `key`: the one that it knows instead of the bridge's."""
    channel = uuid.uuid4().hex
    body = Body(lambda: can.Bus(channel, "virtual"))
    settings = Settings(
        state=folder / "agent",
        buses={"can0": BusSettings(channel, "virtual")},
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{remote.world.broker.port}",)),
        commands=CommandsSettings(keys=(base64.b64encode(key or remote.key).decode(),)),
        remote=RemoteSettings(enabled=True, allow=tuple(ARGUMENTS)),
    )
    plan = compile_plan(folder / "vehicles" / f"{MODEL}.toml")
    stop = threading.Event()
    running = threading.Thread(target=run, args=(model.VIN, settings, plan, stop))
    running.start()
    try:
        remote.until_heard()
        yield body
    finally:
        stop.set()
        running.join(60)
        body.close()


def test_each_of_the_nine_actions_is_done_proved_and_told(whole: RemoteWorld, tmp_path: Path) -> None:
    with driven(whole, tmp_path) as body:
        play_all(whole, body)


def test_among_what_is_asked_each_of_the_nine_is_done_is_found_done_and_fails() -> None:
    ends: defaultdict[str, set[str]] = defaultdict(set)
    for one in (*AWAKE, DRAINED, *ASLEEP):
        ends[read(json.dumps(one.asked).encode()).request.type].add(one.story[-1].partition(" ")[0])
    either, always_new = {"Success", "AlreadyDone", "Failed"}, {"Success", "Failed"}
    assert ends == {name: always_new if name in ("WakeUp", "Navigation") else either for name in REMOTE_TYPES}


def test_what_neither_profile_nor_settings_have_is_never_transmitted(remote: RemoteWorld, tmp_path: Path) -> None:
    with driven(remote, tmp_path) as body:
        heard = len(body.heard)
        # The profile has none of these.
        assert remote.told.story(remote.ask({"lights": {"on": True}})) == ["Failed WrongCommand"]
        assert remote.told.story(remote.ask({"charging": {"immediate": True}})) == ["Failed WrongCommand"]
        assert len(body.heard) == heard


def test_a_forged_copy_that_comes_before_the_genuine_command_changes_nothing_that_is_told(
    remote: RemoteWorld, tmp_path: Path
) -> None:
    action = remote.ask(ASK_TO_LOCK)  # The vehicle is away, and has to be woken up.
    forged = Command(bytes.fromhex(action), model.VIN, 1 << 42, Doors(locked=True), 1)
    with listening(remote.world.broker.port) as (client, outcomes):
        client.publish(topic(model.VIN, COMMAND), encode_command(forged, bytes(31) + b"\x01"), qos=1, retain=True)
        with driven(remote, tmp_path) as body:
            story = remote.told.story(action)
            assert story == ["Accepted", "WakingUpVehicle", "CheckingVehicle", "SentToVehicle", "Success"]
            assert len(body.sent(LOCK)) == 1
    assert outcomes[forged.id] == [Outcome.UNTRUSTED, Outcome.RECEIVED, Outcome.SENT, Outcome.DONE]


@contextmanager
def listening(port: int) -> Iterator[tuple[mqtt.Client, defaultdict[bytes, list[Outcome]]]]:
    """Somebody else at the broker, and what vehicles say there."""
    outcomes: defaultdict[bytes, list[Outcome]] = defaultdict(list)

    def hear(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        result = decode_result(bytes(message.payload))
        outcomes[result.id].append(result.outcome)

    subscribed = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "somebody", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(topic("+", RESULT), qos=1)
    assert subscribed.wait(60)
    yield client, outcomes
    leave(client)


def test_a_vehicle_that_knows_another_key_does_nothing(remote: RemoteWorld, tmp_path: Path) -> None:
    with driven(remote, tmp_path, key=bytes(31) + b"\x01") as body:
        assert remote.told.story(remote.ask(ASK_TO_LOCK)) == [*SENT, "Failed MissingRights"]
        assert body.sent(LOCK) == []
    said = " ".join(remote.world.bridge_log().split())
    assert "does not accept our key" in said, said
