"""The line to the vehicles: commands out, results in, on one lasting connection to the broker.

A command is published with QoS 1, not retained, with MQTT's message expiry. The topic's retained message is one, and
belongs to what a vehicle is to find after days away; actions are many, and void after minutes. A vehicle that is
connected gets it at once; one that lost its connection finds it within its session's quarter of an hour; and whoever
comes back with a new session gets it when it is published again (`remote.driver`).

Results come to one bridge of the group. They are taken in a thread of their own and acknowledged to the broker when
that is done: what a bridge that is killed had not taken, it or another one gets again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.broker import keep_connected, named, new_client
from cloud_bridge.settings import Mqtt
from cloud_bridge.store.port.errors import StoreError
from contract.command import Result, decode_result
from contract.topics import COMMAND, PREFIX, RESULT, topic, vin_of
from contract.wire import WireError

IN_FLIGHT = 256
"""Results that the broker may have out to us, and commands that we may have out to it."""
_AGAIN_S = 1.0

_properties: Callable[[int], Properties] = Properties

log = logging.getLogger(__name__)


class _Item(NamedTuple):
    connection: int
    """Message ids are the connection's: on another one they mean something else."""
    mid: int
    qos: int
    topic: str
    payload: bytes


class Line:
    def __init__(self, settings: Mqtt, take: Callable[[str, Result], None], on_failure: Callable[[], None]) -> None:
        """`take` is called with a VIN and what its vehicle said; when it raises StoreError it is called again.
        `on_failure` is called when the thread that calls it ends for another reason than `stop`. Raises OSError
        (ssl.SSLError included) when a file that `settings` name cannot be used."""
        self._settings = settings
        self._take = take
        self._on_failure = on_failure
        self._queue: queue.Queue[_Item | None] = queue.Queue(2 * IN_FLIGHT)
        self._connection = 0
        self._stopping = threading.Event()
        self.connected = threading.Event()
        """Set while subscribed."""
        self._taker = threading.Thread(target=self._run, name="results", daemon=True)
        client = new_client(settings, f"{settings.client_id}-remote", keeps_session=True, manual_ack=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        self._client = client

    def start(self) -> None:
        self._taker.start()
        keep_connected(self._client, self._settings, in_flight=IN_FLIGHT, out=IN_FLIGHT)

    def stop(self) -> None:
        self._stopping.set()
        self._queue.put(None)
        self._taker.join()
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, vin: str, command: bytes, lasts_ms: int) -> bool:
        """Hands a command to the broker, which keeps it for at most `lasts_ms` for a vehicle that is away. False where
        there is no connection, or no room: it is to be published again later."""
        if not self._client.is_connected():
            return False
        properties = None
        if self._settings.protocol == 5:
            properties = _properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = max(lasts_ms // 1000, 1)
        published = self._client.publish(topic(vin, COMMAND), command, qos=1, properties=properties)
        return published.rc == mqtt.MQTT_ERR_SUCCESS

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("the broker at %s refuses the connection for commands: %s", named(self._settings), reason)
            return
        share = f"$share/{self._settings.group}-results/" if self._settings.shared else ""
        client.subscribe(f"{share}{PREFIX}/+/{RESULT}", qos=1)

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if reasons[0].is_failure:
            log.error("the broker lets us not read what vehicles answer to commands: %s", reasons[0])
        else:
            self.connected.set()

    def _disconnected(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._connection += 1
        self.connected.clear()
        if not self._stopping.is_set():
            log.warning("the connection to the broker for commands was lost (%s); trying again", reason)

    def _message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        # After `stop` nothing is taken any more: the broker keeps what is not acknowledged.
        if self._stopping.is_set():
            return
        try:
            name = message.topic
        except UnicodeDecodeError:
            name = ""  # Of nobody; this thread must outlive it.
        self._queue.put(_Item(self._connection, message.mid, message.qos, name, bytes(message.payload)))

    def _run(self) -> None:
        finished = False
        try:
            while (item := self._queue.get()) is not None:
                if self._taken(item) and item.connection == self._connection:
                    self._client.ack(item.mid, item.qos)
            finished = True
        finally:
            if not finished:
                self._on_failure()

    def _taken(self, item: _Item) -> bool:
        vin = vin_of(item.topic.removesuffix(RESULT) + COMMAND)
        try:
            result = decode_result(item.payload)
        except WireError as wrong:
            log.warning("what came on %r as a result cannot be read: %s", item.topic, wrong)
            return True
        if vin is None:
            log.warning("a result came on %r, which names no vehicle", item.topic)
            return True
        while True:
            try:
                self._take(vin, result)
            except StoreError as error:
                log.error("what vehicle %s answered cannot be taken, trying again: %s", vin, error)
                if self._stopping.wait(_AGAIN_S):
                    return False
            else:
                return True
