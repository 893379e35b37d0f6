"""Answers of the vehicle's computers: which message describes them, and how long the values in them count.

A message with `transport = "isotp"` is put together before it is decoded (`agent.isotp`), from the frames of its own
id, of those under `also`, and of those that a table under [ask] tries in its place.

An answer is as old as the question is rare, so how often a value is asked for says how long it counts. Which values an
answer holds is not written down anywhere: the message's own decoder says so, given an answer that is empty but for
what every answer begins with, service and identifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from agent.isotp.pids import POSITIVE, SERVICE_CURRENT_DATA
from agent.plan.plan import OBSERVED_GRACE_MS, PlannedMessage
from contract.configuration import Keys
from contract.profile.asking import LARGEST_SHORT_ID, Ask
from contract.profile.profile import Profile

SERVICE_BY_LOCAL_IDENTIFIER = 0x21
SERVICE_BY_IDENTIFIER = 0x22
_CYCLES = 3
"""So many questions may go unanswered before a value is stale, as with what is sent of itself."""

Id = tuple[int, bool]
"""An id, and whether it has 29 bits."""


def id_of(number: int) -> Id:
    return number, number > LARGEST_SHORT_ID


def as_answer(message: PlannedMessage, length: int, profile: Profile) -> PlannedMessage:
    """The message as one of ISO-TP, if the profile says that it is. `length`: of the longest answer, in bytes."""
    rules = profile.messages.get(message.name)
    if rules is None or rules.transport is None:
        return message
    asks = [ask for ask in profile.ask.values() if _answered_in(ask, message, profile)]
    also = [*rules.also, *(answer for ask in asks for _, answer in ask.otherwise)]
    with_length = rules.transport == "isotp-with-length"
    graces_ms = [OBSERVED_GRACE_MS] * len(message.signals)
    cycle_ms = message.cycle_ms
    for ask in asks:
        for _, start, every_ms in _questions(ask):
            for slot, raw in enumerate(_decoded(message, start, length, with_length)):
                if raw is not None:
                    graces_ms[slot] = max(graces_ms[slot], _CYCLES * every_ms)
            cycle_ms = max(cycle_ms or 0, every_ms)
    own = (message.id, message.extended)
    return replace(
        message,
        transport=True,
        with_length=with_length,
        also=tuple(dict.fromkeys(key for key in map(id_of, also) if key != own)),
        graces_ms=tuple(graces_ms),
        cycle_ms=cycle_ms,
    )


def answer_problems(
    profile: Profile, messages: Iterable[PlannedMessage], lengths: dict[str, int]
) -> Iterator[tuple[Keys, str]]:
    """What is asked for and read by nobody. `lengths`: of the longest answer, by message."""
    transported = [message for message in messages if message.transport]
    for name, ask in profile.ask.items():
        if not (ask.pids or ask.dids or ask.lids):
            continue
        message = next((each for each in transported if _answered_in(ask, each, profile)), None)
        if message is None:
            text = f'no signal of a message {ask.answer:#x} with transport = "isotp" is listed to read the answers'
            yield ("ask", name, "answer"), text
            continue
        for keys, start, _ in _questions(ask):
            values = _decoded(message, start, lengths[message.name], message.with_length)
            if all(raw is None for raw in values):
                yield ("ask", name, *keys), f"no listed signal of {message.name} is in the answer {start.hex(' ')} …"


def _decoded(message: PlannedMessage, start: bytes, length: int, with_length: bool) -> tuple[int | None, ...]:
    """What the message makes of an answer of which nothing is known but its start."""
    return message.decode((b"\0" * with_length + start).ljust(length, b"\0"))


def _answered_in(ask: Ask, message: PlannedMessage, profile: Profile) -> bool:
    return ask.bus_of(profile.buses) == message.bus and id_of(ask.answer) == (message.id, message.extended)


def _questions(ask: Ask) -> Iterator[tuple[tuple[str, str], bytes, int]]:
    """Of each value that is asked for: its place in the table, what the answer begins with, how often."""
    for pid, every in ask.pids.items():
        yield ("pids", pid), bytes([POSITIVE + SERVICE_CURRENT_DATA, int(pid, 16)]), int(every)
    for did, every in ask.dids.items():
        yield ("dids", did), bytes([POSITIVE + SERVICE_BY_IDENTIFIER]) + bytes.fromhex(did), int(every)
    for lid, every in ask.lids.items():
        yield ("lids", lid), bytes([POSITIVE + SERVICE_BY_LOCAL_IDENTIFIER, int(lid, 16)]), int(every)
