"""What is in flight: uploads sent and not yet receipted, and when each is to be sent again.

The broker's PUBACK says only that the broker has an upload. From then on the bridge has `timeout_s` to receipt it.

* The bridge has spoken since an upload was sent, but not of it: it was lost, and is sent again. After the second time
  it waits twice as long, then four times, so that a slow bridge is not buried in repeats.
* The bridge has said nothing at all: it is absent. Then one upload at a time is sent as a probe, after one, two and
  then always four times `timeout_s`, until a receipt, of whatever, opens the flow again.
"""

from __future__ import annotations

import msgspec

from agent.journal.segments import Key, Priority

_LONGEST = 4
"""Waits grow to this many times the timeout."""
_FOR_EVENTS = 4
_FOR_EVENTS_BYTES = 256 << 10
"""What may be in flight besides, for events alone: the largest upload there is fits."""


class _Sent(msgspec.Struct):
    digest: bytes
    size: int
    at_s: float
    priority: Priority
    attempt: int = 1
    acknowledged_at_s: float | None = None
    """When the broker took it over."""


class Flight:
    """At most `count` uploads and `size_bytes` of payload in flight. Times are seconds on one monotonic clock."""

    def __init__(self, timeout_s: float, count: int, size_bytes: int) -> None:
        self.silent = False
        """Whether the bridge seems absent."""
        self._timeout_s = timeout_s
        self._count = count
        self._size_bytes = size_bytes
        self._sent: dict[Key, _Sent] = {}
        self._keys: dict[bytes, Key] = {}
        self._used_bytes = 0
        self._spoken_at_s = float("-inf")
        self._acknowledged_at_s = float("-inf")
        self._moved_at_s = float("-inf")
        self._probed_at_s = float("-inf")
        self._probes = 0

    def __len__(self) -> int:
        return len(self._sent)

    def __contains__(self, key: object) -> bool:
        return key in self._sent

    # What happened

    def sent(self, key: Key, digest: bytes, size: int, now_s: float, priority: Priority = Priority.HISTORY) -> None:
        """An upload has left, for the first time or again."""
        before = self._sent.get(key)
        if before is None:
            self._sent[key] = _Sent(digest, size, now_s, priority)
            self._keys[digest] = key
            self._used_bytes += size
        else:
            # Rewritten meanwhile, it goes by another digest.
            self._keys.pop(before.digest, None)
            self._keys[digest] = key
            before.digest, before.at_s, before.acknowledged_at_s = digest, now_s, None
            before.attempt += 1
        if self.silent:
            self._probed_at_s = now_s
            self._probes += 1

    def acknowledged(self, key: Key, now_s: float) -> None:
        """The broker has taken an upload over."""
        self._acknowledged_at_s = now_s
        sent = self._sent.get(key)
        if sent is not None and sent.acknowledged_at_s is None:
            sent.acknowledged_at_s = now_s

    def moved(self, now_s: float) -> None:
        """Something of what was sent got over the line."""
        self._moved_at_s = now_s

    def spoken(self, now_s: float) -> None:
        """The bridge has sent a receipt, of whatever."""
        self._spoken_at_s = now_s
        self._probes = 0
        self.silent = False

    def landed(self, key: Key) -> None:
        """The upload needs no more care: receipted, refused, or no longer in the journal."""
        sent = self._sent.pop(key, None)
        if sent is not None:
            self._keys.pop(sent.digest, None)
            self._used_bytes -= sent.size

    def reconnected(self, *, remembered: bool) -> None:
        """A new connection: what the broker has not taken over is not in flight, and nothing is if it forgot us."""
        for key, sent in list(self._sent.items()):
            if not remembered or sent.acknowledged_at_s is None:
                self.landed(key)
        self._probed_at_s = float("-inf")

    # What to do

    def now(self) -> list[Key]:
        """What is in flight."""
        return list(self._sent)

    def attempts(self, key: Key) -> int:
        """How often it has been sent without a receipt."""
        sent = self._sent.get(key)
        return 0 if sent is None else sent.attempt

    def key_of(self, digest: bytes) -> Key | None:
        return self._keys.get(digest)

    def observe(self, now_s: float) -> None:
        """Notes whether the bridge has become silent."""
        if self.silent:
            return
        for sent in self._sent.values():
            if self._waited_s(sent, now_s) >= self._timeout_s and self._spoken_at_s <= sent.at_s:
                self.silent = True
                # The wait for this one was the first wait.
                self._probed_at_s = float("-inf")
                return

    def priority_of(self, key: Key) -> Priority:
        """Of one that is in flight."""
        sent = self._sent.get(key)
        return Priority.HISTORY if sent is None else sent.priority

    def room(self, now_s: float, unacknowledged_limit: int, *, events: bool = False) -> tuple[int, int | None]:
        """How many uploads, and how many bytes of them, may be sent now. A lone upload may have any size.

        For `events` there is some more room than for others, so that these are never in their way.
        """
        if self.silent:
            return (1, None) if self._probe_is_due(now_s) and len(self._sent) < self._count else (0, 0)
        unacknowledged = sum(sent.acknowledged_at_s is None for sent in self._sent.values())
        most, most_bytes = self._count, self._size_bytes
        if events:
            most, most_bytes = most + _FOR_EVENTS, most_bytes + _FOR_EVENTS_BYTES
        count = min(most - len(self._sent), unacknowledged_limit - unacknowledged)
        return (max(count, 0), max(most_bytes - self._used_bytes, 0)) if self._sent else (min(count, 1), None)

    def lost(self, now_s: float, least: Priority = Priority.HISTORY) -> list[Key]:
        """What the bridge has not receipted although it has spoken since; down to the priority `least`."""
        return [
            key
            for key, sent in self._sent.items()
            if sent.priority <= least
            and self._spoken_at_s > sent.at_s
            and self._waited_s(sent, now_s) >= self._timeout_s * min(2 ** (sent.attempt - 1), _LONGEST)
        ]

    def probe(self, now_s: float, least: Priority = Priority.HISTORY) -> Key | None:
        """While the bridge is silent: what to send again, if anything, when there is nothing new to send; down to the
        priority `least`."""
        if not (self.silent and self._probe_is_due(now_s)):
            return None
        taken_over = [
            (sent.at_s, key)
            for key, sent in self._sent.items()
            if sent.acknowledged_at_s is not None and sent.priority <= least
        ]
        return min(taken_over)[1] if taken_over else None

    def stalled(self, now_s: float, patience_s: float) -> bool:
        """Whether for `patience_s` the broker has taken nothing over that it could have, and nothing moved."""
        waiting = [sent.at_s for sent in self._sent.values() if sent.acknowledged_at_s is None]
        return bool(waiting) and now_s - max(min(waiting), self._acknowledged_at_s, self._moved_at_s) >= patience_s

    def _probe_is_due(self, now_s: float) -> bool:
        wait_s: float = self._timeout_s * min(2**self._probes, _LONGEST)
        return now_s - self._probed_at_s >= wait_s

    def _waited_s(self, sent: _Sent, now_s: float) -> float:
        """How long the bridge has had for a receipt; negative while the broker has not taken the upload over."""
        return -1 if sent.acknowledged_at_s is None else now_s - sent.acknowledged_at_s
