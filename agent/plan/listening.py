"""What the plan wants to hear of a bus: which frames, which of them one by one, and of the others how often.

Most messages are merely sampled: of their frames only the newest counts when a sample is due. So whoever reads a bus
may leave out those that no sample can see. Samples are due at multiples of `step_ms` only. *Each* frame is wanted of
messages that are looked at when they come (`PlannedMessage.eager`), of the members of a group that follows a signal
(they are sampled whenever that comes), and of what tells what the vehicle is doing.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from agent.bus.wanted import Ident, Listening, Sampled
from agent.j1939.broadcasts import TRANSPORT
from agent.j1939.identifiers import group_mask, group_of
from agent.plan.plan import SILENCE_MS, TICK_MS, Plan, PlannedMessage
from agent.plan.state import state_names


def listening(plan: Plan, bus: str, watched: Iterable[Ident] = ()) -> Listening:
    """What the plan wants of `bus`. `watched` are more ids of which each frame is wanted (answers to questions)."""
    intervals = {number: group.interval_ms for group in plan.groups for number in group.signals}
    followers = {number for group in plan.groups if group.follows is not None for number in group.signals}
    telling = state_names(plan.profile)
    each = set(watched)
    sampled: dict[Ident, Sampled] = {}
    groups: set[int] = set()
    for message in plan.messages:
        if message.bus != bus:
            continue
        if message.j1939:
            # A message may come in the frames of a broadcast.
            groups |= {group_of(message.id), *TRANSPORT}
            continue
        idents = {(number, extended) for _, number, extended in message.keys}
        names = {plan.signals[number].name for number in message.signals}
        if message.eager or not followers.isdisjoint(message.signals) or not telling.isdisjoint(names):
            each |= idents
        else:
            sampled |= dict.fromkeys(idents, _sampled(plan, message, intervals))
    steps = [*intervals.values(), *plan.cadences_ms.values(), TICK_MS]
    masked = frozenset((group, group_mask(group)) for group in groups)
    merely = {ident: one for ident, one in sampled.items() if ident not in each}
    return Listening(bus, frozenset(each), merely, masked, gcd(*steps))


def _sampled(plan: Plan, message: PlannedMessage, intervals: dict[int, int]) -> Sampled:
    bits = 0
    for number in message.signals:
        bits |= plan.signals[number].layout.bits
    often = [intervals[number] for number in message.signals if number in intervals]
    return Sampled(bits, (bits.bit_length() + 7) // 8, min(often, default=SILENCE_MS), message.needed_bytes > 8)
