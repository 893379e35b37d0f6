"""What of a vehicle there is to ask for: found by asking, as a client would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from tests.conformance.asking import UNKNOWN, Subject, filled, path_ids
from tests.conformance.values import Extent
from tests.conformance.world import FLEET

Get = Callable[[str], Awaitable[dict[str, Any]]]
"""The body of an answer."""
_VEHICLE = "/fleets/{fid}/vehicles/{vid}"
_NOTHING_SAID = Extent(*map(datetime.fromisoformat, ("2024-03-05T07:00:00Z", "2024-03-05T09:00:00Z")))


async def vehicle(get: Get, vin: str, vehicle_id: str) -> Subject:
    ids = {"fleets": FLEET, "vehicles": vehicle_id, "vin": vin}
    page = await get(filled(f"{_VEHICLE}/telemetry?pageSize=1", ids))
    if "_embedded" not in page:
        return Subject(ids, _NOTHING_SAID)
    last = await get(page["_links"]["last"]["href"])
    first, newest = (datetime.fromisoformat(each["_embedded"]["telemetries"][0]["createdAt"]) for each in (page, last))
    return Subject(ids, Extent(first, newest))


async def records(get: Get, template: str, of: Subject, each_kind: int) -> list[Subject]:
    """The vehicle with ids for the path: of each kind of record the last, for an `each_kind` of 2 the first too; an id
    that there is not where there is none."""
    found = [of]
    for name, kind in path_ids(template):
        if kind not in of.ids:
            collection = template.partition(f"/{{{name}}}")[0]
            found = [
                Subject({**each.ids, kind: record_id}, each.extent)
                for each in found
                for record_id in _ends(await get(filled(collection, each.ids)), each_kind)
            ]
    return found


def _ends(page: Mapping[str, Any], number: int) -> list[str]:
    """The ids of the last and, for a `number` of 2, the first on a page of a collection."""
    (items,) = page.get("_embedded", {"": [{"id": UNKNOWN}]}).values()
    return list(dict.fromkeys(items[place]["id"] for place in (-1, 0)[:number]))
