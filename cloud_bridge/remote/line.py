"""The line to the vehicles: commands out, results in, on one lasting connection to the broker.

A command is published with QoS 1, not retained, with MQTT's message expiry. The topic's retained message is one, and
belongs to what a vehicle is to find after days away; actions are many, and void after minutes. A vehicle that is
connected gets it at once; one that lost its connection finds it within its session's quarter of an hour; and whoever
comes back with a new session gets it when it is published again (`remote.driver`).

Results come to one bridge of the group. They are taken in a thread of their own and acknowledged to the broker when
that is done: what a bridge that is killed had not taken, it or another one gets again. Those of a vehicle that may say
nothing are not taken (`cloud_bridge.identity.strangers`), nor is one that shows a defect: it would come again and
again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud_bridge.mqtt.listening import Heard, Listening
from cloud_bridge.settings import Mqtt
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.threads.faults import Faults
from contract.result import Result, decode_result
from contract.topics import COMMAND, RESULT, topic
from contract.wire import WireError

PART = "results"
IN_FLIGHT = 256
"""Results that the broker may have out to us, and commands that we may have out to it."""
_AGAIN_S = 1.0

_properties: Callable[[int], Properties] = Properties

log = logging.getLogger(__name__)


class Line:
    def __init__(
        self,
        settings: Mqtt,
        turned_away: Callable[[str, str, bytes], bool],
        take: Callable[[str, Result], None],
        faults: Faults,
        on_failure: Callable[[], None],
    ) -> None:
        """`turned_away` is `Strangers.turned_away`. `take` is called with a VIN and what its vehicle said; when one of
        them raises StoreError it is called again.
        `on_failure` is called when the thread that calls it ends for another reason than `stop`. Raises OSError
        (ssl.SSLError included) when a file that `settings` name cannot be used."""
        self._settings = settings
        self._turned_away = turned_away
        self._take = take
        self._faults = faults
        self._on_failure = on_failure
        self._queue: queue.Queue[Heard | None] = queue.Queue(2 * IN_FLIGHT)
        self._stopping = threading.Event()
        self._taker = threading.Thread(target=self._run, name="results", daemon=True)
        self._listening = Listening(
            settings, "remote", RESULT, self._queue.put, in_flight=IN_FLIGHT, what="commands", manual_ack=True
        )

    @property
    def connected(self) -> threading.Event:
        """Set while subscribed."""
        return self._listening.connected

    def start(self) -> None:
        self._taker.start()
        self._listening.start()

    def stop(self) -> None:
        self._listening.stop_taking()
        self._stopping.set()
        self._queue.put(None)
        self._taker.join()
        self._listening.stop()

    def publish(self, vin: str, command: bytes, lasts_ms: int) -> bool:
        """Hands a command to the broker, which keeps it for at most `lasts_ms` for a vehicle that is away. False where
        there is no connection, or no room: it is to be published again later."""
        properties = None
        if self._settings.protocol == 5:
            properties = _properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = max(lasts_ms // 1000, 1)
        published = self._listening.publish(topic(vin, COMMAND), command, properties=properties)
        return published is not None and published.rc == mqtt.MQTT_ERR_SUCCESS

    def _run(self) -> None:
        finished = False
        try:
            while (heard := self._queue.get()) is not None:
                if self._taken(heard):
                    self._listening.done(heard)
            finished = True
        finally:
            if not finished:
                self._on_failure()

    def _taken(self, heard: Heard) -> bool:
        while True:
            try:
                with self._faults.sparing(PART, f"vehicle {heard.vin}"):
                    self._take_in(heard)
            except StoreError as error:
                log.error("what vehicle %s answered cannot be taken, trying again: %s", heard.vin, error)
                if self._stopping.wait(_AGAIN_S):
                    return False
            else:
                return True

    def _take_in(self, heard: Heard) -> None:
        """Raises StoreError."""
        if self._turned_away(heard.vin, RESULT, heard.payload):
            return
        try:
            result = decode_result(heard.payload)
        except WireError as wrong:
            log.warning("what vehicle %s sent as a result cannot be read: %s", heard.vin, wrong)
            return
        self._take(heard.vin, result)
