"""Which of the shipped models a recording is of, by the messages that are in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.bus.recording import Recording
from agent.j1939.identifiers import group_of
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan, PlannedMessage

BATCHES = 40
"""How much of the recording is looked at: messages that repeat at all have come by then."""


@dataclass(frozen=True)
class Likeness:
    model: str
    found: int
    """Messages of the profile that are in the recording, long enough for what the profile wants of them."""
    wanted: int

    @property
    def share(self) -> float:
        return self.found / self.wanted


def likest(log: Path, profiles: Path) -> Likeness:
    """The model of which the largest share of messages is in the recording; `found` is 0 when there is none at all.

    Raises RecordingError when the recording cannot be read.
    """
    plans = {path.stem: compile_plan(path) for path in sorted(profiles.glob("*.toml"))}
    return max((_likeness(model, plan, log) for model, plan in plans.items()), key=lambda found: found.share)


def _likeness(model: str, plan: Plan, log: Path) -> Likeness:
    messages = [message for message in plan.messages if message.bus in plan.buses]
    of_groups = {message.bus for message in messages if message.j1939}
    lengths: dict[tuple[str, int, bool], int] = {}
    for batch in islice(Recording([log], plan.buses).batches(), BATCHES):
        for frame in batch:
            number = group_of(frame.id) if frame.bus in of_groups else frame.id
            key = (frame.bus, number, frame.extended)
            lengths[key] = max(len(frame.data), lengths.get(key, 0))
    found = [message for message in messages if lengths.get(_key(message), -1) >= message.needed_bytes]
    return Likeness(model, len(found), len(messages))


def _key(message: PlannedMessage) -> tuple[str, int, bool]:
    """On a bus of J1939 the group is the message, whoever sends it."""
    return message.bus, group_of(message.id) if message.j1939 else message.id, message.extended
