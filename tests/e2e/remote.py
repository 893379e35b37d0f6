"""Remote control as processes: a bridge, a receiver of what callbacks are told, and a made-up vehicle at the broker."""

from __future__ import annotations

import base64
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud_bridge.actions.life import REMOTE_TYPES
from cloud_bridge.mqtt.connection import leave
from contract.command import Command, decode_command
from contract.result import Cause, Outcome, Result, encode_result
from contract.signing import key_id
from contract.steps import ARGUMENTS, NEEDS
from contract.topics import COMMAND, RESULT, topic
from tests.certificates import Authority
from tests.cloud_bridge.vehicle import MODEL, PROFILE, VIN
from tests.conftest import Mosquitto
from tests.e2e.world import FLEET, PROFILES, World
from tests.published import Published
from tests.receiver import Received, Receiver, Reply

Answers = Callable[[Command], list[tuple[Outcome, Cause | None]]]
Event = dict[str, Any]
PATIENCE_S = 90.0
"""The machines that run this are shared."""

_properties: Callable[[int], Properties] = Properties


def does_it(_: Command) -> list[tuple[Outcome, Cause | None]]:
    return [(Outcome.RECEIVED, None), (Outcome.SENT, None), (Outcome.DONE, None)]


@dataclass
class Answered:
    outcomes: list[tuple[Outcome, Cause | None]]


class MadeUpVehicle:
    """Does what it is asked, once, if `key` signed it; its session stays at the broker while its connection is lost."""

    def __init__(self, port: int, key: bytes, answers: Answers = does_it) -> None:
        self.answers = answers
        self.on_command: Callable[[Command], None] = lambda _: None
        """Called before anything is done about a command."""
        self.came: list[Command] = []
        self.came_at_s: list[float] = []
        self.executed: dict[bytes, Answered] = {}
        self._keys = {key_id(key): key}
        self._port = port
        self._changed = threading.Condition()

    def __enter__(self) -> MadeUpVehicle:
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, VIN, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _userdata, message: self._take(bytes(message.payload))
        kept = _properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 900
        # What the broker kept for one that was there before is not this one's.
        self._client.connect("127.0.0.1", self._port, properties=kept)
        self._client.loop_start()
        self._client.subscribe(topic(VIN, COMMAND), qos=1)
        assert subscribed.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        leave(self._client)

    def wait_for(self, number: int) -> list[Command]:
        """What came, as soon as it is so much."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.came) >= number, PATIENCE_S), self.came
            return list(self.came)

    def _take(self, payload: bytes) -> None:
        received = decode_command(payload)
        assert received.signature is not None
        assert received.signature.by_one_of(self._keys)
        command = received.command
        self.on_command(command)
        with self._changed:
            self.came.append(command)
            self.came_at_s.append(time.monotonic())
            self._changed.notify_all()
        if command.id not in self.executed:
            self.executed[command.id] = Answered(self.answers(command))
        for outcome, cause in self.executed[command.id].outcomes:
            result = encode_result(Result(command.id, outcome, "", cause))
            self._client.publish(topic(VIN, RESULT), result, qos=1)


class Told:
    """What came to the callback, by action, each body held against the specification of the webhooks."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._changed = threading.Condition()
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self.ids: list[str] = []
        self.problems: list[Exception] = []

    def take(self, received: Received) -> None:
        body = received.document
        try:
            self._published.assert_valid({"$ref": "#/components/schemas/RemoteEvents"}, body, "what was told")
        except AssertionError as problem:
            self.problems.append(problem)
        (event,) = body["events"]
        with self._changed:
            # At least once: what is told again has the same id.
            identity = received.header("webhook-id") or ""
            if identity not in self.ids:
                self.ids.append(identity)
                self.events[event["remoteActionId"]].append(event)
                self._changed.notify_all()

    def story(self, action: str) -> list[str]:
        """As soon as it is done."""
        with self._changed:
            assert self._changed.wait_for(lambda: _is_done(self.events[action]), PATIENCE_S), self.events[action]
            found = [event["eventStatus"] for event in self.events[action]]
        assert not self.problems
        return [" ".join(filter(None, (one["status"], one.get("failureCause")))) for one in found]


def _is_done(events: list[Event]) -> bool:
    return bool(events) and events[-1]["eventStatus"]["type"] == "Done"


def write_able_model(folder: Path) -> str:
    """It can do everything."""
    transmits = 'frames = [{ id = 0x100, data = "01" }]'
    actions = "".join(f"[actions.{name}]\n{transmits}\n" for name in ARGUMENTS if name not in NEEDS)
    (folder / f"{MODEL}.toml").write_text(PROFILE + actions)
    return MODEL


@contextmanager
def remote_world(
    folder: Path,
    broker: Mosquitto,
    shared: Path,
    vin: str = VIN,
    write_model: Callable[[Path], str] = write_able_model,
) -> Iterator[RemoteWorld]:
    """A bridge that runs, and a callback that is registered with it."""
    authority = Authority(folder)
    told = Told(Published(shared, "connectedcar-b2b-webhook-v3"))

    def answer(received: Received) -> Reply:
        told.take(received)
        return Reply()

    with Receiver(authority.certificate("localhost"), answer) as receiver:
        remote = RemoteWorld(folder, broker, authority, receiver, told, vin, write_model)
        remote.start()
        remote.register()
        yield remote
        remote.world.kill_bridge()


class RemoteWorld:
    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        authority: Authority,
        receiver: Receiver,
        told: Told,
        vin: str = VIN,
        write_model: Callable[[Path], str] = write_able_model,
    ) -> None:
        """`write_model` writes the profile of the vehicle's model into a folder; its name."""
        self.world = World(folder, broker)
        profiles = folder / "vehicles"
        profiles.mkdir()
        model = write_model(profiles)
        config = self.world.config.read_text().replace(str(PROFILES), str(profiles))
        self.world.config.write_text(
            f'{config}[notifications]\nallow = ["127.0.0.0/8", "::1/128"]\nca_file = "{authority.file}"\n'
            '[remote]\nreach = "120s"\nanswer = "120s"\nactions_a_minute = 1000\n[clock]\ntrusted = true\n'
        )
        self.told = told
        self.receiver = receiver
        self.vehicle_id = self.world.add_vehicle(vin, model)
        self.world.add_client()
        self.callback = ""

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.world.manage("remote", "key"))

    def start(self) -> None:
        self.world.start_bridge()

    def register(self) -> str:
        webhook = {
            "target": f"https://localhost:{self.receiver.port}/remotes",
            "name": "wh",
            "attributes": [
                {"type": "Header", "key": "X-Vehicle", "value": "$vin"},
                {"type": "Body", "key": "type", "value": "$remoteType"},
            ],
        }
        body = {"remoteTypes": list(REMOTE_TYPES), "callback": {"webhook": webhook}}
        answer = self.post(f"/fleets/{FLEET}/remote/callbacks", body)
        assert answer.status_code == 200, answer.text
        self.callback = answer.json()["callbackId"]
        return self.callback

    @property
    def path(self) -> str:
        return f"/fleets/{FLEET}/vehicles/{self.vehicle_id}/callbacks/{self.callback}/remotes"

    def ask(self, body: Mapping[str, object]) -> str:
        answer = self.post(self.path, body)
        assert answer.status_code == 202, answer.text
        action: str = answer.json()["remoteActionId"]
        return action

    def post(self, path: str, body: object) -> httpx.Response:
        client_id, user, secret = self.world.credentials
        return httpx.post(
            f"{self.world.url}{path}", json=body, params={"client_id": client_id}, auth=(user, secret), timeout=60
        )

    def set_status(self, status: str) -> None:
        client_id, user, secret = self.world.credentials
        answer = httpx.put(
            f"{self.world.url}/fleets/{FLEET}/remote/callbacks/{self.callback}/status",
            json={"status": status}, params={"client_id": client_id}, auth=(user, secret), timeout=60,
        )  # fmt: skip
        assert answer.status_code == 202, answer.text

    def shown(self, action: str) -> dict[str, Any]:
        answer = self.world.get(f"{self.path}/{action}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def until_heard(self) -> None:
        """The vehicle is awake from its first upload on."""
        self.until(lambda: self.world.get(f"/fleets/{FLEET}/vehicles/{self.vehicle_id}/status").status_code == 200)

    def until(self, holds: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline_s, self.world.bridge_log()
            time.sleep(0.05)
