"""An honest stand-in for the bridge: it keeps what it is sent and says so, on a real broker."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.journal.segments import Key
from cloud_bridge.mqtt.connection import leave
from contract import topics
from contract.receipt import Receipt, encode_receipt
from contract.upload import read_header
from contract.wire import digest

Number = Callable[[bytes], Key | None]
"""Reads boot and sequence of a payload; None when it cannot be read."""


def plain_payload(key: Key, size: int = 40) -> bytes:
    """A payload that `plain_number` can number, for tests that need no real upload."""
    return key.boot + key.sequence.to_bytes(4, "little") + bytes(size)


def plain_number(payload: bytes) -> Key | None:
    return Key(payload[:16], int.from_bytes(payload[16:20], "little")) if len(payload) >= 20 else None


def number_of(payload: bytes) -> Key:
    """Of a real upload."""
    header = read_header(payload)
    return Key(header.boot, header.sequence)


class Bridge:
    """Commits to memory. `receipts` off: it takes uploads and says nothing."""

    def __init__(self, port: int, number: Number = plain_number) -> None:
        self.held: dict[Key, bytes] = {}
        self.arrivals: Counter[Key] = Counter()
        self.refused: list[bytes] = []
        self.manifests: list[bytes] = []
        self.wanted: tuple[bytes, ...] = ()
        self.receipts = True
        self.deaf: Callable[[Key], bool] = set[Key]().__contains__
        """Which uploads it loses: none."""
        self.port = port
        self._number = number
        self.subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "bridge", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        assert self.subscribed.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self._client)

    def say(self, vin: str, receipt: Receipt) -> None:
        self._client.publish(topics.topic(vin, topics.RECEIPT), encode_receipt(receipt), qos=1)

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        client.subscribe([(f"{topics.PREFIX}/+/{leaf}", 1) for leaf in (topics.UP, topics.MANIFEST)])

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, _mid: int, _reasons: list[ReasonCode], _p: Properties | None
    ) -> None:
        self.subscribed.set()

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        payload = bytes(message.payload)
        vin = topics.vin_of(message.topic)
        assert vin is not None
        if message.topic.endswith(topics.MANIFEST):
            self.manifests.append(payload)
            self.wanted = tuple(wanted for wanted in self.wanted if wanted != digest(payload))
            if self.receipts:
                self.say(vin, Receipt(bytes(16), wanted=self.wanted))
            return
        key = self._number(payload)
        if key is None:
            self.refused.append(payload)
            self.say(vin, Receipt(bytes(16), refused=(digest(payload),), wanted=self.wanted))
            return
        self.arrivals[key] += 1
        if self.deaf(key):
            return
        self.held[key] = payload
        if self.receipts:
            held = range(key.sequence, key.sequence + 1)
            self.say(vin, Receipt(key.boot, (held,), wanted=self.wanted))


class Listening(Bridge):
    """Takes real uploads of one vehicle, hands on what it says on a topic besides, and says what is to be said."""

    def __init__(self, port: int, vin: str, leaf: str, take: Callable[[bytes], None]) -> None:
        super().__init__(port, number_of)
        self._vin = vin
        self._line = mqtt.Client(CallbackAPIVersion.VERSION2, leaf, protocol=MQTTProtocolVersion.MQTTv5)
        self._line.on_message = lambda _client, _data, message: take(bytes(message.payload))
        heard = threading.Event()
        self._line.on_subscribe = lambda *_: heard.set()
        self._line.connect("127.0.0.1", port)
        self._line.loop_start()
        self._line.subscribe(topics.topic(vin, leaf), qos=1)
        assert heard.wait(60)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, value, trace)
        leave(self._line)

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        self._line.publish(topics.topic(self._vin, leaf), payload, qos=1, retain=retain).wait_for_publish(20)


def eventually(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


class Mute:
    """A server that accepts connections, reads, and answers with `answer` once, then never again."""

    def __init__(self, answer: bytes = b"") -> None:
        self.connections = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            with suppress(OSError):  # Who came has lost patience already.
                connection.sendall(self._answer)


class Crowded:
    """A port where nobody answers: as many wait to be accepted as may, and the kernel drops who comes after them."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._crowd: list[socket.socket] = []

    def __enter__(self) -> Self:
        for _ in range(8):
            one = socket.socket()
            one.settimeout(0.3)
            self._crowd.append(one)
            try:
                one.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return self
        raise AssertionError("a listener without a queue takes everybody")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in [*self._crowd, self._listener]:
            one.close()


class Wire:
    """A line to a server that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._whole = True
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join()

    def cut(self) -> None:
        self._whole = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        self._whole = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
