"""The intake: of which message each frame is, whether it is whole, and to whom it says something.

Of a message that is merely sampled only the newest payload is kept. One that is *eager* (`PlannedMessage.eager`) is
looked at frame by frame: by on-change signals and conditions, groups that follow it, the clock, the privacy, the
recorder and the events, in this order. An ISO-TP message is put together first (`agent.isotp`), and so is a broadcast
of J1939 that is longer than a frame (`agent.j1939.broadcasts`).

Frames of the box are not counted as frames (`Count.FRAMES`): they come from no bus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import length_hint

from agent.bus.frame import Frame
from agent.isotp.pids import apart
from agent.j1939.broadcasts import TRANSPORT, Broadcasts
from agent.j1939.identifiers import group_of
from agent.plan.plan import Plan
from agent.sampling.events import Events
from agent.sampling.filling import Filling
from agent.sampling.newest import NOTHING_NEW, Newest
from agent.sampling.newest_message import NewestMessage
from agent.sampling.recorder import Recorder
from agent.sampling.samples import Samples
from agent.sampling.told import ToldPrivacy, ToldTime
from contract.profile.devices import DEVICES
from contract.upload import Count


class Intake:
    """Everything that is handed in hears of frames by it."""

    def __init__(
        self,
        plan: Plan,
        newest: Newest,
        batch: Filling,
        samples: Samples,
        recorder: Recorder,
        events: Events,
        time: ToldTime,
        privacy: ToldPrivacy,
    ) -> None:
        self._known = plan.known
        self._newest = newest
        self._batch = batch
        self._samples = samples
        self._recorder = recorder
        self._events = events
        self._time = time
        self._privacy = privacy
        self._broadcasts = {bus: Broadcasts(self._wanted(bus)) for bus in newest.aliases.buses}

    def take(self, frames: Sequence[Frame]) -> int:
        """Takes frames until one ends the batch; how many it took."""
        by_key, aliases, known, batch = self._newest.by_key, self._newest.aliases, self._known, self._batch
        taking = iter(frames)
        short = unknown = devices = 0
        for frame in taking:
            key = frame[1:4]
            message = by_key.get(key)
            if message is None and key[0] in aliases.buses:
                message = aliases.find(key, frame[0])
                if message is None and key[2] and group_of(key[1]) in TRANSPORT:
                    whole = self._put_together(frame)
                    if whole is None:
                        continue
                    frame = whole
                    key = frame[1:4]
                    message = by_key.get(key) or aliases.find(key, frame[0])
            if message is None:
                if key[0] in DEVICES:
                    devices += 1
                    self._time.by_receiver(frame)
                elif key not in known and not aliases.described(key):
                    unknown += 1
                continue
            if message.suspect and self._refused(message, frame):
                continue
            data = frame[4]
            if len(data) < message.needed_bytes:
                short += message.cut_short(data)
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
            if batch.over:
                break
            if batch.full:
                end_ms = self._samples.told_ms(frame[0]) + 1
                if end_ms < batch.end_ms:
                    batch.end_ms = end_ms
                    break
        taken = len(frames) - length_hint(taking)
        batch.counts[Count.FRAMES] += taken - devices
        batch.counts[Count.UNKNOWN] += unknown
        batch.counts[Count.WRONG_LENGTH] += short
        return taken

    def _refused(self, message: NewestMessage, frame: Frame) -> bool:
        """Whether a frame has the id of the message and is none of it; counts that, and ids that two messages have."""
        refused = frame.fd is message.plan.refused_fd
        self._batch.counts[Count.COLLISION] += refused or bool(message.plan.claims)
        return refused

    def _wanted(self, bus: str) -> Callable[[int], bool]:
        return lambda number: self._newest.aliases.described((bus, number, True))

    def _put_together(self, frame: Frame) -> Frame | None:
        """Takes a part of a broadcast; the broadcast, if it is whole by it."""
        broadcasts = self._broadcasts[frame.bus]
        broken, cut_short = broadcasts.out_of_sequence, broadcasts.unfinished
        whole = broadcasts.take(frame)
        self._batch.counts[Count.CHECKSUM] += broadcasts.out_of_sequence - broken
        self._batch.counts[Count.WRONG_LENGTH] += broadcasts.unfinished - cut_short
        return whole

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
        at_ms = frame.at_ms
        if message.is_device:
            self._time.by_receiver(frame)
        refused = self._newest.refused
        looked_at = self._newest.take(message, at_ms, frame.data)
        if looked_at is None:
            self._batch.counts[Count.CHECKSUM] += 1
            return
        if self._newest.refused != refused:
            self._batch.counts[Count.INVALID] += self._newest.refused - refused
        if looked_at:
            self._samples.look_at(looked_at, at_ms)
        if message.leads:
            self._samples.follow(message, at_ms)
        if message.plan.clock:
            self._time.by_bus(at_ms)
        if message.plan.says_privacy and self._privacy.hear(at_ms):
            self._batch.end_with(at_ms)
        if message.tape is not None:
            self._recorder.take(message.tape, at_ms, frame.data)
        if message.watched is not None:
            for name, recording in self._events.take(message, at_ms, new=looked_at is not NOTHING_NEW):
                self._recorder.open(name, recording, at_ms)
