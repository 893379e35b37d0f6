"""The newest of one message: its payload, or each of its signals by itself, with when it came and how old it may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.isotp.assembler import Assembler
from agent.plan.plan import DECLARED_GRACE_MS, LONGEST_GAP_MS, OBSERVED_GRACE_MS, PlannedMessage

if TYPE_CHECKING:
    from agent.sampling.events import Watched
    from agent.sampling.recorder import Tape

# Gaps seen are forgotten slowly: by an eighth with each frame.
_FORGET = 3


class NewestMessage:
    """The newest frame of one message; of a multiplexed one the newest value of each signal.

    So it is of any other as well, once a frame came that is too short for all of its wanted signals, and shorter than
    the one before: it says nothing of those beyond its end, and what was said of them before counts until it is stale.
    Where all frames of a vehicle are shorter than its database has them, nothing is lost from one to the next.
    """

    __slots__ = (
        "assemblers",
        "at_ms",
        "counter",
        "data",
        "decode",
        "decoded",
        "decoded_from",
        "eager",
        "gap_ms",
        "gaps_ms",
        "graces_ms",
        "is_device",
        "leads",
        "limit_ms",
        "looked_in",
        "multiplexed",
        "needed_bytes",
        "on_change",
        "pages",
        "plan",
        "raws",
        "read_slots",
        "silent",
        "suspect",
        "tape",
        "ticked_in",
        "times_ms",
        "watched",
    )

    def __init__(self, plan: PlannedMessage) -> None:
        self.plan = plan
        self.decode = plan.decode
        self.assemblers = {key: Assembler() for key in plan.keys} if plan.transport else {}
        """By the frames that carry its ISO-TP messages; none for a message that is a frame."""
        self.pages = None if plan.transport else plan.pages
        """None for answers too: what another tester asks for need not be on a page of ours."""
        needed_bytes = plan.needed_bytes if self.pages is None else self.pages.needed_bytes
        self.needed_bytes = 0 if plan.transport else needed_bytes
        """A shorter frame may be cut short."""
        self.is_device = plan.device
        self.suspect = bool(plan.claims) or plan.refused_fd is not None
        """A frame with its id may be one of another message."""
        self.on_change = tuple((plan.signals.index(number), number) for number in plan.on_change)
        """Slots and numbers of the on-change signals."""
        self.read_slots: tuple[int, ...] = ()
        """Slots of the signals that conditions read."""
        self.leads = tuple((group, plan.signals.index(number)) for group, number in plan.leads)
        """Groups that follow a signal of this message, with its slot."""
        self.graces_ms = plan.graces_ms or (OBSERVED_GRACE_MS,) * len(plan.signals)
        self.limit_ms = None if plan.cycle_ms is None else max(3 * plan.cycle_ms, DECLARED_GRACE_MS)
        self.tape: Tape | None = None
        """Where its frames are kept, if an event records them."""
        self.watched: Watched | None = None
        """What events read of it."""
        self.forget()

    def forget(self) -> None:
        self.eager = self.plan.eager or self.watched is not None
        self.multiplexed: bool = self.plan.multiplexed
        """Each signal's newest value is kept for itself."""
        self.data: bytes | None = None
        self.at_ms = -1
        self.gap_ms = 0
        self.decoded: tuple[int | None, ...] = ()
        self.decoded_from: bytes | None = None
        self.counter: int | None = None
        self.looked_in = -1
        """The state of the conditions (`Conditions.version`) at its newest frame."""
        self.ticked_in = -1
        """The same at the last tick that looked at it."""
        self.silent = False
        """Found stale at the last tick."""
        slots = len(self.plan.signals) if self.multiplexed else 0
        self.raws: list[int | None] = [None] * slots
        self.times_ms = [-1] * slots
        self.gaps_ms = [0] * slots

    def watch(self, watched: Watched | None) -> None:
        """What events read of it is this from now on."""
        self.watched = watched
        self.eager = self.plan.eager or self.multiplexed or watched is not None

    def cut_short(self, data: bytes) -> bool:
        """A frame came with fewer than `needed_bytes`: whether it lacks a wanted signal that it should hold."""
        if self.pages is not None:
            return self.pages.cut_short(data)
        before = self.data
        if not self.multiplexed and before is not None and len(data) < len(before):
            self.multiplexed = self.eager = True
            slots = len(self.plan.signals)
            self.raws = [*self.decode(before)]
            self.times_ms = [self.at_ms] * slots
            self.gaps_ms = [self.gap_ms] * slots
        return True

    def heard(self, at_ms: int) -> None:
        """A frame came."""
        if self.limit_ms is None:
            self.gap_ms = _gap(self.gap_ms, at_ms, self.at_ms)
        self.at_ms = at_ms

    def heard_each(self, at_ms: int, raws: Sequence[int | None]) -> None:
        """A frame came of which each signal's value is kept for itself; None for those that are not in it."""
        self.heard(at_ms)
        for slot, raw in enumerate(raws):
            if raw is not None:
                self.gaps_ms[slot] = _gap(self.gaps_ms[slot], at_ms, self.times_ms[slot])
                self.raws[slot] = raw
                self.times_ms[slot] = at_ms

    def came(self, slot: int, at_ms: int) -> bool:
        """Whether a signal was in the frame that came at `at_ms`, the newest, which was taken eagerly."""
        if self.multiplexed:
            return self.times_ms[slot] == at_ms
        # The box says by None that it does not know.
        return self.is_device or self.decoded[slot] is not None

    def observed_limit_ms(self) -> int:
        """How old its newest frame may be, by the gaps between the frames before."""
        return max(3 * self.gap_ms, OBSERVED_GRACE_MS)

    def stale(self, now_ms: int) -> bool:
        return now_ms - self.at_ms > (self.limit_ms or self.observed_limit_ms())


def _gap(known_ms: int, at_ms: int, before_ms: int) -> int:
    gap_ms = at_ms - before_ms
    if before_ms < 0 or gap_ms > LONGEST_GAP_MS:
        return known_ms
    return max(gap_ms, known_ms - (known_ms >> _FORGET))
