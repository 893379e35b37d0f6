"""States of all monitors of a vehicle, as they are kept beside a state of the fold.

    {by_key: {key: State, …}, passed: Passed or null}     MessagePack

A state is opened when its monitor has something to follow, and written again as it was read where it had not: of most
monitors an upload changes nothing. What all have in common of the moments that were passed over stands in `passed`, so
that no state is opened to say how far it goes. Without `passed` each says so itself, and no more is known.

A state that cannot be read, or has another number of triggers than its monitor, was written by another program; it is
as good as none. Whoever comes across it raises `BrokenError`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from cloud_bridge.monitors.broken import BrokenError, broken
from cloud_bridge.monitors.episodes import State
from cloud_bridge.monitors.interests import Interests


class Passed(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the moments that were passed over, as `cloud_bridge.monitors.together` has it."""

    last_ms: int | None
    used: bool | None
    calm_until_ms: int
    measured: tuple[float, float] | None
    """Longitude and latitude, degrees."""
    leeway_km: float


class Kept(msgspec.Struct, frozen=True):
    by_key: dict[str, msgspec.Raw] = {}
    passed: Passed | None = None

    def only(self, keys: Collection[str]) -> Kept:
        """Without those of other keys."""
        if self.by_key.keys() <= set(keys):
            return self
        return Kept({key: state for key, state in self.by_key.items() if key in keys}, self.passed)

    def state(self, key: str, interests: Interests) -> State:
        """Raises BrokenError where it cannot be."""
        try:
            state = _decode(self.by_key[key])
        except msgspec.MsgspecError as error:
            raise broken(key, error) from error
        tests = len(interests.watches[key].tests)
        if len(state.truths) not in (0, tests):
            raise BrokenError(key, f"its state is of {len(state.truths)} triggers, and it has {tests}")
        # What was passed over left all as it was but the time.
        if key in interests.schedules and self.passed is not None:
            return until(state, self.passed.last_ms)
        return state

    def readable(self, interests: Interests) -> Iterator[tuple[str, State]]:
        """All that can be read, by key."""
        for key in self.by_key:
            try:
                yield key, self.state(key, interests)
            except BrokenError:
                continue


def of(states: Mapping[str, State]) -> Kept:
    """Each of them says itself how far it goes."""
    return Kept({key: msgspec.Raw(encode(state)) for key, state in states.items()})


def until(state: State, last_ms: int | None) -> State:
    """The same at a later moment, at which nothing had changed but the time."""
    if state.at_ms is None or last_ms is None or last_ms <= state.at_ms:
        return state
    return replace(state, at_ms=last_ms)


encode = msgspec.msgpack.Encoder().encode
"""Of `Kept`."""
decode = msgspec.msgpack.Decoder(Kept).decode
"""Raises msgspec.MsgspecError."""
FRESH = msgspec.Raw(encode(State()))
"""A state that has followed nothing."""
_decode = msgspec.msgpack.Decoder(State).decode
