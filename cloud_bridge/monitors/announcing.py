"""Which events are to be told, when some have been told before and later data changed what was.

What was told cannot be taken back, and must not be told twice because it turned out to have begun a little earlier. So

* of an episode in which something was told already the beginning is not told again, wherever it is now: two that became
  one, or one that began earlier, are old news;
* what was told of a moment that is in no episode any more is taken to have been of the nearest beginning within
  `REDATED_MS` of it;
* of the reminders of an episode only the newest is told, and only if nothing was told of it at its time or later.

All other beginnings are told, however late they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cloud_bridge.monitors.episodes import Episode, Event

REDATED_MS = 120_000


class Announced(msgspec.Struct, frozen=True):
    """An event of the same monitor and vehicle that was told."""

    id: str
    at_ms: int
    refresh: bool = False


def unannounced(
    events: Iterable[Event], episodes: Mapping[str, Episode], announced: Sequence[Announced]
) -> list[Event]:
    """Those of `events` that are to be told now, in ascending time. `events` and `episodes`: all that there are now
    from some time on (an `Outcome`); `announced`: what was told of that time, and of what was going on before it."""
    ids = {one.id for one in announced}
    stray = [
        one
        for one in sorted(announced, key=lambda one: one.at_ms)
        if not one.refresh
        and one.id not in episodes
        and not any(_holds(episode, one.at_ms) for episode in episodes.values())
    ]
    found = []
    newest: dict[str, Event] = {}
    for event in sorted(events, key=lambda event: event.at_ms):
        if event.refresh:
            newest[event.episode] = event
        elif event.id not in ids and not _was_told(episodes[event.episode], announced) and not _takes(event, stray):
            found.append(event)
    for event in newest.values():
        last_ms = max((one.at_ms for one in announced if _holds(episodes[event.episode], one.at_ms)), default=-1)
        if event.id not in ids and event.at_ms > last_ms:
            found.append(event)
    return sorted(found, key=lambda event: (event.at_ms, event.refresh))


def _holds(episode: Episode, at_ms: int) -> bool:
    return episode.from_ms <= at_ms and (episode.to_ms is None or at_ms < episode.to_ms or at_ms == episode.from_ms)


def _was_told(episode: Episode, announced: Sequence[Announced]) -> bool:
    return any(one.id == episode.id or _holds(episode, one.at_ms) for one in announced if not one.refresh)


def _takes(event: Event, stray: list[Announced]) -> bool:
    """Whether one of `stray` was told of this beginning; it is used up then."""
    near = [one for one in stray if abs(one.at_ms - event.at_ms) <= REDATED_MS]
    if near:
        stray.remove(min(near, key=lambda one: abs(one.at_ms - event.at_ms)))
    return bool(near)
