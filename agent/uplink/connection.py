"""One MQTT connection, used once: opened, driven by its owner's loop, and thrown away when it fails.

The MQTT client's own threads and reconnection are not used: what it would keep and repeat is in the journal anyway. Its
callbacks only note what happened; `wait` hands that on, so that nothing of ours runs inside the client.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import struct
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.settings.uplink import UplinkSettings
from agent.uplink import line
from agent.uplink.addressing import Addressing
from agent.uplink.credentials import SOMEBODY_ELSE, dates_problem, explained, judges_dates
from agent.uplink.happened import ConnectionLostError, Happened
from contract import topics
from contract.receipt import MAXIMUM_BYTES

log = logging.getLogger(__name__)

_SESSION_S = 900
"""How long the broker is asked to keep receipts for us after the connection is gone."""
_BROKEN_PACKET = (struct.error, ValueError, IndexError, KeyError, MQTTException)
"""What the MQTT client raises when the other side does not speak MQTT."""
_TAKEN_OVER = "Session taken over"
"""What MQTT 5 calls it when somebody connects under our client id."""
_NO_MQTT = "Protocol error"
_NO_REASON = "Unspecified error"
"""What the MQTT client calls it when what comes is no MQTT, and when the other side closed the connection."""
_MOST_UNACKNOWLEDGED = 65_535
_HANDSHAKE = line.Traffic(up=1_400, down=2_900)
"""About what a connection costs that TLS does not let come about."""
_LARGEST_INCOMING = 2 * MAXIMUM_BYTES
"""Bytes of a packet that a broker of MQTT 5 may send us: a receipt and its topic are less."""


def _session() -> Properties:
    new: Callable[[int], Properties] = Properties
    properties = new(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = _SESSION_S
    properties.MaximumPacketSize = _LARGEST_INCOMING
    return properties


def _client(vin: str, settings: UplinkSettings, tls: ssl.SSLContext | None, password: str | None) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=vin,
        clean_session=True if settings.protocol == 4 else None,
        protocol=MQTTProtocolVersion(settings.protocol),
        reconnect_on_failure=False,
    )
    client.connect_timeout = settings.connect_timeout / 1000
    client.max_inflight_messages_set(_MOST_UNACKNOWLEDGED)
    if tls is not None:
        client.tls_set_context(tls)
    if settings.user is not None:
        client.username_pw_set(settings.user, password)
    return client


class Connection:
    """To one broker, in the name of one vehicle."""

    def __init__(
        self,
        vin: str,
        address: tuple[str, int],
        settings: UplinkSettings,
        tls: ssl.SSLContext | None,
        password: str | None,
        clock: Callable[[], float],
        utc_ms: Callable[[], int | None],
        *,
        wanted: tuple[str, ...],
        stopping: Callable[[], bool],
    ) -> None:
        """Opens nothing yet. `clock` gives monotonic seconds, `utc_ms` the best time known; `wanted` are
        topics that are listened to besides the receipts; when `stopping`, answers are not waited for."""
        self.remembered = False
        """Whether the broker has kept our session, once open."""
        self.most_unacknowledged = _MOST_UNACKNOWLEDGED
        """How many publishes the broker lets us have unacknowledged, once open."""
        self.largest_packet: int | None = None
        """Bytes of a packet that the broker takes, once open; None where it does not say."""
        self.traffic = line.Traffic()
        """What went over the line so far, as of the last `wait`."""
        self._tls = tls
        self._utc_ms = utc_ms
        self._wanted = wanted
        self._stopping = stopping
        self._watch = line.Watch(clock)
        self._failure: str | None = None
        self._vin = vin
        self._host, self._port = address
        self._settings = settings
        self._clock = clock
        self._happened = Happened()
        self._connected = False
        self._subscribed = False
        self._refusal: str | None = None
        self._ending = "the connection was closed"
        self._is_5 = settings.protocol == 5
        self._addressing = Addressing(vin, is_5=self._is_5)
        self._client = _client(vin, settings, tls, password)
        self._client.on_log = self._on_log
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect

    def __str__(self) -> str:
        return f"{self._host}:{self._port}"

    def open(self, wake: socket.socket) -> None:
        """Connects and subscribes to the receipts. Raises ConnectionLostError."""
        try:
            self._client.connect(
                self._host,
                self._port,
                keepalive=self._settings.keepalive // 1000,
                clean_start=False if self._is_5 else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
                properties=_session() if self._is_5 else None,
            )
        except UnicodeError as error:
            raise ConnectionLostError(f"cannot connect: {self._host!r} is no host name: {error}") from error
        except ssl.SSLError as error:
            self.traffic = _HANDSHAKE
            raise ConnectionLostError(f"cannot connect: {explained(error)}") from error
        except TimeoutError as error:
            silence = f"no answer within {self._settings.connect_timeout / 1000:g} s"
            raise ConnectionLostError(f"cannot connect: {error.strerror or silence}") from error
        except OSError as error:
            raise ConnectionLostError(f"cannot connect: {error.strerror or error}") from error
        connected = self._client.socket()
        if isinstance(connected, socket.socket):
            line.prepare(connected, self._settings.receipt_timeout / 1000)
        if self._tls is not None and not judges_dates(self._tls) and isinstance(connected, ssl.SSLSocket):
            problem = dates_problem(connected.getpeercert(), self._utc_ms())
            if problem is not None:
                raise ConnectionLostError(f"cannot connect: {problem}")
        self._await(lambda: self._connected, "CONNECT", wake)
        leaves = [topics.RECEIPT, *self._wanted]
        self._client.subscribe([(topics.topic(self._vin, leaf), 1) for leaf in leaves])
        self._await(lambda: self._subscribed, "SUBSCRIBE", wake)

    def publish(self, leaf: str, payload: bytes) -> int:
        """Publishes with QoS 1. The number that `Happened` will name it by. Raises ConnectionLostError."""
        topic, properties = self._addressing.of(leaf)
        try:
            info = self._client.publish(topic, payload, qos=1, properties=properties)
        except _BROKEN_PACKET as error:
            raise ConnectionLostError(f"cannot publish {len(payload)} bytes: {error}") from error
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionLostError(self._why())
        return info.mid

    def packet_bytes(self, leaf: str, payload: bytes) -> int:
        """The size of a PUBLISH on the wire, of MQTT alone, at most."""
        return self._addressing.packet_bytes(leaf, len(payload))

    def wait(self, timeout_s: float, wake: socket.socket) -> Happened:
        """Serves the connection until something comes, `wake` becomes readable or the time is over.

        Raises ConnectionLostError.
        """
        connected = self._client.socket()
        if connected is None:
            raise ConnectionLostError(self._why())
        buffered = isinstance(connected, ssl.SSLSocket) and connected.pending() > 0
        writing = [connected] if self._client.want_write() else []
        readable, writable, _ = select.select([connected, wake], writing, [], 0 if buffered else timeout_s)
        if wake in readable:
            wake.recv(4096)
        if isinstance(connected, socket.socket):
            self._look_at(connected)
        try:
            if connected in readable or buffered:
                self._client.loop_read()
            if connected in writable:
                self._client.loop_write()
            self._client.loop_misc()
            if isinstance(connected, socket.socket) and connected.fileno() >= 0:
                self.traffic = line.traffic(connected)
        except _BROKEN_PACKET as error:
            raise ConnectionLostError(f"the broker does not speak MQTT: {error}") from error
        came = self._happened
        if self._client.socket() is None and not (came.receipts or came.commands or came.watched or came.certificates):
            raise ConnectionLostError(self._why())
        happened, self._happened = self._happened, Happened()
        return happened

    def close(self) -> None:
        """Says goodbye if the broker still listens."""
        if self._client.socket() is not None:
            self._client.disconnect()
        last = self._client.socket()
        if last is not None:
            last.close()

    def _look_at(self, connected: socket.socket) -> None:
        """Notes why the kernel gave the connection up. Raises ConnectionLostError when this end's address is gone."""
        if (error := line.error_of(connected)) is not None:
            self._failure = f"the connection was lost: {error}"
        if (gone := self._watch.lost_address(connected)) is not None:
            raise ConnectionLostError(f"the connection was lost: {gone} is no address of this machine any more")

    def _why(self) -> str:
        return self._refusal or self._failure or self._ending

    def _await(self, reached: Callable[[], bool], what: str, wake: socket.socket) -> None:
        patience_s = self._settings.connect_timeout / 1000
        deadline_s = self._clock() + patience_s
        while not reached():
            if self._refusal is not None:
                raise ConnectionLostError(self._refusal)
            left_s = deadline_s - self._clock()
            if self._stopping():
                raise ConnectionLostError("the agent ends")
            if left_s <= 0:
                raise ConnectionLostError(f"no answer to {what} within {patience_s:g} s")
            # A session that was kept may deliver receipts before the subscription is confirmed.
            self._happened = self.wait(min(left_s, 1), wake)

    def _on_connect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refuses us: {reason}"
            return
        self._connected = True
        self.remembered = flags.session_present
        self.most_unacknowledged = getattr(properties, "ReceiveMaximum", _MOST_UNACKNOWLEDGED)
        self.largest_packet = getattr(properties, "MaximumPacketSize", None)
        self._addressing.aliases = getattr(properties, "TopicAliasMaximum", 0)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if reasons[0].is_failure:
            self._refusal = f"the broker lets us read no receipts: {reasons[0]}"
            return
        self._subscribed = True
        for leaf, reason in zip(self._wanted, reasons[1:], strict=False):
            if reason.is_failure:
                log.error("the broker lets %s not read .../%s: %s", self._vin, leaf, reason)

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        # Under its own name: we have not offered to know topics by numbers.
        leaf = message.topic.rpartition("/")[2]
        came = self._happened
        kinds = {topics.COMMAND: came.commands, topics.WATCH: came.watched, topics.CERTIFICATE: came.certificates}
        kind = kinds.get(leaf, came.receipts)
        kind.append(bytes(message.payload))

    def _on_log(self, _client: mqtt.Client, _userdata: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR and "socket" in text:
            self._failure = f"the connection was lost: {explained(text)}"

    def _on_publish(
        self, _client: mqtt.Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._happened.not_taken.append((mid, str(reason)))
        else:
            self._happened.taken_over.append(mid)

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason == _TAKEN_OVER:
            self._refusal = f"another box is connected as {self._vin}: two have one identity ({reason})"
        elif flags.is_disconnect_packet_from_server:
            self._refusal = f"the broker ended the connection: {reason}"
        elif reason == _NO_MQTT and not self._connected:
            self._ending = f"what answers there does not speak MQTT: {SOMEBODY_ELSE}"
        elif reason == _NO_REASON:
            # All that mosquitto 2.0.11 says when another box takes the connection over.
            self._ending = (
                f"the connection was lost: the broker hung up: it ends, or another box is connected as {self._vin}"
            )
        else:
            self._ending = f"the connection was lost: {reason}"
