"""Whether it was a crash: two witnesses where the car has two. A function of what is said to it: it reads no clock.

**Witnesses.** A *message*: what an airbag's or a crash computer says. A *pulse*: accelerations that add up to a change
of velocity of at least `velocity_change_kmh` (7 km/h) within `within_ms` (120 ms), which neither braking nor a bad
road does. A *drop*: the speed, or the wheels, slowed at that moment: by half of the pulse's change, or by
`velocity_change_kmh` where only the message says it.

**Rule.** Any two within `TOGETHER_MS` are a crash. One is enough only where the car has no other that could speak:

* the message alone, if there are no accelerations, and there is no speed or the car stood (what stands cannot slow);
* a pulse alone, if there is no message, the same of the speed, and the profile says `alone`: a box that lies loose
  feels a door that is slammed.

**Pulse.** What is steady is taken off each axis first (the mean of the second before): gravity, a slope, a bend. Only
values that count are added up, and none across a gap of more than `GAP_MS`.

**Drop.** From the speed before the pulse began to the least one soon after: `SOON_MS`, or two of its own cycles where
it comes seldom. So braking after a bump, which takes a second to slow as much, is no witness of a bus that says its
speed often.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from agent.plan.events import PlannedCrash
from agent.sampling.times import NEVER_MS

TOGETHER_MS = 2_500
SOON_MS = 400
GAP_MS = 60
STEADY_MS = 1_000
LEAST_STEADY = 5
"""Values that it takes to know what is steady."""
KMH = 3.6
_FITS = 0.5
_LONGEST_CYCLES_MS = 2_000
_MOST = 4096


class Axis:
    """One acceleration on its way to a change of velocity."""

    def __init__(self, within_ms: int) -> None:
        self._within_ms = within_ms
        self.forget()

    def forget(self) -> None:
        self._before: deque[tuple[int, float]] = deque(maxlen=_MOST)
        """Older than what is added up, for what is steady."""
        self._parts: deque[tuple[int, float, float]] = deque(maxlen=_MOST)
        """Time, how long it lasted in s, and acceleration in m/s²."""
        self._steady = 0.0
        self._last_ms = -NEVER_MS

    def take(self, at_ms: int, acceleration: float) -> None:
        lasted_ms = at_ms - self._last_ms
        self._last_ms = at_ms
        if lasted_ms > GAP_MS:
            self._before.clear()
            self._parts.clear()
            self._steady = 0.0
            lasted_ms = 0
        self._parts.append((at_ms, lasted_ms / 1000, acceleration))
        while self._parts[0][0] <= at_ms - self._within_ms:
            old_ms, _, old = self._parts.popleft()
            self._before.append((old_ms, old))
            self._steady += old
        while self._before and (
            self._before[0][0] < at_ms - self._within_ms - STEADY_MS or len(self._before) == self._before.maxlen
        ):
            self._steady -= self._before.popleft()[1]

    def change(self) -> float:
        """Of the velocity, within the time, in m/s; 0 while it is not known what is steady."""
        if len(self._before) < LEAST_STEADY:
            return 0.0
        steady = self._steady / len(self._before)
        return sum([lasted_s * (acceleration - steady) for _, lasted_s, acceleration in self._parts])


class CrashWatch:
    def __init__(self, crash: PlannedCrash) -> None:
        self._crash = crash
        self._axes = [Axis(crash.within_ms) for _ in crash.acceleration]
        self._speeds: deque[tuple[int, float]] = deque(maxlen=_MOST)
        self.forget()

    def forget(self) -> None:
        """Nothing is known any more: the vehicle slept."""
        for axis in self._axes:
            axis.forget()
        self._speeds.clear()
        self._said = False
        self._message_ms = self._pulse_ms = self._crash_ms = -NEVER_MS
        self._pulse_kmh = 0.0

    def accelerates(self, at_ms: int, accelerations: Iterable[tuple[int, float]]) -> bool:
        """What counts in one frame: axes, each with its acceleration in m/s². Whether with it there was a crash."""
        for axis, acceleration in accelerations:
            self._axes[axis].take(at_ms, acceleration)
        kmh = KMH * math.hypot(*[axis.change() for axis in self._axes])
        if kmh < self._crash.velocity_change_kmh:
            return False
        if at_ms - self._pulse_ms > TOGETHER_MS:
            self._pulse_kmh, self._pulse_ms = 0.0, at_ms
        self._pulse_kmh = max(self._pulse_kmh, kmh)
        return self._judge(at_ms)

    def says(self, at_ms: int, *, crash: bool) -> bool:
        """What the message says; whether with it there was a crash."""
        begins, self._said = crash and not self._said, crash
        if begins:
            self._message_ms = at_ms
        return begins and self._judge(at_ms)

    def moves(self, at_ms: int, kmh: float) -> bool:
        """A speed that counts; whether with it there was a crash."""
        speeds = self._speeds
        speeds.append((at_ms, kmh))
        while speeds[0][0] < at_ms - 2 * TOGETHER_MS:
            speeds.popleft()
        return self._judge(at_ms)

    def _judge(self, at_ms: int) -> bool:
        since_ms = at_ms - TOGETHER_MS
        message, pulse = self._message_ms >= since_ms, self._pulse_ms >= since_ms
        if not (message or pulse) or self._crash_ms >= since_ms:
            return False
        if (message and pulse) or self._dropped(pulse=pulse) or self._only(message=message):
            self._crash_ms = at_ms
            return True
        return False

    def _dropped(self, *, pulse: bool) -> bool:
        before = self._speed_before(pulse=pulse)
        from_ms = self._began_ms(pulse=pulse)
        until_ms = (self._pulse_ms if pulse else self._message_ms) + self._soon_ms()
        after = [kmh for at_ms, kmh in self._speeds if from_ms < at_ms <= until_ms]
        if before is None or not after:
            return False
        needed = self._pulse_kmh * _FITS if pulse else self._crash.velocity_change_kmh
        return before - min(after) >= needed

    def _only(self, *, message: bool) -> bool:
        """Whether the one witness there is has no other beside it that could speak."""
        crash = self._crash
        before = self._speed_before(pulse=not message)
        if before is not None and before >= crash.velocity_change_kmh:
            return False
        return not crash.acceleration if message else crash.message is None and crash.alone

    def _began_ms(self, *, pulse: bool) -> int:
        """When the speed was still the one before."""
        return self._pulse_ms - self._crash.within_ms if pulse else self._message_ms - SOON_MS

    def _speed_before(self, *, pulse: bool) -> float | None:
        began_ms = self._began_ms(pulse=pulse)
        return next((kmh for at_ms, kmh in reversed(self._speeds) if at_ms <= began_ms), None)

    def _soon_ms(self) -> int:
        """How long after a witness the speed may speak."""
        times = [at_ms for at_ms, _ in self._speeds]
        cycle_ms = max((later - earlier for earlier, later in pairwise(times)), default=0)
        return max(SOON_MS, min(2 * cycle_ms, _LONGEST_CYCLES_MS))
