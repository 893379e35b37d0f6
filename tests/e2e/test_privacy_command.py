"""`canlift-bridge privacy` over a real broker, with the vehicle's uplink and guard at the other end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.live.obeying import obey
from agent.privacy.guard import Guard, Source
from agent.privacy.guard import Outcome as Said
from agent.settings.commands import CommandsSettings
from agent.settings.uplink import UplinkSettings
from agent.uplink.orders import MOST, Orders
from agent.uplink.uplink import Uplink
from cloud_bridge.cli import main
from cloud_bridge.clock import clock_ms
from cloud_bridge.mqtt.connection import leave
from contract.command import Command, encode_command
from contract.result import Outcome, Result, decode_result
from contract.topics import COMMAND, RESULT, topic
from contract.upload import Privacy
from tests.agent.bridge import eventually
from tests.cloud_bridge.vehicle import MODEL, VIN, write_profile
from tests.conftest import Mosquitto, free_port


class Vehicle:
    """What it remembers when it is away: its state of privacy, and the ids that it has executed."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self.guard = Guard(folder / "privacy")
        self.knows_time = True
        self.is_stuck = False
        """Nothing is carried out."""
        self.keys: dict[bytes, bytes] = {}
        self.orders = Orders(VIN, privacy=True)

    @contextmanager
    def connected(self, *, obeys: bool = True) -> Iterator[None]:
        """From its connecting to its going away; a new start of the agent each time."""
        self.orders = Orders(VIN, privacy=obeys, keys=self.keys)
        leaving = threading.Event()
        with (
            Journal(self._folder / "journal", time.monotonic) as journal,
            Uplink(
                VIN,
                UplinkSettings(brokers=(f"127.0.0.1:{self._port}",)),
                journal,
                Manifests(self._folder / "manifests"),
                time.monotonic,
                orders=self.orders,
            ) as uplink,
        ):

            def live() -> None:
                while not leaving.wait(0.02):
                    if not self.is_stuck and obey(self.orders, self._carry_out):
                        uplink.wake()

            living = threading.Thread(target=live)
            living.start()
            try:
                assert eventually(lambda: uplink.connected)
                yield
            finally:
                leaving.set()
                living.join()

    def _carry_out(self, identity: str, word: Privacy, issued_utc_ms: int, expires_utc_ms: int) -> Said:
        now_ms = clock_ms() if self.knows_time else None
        return self.guard.command(identity, word, issued_utc_ms, expires_utc_ms, now_ms)


class Cloud:
    def __init__(self, folder: Path, mosquitto: Mosquitto, output: pytest.CaptureFixture[str]) -> None:
        self._config = folder / "bridge.toml"
        self._port = mosquitto.port
        self._output = output
        write_profile(folder / "vehicles")
        self.configure()
        self("fleet", "add", "Fleet", "--id", "f1")
        self("vehicle", "add", VIN, "--model", MODEL, "--fleet", "f1")

    def configure(self, port: int | None = None, protocol: int = 5) -> None:
        self._config.write_text(f"[mqtt]\nport = {port or self._port}\nprotocol = {protocol}\n")

    def __call__(self, *arguments: str, fails: int = 0) -> str:
        """Standard output; of a command that fails, standard error."""
        code = main([*arguments, "--config", str(self._config)])
        output = self._output.readouterr()
        assert code == fails, output.err
        return output.err if fails else output.out

    def ask(self, privacy: str, *options: str, fails: int = 0) -> str:
        """For an answer that is to come there is time."""
        return self("privacy", VIN, privacy, *(options or ("--wait", "60s")), fails=fails)

    def waiting(self) -> list[bytes]:
        """The commands that stay at the broker."""
        kept: list[bytes] = []
        subscribed, over = threading.Event(), threading.Event()
        end = f"{topic(VIN, COMMAND)}/end"

        def came(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
            if message.topic == end:
                over.set()
            else:
                kept.append(bytes(message.payload))

        client = _client("looks")
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = came
        client.connect("127.0.0.1", self._port)
        client.subscribe([(topic(VIN, COMMAND), 1), (end, 1)])
        client.loop_start()
        assert subscribed.wait(60)
        client.publish(end, b"", qos=1)  # What is retained was queued before it.
        assert over.wait(60)
        leave(client)
        return kept

    @contextmanager
    def hearing(self) -> Iterator[list[Result]]:
        """The results that vehicles publish meanwhile."""
        results: list[Result] = []
        subscribed = threading.Event()
        client = _client("hears")
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _client, _userdata, message: results.append(decode_result(bytes(message.payload)))
        client.connect("127.0.0.1", self._port)
        client.subscribe(topic(VIN, RESULT), qos=1)
        client.loop_start()
        assert subscribed.wait(60)
        yield results
        leave(client)


def _client(name: str) -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)


@pytest.fixture
def cloud(tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]) -> Cloud:
    return Cloud(tmp_path, mosquitto, capsys)


@pytest.fixture
def vehicle(tmp_path: Path, mosquitto: Mosquitto) -> Vehicle:
    return Vehicle(tmp_path, mosquitto.port)


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_vehicle_that_is_there_obeys_and_the_command_does_not_stay(
    cloud: Cloud, vehicle: Vehicle, protocol: int
) -> None:
    cloud.configure(protocol=protocol)
    with vehicle.connected():
        assert f"{VIN}: done: the cloud's word is Geolocation" in cloud.ask("geolocation")
        assert vehicle.guard.words[Source.COMMAND] is Privacy.GEOLOCATION
        assert cloud.waiting() == []
        assert "done: the cloud's word is None" in cloud.ask("None")
        assert vehicle.guard.words[Source.COMMAND] is Privacy.NONE


def test_a_vehicle_that_is_away_obeys_the_newest_command_when_it_comes_back(cloud: Cloud, vehicle: Vehicle) -> None:
    for word in ("None", "Full"):
        said = cloud.ask(word, "--wait", "100ms", fails=1)
        assert f"no answer from {VIN} within 100 ms" in said
        assert "stays at the broker: if the vehicle is away it obeys when it comes back before 20" in said
        assert len(cloud.waiting()) == 1
    with cloud.hearing() as results, vehicle.connected():
        assert eventually(lambda: [result.outcome for result in results] == [Outcome.DONE])
        assert vehicle.guard.state is Privacy.FULL
        assert vehicle.orders.received == 1


def test_a_command_that_is_found_twice_after_a_short_absence_is_executed_once(cloud: Cloud, vehicle: Vehicle) -> None:
    with vehicle.connected():
        pass  # The broker keeps its session from now on, and queues for it.
    cloud.ask("Geolocation", "--wait", "100ms", fails=1)
    with cloud.hearing() as results, vehicle.connected():
        assert eventually(lambda: vehicle.orders.received == 2)
        assert eventually(lambda: bool(results))
        assert vehicle.guard.state is Privacy.GEOLOCATION
    assert [result.outcome for result in results].count(Outcome.DONE) == 1


def test_a_command_that_expires_while_the_vehicle_is_away_is_dropped_by_the_broker(
    cloud: Cloud, vehicle: Vehicle
) -> None:

    def stays() -> bool:
        """Unless it has expired before it was looked at."""
        cloud.ask("Full", "--valid", "3s", "--wait", "100ms", fails=1)
        return bool(cloud.waiting())

    assert eventually(stays)
    assert eventually(lambda: cloud.waiting() == [])
    with vehicle.connected():
        assert vehicle.orders.received == 0
    assert vehicle.guard.state is Privacy.NONE


def test_a_broker_that_cannot_drop_what_has_expired_delivers_it_and_the_vehicle_does_not_obey(
    cloud: Cloud, vehicle: Vehicle
) -> None:
    cloud.configure(protocol=4)
    cloud.ask("Full", "--valid", "50ms", "--wait", "100ms", fails=1)
    with cloud.hearing() as results, vehicle.connected():
        assert eventually(lambda: [result.outcome for result in results] == [Outcome.EXPIRED])
    assert vehicle.guard.state is Privacy.NONE


def test_a_command_that_has_expired_on_its_way_is_said_not_to_be_done(cloud: Cloud, vehicle: Vehicle) -> None:
    cloud.configure(protocol=4)  # By MQTT 5 the broker would drop it where it is slow.
    with vehicle.connected():
        assert "not done: the command came after it had expired" in cloud.ask("Full", "--valid", "1ms", fails=1)
    assert vehicle.guard.state is Privacy.NONE


def test_a_vehicle_that_is_behind_with_its_commands_says_so_and_does_it_when_it_is_asked_again(
    cloud: Cloud, vehicle: Vehicle
) -> None:
    vehicle.is_stuck = True
    with vehicle.connected():
        for number in range(MOST):
            before = Command(bytes([number] * 16), VIN, clock_ms() + 600_000, Privacy.NONE)
            vehicle.orders.receive(encode_command(before))
        said = cloud.ask("Full", fails=1)
        assert "not done: ask again (16 commands before it are not answered yet)" in said
        with cloud.hearing() as results:
            vehicle.is_stuck = False
            assert eventually(lambda: len(results) == MOST)
        assert "done: the cloud's word is Full" in cloud.ask("Full")
    assert vehicle.guard.state is Privacy.FULL


def test_a_vehicle_without_a_clock_keeps_what_it_keeps_back_until_it_knows_the_time(
    cloud: Cloud, vehicle: Vehicle
) -> None:
    with vehicle.connected():
        cloud.ask("Full")
        vehicle.knows_time = False
        assert "not done yet: the vehicle does not know the time" in cloud.ask("None", fails=1)
        assert vehicle.guard.state is Privacy.FULL
    vehicle.knows_time = True
    with vehicle.connected():
        assert eventually(lambda: vehicle.guard.state is Privacy.NONE)


def test_a_vehicle_that_takes_no_commands_never_answers_and_that_is_said(cloud: Cloud, vehicle: Vehicle) -> None:
    with vehicle.connected(obeys=False):
        said = cloud.ask("Full", "--wait", "300ms", fails=1)
    assert "if its settings do not have [commands] privacy = true it never does" in said


def test_a_broker_that_allows_no_commands_or_is_not_there_is_named(
    cloud: Cloud, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "acl").write_text("topic read #\n")
    mosquitto.kill()
    mosquitto.extra = f"user root\nacl_file {tmp_path / 'acl'}\n"
    mosquitto.start()
    assert f"the broker does not let us write canlift/v1/{VIN}/command: Not authorized" in cloud.ask("Full", fails=1)
    nowhere = free_port()
    cloud.configure(nowhere)
    assert f"the broker at 127.0.0.1:{nowhere} ([mqtt] host and port) cannot be reached" in cloud.ask("Full", fails=1)


def test_who_is_not_registered_is_sent_nothing(cloud: Cloud) -> None:
    stranger = "VF3STRANGER000009"
    assert f"not registered: {stranger}" in cloud("privacy", stranger, "Full", fails=1)
    assert cloud.waiting() == []


def test_a_vehicle_that_has_the_bridges_key_obeys_it_and_nobody_else(cloud: Cloud, vehicle: Vehicle) -> None:
    settings = CommandsSettings(keys=(cloud("remote", "key").strip(),))
    assert list(settings.contradictions()) == []
    vehicle.keys = settings.public_keys
    with vehicle.connected():
        assert "done: the cloud's word is Geolocation" in cloud.ask("Geolocation")
        unsigned = cloud.ask("Full", "--unsigned", "--wait", "60s", fails=1)
        assert "not done: the vehicle accepts another key" in unsigned
    assert vehicle.guard.state is Privacy.GEOLOCATION
    vehicle.keys = {}
    with vehicle.connected():
        assert "done: the cloud's word is Full" in cloud.ask("Full", "--unsigned", "--wait", "60s")


def test_the_bridges_key_stays_the_same(cloud: Cloud) -> None:
    assert cloud("remote", "key") == cloud("remote", "key") != ""
