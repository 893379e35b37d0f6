"""What of a vehicle there is to ask for: found by asking, as a client would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tests.conformance.asking import UNKNOWN, Subject, filled, path_ids
from tests.conformance.values import Extent
from tests.conformance.world import CALLBACK, FLEET

Get = Callable[[str], Awaitable[dict[str, Any]]]
"""The body of an answer."""
_VEHICLE = "/fleets/{fid}/vehicles/{vid}"
_NOTHING_SAID = Extent(*map(datetime.fromisoformat, ("2024-03-05T07:00:00Z", "2024-03-05T09:00:00Z")))


async def vehicle(get: Get, vin: str, vehicle_id: str) -> Subject:
    ids = {"fleets": FLEET, "vehicles": vehicle_id, "vin": vin, "callbacks": CALLBACK}
    page = await get(filled(f"{_VEHICLE}/telemetry?pageSize=1", ids))
    if "_embedded" not in page:
        return Subject(ids, _NOTHING_SAID)
    last = await get(page["_links"]["last"]["href"])
    first, newest = (datetime.fromisoformat(each["_embedded"]["telemetries"][0]["createdAt"]) for each in (page, last))
    return Subject(ids, Extent(first, newest))


async def records(get: Get, template: str, of: Subject, each_kind: int) -> list[Subject]:
    """The vehicle with ids for the path: of each kind of record `each_kind`, more where those do not have between them
    every field that some record on the page has; an id that there is not where there is none."""
    found = [of]
    for name, kind in path_ids(template):
        if kind not in of.ids:
            collection = template.partition(f"/{{{name}}}")[0]
            found = [
                Subject({**each.ids, kind: record_id}, each.extent)
                for each in found
                for record_id in _telling(await get(filled(collection, each.ids)), each_kind)
            ]
    return found


def _telling(page: Mapping[str, Any], number: int) -> list[str]:
    """The ids of records on a page of a collection that show all there is to show: the last, for a `number` of 2 the
    first, and each that has a field which those before have not. What is of one moment has no order that a test could
    count on: an alarm that was armed and went off at once is two records, either of which may be the last."""
    (found,) = page.get("_embedded", {"": []}).values()
    items = found or [{"id": UNKNOWN}]
    telling: dict[str, None] = {}
    shown: set[str] = set()
    ends = [items[place] for place in (-1, 0)[:number]]
    for place, item in enumerate((*ends, *items)):
        fields = {*_fields(item)}
        if place < number or not shown.issuperset(fields):
            telling[next(item[name] for name in ("id", "monitorId", "remoteActionId") if name in item)] = None
            shown |= fields
    return list(telling)


def _fields(item: Mapping[str, Any]) -> Iterator[str]:
    """Of a remote action also all those of what was asked for: of each kind it has others."""
    yield from item
    if "remote" in item:
        yield from _within(item["remote"])


def _within(value: object, place: str = "") -> Iterator[str]:
    yield place
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _within(inner, f"{place}/{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _within(inner, place)
