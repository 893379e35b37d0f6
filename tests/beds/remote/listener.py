"""Listens at the broker to what a vehicle is sent and what it answers, and says the former again."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_bridge.mqtt.connection import leave
from contract.command import decode_command
from contract.result import Outcome, Result, decode_result
from contract.topics import COMMAND, RESULT, topic
from tests.agent.bridge import eventually
from tests.agent.remote.cloud import PATIENCE_S
from tests.agent.remote.model import VIN


class Listener:
    """Comes back by itself after the broker was away."""

    def __init__(self, port: int) -> None:
        self.results: list[Result] = []
        self._sent: dict[str, bytes] = {}
        self._port = port
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "listener", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = self._take

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self._client)

    def sent(self, action: str) -> bool:
        """Whether the vehicle was."""
        return action in self._sent

    def outcomes(self, action: str) -> list[Outcome]:
        return [result.outcome for result in list(self.results) if result.id.hex() == action]

    def say_again(self, action: str) -> Outcome:
        """The command, byte by byte; what the vehicle then says of it in the end."""
        assert self._subscribed.wait(PATIENCE_S)
        number = len(self.outcomes(action))
        self._client.publish(topic(VIN, COMMAND), self._sent[action], qos=1).wait_for_publish(PATIENCE_S)

        def last() -> list[Outcome]:
            return [outcome for outcome in self.outcomes(action)[number:] if outcome.final]

        assert eventually(lambda: bool(last()), PATIENCE_S)
        return last()[-1]

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(topic(VIN, each), 1) for each in (COMMAND, RESULT)])

    def _take(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        payload = bytes(message.payload)
        if message.topic == topic(VIN, RESULT):
            self.results.append(decode_result(payload))
        else:
            self._sent[decode_command(payload).command.id.hex()] = payload
