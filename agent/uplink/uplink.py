"""The uplink: publishes what is pending, and lets the journal go of what the bridge has receipted.

One thread owns the connection, and a connection is used once (`agent.uplink.connection`): nothing is queued that is not
in the journal too, so a lost connection loses nothing, and memory is bounded by what may be in flight
(`agent.uplink.flight`).

* Brokers are tried in turn, with exponential back-off and full jitter, because a fleet must not come back all at once.
  A broker that accepts and then says nothing, to CONNECT, to SUBSCRIBE or to publishes, is left for the next one.
* On MQTT 5 the broker is asked to keep our session for a while: receipts that come during a short gap wait there. It is
  not relied upon: when the broker has forgotten us, all that was in flight is sent again at once.
* What does not get through is put aside (`agent.uplink.aside`): what is larger than the broker says it takes, where
  the connection ends time and again, or what the bridge does not receipt although it receipts others. The rest goes on.
* A receipt may ask for manifests: they are published, as often as asked. It may refuse uploads: they leave the journal,
  counted and logged, because the bridge has quarantined them.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import cycle
from types import TracebackType
from typing import Self

from tenacity import RetryCallState, RetryError, Retrying
from tenacity.nap import sleep_using_event
from tenacity.retry import retry_if_exception_type
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_random_exponential

from agent.journal.journal import Journal, Stored
from agent.journal.manifests import Manifests
from agent.journal.segments import Key
from agent.settings.uplink import UplinkSettings
from agent.uplink.aside import Aside, What
from agent.uplink.asked import Asked
from agent.uplink.bridge_time import BridgeTime
from agent.uplink.connection import Connection, ConnectionLostError, Happened, password_in, tls_context
from agent.uplink.flight import Flight
from contract import topics
from contract.receipt import Receipt, decode_receipt
from contract.wire import WireError, digest

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 1.0
"""The MQTT client wants to look at its keep-alive this often."""
_MOST_ATTEMPTS = 4
"""After so many without a receipt, while others get theirs, an upload is put aside."""
_REMEDY = "raise the broker's limit (mosquitto: max_packet_size, message_size_limit; rumqttd: max_payload_size)"


@dataclass(slots=True)
class Counters:
    """Since the start."""

    connections: int = 0
    published: int = 0
    """Uploads sent, repeats included."""
    repeated: int = 0
    receipted: int = 0
    refused: int = 0
    """Uploads that the bridge has quarantined."""
    manifests: int = 0
    """Manifests sent."""
    unknown_manifests: int = 0
    """Manifests asked for that are not kept here."""
    unreadable_receipts: int = 0
    wire_bytes: int = 0
    """Of MQTT PUBLISH packets, repeats included; without TLS and TCP."""


class Uplink:
    """Starts with `start` or as a context. `clock` gives monotonic seconds, the journal's."""

    def __init__(
        self,
        vin: str,
        settings: UplinkSettings,
        journal: Journal,
        manifests: Manifests,
        clock: Callable[[], float],
        bridge_time: BridgeTime | None = None,
    ) -> None:
        """Raises CredentialsError when certificates or password cannot be used."""
        self.counters = Counters()
        self._vin = vin
        self._settings = settings
        self._journal = journal
        self._manifests = manifests
        self._clock = clock
        self._bridge_time = bridge_time
        self._receipt_timeout_s = settings.receipt_timeout / 1000
        self._patience_s = max(settings.receipt_timeout, settings.connect_timeout) / 1000
        self._tls = tls_context(settings.tls) if settings.tls is not None else None
        self._password = password_in(settings.password_file) if settings.password_file is not None else None
        self._brokers = cycle(settings.addresses())
        self._flight = Flight(self._receipt_timeout_s, settings.in_flight, settings.in_flight_bytes)
        self._aside = Aside(settings.longest_backoff / 1000)
        self._unacknowledged: dict[int, tuple[What, int]] = {}
        """By packet number, what the broker has not taken over on this connection, with its size; as they were sent."""
        self._last: tuple[What, int] | None = None
        """What was sent last on this connection."""
        self._asked = Asked(self._receipt_timeout_s, self._patience_s)
        self._connected = False
        self._stopping = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Closes the connection. What is not receipted stays in the journal."""
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._wake.close()
        self._woken.close()

    def wake(self) -> None:
        """Something is pending: look at the journal now. May be called from any thread."""
        try:
            self._wake.send(b"\0")
        except BlockingIOError:
            return  # It has been woken often enough already.

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        return self._connected

    @property
    def bridge_silent(self) -> bool:
        """Whether uploads reach a broker and nobody receipts them."""
        return self._flight.silent

    @property
    def put_aside(self) -> int:
        """Uploads and manifests that do not get through, while others may."""
        return len(self._aside)

    @property
    def settled(self) -> bool:
        """Whether everything is receipted and the bridge asks for no manifest any more."""
        return self._journal.depth == 0 and not self._asked

    # The connection

    def _run(self) -> None:
        first_s = self._settings.first_backoff / 1000
        retrying = Retrying(
            retry=retry_if_exception_type(ConnectionLostError),
            wait=wait_random_exponential(multiplier=first_s, max=self._settings.longest_backoff / 1000),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=self._log_failure,
        )
        jitter = random.SystemRandom()
        while not self._stopping.is_set():
            try:
                retrying(self._one_connection)
            except RetryError:
                return  # Stopped while waiting for a broker.
            self._stopping.wait(jitter.uniform(0, first_s))

    def _one_connection(self) -> None:
        """Serves one connection until it ends; raises ConnectionLostError when it ended without having been of use."""
        connection = Connection(self._vin, next(self._brokers), self._settings, self._tls, self._password, self._clock)
        receipted_before = self.counters.receipted
        began_s = self._clock()
        try:
            connection.open(self._woken)
            self.counters.connections += 1
            log.info("connected to %s", connection)
            self._forget_connection(remembered=connection.remembered)
            self._aside.largest_packet = connection.largest_packet
            self._connected = True
            while not self._stopping.is_set():
                self._send(connection)
                wait_s = min(_LONGEST_WAIT_S, self._receipt_timeout_s / 4)
                self._note(connection.wait(wait_s, self._woken))
        except ConnectionLostError as lost:
            self._blame()
            lasted_s = self._clock() - began_s
            if self.counters.receipted == receipted_before and lasted_s < self._settings.longest_backoff / 1000:
                raise ConnectionLostError(f"{connection}: {lost}") from lost
            log.warning("%s: %s; %d uploads are pending", connection, lost, self._journal.depth)
        finally:
            self._connected = False
            connection.close()

    def _log_failure(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        wait_s = state.next_action.sleep if state.next_action is not None else 0
        log.warning("%s; next try in %.1f s; %d uploads are pending", failure, wait_s, self._journal.depth)

    def _forget_connection(self, *, remembered: bool) -> None:
        self._flight.reconnected(remembered=remembered)
        self._asked.reconnected(remembered=remembered)

    def _blame(self) -> None:
        """The connection ended: brokers read in order, so if it is for what we sent, it is for the first that was not
        taken over; or for the last, if the broker said yes and hung up.
        """
        first = next(iter(self._unacknowledged.values()), self._last)
        self._unacknowledged.clear()
        self._last = None
        if first is not None and self._is_pending(first[0]):
            self._fail(*first, "the connection ended when it had been sent, again")

    def _fail(self, what: What, size: int, how: str, *, alone: bool = False) -> None:
        wait_s = self._aside.failed(what, size, self._clock(), alone=alone)
        if wait_s is not None:
            text = "%s, %d bytes, does not get through: %s; it is put aside for %g s; if it is too large, %s"
            log.error(text, _named(what), size, how, wait_s, _REMEDY)

    # Out

    def _send(self, connection: Connection) -> None:
        now_s = self._clock()
        for key in self._flight.now():
            if key not in self._journal:  # Evicted meanwhile.
                self._flight.landed(key)
        self._aside.keep(self._is_pending)
        if self._flight.stalled(now_s, self._patience_s):
            raise ConnectionLostError(f"the broker took nothing over for {self._patience_s:g} s")
        was_silent = self._flight.silent
        self._flight.observe(now_s)
        if self._flight.silent and not was_silent:
            log.warning("no receipt for %g s: the bridge seems absent; sending probes", self._receipt_timeout_s)
        self._send_manifests(connection, now_s)
        # What is new goes first, also as a probe: when nobody listens, that repeats less.
        while fresh := self._fresh(connection, now_s):
            for key, payload in fresh:
                self._publish(connection, key, payload, now_s)
        probe = self._flight.probe(now_s)
        for key in self._flight.lost(now_s) if probe is None else [probe]:
            self._repeat(connection, key, now_s)
        room, _ = self._flight.room(now_s, connection.most_unacknowledged)
        if room and not self._flight and not self._unacknowledged:
            self._send_alone(connection, now_s)

    def _fresh(self, connection: Connection, now_s: float) -> list[Stored]:
        """What may be sent for the first time now."""
        while True:
            count, size = self._flight.room(now_s, connection.most_unacknowledged - self._manifests_under_way())
            found = (
                self._journal.pending(count, max_bytes=size, skip=_Either(self._flight, self._aside)) if count else []
            )
            fitting = [stored for stored in found if self._fits(connection, topics.UP, stored.key, stored.payload)]
            if fitting or not found:
                return fitting

    def _repeat(self, connection: Connection, key: Key, now_s: float) -> None:
        payload = self._journal.get(key)
        if payload is None:
            return
        if not self._flight.silent and (self._aside.is_to_blame(key) or self._flight.attempts(key) >= _MOST_ATTEMPTS):
            self._flight.landed(key)
            how = "the bridge receipts others and not this one"
            self._fail(key, connection.packet_bytes(topics.UP, payload), how, alone=True)
            return
        self.counters.repeated += 1
        self._publish(connection, key, payload, now_s)

    def _send_alone(self, connection: Connection, now_s: float) -> None:
        """One of those that were put aside: nothing else is pending or in flight."""
        for what in self._aside.due(now_s)[:1]:
            if isinstance(what, Key):
                payload = self._journal.get(what)
                if payload is not None:
                    self.counters.repeated += 1
                    self._publish(connection, what, payload, now_s)
            else:
                self._send_manifest(connection, what, now_s)

    def _fits(self, connection: Connection, leaf: str, what: What, payload: bytes) -> bool:
        """Whether the broker takes it, as far as it says. What it does not take is put aside and named."""
        size = connection.packet_bytes(leaf, payload)
        if self._aside.takes(size):
            return True
        if self._aside.too_large(what, size):
            text = "%s has %d bytes, and %s takes %d: it is put aside, the rest goes on; %s"
            log.error(text, _named(what), size, connection, self._aside.largest_packet, _REMEDY)
        return False

    def _is_pending(self, what: What) -> bool:
        return what in self._journal if isinstance(what, Key) else self._asked.owes(what)

    def _manifests_under_way(self) -> int:
        return sum(not isinstance(what, Key) for what, _ in self._unacknowledged.values())

    def _publish(self, connection: Connection, key: Key, payload: bytes, now_s: float) -> None:
        size = connection.packet_bytes(topics.UP, payload)
        if self._bridge_time is not None:
            self._bridge_time.sent(key)
        self._last = self._unacknowledged[connection.publish(topics.UP, payload)] = key, size
        self._flight.sent(key, digest(payload), len(payload), now_s)
        self.counters.published += 1
        self.counters.wire_bytes += size

    def _send_manifests(self, connection: Connection, now_s: float) -> None:
        for manifest in self._asked.due(now_s):
            if manifest not in self._aside:
                self._send_manifest(connection, manifest, now_s)

    def _send_manifest(self, connection: Connection, manifest: bytes, now_s: float) -> None:
        encoded = self._manifests.get(manifest)
        if encoded is None:
            self.counters.unknown_manifests += 1
            self._asked.unknown(manifest)
            log.error("the bridge asks for the manifest %s, which is not kept here", manifest.hex())
        elif self._fits(connection, topics.MANIFEST, manifest, encoded):
            size = connection.packet_bytes(topics.MANIFEST, encoded)
            self._last = self._unacknowledged[connection.publish(topics.MANIFEST, encoded)] = manifest, size
            self._asked.sent(manifest, now_s)
            self.counters.manifests += 1
            self.counters.wire_bytes += size

    # In

    def _note(self, happened: Happened) -> None:
        now_s = self._clock()
        for mid in happened.taken_over:
            what, _ = self._unacknowledged.pop(mid, (None, 0))
            if isinstance(what, Key):
                self._flight.acknowledged(what, now_s)
            elif what is not None:
                self._aside.through(what)
                self._asked.taken_over(what, now_s)
        for mid, reason in happened.not_taken:
            # Sent again like any upload that gets no receipt: a broker's refusal is a matter of its settings.
            log.error("the broker refuses what we publish: %s; is %s allowed to?", reason, self._vin)
            what, _ = self._unacknowledged.pop(mid, (None, 0))
            if isinstance(what, Key):
                self._flight.acknowledged(what, now_s)
        for payload in happened.receipts:
            try:
                receipt = decode_receipt(payload)
            except WireError as wrong:
                self.counters.unreadable_receipts += 1
                log.warning("a receipt of %d bytes cannot be read: %s", len(payload), wrong)
                continue
            self._take(receipt, now_s)

    def _take(self, receipt: Receipt, now_s: float) -> None:
        if self._bridge_time is not None:
            self._bridge_time.told(receipt)
        self._flight.spoken(now_s)
        self.counters.receipted += self._journal.acknowledge(receipt)
        for key in self._flight.now():
            if key.boot == receipt.boot and receipt.covers(key.sequence):
                self._flight.landed(key)
        for refused in receipt.refused:
            known = self._flight.key_of(refused)
            if known is not None:
                self._flight.landed(known)
                self.counters.refused += self._journal.discard([known])
                log.warning("the bridge refuses upload %d of boot %s", known.sequence, known.boot.hex())
        self._asked.asked(receipt.wanted, now_s)


@dataclass(frozen=True, slots=True)
class _Either:
    """What is in one or the other."""

    one: Container[Key]
    other: Container[Key]

    def __contains__(self, key: object) -> bool:
        return key in self.one or key in self.other


def _named(what: What) -> str:
    return f"upload {what.sequence} of boot {what.boot.hex()}" if isinstance(what, Key) else f"manifest {what.hex()}"
