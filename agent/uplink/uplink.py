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
* Events go before anything else, and have room of their own. Of the rest no more is on its way than the link carries in
  a second (`agent.uplink.window`), so that an event waits for that second at most.
* Where the line is metered, what is short goes to events and the newest state (`agent.uplink.budget`).
* A receipt may ask for manifests: they are published, as often as asked. It may refuse uploads: they leave the journal,
  counted and logged, because the bridge has quarantined them.
"""

from __future__ import annotations

import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Container
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from agent.journal.journal import Journal, Stored
from agent.journal.manifests import Manifests
from agent.journal.segments import Key, Priority
from agent.settings.uplink import UplinkSettings
from agent.uplink.aside import Aside, What
from agent.uplink.asked import Asked
from agent.uplink.bridge_time import BridgeTime
from agent.uplink.budget import Budget
from agent.uplink.credentials import WARN_DAYS, CredentialsError, Validity, password_in, tls_context, validity
from agent.uplink.flight import Flight
from agent.uplink.happened import ConnectionLostError, Happened
from agent.uplink.line import Traffic
from agent.uplink.orders import Orders
from agent.uplink.window import Window
from contract import topics
from contract.command import Result, encode_result
from contract.receipt import Receipt, decode_receipt
from contract.wire import WireError, digest

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from agent.uplink.connection import Connection

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 1.0
"""The MQTT client wants to look at its keep-alive this often."""
_DAY_S = 86_400.0
_BUDGET_LOOK_S = 30.0
"""So often it is looked whether a used-up budget has begun anew."""
_MOST_ATTEMPTS = 4
"""After so many without a receipt, while others get theirs, an upload is put aside."""
_REMEDY = "raise the broker's limit (mosquitto: max_packet_size, message_size_limit; rumqttd: max_payload_size)"


class Counters(msgspec.Struct):
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
    bytes_up: int = 0
    """Of IP packets, all that there is in them: TLS, what TCP repeats, connections."""
    bytes_down: int = 0
    failures: int = 0
    """Connections that ended otherwise than by `stop`, and tries that none came of."""
    events: int = 0
    """Uploads of events sent, repeats included."""


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
        *,
        utc_ms: Callable[[], int | None] = lambda: None,
        orders: Orders | None = None,
        budget_file: Path | None = None,
    ) -> None:
        """`utc_ms` is the best time that is known; in `budget_file` the budget survives restarts.

        Raises CredentialsError when certificates or password cannot be used.
        """
        self.counters = Counters()
        self._vin = vin
        self._settings = settings
        self._journal = journal
        self._manifests = manifests
        self._clock = clock
        self._bridge_time = bridge_time
        self._receipt_timeout_s = settings.receipt_timeout / 1000
        self._patience_s = max(settings.receipt_timeout, settings.connect_timeout) / 1000
        self.orders = orders if orders is not None else Orders(vin)
        self._utc_ms = utc_ms
        self.budget = Budget(settings.budget, budget_file, clock, self._utc_ms)
        self.certificate: Validity | None = None
        """Of the vehicle's certificate; None where there is none."""
        self.failure = ""
        """Why the last connection ended or did not come about; empty while there is one."""
        self._certificate_warned_s = float("-inf")
        self._credentials()
        self._window = Window(settings.in_flight_bytes)
        self._traffic = Traffic()
        """Of this connection, what is in the counters already."""
        self._answers: dict[int, Result] = {}
        """By packet number, results of commands that the broker has not taken over."""
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
        # Here, in the uplink's own thread: the vehicle is not to wait until all that MQTT needs is loaded.
        from tenacity import RetryError, Retrying
        from tenacity.nap import sleep_using_event
        from tenacity.retry import retry_if_exception_type
        from tenacity.stop import stop_when_event_set
        from tenacity.wait import wait_random_exponential

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
            if self.budget.allows() is None:
                self._stopping.wait(_BUDGET_LOOK_S)
                continue
            try:
                retrying(self._one_connection)
            except RetryError:
                return  # Stopped while waiting for a broker.
            self._stopping.wait(jitter.uniform(0, first_s))

    def _one_connection(self) -> None:
        """Serves one connection until it ends; raises ConnectionLostError when it ended without having been of use."""
        from agent.uplink.connection import Connection

        address = next(self._brokers)
        receipted_before = self.counters.receipted
        began_s = self._clock()
        try:
            tls, password = self._credentials()
        except CredentialsError as wrong:
            self._failed(str(wrong))
            raise ConnectionLostError(str(wrong)) from wrong
        connection = Connection(
            self._vin,
            address,
            self._settings,
            tls,
            password,
            self._clock,
            self._utc_ms,
            commands=self.orders.wanted,
        )
        self._window = Window(self._settings.in_flight_bytes)
        self._traffic = Traffic()
        try:
            connection.open(self._woken)
            self.counters.connections += 1
            self.failure = ""
            log.info("connected to %s", connection)
            self._forget_connection(remembered=connection.remembered)
            self._aside.largest_packet = connection.largest_packet
            self._connected = True
            while not self._stopping.is_set():
                if self.budget.allows() is None:
                    log.warning("the budget is used up: %d uploads wait for the next period", self._journal.depth)
                    return
                self._send(connection)
                wait_s = min(_LONGEST_WAIT_S, self._receipt_timeout_s / 4)
                self._note(connection.wait(wait_s, self._woken))
                self._account(connection)
        except ConnectionLostError as lost:
            self._blame()
            why = self._with_certificate(str(lost))
            self._failed(f"{connection}: {why}")
            lasted_s = self._clock() - began_s
            if self.counters.receipted == receipted_before and lasted_s < self._settings.longest_backoff / 1000:
                raise ConnectionLostError(f"{connection}: {why}") from lost
            log.warning("%s: %s; %d uploads are pending", connection, why, self._journal.depth)
        finally:
            self._connected = False
            self._account(connection)
            connection.close()
            if self._stopping.is_set():
                self.budget.keep()

    def _credentials(self) -> tuple[ssl.SSLContext | None, str | None]:
        """As the files are now. Raises CredentialsError."""
        tls, password_file = self._settings.tls, self._settings.password_file
        self.certificate = validity(tls.certificate) if tls is not None and tls.certificate is not None else None
        self._warn_of_certificate()
        return (
            tls_context(tls) if tls is not None else None,
            password_in(password_file) if password_file is not None else None,
        )

    def certificate_days(self) -> float | None:
        """How long the vehicle's certificate still holds, negative when it has ended; None where nobody knows."""
        utc_ms = self._utc_ms()
        if self.certificate is None or utc_ms is None:
            return None
        return (self.certificate.ends_s - utc_ms / 1000) / _DAY_S

    def _warn_of_certificate(self) -> None:
        days = self.certificate_days()
        if days is not None and days < WARN_DAYS and self._clock() - self._certificate_warned_s >= _DAY_S:
            self._certificate_warned_s = self._clock()
            log.warning("%s; replace it: it is read again at every connection", self._certificate_words())

    def _certificate_words(self) -> str:
        tls, held = self._settings.tls, self.certificate
        return f"the vehicle's certificate {tls.certificate if tls else ''} {held.words() if held else ''}"

    def _with_certificate(self, why: str) -> str:
        """A broker that does not want an old certificate often just hangs up."""
        days = self.certificate_days()
        return f"{why}; {self._certificate_words()}" if days is not None and days < 0 else why

    def _failed(self, why: str) -> None:
        self.counters.failures += 1
        self.failure = why

    def _account(self, connection: Connection) -> None:
        """Notes what went over the line."""
        now, before = connection.traffic, self._traffic
        up, down = max(now.up - before.up, 0), max(now.down - before.down, 0)
        if now.arrived > before.arrived:
            self._flight.moved(self._clock())
        if up or down:
            self._traffic = now
            self.counters.bytes_up += up
            self.counters.bytes_down += down
            self.budget.use(up + down)

    def _log_failure(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        wait_s = state.next_action.sleep if state.next_action is not None else 0
        log.warning("%s; next try in %.1f s; %d uploads are pending", failure, wait_s, self._journal.depth)

    def _forget_connection(self, *, remembered: bool) -> None:
        for result in self._answers.values():
            self.orders.answer(result)
        self._answers.clear()
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
        self._warn_of_certificate()
        allowed = self.budget.allows()
        self._answer(connection)
        if allowed is None or allowed is Priority.EVENT:
            self._send_fresh(connection, now_s, Priority.EVENT)
            return
        self._send_manifests(connection, now_s)
        # What is new goes first, also as a probe: when nobody listens, that repeats less.
        self._send_fresh(connection, now_s, Priority.EVENT)
        self._send_fresh(connection, now_s, allowed)
        probe = self._flight.probe(now_s)
        for key in self._flight.lost(now_s) if probe is None else [probe]:
            if self._flight.priority_of(key) <= allowed:
                self._repeat(connection, key, now_s)
        room, _ = self._flight.room(now_s, connection.most_unacknowledged)
        if room and not self._flight and not self._unacknowledged and allowed is Priority.HISTORY:
            self._send_alone(connection, now_s)

    def _send_fresh(self, connection: Connection, now_s: float, least: Priority) -> None:
        while fresh := self._fresh(connection, now_s, least):
            for stored in fresh:
                self._publish(connection, stored.key, stored.payload, now_s, stored.priority)

    def _fresh(self, connection: Connection, now_s: float, least: Priority) -> list[Stored]:
        """What may be sent for the first time now: events at once, the rest as the window lets it."""
        events = least is Priority.EVENT
        while True:
            limit = connection.most_unacknowledged - self._others_under_way()
            count, size = self._flight.room(now_s, limit, events=events)
            if not events and self._window.used_bytes:
                size = min(self._window.room_bytes, self._window.room_bytes if size is None else size)
            skip = _Either(self._flight, self._aside)
            found = self._journal.pending(count, max_bytes=size, skip=skip, least=least) if count else []
            if not events and not self._window.used_bytes and found:
                found = self._within_window(found)
            fitting = [stored for stored in found if self._fits(connection, topics.UP, stored.key, stored.payload)]
            if fitting or not found:
                return fitting

    def _within_window(self, found: list[Stored]) -> list[Stored]:
        """The first, of whatever size, and as many after it as there is room for."""
        room, kept = self._window.room_bytes, found[:1]
        room -= len(found[0].payload)
        for stored in found[1:]:
            room -= len(stored.payload)
            if room < 0:
                break
            kept.append(stored)
        return kept

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
        self._publish(connection, key, payload, now_s, self._flight.priority_of(key))

    def _send_alone(self, connection: Connection, now_s: float) -> None:
        """One of those that were put aside: nothing else is pending or in flight."""
        for what in self._aside.due(now_s)[:1]:
            if isinstance(what, Key):
                payload = self._journal.get(what)
                if payload is not None:
                    self.counters.repeated += 1
                    self._publish(connection, what, payload, now_s, Priority.HISTORY)
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

    def _others_under_way(self) -> int:
        """Manifests and results that the broker has not taken over."""
        return len(self._answers) + sum(not isinstance(what, Key) for what, _ in self._unacknowledged.values())

    def _publish(self, connection: Connection, key: Key, payload: bytes, now_s: float, priority: Priority) -> None:
        if self._bridge_time is not None:
            self._bridge_time.sent(key)
        packet, size = self._put(connection, topics.UP, payload, now_s)
        self._last = self._unacknowledged[packet] = key, size
        self._flight.sent(key, digest(payload), len(payload), now_s, priority)
        self.counters.published += 1
        self.counters.events += priority is Priority.EVENT

    def _put(self, connection: Connection, leaf: str, payload: bytes, now_s: float) -> tuple[int, int]:
        """The packet's number, and its size in bytes."""
        size, packet = connection.packet_bytes(leaf, payload), connection.publish(leaf, payload)
        self._window.sent(packet, size, now_s)
        self.counters.wire_bytes += size
        return packet, size

    def _answer(self, connection: Connection) -> None:
        """What came of commands."""
        for result in self.orders.results():
            packet, _ = self._put(connection, topics.RESULT, encode_result(result), self._clock())
            self._answers[packet] = result

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
            packet, size = self._put(connection, topics.MANIFEST, encoded, now_s)
            self._last = self._unacknowledged[packet] = manifest, size
            self._asked.sent(manifest, now_s)
            self.counters.manifests += 1

    # In

    def _note(self, happened: Happened) -> None:
        now_s = self._clock()
        for mid in happened.taken_over:
            self._window.acknowledged(mid, now_s)
            self._answers.pop(mid, None)
            what, _ = self._unacknowledged.pop(mid, (None, 0))
            if isinstance(what, Key):
                self._flight.acknowledged(what, now_s)
            elif what is not None:
                self._aside.through(what)
                self._asked.taken_over(what, now_s)
        for mid, reason in happened.not_taken:
            # Sent again like any upload that gets no receipt: a broker's refusal is a matter of its settings.
            log.error("the broker refuses what we publish: %s; is %s allowed to?", reason, self._vin)
            self._window.acknowledged(mid, now_s)
            self._answers.pop(mid, None)
            what, _ = self._unacknowledged.pop(mid, (None, 0))
            if isinstance(what, Key):
                self._flight.acknowledged(what, now_s)
        for payload in happened.commands:
            self.orders.receive(payload)
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


class _Either(msgspec.Struct, frozen=True):
    """What is in one or the other."""

    one: Container[Key]
    other: Container[Key]

    def __contains__(self, key: object) -> bool:
        return key in self.one or key in self.other


def _named(what: What) -> str:
    return f"upload {what.sequence} of boot {what.boot.hex()}" if isinstance(what, Key) else f"manifest {what.hex()}"
