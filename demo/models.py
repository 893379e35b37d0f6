"""Which of the shipped models a recording is of, by the messages that are in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from agent.bus.recording import Recording
from agent.j1939.identifiers import group_of
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan, PlannedMessage

_Key: TypeAlias = tuple[str, int, bool]
"""Bus, id, and whether that has 29 bits."""
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
    said = {buses: _said(log, buses) for buses in {tuple(plan.buses) for plan in plans.values()}}
    likenesses = (_likeness(model, plan, said[tuple(plan.buses)]) for model, plan in plans.items())
    return max(likenesses, key=lambda found: found.share)


def _said(log: Path, buses: tuple[str, ...]) -> dict[_Key, int]:
    """Bytes of the longest frame of each id."""
    lengths: dict[_Key, int] = {}
    for batch in islice(Recording([log], buses).batches(), BATCHES):
        for frame in batch:
            key = (frame.bus, frame.id, frame.extended)
            lengths[key] = max(len(frame.data), lengths.get(key, 0))
    return lengths


def _likeness(model: str, plan: Plan, said: dict[_Key, int]) -> Likeness:
    messages = [message for message in plan.messages if message.bus in plan.buses]
    of_groups = {message.bus for message in messages if message.j1939}
    lengths: dict[_Key, int] = {}
    for (bus, ident, extended), length in said.items():
        key = (bus, group_of(ident) if bus in of_groups else ident, extended)
        lengths[key] = max(length, lengths.get(key, 0))
    found = [message for message in messages if lengths.get(_key(message), -1) >= message.needed_bytes]
    return Likeness(model, len(found), len(messages))


def _key(message: PlannedMessage) -> _Key:
    """On a bus of J1939 the group is the message, whoever sends it."""
    return message.bus, group_of(message.id) if message.j1939 else message.id, message.extended
