"""A command of the cloud's over a real broker: carried out once, answered each time."""

from __future__ import annotations

import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.live.obeying import obey
from agent.privacy.guard import Guard
from agent.privacy.guard import Outcome as Said
from agent.settings.uplink import UplinkSettings
from agent.uplink.orders import Orders
from agent.uplink.uplink import Uplink
from cloud_bridge.mqtt.connection import leave
from contract.command import Command, encode_command
from contract.result import Outcome, Result, decode_result
from contract.topics import COMMAND, RESULT, topic
from contract.upload import Privacy
from tests.agent.bridge import eventually
from tests.conftest import Mosquitto

VIN = "VR3UPHNKSKT000001"
NOW_MS = 1_700_000_000_000


def _came(results: list[Result], count: int) -> bool:
    return eventually(lambda: len(results) == count)


def test_a_command_of_the_clouds_is_carried_out_once_and_answered_each_time(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    results: list[Result] = []
    cloud = mqtt.Client(CallbackAPIVersion.VERSION2, "cloud", protocol=MQTTProtocolVersion.MQTTv5)
    cloud.on_message = lambda _client, _userdata, message: results.append(decode_result(bytes(message.payload)))
    cloud.connect("127.0.0.1", mosquitto.port)
    cloud.subscribe(topic(VIN, RESULT), qos=1)
    cloud.loop_start()
    orders = Orders(VIN, privacy=True)
    guard = Guard(tmp_path / "privacy")
    chosen = UplinkSettings(brokers=(f"127.0.0.1:{mosquitto.port}",))

    def carried_out(identity: str, word: Privacy, issued_utc_ms: int, expires_utc_ms: int) -> Said:
        return guard.command(identity, word, issued_utc_ms, expires_utc_ms, NOW_MS)

    with (
        Journal(tmp_path / "journal", time.monotonic) as journal,
        Uplink(VIN, chosen, journal, Manifests(tmp_path / "manifests"), time.monotonic, orders=orders) as uplink,
    ):
        assert eventually(lambda: uplink.connected)
        commands = (
            Command(bytes(16), VIN, NOW_MS + 1000, Privacy.FULL),
            Command(bytes(16), VIN, NOW_MS + 1000, Privacy.FULL),
            Command(bytes([1]) * 16, VIN, NOW_MS - 1, Privacy.NONE),
        )
        for sent, command in enumerate(commands, 1):
            cloud.publish(topic(VIN, COMMAND), encode_command(command), qos=1)
            assert eventually(lambda: obey(orders, carried_out) == 1)
            uplink.wake()
            assert _came(results, sent)
    leave(cloud)
    assert [result.outcome for result in results] == [Outcome.DONE, Outcome.REPEATED, Outcome.EXPIRED]
    assert guard.state is Privacy.FULL
