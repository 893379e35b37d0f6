"""News: what is said for the first time of something that is said again and again.

What a vehicle says on change it restates once in a while, so most of what it says of its alarm is what it said before.
What is said is *news* when the value is another than the last one, or when the vehicle talked for longer than a value
holds without saying it: then it was over meanwhile, as of a signal that names what happened and says nothing at rest.
Time in which the vehicle does not talk does not count: a wreck that is woken says again what it said.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cloud_bridge.records.model import Message, Value
from cloud_bridge.records.progress import GAP_MS

TOLD_BY_NEWS = ("alarm.", "collision.")
"""What the data begin with of which news are records."""


class Said(msgspec.Struct, frozen=True, array_like=True):
    value: Value
    talked_ms: int
    """How long the vehicle had talked until then."""


class Heard(msgspec.Struct):
    """What was said of such data, and how long the vehicle has talked in all."""

    talked_ms: int = 0
    said: dict[str, Said] = {}


class News(msgspec.Struct, frozen=True):
    value: Value
    changed: bool
    """Another value than the last one, or the first."""


def listen(heard: Heard, message: Message, last_ms: int | None, holds_ms: int) -> Mapping[str, News]:
    """The news in `message`, by datum. `heard` is changed in place. `last_ms`: the message before; a value holds for
    `holds_ms` after it was said."""
    if last_ms is not None and message.at_ms - last_ms <= GAP_MS:
        heard.talked_ms += message.at_ms - last_ms
    news: dict[str, News] = {}
    for datum, value in message.values.items():
        if datum.startswith(TOLD_BY_NEWS):
            before = heard.said.get(datum)
            changed = before is None or value != before.value
            if before is None or changed or heard.talked_ms - before.talked_ms > holds_ms:
                news[datum] = News(value, changed)
            heard.said[datum] = Said(value, heard.talked_ms)
    return news
