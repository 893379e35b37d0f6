"""A lasting connection to the broker on which one kind of message comes from all vehicles, each to one bridge of the
group.

For what is seldom: results of commands, reports, requests for certificates. Uploads have a connection of their own
(`cloud_bridge.ingest.subscription`), which takes them in batches.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.mqtt.connection import keep_connected, leave, named, new_client
from cloud_bridge.settings import Mqtt
from contract.topics import PREFIX, vin_of

log = logging.getLogger(__name__)


class Heard(NamedTuple):
    vin: str
    payload: bytes
    place: tuple[int, int, int]
    """Connection, message id and quality of service: what it is acknowledged by."""


class Listening:
    def __init__(
        self,
        settings: Mqtt,
        name: str,
        leaf: str,
        take: Callable[[Heard], None],
        *,
        in_flight: int,
        what: str,
        manual_ack: bool = False,
        on_session: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`name` tells this connection, and the share of its group, from the bridge's others; `what` it is for, people.

        `take` is called in the connection's thread with each message on `leaf` that names a vehicle. With `manual_ack`
        the broker keeps it until `done`. At most `in_flight` messages are on their way in each direction. `on_session`:
        there is a connection, and whether the broker knew the session. Raises OSError (ssl.SSLError included) when a
        file that `settings` name cannot be used.
        """
        self.connected = threading.Event()
        """Set while subscribed."""
        self._settings = settings
        self._name = name
        self._leaf = leaf
        self._take = take
        self._in_flight = in_flight
        self._what = what
        self._manual_ack = manual_ack
        self._on_session = on_session
        self._connection = 0
        self._stopping = False
        client = new_client(settings, f"{settings.client_id}-{name}", keeps_session=True, manual_ack=manual_ack)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        self._client = client

    def start(self) -> None:
        keep_connected(self._client, self._settings, in_flight=self._in_flight, out=self._in_flight)

    def stop_taking(self) -> None:
        """From now on what comes stays at the broker."""
        self._stopping = True

    def stop(self) -> None:
        self._stopping = True
        leave(self._client)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties | None = None
    ) -> mqtt.MQTTMessageInfo | None:
        """None where there is no connection: nothing waits for one."""
        if not self._client.is_connected():
            return None
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)

    def done(self, heard: Heard) -> None:
        """The broker need not keep it any more. Message ids are the connection's: on another one they mean something
        else, and the broker has sent it again."""
        connection, mid, qos = heard.place
        if connection == self._connection:
            self._client.ack(mid, qos)

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("the broker at %s refuses the connection for %s: %s", named(self._settings), self._what, reason)
            return
        share = f"$share/{self._settings.group}-{self._name}/" if self._settings.shared else ""
        client.subscribe(f"{share}{PREFIX}/+/{self._leaf}", qos=1)
        self._on_session(flags.session_present)

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if reasons[0].is_failure:
            log.error("the broker lets us not read %s/+/%s, for %s: %s", PREFIX, self._leaf, self._what, reasons[0])
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
        if not self._stopping:
            log.warning("the connection to the broker for %s was lost (%s); trying again", self._what, reason)

    def _message(self, client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        if self._stopping:
            return
        try:
            vin = vin_of(message.topic)
        except UnicodeDecodeError:
            vin = None  # Brokers ought not to let it through; this thread must outlive it.
        if vin is None:
            log.warning("a message for %s came on a topic that names no vehicle", self._what)
            if self._manual_ack:
                client.ack(message.mid, message.qos)
            return
        self._take(Heard(vin, bytes(message.payload), (self._connection, message.mid, message.qos)))
