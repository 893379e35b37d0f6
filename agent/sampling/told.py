"""What the vehicle and its box tell the sampler besides samples: what time it is, and how private it is to be."""

from __future__ import annotations

from agent.bus.frame import Frame
from agent.clocks.anchors import satellite_anchor, surest
from agent.gnss import fix as gnss
from agent.plan.plan import Plan
from agent.sampling.newest import Newest
from contract.upload import Anchor, Privacy


class ToldTime:
    """By the satellites, heard by the box's receiver or by the vehicle's own, which says so on a bus."""

    def __init__(self, plan: Plan, newest: Newest) -> None:
        self.anchor: Anchor | None = None
        """The surest time that the frames of this batch have told."""
        self._newest = newest
        self._clock = plan.clock
        self._name = "" if plan.clock is None else plan.signals[plan.clock.signal].name

    def by_receiver(self, frame: Frame) -> None:
        """A frame of the box came; it tells the time if it is a fix."""
        utc_ms = gnss.utc_ms(frame.data) if frame.bus == gnss.BUS else None
        if utc_ms is not None:
            self.anchor = surest(self.anchor, satellite_anchor(frame.at_ms, utc_ms))

    def by_bus(self, at_ms: int) -> None:
        """The message came that has the profile's clock."""
        clock = self._clock
        if clock is None or (self.anchor is not None and self.anchor.uncertainty_ms <= clock.uncertainty_ms):
            return
        if clock.condition is not None and at_ms < self._newest.conditions.since_ms[clock.condition]:
            return
        seconds = self._newest.value(self._name, at_ms)
        if seconds is not None and not isinstance(seconds, str):
            found = satellite_anchor(at_ms, round(seconds * 1000), clock.uncertainty_ms)
            self.anchor = surest(self.anchor, found)


class ToldPrivacy:
    def __init__(self, plan: Plan, newest: Newest) -> None:
        self.word: Privacy | None = None
        """What the vehicle said last."""
        self.said: Privacy | None = None
        """The same, where it is the reason why the batch ends."""
        self._newest = newest
        self._rules = plan.privacy

    def hear(self, at_ms: int) -> bool:
        """The message came by which the vehicle says it; whether it says something else than before."""
        word = self._rules.words.get(str(self._newest.value(self._rules.source or "", at_ms)))
        if word is None or word is self.word:
            return False
        self.word = self.said = word
        return True
