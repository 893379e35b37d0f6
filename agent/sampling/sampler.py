"""The sampler: frames in, batches of samples out. A function of the frames alone: it reads no clock.

**Time is what the frames say.** A grid sample at T is the newest value of all frames up to and including T, and is
taken when the first later frame comes; an upload ends at the first frame at or after its end. So what is sampled, and
what is in which batch, does not depend on how many frames are handed over at once, or how fast.

* Signals of a regular group are sampled at each multiple of its interval, or with the signal that the group follows
  (`agent.sampling.rows`). Of each message only the newest payload is kept, and decoded when a sample is due.
* On-change signals are decoded at each frame whose payload is another than before; a change bears the time of its
  frame, in milliseconds. Once a second all are looked at again, for those that became stale or whose conditions no
  longer hold. Once per interval they are restated in a one-row grid, and where a batch begins between.
* Multiplexed messages keep the newest value of each signal.

**Events** (`agent.sampling.events`) end the batch with their own frame, as soon as it is taken: the batch then bears
their names (`Reason.EVENT`), and as changes at their own times all that was said of the recorded signals in the time
before them, also what was said before the batch began. A batch may so reach back into the time of earlier ones; no
sample is in two of them. (Where that were too much for one, what was said before goes in batches of its own.) In the
time after an event, all that is said of the recorded signals is in the batches as it comes; the batch ends with that
time, and all of them bear the event's name. A frame of the very millisecond of an event that comes after it takes the
next one's time. What has to last for a time, and the end of the time after, need no frame: `advance` is enough.

What makes a value count is said in `agent.plan.plan`. A value that does not is None in grids, ends an on-change signal
with a change to None, and is counted (`Count.INVALID`) unless it is merely missing or stale.

**Batches** end at multiples of the cadence of the vehicle's state, or at once when they are full, and each sample is
in exactly one; the first after waking ends sooner (`Plan.first_ms`). Where very many frames bear one and the same time,
of each signal only the last change in a full batch's last millisecond is kept; the others are counted
(`Count.INVALID`). When no bus has said anything for `silence_ms` the
vehicle is asleep: a last batch (`Reason.SLEEP`) ends with the last frame, and the next one begins with the next frame
of a bus, with nothing known from before (between the two: `agent.sampling.dozing`). The last batch before a sleep, and
the last of all, also hold the newest value of each signal that came after its last grid sample, as changes, on-change
signals too: what a vehicle says last is what stays true of it, and all of it is of one time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from operator import length_hint
from typing import NamedTuple

from agent.bus.frame import Frame
from agent.clock import satellite_anchor, surest
from agent.gnss import fix as gnss
from agent.isotp.pids import apart
from agent.plan.events import Recording
from agent.plan.plan import Plan, PlannedGroup
from agent.sampling.batch import FULL_GRIDS_BITS, Batch, Filling
from agent.sampling.dozing import Dozing
from agent.sampling.events import Events
from agent.sampling.newest import NOTHING_NEW, Newest, NewestMessage
from agent.sampling.recorder import Recorder
from agent.sampling.rows import Row, Rows
from contract.expressions import Value
from contract.profile.cadence import VehicleState
from contract.profile.devices import DEVICES
from contract.upload import Anchor, Change, Count, Event, Privacy, Reason

TICK_MS = 1000
"""How often on-change signals are looked at without a frame."""
_LEAST_ROW_BITS = 32
"""So that a batch is also full before a grid has more rows than an upload may hold."""


class _Open(NamedTuple):
    """An event whose time after is not over."""

    until_ms: int
    event: Event


class Sampler:
    """Feed it frames in the order of time; take the batches that it gives."""

    def __init__(self, plan: Plan, start_ms: int) -> None:
        """`start_ms` is when listening began; nothing before it is taken for what it is."""
        self.anchor: Anchor | None = None
        """The surest time that the frames of this batch have told."""
        self._plan = plan
        self._newest = Newest(plan)
        self._recorder = Recorder(plan, self._newest)
        self._events = Events(plan, self._newest)
        self._dozing = Dozing(plan, self._newest, self._events)
        self._batch = Filling(start_ms)
        self._open: list[_Open] = []
        self._happened = False
        """An event ends the batch with the frame that was just taken."""
        self.privacy: Privacy | None = None
        """What the vehicle said last of the privacy."""
        self._said_privacy: Privacy | None = None
        """The same, where it is the reason why the batch ends."""
        self._state = VehicleState.ASLEEP
        self._rows = [Rows(number, group, _largest_row_bits(plan, group)) for number, group in enumerate(plan.groups)]
        self._said: list[int | None] = [None] * len(plan.signals)
        """Per on-change signal, what was last said of it in a change."""
        self._done: list[Batch] = []
        self._asleep = True
        self._now_ms = start_ms
        """Time of the last frame."""
        self._end_ms = start_ms
        self._tick_ms = start_ms
        self._heard_ms = start_ms
        """Time of the last frame of a bus."""

    @property
    def state(self) -> VehicleState:
        """What the vehicle is doing, as of the last second that has begun."""
        return VehicleState.ASLEEP if self._asleep else self._state

    def value(self, name: str, now_ms: int) -> Value | None:
        """The newest value of a planned signal, where it counts."""
        return None if self._asleep else self._newest.value(name, now_ms)

    @property
    def happened(self) -> int:
        """How many events there were."""
        return self._events.happened

    @property
    def held_back(self) -> dict[str, int]:
        """How often each event was not uploaded, by hysteresis or its limits."""
        return self._events.held_back

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
                position = self._take(ordered, position, end)
                self._postpone(ordered, times, position)
            else:
                self._reach(times[position])
        done, self._done = self._done, []
        return done

    def advance(self, now_ms: int) -> list[Batch]:
        """It is `now_ms` and every frame up to then has been fed: are the buses silent?"""
        if not self._asleep:
            self._settle(now_ms)
            if now_ms > self._heard_ms + self._plan.silence_ms:
                self._sleep(Reason.SLEEP)
        if self._asleep:
            self._done += self._dozing.until(now_ms)
        done, self._done = self._done, []
        return done

    def cut(self) -> list[Batch]:
        """Ends the batch with the newest frame, and forgets what would still be said of the time before."""
        if self._asleep:
            self._done += self._dozing.over(self._now_ms)
        else:
            self._pass(self._now_ms + 1)
            self._finish(Reason.CADENCE, max(self._told_ms(), self._batch.start_ms) + 1)
        self._forget_what_was()
        self._batch.events.clear()
        done, self._done = self._done, []
        return done

    def close(self, now_ms: int, reason: Reason) -> Batch | None:
        """Ends the batch that is being filled, at its last frame; None if nothing came since the last batch.

        `now_ms` tells whether the buses had fallen silent before. Nothing may be fed that came earlier.
        """
        silent = now_ms > self._heard_ms + self._plan.silence_ms
        if self._asleep:
            return self._close_asleep(now_ms)
        self._settle(now_ms)
        self._sleep(Reason.SLEEP if silent else reason)
        *early, last = self._done
        self._done = early
        return last

    def _close_asleep(self, now_ms: int) -> Batch | None:
        self._done += self._dozing.over(now_ms + 1)
        if not self._done:
            return None
        *self._done, last = self._done
        return last

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

    # Time.

    def _undisturbed_until(self) -> int:
        """The latest time of frames that can be taken before anything else is due."""
        return min(self._due_ms(), self._end_ms - 1, self._heard_ms + self._plan.silence_ms)

    def _due_ms(self) -> int:
        """When the next thing is due that needs no frame, besides the end of a batch."""
        return min([self._tick_ms, self._events.due_ms, *(rows.due_ms for rows in self._rows)])

    def _settle(self, until_ms: int) -> None:
        """Events that are due up to `until_ms` (all frames up to then were taken), unless the vehicle sleeps before."""
        until_ms = min(until_ms, self._heard_ms + self._plan.silence_ms - 1)
        while True:
            due_ms = min([self._events.due_ms, *(each.until_ms for each in self._open)])
            if due_ms > until_ms:
                return
            self._pass(due_ms + 1)

    def _reach(self, at_ms: int) -> None:
        """A frame comes at `at_ms`: does what is due before it."""
        if at_ms > self._heard_ms + self._plan.silence_ms:
            self._settle(at_ms)
            self._sleep(Reason.SLEEP)
        else:
            self._pass(at_ms)

    def _pass(self, at_ms: int) -> None:
        """Samples before `at_ms` and batches that end up to it, in the order of time."""
        while True:
            due_ms = self._due_ms()
            if self._end_ms <= at_ms and self._end_ms <= due_ms:
                self._finish(Reason.CADENCE, self._end_ms)
                self._restate()
            elif due_ms < at_ms:
                self._sample(due_ms)
            else:
                return

    def _wake(self, frames: Sequence[Frame], position: int) -> int:
        """Begins anew with the first frame of a bus; what the box itself says wakes nothing."""
        for index in range(position, len(frames)):
            at_ms, bus = frames[index].at_ms, frames[index].bus
            if bus in DEVICES:
                self._receiver_time(frames[index])
                self._dozing.anchor = self.anchor
                self._done += self._dozing.take(frames[index])
                self._now_ms = at_ms
                continue
            self._asleep = False
            self._done += self._dozing.over(at_ms)
            self._newest.forget()
            self._recorder.forget()
            self._events.forget()
            self._open = []
            self._batch = Filling(at_ms)
            self._said = [None] * len(self._said)
            self._now_ms = self._heard_ms = at_ms
            self._tick_ms = _multiple(TICK_MS, at_ms)
            for rows in self._rows:
                rows.wake(at_ms)
            self._end_ms = self._next_end(at_ms)
            if self._plan.first_ms:
                self._end_ms = min(self._end_ms, at_ms + self._plan.first_ms)
            return index
        return len(frames)

    def _sleep(self, reason: Reason) -> None:
        """Ends the batch with what was said last."""
        self._pass(self._now_ms + 1)
        said = {(change.at_ms, change.signal) for change in self._batch.changes}
        for rows in self._rows:
            self._last_words(rows, said)
        self._batch.changes.sort(key=lambda change: change.at_ms)
        self._finish(reason, max(self._told_ms(), self._batch.start_ms) + 1)
        self._events.forget()
        self._asleep = True

    def _told_ms(self) -> int:
        """The latest time of anything in the batch: a row that came early in its step is dated after its frame, and
        what ceased to count while an event had yet to last came without one."""
        changes = self._batch.changes[-1:]
        return max(self._now_ms, *(rows.until_ms for rows in self._rows), *(change.at_ms for change in changes))

    def _next_end(self, at_ms: int) -> int:
        self._state = self._plan.state_of(lambda name: self._newest.value(name, at_ms))
        for rows in self._rows:
            rows.pace(self._state, at_ms)
        end_ms = _multiple(self._plan.cadences_ms[self._state], at_ms + 1)
        return min([end_ms, *(each.until_ms + 1 for each in self._open)])

    # Samples.

    def _sample(self, at_ms: int) -> None:
        if self._tick_ms == at_ms:
            self._tick(at_ms)
        for rows in self._rows:
            if rows.due_ms == at_ms:
                self._batch.grids_bits += rows.sample(self._row(rows, at_ms))
        if self._events.due_ms == at_ms:
            for name, recording in self._events.reach(at_ms):
                self._happen(name, recording, at_ms)
        if self._batch.grids_bits >= FULL_GRIDS_BITS:
            self._end_ms = min(self._end_ms, max(at_ms, self._told_ms()) + 1)

    def _restate(self) -> None:
        """A batch can be read by itself: it begins with the values of on-change signals, if that is not their turn."""
        for rows in self._rows:
            if rows.group.on_change and rows.due_ms > self._batch.start_ms:
                self._batch.grids_bits += rows.restate(self._batch.start_ms, self._row(rows, self._batch.start_ms))

    def _happen(self, name: str, recording: Recording, at_ms: int) -> None:
        """An event: the batch ends with this moment."""
        event = Event(at_ms, name)
        self._batch.happens(event)
        self._batch.before += self._recorder.open(recording, at_ms, self._batch.start_ms)
        if recording.after_ms:
            self._open.append(_Open(at_ms + recording.after_ms, event))
        self._end_ms = at_ms + 1
        self._happened = True

    def _follow(self, message: NewestMessage, at_ms: int) -> None:
        """Samples the groups that follow a signal of this message, if it has just come."""
        for number, slot in message.leads:
            rows = self._rows[number]
            if message.came(slot, at_ms) and rows.wants(at_ms):
                self._batch.grids_bits += rows.follow(at_ms, self._end_ms, self._row(rows, at_ms))

    def _row(self, rows: Rows, at_ms: int) -> Row:
        newest = self._newest
        refused = newest.refused
        row = tuple(newest.raw(number, at_ms) for number in rows.group.signals)
        self._batch.counts[Count.INVALID] += newest.refused - refused
        return row

    def _tick(self, at_ms: int) -> None:
        """What ceases to count does so without a frame."""
        self._tick_ms += TICK_MS
        refused = self._newest.refused
        for number in self._newest.tick(at_ms):
            self._look_at(number, at_ms)
        self._newest.refused = refused
        self._end_ms = min(self._end_ms, self._next_end(at_ms))

    def _look_at(self, number: int, at_ms: int) -> None:
        raw = self._newest.raw(number, at_ms)
        if raw == self._said[number]:
            return
        self._said[number] = raw
        self._batch.say(Change(at_ms, number, raw))

    def _last_words(self, rows: Rows, said: Container[tuple[int, int]]) -> None:
        for number in rows.group.signals:
            heard_ms = self._newest.heard_ms(number)
            if heard_ms > rows.sampled_ms and (heard_ms, number) not in said:
                raw = self._newest.raw(number, heard_ms)
                if raw is not None:
                    self._batch.changes.append(Change(max(heard_ms, self._batch.start_ms), number, raw))

    # Frames.

    def _take(self, frames: Sequence[Frame], begin: int, end: int) -> int:
        """Takes frames until the batch is full; gives the position of the next one."""
        by_key, known, counts = self._newest.by_key, self._plan.known, self._batch.counts
        aliases = self._newest.aliases
        part = frames[begin:end]
        taking = iter(part)
        short = unknown = devices = 0
        for frame in taking:
            key = frame[1:4]
            message = by_key.get(key)
            if message is None and key[0] in aliases.buses:
                message = aliases.find(key, frame[0])
            if message is None:
                if key[0] in DEVICES:
                    devices += 1
                    self._receiver_time(frame)
                elif key not in known and not aliases.described(key):
                    unknown += 1
                continue
            if message.suspect and self._refused(message, frame):
                continue
            data = frame[4]
            if len(data) < message.needed_bytes:
                short += 1
            if not message.eager:
                message.data = data
                if message.limit_ms is None:
                    message.heard(frame[0])
                else:
                    message.at_ms = frame[0]
                continue
            devices += message.is_device
            if message.assemblers:
                self._take_apart(message, frame)
            else:
                self._take_eagerly(message, frame)
            if self._happened:
                break
            if self._batch.full:
                end_ms = max(frame[0], self._told_ms()) + 1
                if end_ms < self._end_ms:
                    self._end_ms = end_ms
                    break
        taken = len(part) - length_hint(taking)
        counts[Count.FRAMES] += taken - devices
        counts[Count.UNKNOWN] += unknown
        counts[Count.WRONG_LENGTH] += short
        self._now_ms = part[taken - 1].at_ms
        self._heard_ms = next(
            (each.at_ms for each in reversed(part[:taken]) if each.bus not in DEVICES), self._heard_ms
        )
        if self._happened:
            self._pass(self._now_ms + 1)
        return begin + taken

    def _refused(self, message: NewestMessage, frame: Frame) -> bool:
        """Whether a frame has the id of the message and is none of it; counts that, and ids that two messages have."""
        refused = frame.fd is message.plan.refused_fd
        self._batch.counts[Count.COLLISION] += refused or message.plan.claimed
        return refused

    def _take_apart(self, message: NewestMessage, frame: Frame) -> None:
        """Takes a frame of an ISO-TP message, and the answers that it completes."""
        assembler = message.assemblers[frame[1:4]]
        counts = assembler.counts
        broken, cut_short = counts.out_of_sequence, counts.cut_short
        whole = assembler.take(frame)
        self._batch.counts[Count.CHECKSUM] += counts.out_of_sequence - broken
        self._batch.counts[Count.WRONG_LENGTH] += counts.cut_short - cut_short
        if whole is not None:
            for answer in apart(whole, message.plan.with_length):
                self._batch.counts[Count.WRONG_LENGTH] += len(answer) < message.plan.needed_bytes
                self._take_eagerly(message, frame._replace(data=answer))

    def _take_eagerly(self, message: NewestMessage, frame: Frame) -> None:
        newest = self._newest
        if message.is_device:
            self._receiver_time(frame)
        looked_at = newest.take(message, frame.at_ms, frame.data)
        if looked_at is None:
            self._batch.counts[Count.CHECKSUM] += 1
            return
        if looked_at:
            refused = newest.refused
            for number in looked_at:
                self._look_at(number, frame.at_ms)
            self._batch.counts[Count.INVALID] += newest.refused - refused
        if message.leads:
            self._follow(message, frame.at_ms)
        if message.plan.clock:
            self._bus_time(frame.at_ms)
        if message.plan.says_privacy:
            self._hear_privacy(frame.at_ms)
        if message.tape is not None:
            for change in self._recorder.take(message.tape, frame.at_ms, frame.data):
                self._batch.say(change)
        if message.watched is not None:
            for name, recording in self._events.take(message, frame.at_ms, new=looked_at is not NOTHING_NEW):
                self._happen(name, recording, frame.at_ms)

    def _receiver_time(self, frame: Frame) -> None:
        utc_ms = gnss.utc_ms(frame.data) if frame.bus == gnss.BUS else None
        if utc_ms is not None:
            self.anchor = surest(self.anchor, satellite_anchor(frame.at_ms, utc_ms))

    def _hear_privacy(self, at_ms: int) -> None:
        rules = self._plan.privacy
        word = rules.words.get(str(self._newest.value(rules.source or "", at_ms)))
        if word is not None and word is not self.privacy:
            self.privacy = self._said_privacy = word
            self._end_ms = at_ms + 1
            self._happened = True

    def _forget_what_was(self) -> None:
        """Where the vehicle was before, and what happened then, is nothing that a later batch may say."""
        self._recorder.forget_before()
        self._open = []
        positional = self._plan.privacy.positional
        for message in self._newest.messages:
            if any(self._plan.signals[number].name in positional for number in message.plan.signals):
                message.forget()

    def _bus_time(self, at_ms: int) -> None:
        clock = self._plan.clock
        if clock is None or (self.anchor is not None and self.anchor.uncertainty_ms <= clock.uncertainty_ms):
            return
        if clock.condition is not None and not self._newest.holds(clock.condition, at_ms):
            return
        seconds = self._newest.value(self._plan.signals[clock.signal].name, at_ms)
        if seconds is not None and not isinstance(seconds, str):
            found = satellite_anchor(at_ms, round(seconds * 1000), clock.uncertainty_ms)
            self.anchor = surest(self.anchor, found)

    # Batches.

    def _finish(self, reason: Reason, end_ms: int) -> None:
        grids = tuple(grid for rows in self._rows for grid in rows.take(end_ms))
        self._done += self._batch.ended(reason, end_ms, self.anchor, grids, self._said_privacy)
        if self._said_privacy is not None:
            self._said_privacy = None
            self._forget_what_was()
        self.anchor = None
        self._batch = Filling(end_ms)
        self._happened = False
        self._open = [each for each in self._open if each.until_ms >= end_ms]
        for each in self._open:
            self._batch.happens(each.event)
        self._end_ms = self._next_end(end_ms)


def _largest_row_bits(plan: Plan, group: PlannedGroup) -> int:
    return max(sum(plan.signals[number].largest_sample_bits for number in group.signals), _LEAST_ROW_BITS)


def _multiple(interval_ms: int, at_ms: int) -> int:
    """The first multiple of an interval at or after a time."""
    return -(-at_ms // interval_ms) * interval_ms


def _at_ms(frame: Frame) -> int:
    return frame.at_ms
