"""The sampler: frames in, batches of samples out. A function of the frames alone: it reads no clock.

**Time is what the frames say.** A grid sample at T is the newest value of all frames up to and including T, and is
taken when the first later frame comes; an upload ends at the first frame at or after its end. So what is sampled, and
what is in which batch, does not depend on how many frames are handed over at once, or how fast. What has to last for a
time, and the end of the time after an event, need no frame: `advance` is enough.

The sampler says when: it hands the frames that come before anything else is due to the intake, does what is due, and
goes on. What is done then is said elsewhere:

    frame ─► intake ─► newest values ─► samples ─► the batch that is being filled ─► batch
                 ├───► events, crash ─► recorder ──┘
                 └───► time and privacy that are told

**Batches** end at multiples of the cadence of the vehicle's state, or at once when they are full or an event happens,
and each sample is in exactly one; the first after waking ends sooner (`Plan.first_ms`). An event ends the batch with
its own frame: one of the very millisecond that comes after it takes the next one's time.

**Sleep.** When no bus has said anything for `silence_ms` the vehicle is asleep: a last batch (`Reason.SLEEP`) ends with
the last frame, and the next one begins with the next frame of a bus, with nothing known from before (between the two:
`agent.sampling.dozing`). The last batch before a sleep, and the last of all, also hold the newest value of each signal
that came after its last grid sample, as changes, on-change signals too: what a vehicle says last is what stays true of
it, and all of it is of one time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from agent.bus.frame import Frame
from agent.plan.plan import TICK_MS, Plan
from agent.sampling.batch import Batch
from agent.sampling.dozing import Dozing
from agent.sampling.events import Events
from agent.sampling.filling import Filling
from agent.sampling.intake import Intake
from agent.sampling.newest import Newest
from agent.sampling.recorder import Recorder
from agent.sampling.samples import Samples
from agent.sampling.times import first_multiple
from agent.sampling.told import ToldPrivacy, ToldTime
from contract.evaluation import Value
from contract.profile.cadence import VehicleState
from contract.profile.devices import DEVICES
from contract.upload import Anchor, Event, Privacy, Reason

if TYPE_CHECKING:
    from agent.plan.watches import PlannedWatch
    from agent.sampling.watches import Allowance


class Sampler:
    """Feed it frames in the order of time; take the batches that it gives."""

    def __init__(self, plan: Plan, start_ms: int) -> None:
        """`start_ms` is when listening began; nothing before it is taken for what it is."""
        self._plan = plan
        self._cadences_ms = plan.cadences_ms
        self._batch = Filling(start_ms)
        self._newest = Newest(plan)
        self._samples = Samples(plan, self._newest, self._batch)
        self._recorder = Recorder(plan, self._newest, self._batch)
        self._events = Events(plan, self._newest)
        self._time = ToldTime(plan, self._newest)
        self._privacy = ToldPrivacy(plan, self._newest)
        self._intake = Intake(
            *(plan, self._newest, self._batch, self._samples, self._recorder, self._events, self._time, self._privacy)
        )
        self._dozing = Dozing(plan, self._newest, self._events)
        self._done: list[Batch] = []
        self._state = VehicleState.ASLEEP
        self._asleep = True
        self._now_ms = start_ms
        """Time of the last frame."""
        self._heard_ms = start_ms
        """Time of the last frame of a bus."""
        self._tick_ms = start_ms

    @property
    def state(self) -> VehicleState:
        """What the vehicle is doing, as of the last second that has begun."""
        return VehicleState.ASLEEP if self._asleep else self._state

    def value(self, name: str, now_ms: int) -> Value | None:
        """The newest value of a planned signal, where it counts."""
        return None if self._asleep else self._newest.value(name, now_ms)

    @property
    def anchor(self) -> Anchor | None:
        """The surest time that the frames of this batch have told."""
        return self._time.anchor

    @property
    def happened(self) -> int:
        """How many events there were."""
        return self._events.happened

    @property
    def held_back(self) -> dict[str, int]:
        """How often each event was not uploaded, by hysteresis or its limits."""
        return self._events.held_back

    def silent_ms(self, now_ms: int) -> int:
        """For how long no bus has said anything."""
        return now_ms - self._heard_ms

    def upload_every(self, cadences_ms: Mapping[VehicleState, int]) -> None:
        """How often an upload ends in each state from now on, in place of `Plan.cadences_ms`; multiples of seconds."""
        self._cadences_ms = cadences_ms
        self._dozing.every_ms = cadences_ms[VehicleState.ASLEEP]
        if not self._asleep:
            self._batch.end_by(self._next_end(self._now_ms))

    def tell(self, name: str, now_ms: int) -> list[Batch]:
        """Ends the batch with the newest frame, as an event of that name would, and with what was said last of each
        signal: how the vehicle is."""
        if self._asleep:
            self._done += self._dozing.tell(name, now_ms)
        else:
            self._pass(self._now_ms + 1)
            self._samples.last_words()
            at_ms = self._last_end() - 1
            self._batch.happens(Event(at_ms, name), (), 0)
            self._pass(at_ms + 1)
        return self._given()

    def privacy_was(self, word: Privacy | None) -> None:
        """What the vehicle said last of the privacy, before the start."""
        self._privacy.word = word

    def watch(self, watches: Sequence[PlannedWatch], allowance: Allowance) -> None:
        """These are watched for the cloud from now on, and no others (`agent.sampling.watches`)."""
        self._events.watch(watches, allowance, self._now_ms)

    def feed(self, frames: Iterable[Frame]) -> list[Batch]:
        """Takes frames; gives the batches that they ended. A frame from before the last one takes that one's time."""
        ordered = self._ordered(frames)
        times = [frame.at_ms for frame in ordered]
        position = 0
        while position < len(ordered):
            if self._asleep:
                position = self._wake(ordered, position)
                continue
            end = bisect_right(times, self._undisturbed_until(), position)
            if end > position:
                position += self._take(ordered[position:end])
                self._postpone(ordered, times, position)
            else:
                self._reach(times[position])
        return self._given()

    def advance(self, now_ms: int) -> list[Batch]:
        """It is `now_ms` and every frame up to then has been fed: are the buses silent?"""
        if not self._asleep:
            self._settle(now_ms)
            if self._silent(now_ms):
                self._sleep(Reason.SLEEP)
        if self._asleep:
            self._done += self._dozing.until(now_ms)
        return self._given()

    def cut(self) -> list[Batch]:
        """Ends the batch with the newest frame, and forgets what would still be said of the time before."""
        if self._asleep:
            self._done += self._dozing.over(self._now_ms)
        else:
            self._pass(self._now_ms + 1)
            self._finish(Reason.CADENCE, self._last_end())
        self._forget_what_was()
        return self._given()

    def close(self, now_ms: int, reason: Reason) -> Batch | None:
        """Ends the batch that is being filled, at its last frame; None if nothing came since the last batch.

        `now_ms` tells whether the buses had fallen silent before. Nothing may be fed that came earlier.
        """
        if self._asleep:
            self._done += self._dozing.over(now_ms + 1)
        else:
            silent = self._silent(now_ms)
            self._settle(now_ms)
            self._sleep(Reason.SLEEP if silent else reason)
        return self._done.pop() if self._done else None

    def _given(self) -> list[Batch]:
        given, self._done = self._done, []
        return given

    def _ordered(self, frames: Iterable[Frame]) -> list[Frame]:
        ordered = sorted(frames, key=_at_ms)
        least_ms = max(self._now_ms, self._batch.start_ms)
        if ordered and ordered[0].at_ms < least_ms:
            return [frame if frame.at_ms >= least_ms else frame._replace(at_ms=least_ms) for frame in ordered]
        return ordered

    def _postpone(self, frames: list[Frame], times: list[int], position: int) -> None:
        """Frames of a batch that an event has ended already are of the next one."""
        while position < len(frames) and times[position] < self._batch.start_ms:
            frames[position] = frames[position]._replace(at_ms=self._batch.start_ms)
            times[position] = self._batch.start_ms
            position += 1

    def _take(self, frames: Sequence[Frame]) -> int:
        """Takes frames until one ends the batch; how many it took."""
        taken = self._intake.take(frames)
        self._now_ms = frames[taken - 1].at_ms
        of_a_bus = (frame.at_ms for frame in reversed(frames[:taken]) if frame.bus not in DEVICES)
        self._heard_ms = next(of_a_bus, self._heard_ms)
        if self._batch.over:
            self._pass(self._now_ms + 1)
        return taken

    # What is due, and when.

    def _undisturbed_until(self) -> int:
        """The latest time of frames that can be taken before anything else is due."""
        return min(self._due_ms(), self._batch.end_ms - 1, self._heard_ms + self._plan.silence_ms)

    def _due_ms(self) -> int:
        """When the next thing is due that needs no frame, besides the end of a batch."""
        return min(self._tick_ms, self._events.due_ms, self._samples.due_ms)

    def _silent(self, now_ms: int) -> bool:
        return now_ms > self._heard_ms + self._plan.silence_ms

    def _settle(self, until_ms: int) -> None:
        """Events that are due up to `until_ms` (all frames up to then were taken), unless the vehicle sleeps before."""
        until_ms = min(until_ms, self._heard_ms + self._plan.silence_ms - 1)
        while (due_ms := min(self._events.due_ms, self._batch.aftermath_ms)) <= until_ms:
            self._pass(due_ms + 1)

    def _reach(self, at_ms: int) -> None:
        """A frame comes at `at_ms`: does what is due before it."""
        if self._silent(at_ms):
            self._settle(at_ms)
            self._sleep(Reason.SLEEP)
        else:
            self._pass(at_ms)

    def _pass(self, at_ms: int) -> None:
        """What is due before `at_ms` and batches that end up to it, in the order of time."""
        while True:
            due_ms, end_ms = self._due_ms(), self._batch.end_ms
            if end_ms <= at_ms and end_ms <= due_ms:
                self._finish(Reason.CADENCE, end_ms)
                self._samples.restate()
            elif due_ms < at_ms:
                self._do(due_ms)
            else:
                return

    def _do(self, at_ms: int) -> None:
        """What is due at `at_ms`; every frame up to then was taken."""
        if self._tick_ms == at_ms:
            self._tick_ms += TICK_MS
            self._samples.tick(at_ms)
            self._batch.end_by(self._next_end(at_ms))
        self._samples.sample(at_ms)
        if self._events.due_ms == at_ms:
            for name, recording in self._events.reach(at_ms):
                self._recorder.open(name, recording, at_ms)
        if self._batch.full:
            self._batch.end_by(self._samples.told_ms(at_ms) + 1)

    # Batches, sleep and wake.

    def _next_end(self, at_ms: int) -> int:
        """The state is decided at `at_ms`: when the batch ends by it."""
        self._state = self._plan.state_of(lambda name: self._newest.value(name, at_ms))
        self._samples.pace(self._state, at_ms)
        end_ms = first_multiple(self._cadences_ms[self._state], at_ms + 1)
        return min(end_ms, self._batch.aftermath_ms + 1)

    def _last_end(self) -> int:
        """The earliest end of a batch that holds all that was said up to now."""
        return max(self._samples.told_ms(self._now_ms), self._batch.start_ms) + 1

    def _finish(self, reason: Reason, end_ms: int) -> None:
        grids = self._samples.grids(end_ms)
        self._done += self._batch.ended(reason, end_ms, self._time.anchor, grids, self._privacy.said)
        if self._privacy.said is not None:
            self._privacy.said = None
            self._forget_what_was()
        self._time.anchor = None
        self._batch.begin(end_ms)
        self._batch.end_ms = self._next_end(end_ms)

    def _forget_what_was(self) -> None:
        """Where the vehicle was before, and what happened then, is nothing that a later batch may say."""
        self._recorder.forget_before()
        self._batch.forget_events()
        self._newest.forget_any_of(self._plan.privacy.positional)

    def _sleep(self, reason: Reason) -> None:
        """Ends the batch with what was said last."""
        self._pass(self._now_ms + 1)
        self._samples.last_words()
        self._finish(reason, self._last_end())
        self._events.forget()
        self._asleep = True

    def _wake(self, frames: Sequence[Frame], position: int) -> int:
        """Begins anew with the first frame of a bus; what the box itself says wakes nothing. Where to go on."""
        for index in range(position, len(frames)):
            frame = frames[index]
            self._now_ms = frame.at_ms
            if frame.bus not in DEVICES:
                self._begin(frame.at_ms)
                return index
            self._time.by_receiver(frame)
            self._dozing.anchor = self._time.anchor
            self._done += self._dozing.take(frame)
        return len(frames)

    def _begin(self, at_ms: int) -> None:
        """A bus speaks: the vehicle is awake, and nothing is known of it."""
        self._done += self._dozing.over(at_ms)
        self._newest.forget()
        self._recorder.forget()
        self._events.forget()
        self._batch.forget_events()
        self._batch.begin(at_ms)
        self._samples.wake(at_ms)
        self._asleep = False
        self._heard_ms = at_ms
        self._tick_ms = first_multiple(TICK_MS, at_ms)
        self._batch.end_ms = self._next_end(at_ms)
        if self._plan.first_ms:
            self._batch.end_by(at_ms + self._plan.first_ms)


def _at_ms(frame: Frame) -> int:
    return frame.at_ms
