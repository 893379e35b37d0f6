"""Collections: the page of what was found, in the frame that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import GenericAlias
from typing import TypeVar, cast

import msgspec

from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import Collection, Document
from cloud_bridge.api.errors import MOST_NAMED, damaged, no_data
from cloud_bridge.api.operation import Read
from cloud_bridge.records.model import Json
from cloud_bridge.store.port.registry import Vehicle

LEFT_OUT = "X-Left-Out-Vehicles"
"""Their ids, a few of them."""
LEFT_OUT_TOTAL = "X-Left-Out-Total"
"""How many there are."""
Item = TypeVar("Item")
Cut = tuple[int, Sequence[Item]]
"""How many there are without the index range, and those of the page."""


def collection_of(title: str, name: str, item: type[Document]) -> type[Collection]:
    """The type of a collection with pages of `item` embedded as `name`."""
    items = GenericAlias(list, (item,))
    embedded = msgspec.defstruct(f"Embedded{title}", [(name, items)], bases=(Document,), module=__name__)
    field = msgspec.field(name="_embedded")
    made = msgspec.defstruct(title, [("embedded", embedded, field)], bases=(Collection,), module=__name__, kw_only=True)
    return cast("type[Collection]", made)


def listed(call: Call, name: str, unrestricted: int, items: Sequence[Document | Json]) -> Json:
    """The page with these items, of `unrestricted` that there are without the index range."""
    page = call.page(call.window.total(unrestricted))
    return {
        "_links": page.links,
        "total": page.total,
        "totalPage": page.total_page,
        "currentPage": page.current_page,
        "_embedded": {name: items},
    }


def left_out(vehicles: Sequence[Vehicle]) -> dict[str, str]:
    """What a collection says that these are not in."""
    ids = ", ".join(vehicle.id for vehicle in vehicles[:MOST_NAMED])
    return {LEFT_OUT_TOTAL: str(len(vehicles)), LEFT_OUT: ids}


def page_of(
    call: Call,
    name: str,
    found: Iterable[Item],
    show: Callable[[Sequence[Item]], Sequence[Document | Json]],
    nothing: str,
) -> Json:
    """The page asked for of `found`, of which no more than the page is kept. Raises RefusedError, saying that there is
    `nothing`, where it would be empty."""
    window = call.window
    shown: list[Item] = []
    total = 0
    for item in found:
        if window.offset <= total < window.offset + window.limit:
            shown.append(item)
        total += 1
    return page_with(call, name, (total, shown), show, nothing)


def page_with(
    call: Call,
    name: str,
    cut: Cut[Item],
    show: Callable[[Sequence[Item]], Sequence[Document | Json]],
    nothing: str,
) -> Json:
    """The same of what the reader counted and cut already. Of a fleet, the answer's headers name the vehicles that are
    left out because what is stored of them is damaged; where it would be empty then, nobody knows whether it is."""
    unrestricted, shown = cut
    is_whole = isinstance(call.operation, Read) and call.operation.is_of_whole_fleet
    missing = call.reader.set_aside(call.fleet_id) if is_whole else []
    if not shown:
        raise damaged([vehicle.vin for vehicle in missing]) if missing else no_data(nothing)
    if missing:
        call.headers.update(left_out(missing))
    return listed(call, name, unrestricted, show(shown))
