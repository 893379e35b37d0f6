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

from cloud_bridge.mqtt.listening import Heard, Listening
from cloud_bridge.settings import Mqtt
from contract.topics import RETAINED, WATCH, WATCH_REPORT, topic
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
        self._on_something = on_something
        self._reports: queue.Queue[Report] = queue.Queue(MOST_REPORTS)
        self._forgotten = threading.Event()
        self._listening = Listening(
            settings,
            "watch",
            WATCH_REPORT,
            self._take,
            in_flight=AT_ONCE,
            what="watch lists",
            on_session=self._has_session,
        )

    @property
    def connected(self) -> threading.Event:
        """Set while there is a connection."""
        return self._listening.connected

    def start(self) -> None:
        self._listening.start()

    def stop(self) -> None:
        self._listening.stop()

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
        """Publishes what vehicles are to find on their topic, at most `AT_ONCE`. The vehicles whose list the broker has
        taken over."""
        sent = {vin: self._listening.publish(topic(vin, WATCH), payload, retain=True) for vin, payload in lists.items()}
        until_s = time.monotonic() + _PATIENCE_S
        taken = set()
        for vin, info in sent.items():
            if info is not None and info.rc == mqtt.MQTT_ERR_SUCCESS:
                info.wait_for_publish(max(0.0, until_s - time.monotonic()))
                if info.is_published():
                    taken.add(vin)
        return taken

    def take_back(self, vin: str) -> None:
        """What the broker keeps for a vehicle, a command too, is taken away; where it cannot be reached, nothing is."""
        for leaf in RETAINED:
            self._listening.publish(topic(vin, leaf), b"", retain=True)

    def _has_session(self, known: bool) -> None:
        if not known:
            self._forgotten.set()
        self._on_something()

    def _take(self, heard: Heard) -> None:
        try:
            report = decode_report(heard.payload)
        except WireError as wrong:
            log.warning("what vehicle %s sent as a report of its watch list cannot be read: %s", heard.vin, wrong)
            return
        try:
            self._reports.put_nowait(Report(heard.vin, report))
        except queue.Full:
            log.warning("a report of %s on its watch list is dropped: too many wait", heard.vin)
        else:
            self._on_something()
