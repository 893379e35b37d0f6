"""Which frames of a J1939 bus are which messages: those of the parameter group, whatever their priority and whomever
they are meant for, from one source.

The source is the profile's (`source`), or whoever is heard first; somebody else is heard once that one is stale. An id
that was found is looked up like any other from then on. Of each message only the ids of its present source are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.j1939.identifiers import group_of, source_of
from agent.plan.plan import FrameKey

if TYPE_CHECKING:
    from agent.sampling.newest_message import NewestMessage


class _Group:
    __slots__ = ("keys", "message", "source")

    def __init__(self, message: NewestMessage) -> None:
        self.message = message
        self.source = message.plan.source
        self.keys: list[FrameKey] = []


class Aliases:
    def __init__(self, messages: list[NewestMessage], by_key: dict[FrameKey, NewestMessage]) -> None:
        """Adds to `by_key` what it finds."""
        self._by_key = by_key
        self._groups: dict[tuple[str, int], list[_Group]] = {}
        for message in messages:
            if message.plan.j1939:
                self._groups.setdefault((message.plan.bus, group_of(message.plan.id)), []).append(_Group(message))
        self.buses = frozenset(bus for bus, _ in self._groups)

    def find(self, key: FrameKey, at_ms: int) -> NewestMessage | None:
        """The message of a frame that came at `at_ms`; None for one of another group or source."""
        bus, number, extended = key
        if not extended:
            return None
        source = source_of(number)
        for group in self._groups.get((bus, group_of(number)), ()):
            if group.source != source:
                if group.message.plan.source is not None or (
                    group.source is not None and not group.message.stale(at_ms)
                ):
                    continue
                for old in group.keys:
                    del self._by_key[old]
                group.keys.clear()
                group.source = source
            group.keys.append(key)
            self._by_key[key] = group.message
            return group.message
        return None

    def described(self, key: FrameKey) -> bool:
        """Whether it is a message of which something is wanted, from another source."""
        return key[2] and (key[0], group_of(key[1])) in self._groups
