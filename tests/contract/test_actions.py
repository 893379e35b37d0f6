from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import wire
from contract.action_codec import action_item, action_of
from contract.actions import (
    Action,
    Charging,
    ChargingPreferences,
    ChargingProgram,
    ConditioningProgram,
    DeletedProgram,
    Doors,
    Horn,
    Immobilization,
    Lights,
    Navigation,
    NextCharge,
    Place,
    Preconditioning,
    Stolen,
    Tracking,
    WakeUp,
)
from contract.anchor import MAXIMUM_UTC_MS
from contract.catalog import DAYS
from contract.command import Command, decode_command, encode_command
from contract.signing import new_private_key
from contract.wire import Item, WireError
from tests.contract.drive import schema

KEY = new_private_key()
VIN = "VR3UPHNKSKT000001"

_days = st.lists(st.sampled_from(DAYS), unique=True).map(lambda days: tuple(sorted(days, key=DAYS.index)))
_slots = st.integers(1, 4)
_times = st.integers(0, 86_399)
_truths = st.booleans()
_now = st.none() | _truths


def _programs(one: st.SearchStrategy[object], least: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(one, min_size=least, max_size=4, unique_by=lambda program: program.slot).map(tuple)  # type: ignore[attr-defined]


_conditioning = st.builds(
    ConditioningProgram, _slots, _truths, _times, _days, st.sampled_from(("None", "Daily"))
) | st.builds(DeletedProgram, _slots)
_charging = st.builds(ChargingProgram, _slots, _truths, _times, st.none() | _times, _days)
_next = st.builds(NextCharge, st.integers(0, MAXIMUM_UTC_MS), st.integers(-1439, 1439))
_preferences = st.builds(
    ChargingPreferences, st.none() | st.integers(1, 5), st.sampled_from((None, "Partial", "Full"))
).filter(lambda preferences: preferences != ChargingPreferences())
_tracking = st.builds(Tracking, st.none() | st.integers(5, 86_400), st.none() | st.integers(60, 86_400)).filter(
    lambda tracking: tracking != Tracking()
)
actions: st.SearchStrategy[Action] = st.one_of(
    st.just(WakeUp()),
    st.builds(Doors, _truths),
    st.builds(Horn, _truths),
    st.builds(Lights, _truths),
    st.builds(Immobilization, _truths),
    st.builds(Preconditioning, _truths, _programs(_conditioning, 0)),
    st.builds(Preconditioning, st.none(), _programs(_conditioning, 1)),
    st.builds(Charging, _truths, st.just(()), st.none() | _next),
    st.builds(Charging, _now, _programs(_charging, 1)),
    st.builds(Charging, _now, st.just(()), _next),
    st.builds(Charging, st.none(), st.just(()), st.none(), _preferences),
    st.lists(st.builds(Place, st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=10).map(
        lambda places: Navigation(tuple(places))
    ),
    st.builds(Stolen, _truths),
    st.builds(Stolen, st.none(), _tracking),
)


@given(actions)
def test_every_action_survives_the_way_to_the_vehicle(action: Action) -> None:
    command = Command(bytes(16), VIN, 2, action, 1)
    received = decode_command(encode_command(command, KEY))
    assert received.command == command
    assert received.signature is not None
    schema("ordered").validate_cbor(received.signature.content)


_PROGRAM: Item = [1, True, 0, 1, 0]


@pytest.mark.parametrize(
    "item",
    [
        None,
        {},
        {1: 9},
        {1: True},
        {1: 0, 2: True},
        {1: 1},
        {1: 1, 2: 1},
        {1: 1, 2: True, 3: True},
        {1: 4},
        {1: 4, 3: []},
        {1: 4, 3: [_PROGRAM, _PROGRAM]},
        {1: 4, 3: [_PROGRAM] * 5},
        {1: 4, 3: [[0]]},
        {1: 4, 3: [[5]]},
        {1: 4, 3: [[1, True, 86_400, 1, 0]]},
        {1: 4, 3: [[1, True, 0, 128, 0]]},
        {1: 4, 3: [[1, True, 0, 1, 2]]},
        {1: 4, 3: [[1, True, 0, 1]]},
        {1: 5},
        {1: 5, 3: [[1, True, 0, -1, 1]]},
        {1: 5, 3: [[1, True, 0, None, 1]], 4: [0, 0]},
        {1: 5, 4: [-1, 0]},
        {1: 5, 4: [0, 1440]},
        {1: 5, 2: True, 5: [1, 0]},
        {1: 5, 5: [None, None]},
        {1: 5, 5: [0, None]},
        {1: 5, 5: [6, None]},
        {1: 5, 5: [None, 2]},
        {1: 6, 2: []},
        {1: 6, 2: [[0.0, 0.0]] * 11},
        {1: 6, 2: [[180.1, 0.0]]},
        {1: 6, 2: [[0.0, -90.1]]},
        {1: 6, 2: [["0", 0.0]]},
        {1: 7},
        {1: 7, 2: True, 3: [5, 60]},
        {1: 7, 3: [None, None]},
        {1: 7, 3: [4, None]},
        {1: 7, 3: [None, 59]},
        {1: 7, 3: [None, 86_401]},
    ],
)
def test_an_action_that_is_none_is_refused(item: Item) -> None:
    with pytest.raises(WireError):
        action_of(item)


def test_what_would_be_refused_is_not_written() -> None:
    for wrong in (Preconditioning(), Charging(), Stolen(), Navigation(()), Stolen(tracking=Tracking(1, 60))):
        with pytest.raises(WireError):
            action_item(wrong)


def test_the_bytes_of_an_action_never_change() -> None:
    action = Charging(True, (ChargingProgram(2, True, 79_200, 21_600, ("Mon", "Sun")),))
    assert wire.write(action_item(action)).hex() == "a3010502f503818502f51a0001356019546018" + "41"
