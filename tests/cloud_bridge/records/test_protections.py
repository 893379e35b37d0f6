"""When the user of a vehicle kept something to himself."""

from __future__ import annotations

from cloud_bridge.records.model import Protection
from tests.cloud_bridge.records.flows import at, fold, stretch


def times(*messages: tuple[float, str | None]) -> list[tuple[str, int, int | None]]:
    said = [at(second, kinetic__speed=1.0) if state is None else at(second, privacy__state=state)
            for second, state in messages]  # fmt: skip
    found = fold([stretch(said[:3]), *([stretch(said[3:])] if said[3:] else [])]).of(Protection).values()
    return [(one.state, one.started_at_ms, one.ended_at_ms) for one in found]


def test_it_lasts_from_the_first_message_under_a_state_to_the_first_that_is_not() -> None:
    assert times((0, "None"), (10, "Geolocation"), (20, None), (30, "Geolocation"), (40, "None")) == [
        ("Geolocation", 10_000, 40_000)
    ]


def test_another_state_is_another_protection() -> None:
    assert times((0, "Geolocation"), (10, "Full"), (20, "Geolocation"), (30, "None")) == [
        ("Geolocation", 0, 10_000),
        ("Full", 10_000, 20_000),
        ("Geolocation", 20_000, 30_000),
    ]


def test_it_goes_on_while_nothing_else_is_said() -> None:
    assert times((0, "Full"), (10, None), (90_000, None)) == [("Full", 0, None)]


def test_a_vehicle_that_shares_everything_has_none() -> None:
    assert times((0, "None"), (10, None), (20, "None")) == []
