"""Sends a command to a vehicle by the broker, and waits a while for what came of it.

The command is retained at the broker, because vehicles are away most of the time: it is there when the vehicle next
connects, or takes it up where a power cut came between hearing and obeying. A newer command takes its place. What ends
its waiting is

* an answer by which it is settled: it is taken back;
* its expiry: with MQTT 5 the broker drops it then; with MQTT 3.1.1 it stays, and the vehicle answers that it has
  expired.

A vehicle that was away for less than a quarter of an hour may find the command twice, in its session and retained; it
executes an id once.
"""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.mqtt.connection import leave, named, new_client
from cloud_bridge.settings import Mqtt
from contract.command import Command, encode_command
from contract.result import Outcome, Result, decode_result
from contract.topics import COMMAND, RESULT, topic
from contract.wire import WireError, digest

_PATIENCE_S = 10.0
"""So long the broker has to take the command over."""
_TAKING_BACK_S = 3.0
_OPEN = (Outcome.TIMELESS,)
"""After these answers the command goes on waiting: the vehicle may know more when it next connects."""

_properties: Callable[[int], Properties] = Properties


class UnsentError(Exception):
    """The broker did not take the command over; the text says why."""


def send(settings: Mqtt, command: Command, key: bytes | None, lasts_s: float, wait_s: float) -> Result | None:
    """What the vehicle answered within `wait_s` of the broker's taking the command over; None: nothing yet.

    `key` signs it (None: it goes as version 1); `lasts_s`: from now to its expiry. Raises UnsentError, OSError for
    files of the broker's credentials, and WireError for a command that is none.
    """
    sending = _Sending(settings, command, key, lasts_s)
    try:
        return sending.result(wait_s)
    finally:
        sending.close()


class _Sending:
    def __init__(self, settings: Mqtt, command: Command, key: bytes | None, lasts_s: float) -> None:
        self._settings = settings
        self._command = command
        self._payload = encode_command(command, key)
        self._lasts_s = lasts_s
        self._published: int | None = None
        self._came: queue.Queue[Result | UnsentError | None] = queue.Queue()
        """None: the broker has taken the command over."""
        # Under the bridge's own name the broker would throw the bridge out.
        self._client = new_client(settings, f"{settings.client_id}-{secrets.token_hex(4)}")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def result(self, wait_s: float) -> Result | None:
        broker = named(self._settings)
        try:
            self._client.connect(self._settings.host, self._settings.port)
        except (OSError, UnicodeError) as error:
            raise UnsentError(f"the broker at {broker} cannot be reached: {error}") from error
        self._client.loop_start()
        taken_over, until_s = False, time.monotonic() + _PATIENCE_S
        while True:
            try:
                came = self._came.get(timeout=max(until_s - time.monotonic(), 0))
            except queue.Empty:
                if taken_over:
                    return None
                raise UnsentError(
                    f"the broker at {broker} said nothing within {_PATIENCE_S:g} s: nobody knows whether it has the"
                    " command"
                ) from None
            if isinstance(came, UnsentError):
                raise came
            if came is not None:
                self._take_back(came)
                return came
            taken_over, until_s = True, time.monotonic() + wait_s

    def close(self) -> None:
        leave(self._client)

    def _take_back(self, result: Result) -> None:
        if result.outcome not in _OPEN:
            taken_back = self._client.publish(topic(self._command.vin, COMMAND), b"", qos=1, retain=True)
            if taken_back.rc == mqtt.MQTT_ERR_SUCCESS:
                taken_back.wait_for_publish(_TAKING_BACK_S)

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._came.put(UnsentError(f"the broker at {named(self._settings)} refuses the connection: {reason}"))
            return
        client.subscribe(topic(self._command.vin, RESULT), qos=1)

    def _on_subscribe(
        self,
        client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        wanted = topic(self._command.vin, RESULT)
        if reasons[0].is_failure:
            self._came.put(
                UnsentError(f"the broker lets {self._settings.user or 'us'} not read {wanted}: {reasons[0]}")
            )
        elif self._published is None:  # On a connection after the first the client repeats it by itself.
            command = topic(self._command.vin, COMMAND)
            self._published = client.publish(command, self._payload, qos=1, retain=True, properties=self._expiry()).mid

    def _expiry(self) -> Properties | None:
        if self._settings.protocol != 5:
            return None
        properties = _properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = max(round(self._lasts_s), 1)
        return properties

    def _on_publish(
        self, _client: mqtt.Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if mid == self._published:
            refusal = f"the broker does not let us write {topic(self._command.vin, COMMAND)}: {reason}"
            self._came.put(UnsentError(refusal) if reason.is_failure else None)

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            result = decode_result(bytes(message.payload))
        except WireError:
            return  # Not an answer to us, whatever it is.
        # A forged copy with this id is answered too, by the digest of its message.
        if result.id == self._command.id and result.message in (None, digest(self._payload)):
            self._came.put(result)
