"""How many bytes may be on their way to the broker.

What is queued on a slow link delays what comes after it, an event for instance. So there is never more on its way than
the link delivers during the shortest round trip seen, and in one second more: an event waits for that second. Both are
measured at the broker's acknowledgements, so that also the queues of a modem and of the network count.

Loss delays acknowledgements but is no queue: the rate is the best of the last ten seconds, or ten round trips, and
does not collapse with it. Time on the link is bought by the second that is added: where more gets through, the rate
that is measured grows, and the window with it. At first, and at least, it is `LEAST_BYTES`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

LEAST_BYTES = 8 << 10
"""One second at 64 kbit/s."""
AHEAD_S = 1.0
_REMEMBERED_S = 10.0
_REMEMBERED_TRIPS = 10


class Window:
    """Of one connection. Times are seconds on one monotonic clock."""

    def __init__(self, most_bytes: int) -> None:
        self.used_bytes = 0
        """On their way: sent and not taken over by the broker."""
        self._most_bytes = most_bytes
        self._sent: dict[int, tuple[int, float, int, float]] = {}
        """By packet: size, when, and what had been delivered then, and when that was."""
        self._delivered_bytes = 0
        self._delivered_at_s = float("-inf")
        self._shortest_trip_s: float | None = None
        """From a publish to its acknowledgement."""
        self._rates: deque[tuple[float, float]] = deque()
        """When and how much, bytes per second; falling, so that the first is the best."""

    @property
    def size_bytes(self) -> int:
        if not self._rates or self._shortest_trip_s is None:
            return min(LEAST_BYTES, self._most_bytes)
        carried = self._rates[0][1] * (self._shortest_trip_s + AHEAD_S)
        return min(max(LEAST_BYTES, int(carried)), self._most_bytes)

    @property
    def room_bytes(self) -> int:
        return max(self.size_bytes - self.used_bytes, 0)

    def fits(self, sizes_bytes: Iterable[int]) -> int:
        """How many of these, one after the other, there is room for; for the first there is, whatever its size."""
        room, count = self.room_bytes, 0
        for size_bytes in sizes_bytes:
            room -= size_bytes
            if room < 0 and count:
                break
            count += 1
        return count

    def sent(self, packet: int, size_bytes: int, now_s: float) -> None:
        if not self._sent:  # An idle time is not one in which nothing got through.
            self._delivered_at_s = now_s
        self._sent[packet] = size_bytes, now_s, self._delivered_bytes, self._delivered_at_s
        self.used_bytes += size_bytes

    def acknowledged(self, packet: int, now_s: float) -> None:
        sent = self._sent.pop(packet, None)
        if sent is None:
            return
        size_bytes, at_s, delivered_bytes, delivered_at_s = sent
        self.used_bytes -= size_bytes
        self._delivered_bytes += size_bytes
        self._delivered_at_s = now_s
        trip_s = max(now_s - at_s, 1e-3)
        self._shortest_trip_s = min(trip_s, self._shortest_trip_s or trip_s)
        rate = (self._delivered_bytes - delivered_bytes) / max(now_s - delivered_at_s, trip_s)
        while self._rates and self._rates[-1][1] <= rate:
            self._rates.pop()
        self._rates.append((now_s, rate))
        oldest_s = now_s - max(_REMEMBERED_S, _REMEMBERED_TRIPS * self._shortest_trip_s)
        while self._rates[0][0] < oldest_s:
            self._rates.popleft()
