"""What goes out on a connection, and what comes of it: uploads and manifests out, receipts in, and what else is said
(`agent.uplink.dialogue`).

Which connection that is may change: nothing of what is on its way is lost by it, because it is in the journal too.

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
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.journal.journal import Journal, Stored
from agent.journal.manifests import Manifests
from agent.journal.segments import Key, Priority
from agent.settings.uplink import UplinkSettings
from agent.uplink.aside import Aside, What, named
from agent.uplink.asked import Asked
from agent.uplink.bridge_time import BridgeTime
from agent.uplink.counters import Counters
from agent.uplink.dialogue import Dialogue
from agent.uplink.flight import Flight
from agent.uplink.happened import ConnectionLostError, Happened
from agent.uplink.window import Window
from contract import topics
from contract.receipt import Receipt, decode_receipt
from contract.wire import WireError, digest

if TYPE_CHECKING:
    from agent.uplink.connection import Connection

log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 4
"""After so many without a receipt, while others get theirs, an upload is put aside."""
_REMEDY = "raise the broker's limit (mosquitto: max_packet_size, message_size_limit; rumqttd: max_payload_size)"


class Exchange:
    """`clock` gives monotonic seconds. All methods are for the thread that owns the connection; properties for any."""

    def __init__(
        self,
        vin: str,
        settings: UplinkSettings,
        journal: Journal,
        manifests: Manifests,
        dialogue: Dialogue,
        counters: Counters,
        clock: Callable[[], float],
        bridge_time: BridgeTime | None,
    ) -> None:
        receipt_timeout_s = settings.receipt_timeout / 1000
        self._vin = vin
        self._journal = journal
        self._manifests = manifests
        self._dialogue = dialogue
        self._counters = counters
        self._clock = clock
        self._bridge_time = bridge_time
        self._receipt_timeout_s = receipt_timeout_s
        self._patience_s = max(receipt_timeout_s, settings.connect_timeout / 1000)
        self._most_bytes = settings.in_flight_bytes
        self._window = Window(self._most_bytes)
        self._flight = Flight(receipt_timeout_s, settings.in_flight, settings.in_flight_bytes)
        self._aside = Aside(settings.longest_backoff / 1000)
        self._asked = Asked(receipt_timeout_s, self._patience_s)
        self._unacknowledged: dict[int, tuple[What, int]] = {}
        """By packet number, what the broker has not taken over on this connection, with its size; as they were sent."""
        self._last: tuple[What, int] | None = None
        """What was sent last on this connection."""
        self._taking = threading.Lock()
        """Held while what a receipt says is taken in, so that others see either nothing or all of it."""

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
        with self._taking:
            return self._journal.depth == 0 and not self._asked

    # The connection

    def begin(self, *, remembered: bool, largest_packet: int | None) -> None:
        """There is a new connection: what was on its way goes again, unless the broker `remembered` our session."""
        self._window = Window(self._most_bytes)
        self._aside.largest_packet = largest_packet
        self._dialogue.reconnected(remembered=remembered)
        self._flight.reconnected(remembered=remembered)
        self._asked.reconnected(remembered=remembered)

    def moved(self) -> None:
        """Something of what was sent got over the line."""
        self._flight.moved(self._clock())

    def blame(self) -> None:
        """The connection ended: brokers read in order, so if it is for what we sent, it is for the first that was not
        taken over; or for the last, if the broker said yes and hung up.
        """
        first = next(iter(self._unacknowledged.values()), self._last)
        self._unacknowledged.clear()
        self._last = None
        if first is not None and self._is_pending(first[0]):
            self._fail(*first, "the connection ended when it had been sent, again")

    # Out

    def send(self, connection: Connection, allowed: Priority) -> None:
        """What is due now, down to the least important that is `allowed`. Raises ConnectionLostError."""
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
        self._dialogue.speak(lambda leaf, payload: self._put(connection, leaf, payload, now_s)[0])
        if allowed is not Priority.EVENT:
            self._send_manifests(connection, now_s)
        # What is new goes first, also as a probe: when nobody listens, that repeats less.
        self._send_fresh(connection, now_s, Priority.EVENT)
        self._send_fresh(connection, now_s, allowed)
        probe = self._flight.probe(now_s, allowed)
        for key in self._flight.lost(now_s, allowed) if probe is None else [probe]:
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
            found = self._journal.pending(count, max_bytes=size, skip=self._is_known, least=least) if count else []
            if not events and not self._window.used_bytes and found:
                found = found[: self._window.fits(len(stored.payload) for stored in found)]
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
        self._counters.repeated += self._publish(connection, key, payload, now_s, self._flight.priority_of(key))

    def _send_alone(self, connection: Connection, now_s: float) -> None:
        """One of those that were put aside: nothing else is pending or in flight."""
        for what in self._aside.due(now_s)[:1]:
            if isinstance(what, Key):
                payload = self._journal.get(what)
                if payload is not None:
                    self._counters.repeated += self._publish(connection, what, payload, now_s, Priority.HISTORY)
            else:
                self._send_manifest(connection, what, now_s)

    def _fits(self, connection: Connection, leaf: str, what: What, payload: bytes) -> bool:
        """Whether the broker takes it, as far as it says. What it does not take is put aside and named."""
        size = connection.packet_bytes(leaf, payload)
        if self._aside.takes(size):
            return True
        if self._aside.too_large(what, size):
            text = "%s has %d bytes, and %s takes %d: it is put aside, the rest goes on; %s"
            log.error(text, named(what), size, connection, self._aside.largest_packet, _REMEDY)
        return False

    def _is_known(self, key: Key) -> bool:
        """Whether it is on its way, or put aside."""
        return key in self._flight or key in self._aside

    def _is_pending(self, what: What) -> bool:
        return what in self._journal if isinstance(what, Key) else self._asked.owes(what)

    def _others_under_way(self) -> int:
        """Packets that are no uploads, and that the broker has not taken over."""
        manifests = sum(not isinstance(what, Key) for what, _ in self._unacknowledged.values())
        return len(self._dialogue) + manifests

    def _publish(self, connection: Connection, key: Key, payload: bytes, now_s: float, priority: Priority) -> bool:
        """False when it is no longer what the journal has: privacy may have taken something out of it meanwhile."""

        def leave() -> None:
            if self._bridge_time is not None:
                self._bridge_time.sent(key)
            packet, size = self._put(connection, topics.UP, payload, now_s)
            self._last = self._unacknowledged[packet] = key, size
            self._flight.sent(key, digest(payload), len(payload), now_s, priority)
            self._counters.published += 1
            self._counters.events += priority is Priority.EVENT

        return self._journal.hand_over(key, payload, leave)

    def _put(self, connection: Connection, leaf: str, payload: bytes, now_s: float) -> tuple[int, int]:
        """The packet's number, and its size in bytes."""
        size, packet = connection.packet_bytes(leaf, payload), connection.publish(leaf, payload)
        self._window.sent(packet, size, now_s)
        self._counters.wire_bytes += size
        return packet, size

    def _send_manifests(self, connection: Connection, now_s: float) -> None:
        for manifest in self._asked.due(now_s):
            if manifest not in self._aside:
                self._send_manifest(connection, manifest, now_s)

    def _send_manifest(self, connection: Connection, manifest: bytes, now_s: float) -> None:
        encoded = self._manifests.get(manifest)
        if encoded is None:
            self._counters.unknown_manifests += 1
            self._asked.unknown(manifest)
            log.error("the bridge asks for the manifest %s, which is not kept here", manifest.hex())
        elif self._fits(connection, topics.MANIFEST, manifest, encoded):
            packet, size = self._put(connection, topics.MANIFEST, encoded, now_s)
            self._last = self._unacknowledged[packet] = manifest, size
            self._asked.sent(manifest, now_s)
            self._counters.manifests += 1

    def _fail(self, what: What, size: int, how: str, *, alone: bool = False) -> None:
        wait_s = self._aside.failed(what, size, self._clock(), alone=alone)
        if wait_s is not None:
            text = "%s, %d bytes, does not get through: %s; it is put aside for %g s; if it is too large, %s"
            log.error(text, named(what), size, how, wait_s, _REMEDY)

    # In

    def note(self, happened: Happened) -> None:
        """What came from the broker."""
        now_s = self._clock()
        for mid in happened.taken_over:
            self._settled(mid, now_s, taken=True)
        for mid, reason in happened.not_taken:
            # Sent again like any upload that gets no receipt: a broker's refusal is a matter of its settings.
            log.error("the broker refuses what we publish: %s; is %s allowed to?", reason, self._vin)
            self._settled(mid, now_s, taken=False)
        self._dialogue.listen(happened)
        for payload in happened.receipts:
            try:
                receipt = decode_receipt(payload)
            except WireError as wrong:
                self._counters.unreadable_receipts += 1
                log.warning("a receipt of %d bytes cannot be read: %s", len(payload), wrong)
                continue
            with self._taking:
                self._take(receipt, now_s)

    def _settled(self, mid: int, now_s: float, *, taken: bool) -> None:
        self._window.acknowledged(mid, now_s)
        self._dialogue.settled(mid)
        what, _ = self._unacknowledged.pop(mid, (None, 0))
        if isinstance(what, Key):
            self._flight.acknowledged(what, now_s)
        elif what is not None and taken:
            self._aside.through(what)
            self._asked.taken_over(what, now_s)

    def _take(self, receipt: Receipt, now_s: float) -> None:
        if self._bridge_time is not None:
            self._bridge_time.told(receipt)
        self._flight.spoken(now_s)
        self._counters.receipted += self._journal.acknowledge(receipt)
        for key in self._flight.now():
            if key.boot == receipt.boot and receipt.covers(key.sequence):
                self._flight.landed(key)
        for refused in receipt.refused:
            known = self._flight.key_of(refused)
            if known is not None:
                self._flight.landed(known)
                self._counters.refused += self._journal.discard([known])
                log.warning("the bridge refuses upload %d of boot %s", known.sequence, known.boot.hex())
        self._asked.asked(receipt.wanted, now_s)
