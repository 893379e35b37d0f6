"""The bridge's side of the broker: messages in, receipts out.

The network thread of the MQTT client only puts messages into a queue; one writer thread takes what has gathered there,
commits it as one batch, publishes the receipts and only then acknowledges the messages to the broker. A batch is closed
when the queue is empty or the batch is full: alone, an upload is committed at once; under load, commits grow.

The broker's acknowledgement is about flow only: with MQTT 5 the broker never has more than `IN_FLIGHT` messages out to
us. What is lost on its way (broker killed, session expired) the vehicle sends again, because no receipt came.

The connection is made and kept by the client's own thread, with a back-off from 1 s to 30 s. While the database refuses
commits (disk full), the batch is tried again until it succeeds; nothing is acknowledged meanwhile.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set
from tenacity.wait import wait_exponential

from cloud_bridge.ingest.ingest import Delivery, Ingest, Receipts
from cloud_bridge.mqtt.connection import keep_connected, leave, named, new_client
from cloud_bridge.settings import Mqtt
from cloud_bridge.store.port.errors import StoreError
from contract.receipt import Receipt, encode_receipt
from contract.topics import MANIFEST, PREFIX, RECEIPT, UP, topic

BATCH = 1024
"""Messages committed at once, at most."""
IN_FLIGHT = 2048
"""Messages that the broker may have out to us before we acknowledged any."""
_RECEIPTS_OUT = 2000
_LAST_RECEIPTS_S = 3.0

log = logging.getLogger(__name__)


class _Item(NamedTuple):
    connection: int
    """Message ids are the connection's: on another one they mean something else."""
    mid: int
    qos: int
    delivery: Delivery


class Subscription:
    """Takes what vehicles publish into the store. `on_failure` is called, from the writer thread, when that thread ends
    for another reason than `stop`."""

    def __init__(
        self,
        settings: Mqtt,
        ingest: Ingest,
        on_commit: Callable[[Receipts], None],
        on_failure: Callable[[], None],
    ) -> None:
        """Raises OSError (ssl.SSLError included) when a file that `settings` name cannot be used."""
        self._settings = settings
        self._ingest = ingest
        self._on_commit = on_commit
        self._on_failure = on_failure
        # With MQTT 3.1.1 nothing but this bound holds the broker back.
        self._queue: queue.Queue[_Item | None] = queue.Queue(2 * IN_FLIGHT)
        self._connection = 0
        self._reached = True
        self._stopping = threading.Event()
        self._persistent = Retrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_exponential(0.2, max=30),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=_complain,
            reraise=True,
        )
        self.connected = threading.Event()
        """Set while subscribed."""
        self._writer = threading.Thread(target=self._write, name="ingest-writer", daemon=True)
        self._client = self._make_client()
        self._last_receipts: list[mqtt.MQTTMessageInfo] = []

    def start(self) -> None:
        self._writer.start()
        keep_connected(self._client, self._settings, in_flight=IN_FLIGHT, out=_RECEIPTS_OUT)

    def stop(self) -> None:
        """Commits what has come, sends its receipts, and leaves."""
        self._stopping.set()
        self._queue.put(None)
        self._writer.join()
        until_s = time.monotonic() + _LAST_RECEIPTS_S
        for receipt in self._last_receipts:
            if self._client.is_connected() and receipt.rc == mqtt.MQTT_ERR_SUCCESS:
                receipt.wait_for_publish(max(0.0, until_s - time.monotonic()))
        leave(self._client)

    def wait_idle(self, timeout_s: float) -> bool:
        """Waits until everything that came is committed; whether it is."""
        with self._queue.all_tasks_done:
            return self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout_s)

    def _make_client(self) -> mqtt.Client:
        settings = self._settings
        client = new_client(settings, settings.client_id, keeps_session=True, manual_ack=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._unreachable
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        return client

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        where = named(self._settings)
        self._reached = True
        if reason.is_failure:
            log.error("the broker at %s refuses the connection: %s", where, reason)
            return
        log.info("connected to the broker at %s", where)
        client.subscribe([(f"{self._share(leaf)}{PREFIX}/+/{leaf}", 1) for leaf in (UP, MANIFEST)])

    def _share(self, leaf: str) -> str:
        # A name for each filter: rumqttd drops the second of two filters that have one share name.
        return f"$share/{self._settings.group}-{leaf}/" if self._settings.shared else ""

    def _unreachable(self, _client: mqtt.Client, _userdata: object) -> None:
        if self._reached:
            log.warning("the broker at %s cannot be reached; trying again until it can", named(self._settings))
        self._reached = False

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [reason for reason in reasons if reason.is_failure]
        if refused:
            hint = (
                "; a broker without shared subscriptions needs `shared = false` in [mqtt]"
                if self._settings.shared
                else ""
            )
            log.error("the broker refuses the subscription: %s%s", refused[0], hint)
            return
        self.connected.set()
        try:
            wanted = self._ingest.wanted()
        except StoreError as error:
            # This is the network's thread: it must outlive it. The next upload's receipt asks again.
            log.error("manifests that are lacking cannot be asked for now: %s", error)
            return
        for vin, receipt in wanted.items():
            self._publish(vin, receipt)

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
            log.warning("the connection to the broker was lost (%s); trying again", reason)

    def _message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        # After `stop` nothing is taken any more: without a receipt the vehicle sends it again.
        if self._stopping.is_set():
            return
        try:
            delivery = Delivery(message.topic, bytes(message.payload))
        except UnicodeDecodeError:
            # Brokers ought not to let it through; this thread must outlive it.
            delivery = Delivery("(not UTF-8)", bytes(message.payload))
        self._queue.put(_Item(self._connection, message.mid, message.qos, delivery))

    def _write(self) -> None:
        finished = False
        try:
            while not finished:
                batch, finished = self._gather()
                if batch:
                    self._take_in(batch)
        finally:
            if not finished:
                self._on_failure()

    def _gather(self) -> tuple[list[_Item], bool]:
        """The next batch, waiting for its first message; and whether it is the last."""
        batch: list[_Item] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        self._queue.task_done()
        return batch, True

    def _take_in(self, batch: list[_Item]) -> None:
        deliveries = [item.delivery for item in batch]
        try:
            receipts = self._persistent(self._ingest.commit, deliveries)
        except StoreError:
            log.error("%d messages were not committed: their vehicles keep them", len(batch))
            self._done(batch)
            return
        self._last_receipts = [
            info
            for vin, of_vin in receipts.by_vin.items()
            for receipt in of_vin
            if (info := self._publish(vin, receipt))
        ]
        for item in batch:
            if item.connection == self._connection:
                self._client.ack(item.mid, item.qos)
        self._on_commit(receipts)
        self._done(batch)

    def _publish(self, vin: str, receipt: Receipt) -> mqtt.MQTTMessageInfo | None:
        # Not into a queue for later: a vehicle that misses a receipt sends again and gets another.
        if not self._client.is_connected():
            return None
        return self._client.publish(topic(vin, RECEIPT), encode_receipt(receipt), qos=1)

    def _done(self, batch: list[_Item]) -> None:
        for _ in batch:
            self._queue.task_done()


def _complain(attempt: RetryCallState) -> None:
    error = attempt.outcome.exception() if attempt.outcome is not None else None
    log.error("what vehicles sent cannot be committed, trying again: %s", error)
