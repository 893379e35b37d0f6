"""A vehicle on a real broker: sends payloads, and keeps them until a receipt covers them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.mqtt.connection import leave
from contract.receipt import decode_receipt
from contract.topics import MANIFEST, RECEIPT, UP, topic
from contract.wire import digest
from tests.cloud_bridge.vehicle import MANIFEST_BODY, MANIFEST_ID, VIN

RESEND_S = 2.0
PATIENCE_S = 60.0


class Sender:
    """Sends what is not receipted, again and again; answers the wish for a manifest."""

    def __init__(self, port: int, boot: bytes, payloads: Mapping[int, bytes], vin: str = VIN) -> None:
        self._boot = boot
        self._vin = vin
        self._lock = threading.Lock()
        self._waiting = dict(payloads)
        self.refused: set[bytes] = set()
        self.manifests_sent = 0
        self.subscribed = threading.Event()
        self._ended = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"vehicle-{vin}-{boot.hex()[-8:]}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = self._receipt
        self._client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Sender:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        leave(self._client)

    @property
    def waiting(self) -> set[int]:
        """Sequence numbers without a receipt."""
        with self._lock:
            return set(self._waiting)

    def wait_receipted(self) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while self.waiting:
            assert time.monotonic() < until_s, f"{len(self.waiting)} uploads are not receipted"
            time.sleep(0.02)

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: object,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        client.subscribe(topic(self._vin, RECEIPT), 1)

    def _receipt(self, client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        receipt = decode_receipt(bytes(message.payload))
        with self._lock:
            self.refused |= set(receipt.refused)
            self._waiting = {
                sequence: payload
                for sequence, payload in self._waiting.items()
                if not (receipt.boot == self._boot and receipt.covers(sequence))
                and not (receipt.refused and digest(payload) in receipt.refused)
            }
        if MANIFEST_ID in receipt.wanted:
            self.manifests_sent += 1
            client.publish(topic(self._vin, MANIFEST), MANIFEST_BODY, 1)

    def _send(self) -> None:
        while not self._ended.wait(0.02):
            if not self._client.is_connected():
                continue
            with self._lock:
                payloads = list(self._waiting.values())
            for payload in payloads:
                self._client.publish(topic(self._vin, UP), payload, 1)
            self._ended.wait(RESEND_S)
