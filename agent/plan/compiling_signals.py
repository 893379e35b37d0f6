"""The signals of a plan: which raw values of each count, and how conditions read them."""

from __future__ import annotations

from agent.j1939.parameters import largest_valid
from agent.plan.places import Places
from agent.plan.plan import PlannedSignal
from agent.plan.values import bounds, fixed_point, manifest_signal, reader


def planned_signal(name: str, places: Places, *, message: int, slot: int, conditions: tuple[int, ...]) -> PlannedSignal:
    """A signal that was found in `places`; the rest is as in `PlannedSignal`."""
    place = places.found[name]
    layout, settings = place.signal, places.settings(name)
    sent = manifest_signal(name, layout)
    minimum = layout.minimum if settings.minimum is None else settings.minimum
    maximum = layout.maximum if settings.maximum is None else settings.maximum
    low, high = bounds(sent.scale, sent.offset, minimum, maximum)
    if places.on_j1939(place) and not layout.signed:
        high = min(high, largest_valid(layout.length) or high)
    invalid = frozenset(settings.invalid)
    return PlannedSignal(
        name=name,
        message=message,
        slot=slot,
        low=low,
        high=high,
        invalid=frozenset() if layout.is_float else invalid,
        conditions=conditions,
        read=reader(sent),
        layout=layout,
        fixed=fixed_point(layout, sent.scale, invalid) if layout.is_float else None,
    )
