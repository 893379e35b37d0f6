"""The line by which lists go to vehicles, and reports come back: one lasting connection to the broker.

Lists are retained: a vehicle that is away finds its list when it connects. A broker that has lost our session may have
lost them too (one without persistence has, when it was started anew), so then all are published again. Reports come to
one bridge of the group, and are taken by whoever calls `reports`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.broker import keep_connected, named, new_client
from cloud_bridge.settings import Mqtt
from contract.topics import PREFIX, WATCH, WATCH_REPORT, topic, vin_of
from contract.watching import WatchReport, decode_report
from contract.wire import WireError

AT_ONCE = 256
"""Lists that are on their way to the broker at once."""
MOST_REPORTS = 4096
"""That wait to be taken."""
_PATIENCE_S = 10.0

log = logging.getLogger(__name__)


class Report(NamedTuple):
    vin: str
    report: WatchReport


class Line:
    def __init__(self, settings: Mqtt, on_something: Callable[[], None]) -> None:
        """`on_something` is called, from the connection's thread, when there is a report or all is to be published
        again. Raises OSError (ssl.SSLError included) when a file that `settings` name cannot be used."""
        self.connected = threading.Event()
        """Set while there is a connection."""
        self._settings = settings
        self._on_something = on_something
        self._reports: queue.Queue[Report] = queue.Queue(MOST_REPORTS)
        self._forgotten = threading.Event()
        client = new_client(settings, f"{settings.client_id}-watch", keeps_session=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        self._client = client

    def start(self) -> None:
        keep_connected(self._client, self._settings, in_flight=AT_ONCE, out=AT_ONCE)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def forgotten(self) -> bool:
        """Whether a broker did not know us any more since this was last asked."""
        was = self._forgotten.is_set()
        self._forgotten.clear()
        return was

    def reports(self) -> list[Report]:
        """What vehicles said since this was last asked."""
        found = []
        try:
            while True:
                found.append(self._reports.get_nowait())
        except queue.Empty:
            return found

    def publish(self, lists: Mapping[str, bytes]) -> set[str]:
        """Publishes what vehicles are to find on their topic, at most `AT_ONCE`; an empty one takes what is there away.
        The vehicles whose list the broker has taken over."""
        if not self._client.is_connected():
            return set()
        sent = {
            vin: self._client.publish(topic(vin, WATCH), payload, qos=1, retain=True) for vin, payload in lists.items()
        }
        until_s = time.monotonic() + _PATIENCE_S
        taken = set()
        for vin, info in sent.items():
            if info.rc == mqtt.MQTT_ERR_SUCCESS:
                info.wait_for_publish(max(0.0, until_s - time.monotonic()))
                if info.is_published():
                    taken.add(vin)
        return taken

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("the broker at %s refuses the connection for watch lists: %s", named(self._settings), reason)
            return
        share = f"$share/{self._settings.group}-watch/" if self._settings.shared else ""
        client.subscribe(f"{share}{PREFIX}/+/{WATCH_REPORT}", qos=1)
        if not flags.session_present:
            self._forgotten.set()
        self.connected.set()
        self._on_something()

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if reasons[0].is_failure:
            log.error("the broker lets us not read what vehicles say of their watch lists: %s", reasons[0])

    def _disconnected(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.connected.clear()

    def _message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            vin = vin_of(message.topic.removesuffix(WATCH_REPORT) + WATCH)
            report = decode_report(bytes(message.payload))
        except (WireError, UnicodeDecodeError) as wrong:
            log.warning("what came as a report of a watch list cannot be read: %s", wrong)
            return
        if vin is None:
            return
        try:
            self._reports.put_nowait(Report(vin, report))
        except queue.Full:
            log.warning("a report of %s on its watch list is dropped: too many wait", vin)
        else:
            self._on_something()
