from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_bridge.records.model import Value
from cloud_bridge.unify.sample import Sample
from cloud_bridge.unify.unifier import Unifier
from contract.catalog import DATA
from contract.manifest import Group, Manifest, Sampling, Signal
from contract.profile.profile import Profile, load_profile
from contract.upload import Change, Grid, Ledger, Reason, Upload

PROFILE = """
model = "test"
label = "Test"
brand = "Peugeot"
motorization = "Thermic"

[buses.can0]
databases = ["test.dbc"]

[classes.second]
every = "1s"

[classes.state]
every = "10s"
on_change = true

[signals]
"Dash.Speed" = { class = "second" }
"Dash.Mileage" = { class = "second" }
"Engine.Speed" = { class = "second" }
"Body.Ignition" = { class = "state" }
"Body.Trunk" = { class = "state" }
"Body.Locked" = { class = "state" }
"Body.Oil" = { class = "state" }

[data]
"kinetic.speed" = { from = "Dash.Speed" }
"odometer.mileage" = { from = "Dash.Mileage" }
"ignition.type" = { from = "Body.Ignition", values = { Off = "Stop", Run = "Start" } }
"powertrain.status" = { expression = "'Running' if Engine.Speed > 400 else 'NotRunning'" }
"doorsState.locked" = { expression = "'TrunkLocked' if Body.Locked == 'Yes' and Body.Trunk == 'Shut' else 'Unlocked'" }
"kinetic.moving" = { expression = "Dash.Speed > 0 and Body.Ignition == 'Run'" }

[alerts]
EngineOilPressureFailure = { from = "Body.Oil", is = ["Low"] }
EngineFault = { expression = "Engine.Speed > 6000" }
"""

SPEED, MILEAGE, RPM, IGNITION, TRUNK, LOCKED, OIL, LONGITUDE, LATITUDE, FIX = range(10)
MANIFEST = Manifest(
    "test",
    (
        Group(
            Sampling.EVERY,
            1000,
            (
                Signal("Dash.Speed", 0.01, 0, "km/h"),
                Signal("Dash.Mileage", 0.1, 0, "km"),
                Signal("Engine.Speed", 0.125, 0, "rpm"),
            ),
        ),
        Group(
            Sampling.ON_CHANGE,
            10_000,
            (
                Signal("Body.Ignition", choices={0: "Off", 1: "Accessory", 2: "Run"}),
                Signal("Body.Trunk", choices={0: "Shut", 1: "Open"}),
                Signal("Body.Locked", choices={0: "No", 1: "Yes"}),
                Signal("Body.Oil", choices={0: "Good", 1: "Low"}),
            ),
        ),
        Group(
            Sampling.EVERY,
            1000,
            (
                Signal("GNSS.Longitude", 1e-7, 0, "deg"),
                Signal("GNSS.Latitude", 1e-7, 0, "deg"),
                Signal("GNSS.Fix", choices={2: "2D", 3: "3D"}),
            ),
        ),
    ),
)
Raw = int | None


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    file: Path = tmp_path_factory.mktemp("profile") / "test.toml"
    file.write_text(PROFILE)
    return load_profile(file)


@pytest.fixture
def unifier(profile: Profile) -> Unifier:
    return Unifier(MANIFEST, profile)


def upload(*parts: Grid | Change) -> Upload:
    grids = tuple(part for part in parts if isinstance(part, Grid))
    changes = tuple(part for part in parts if isinstance(part, Change))
    return Upload(
        bytes(16), 0, "VF30A5FWTEST00001", bytes(8), Reason.CADENCE, 0, 10_000, None, Ledger(), grids, changes
    )


def dash(start_ms: int, *rows: tuple[Raw, Raw, Raw]) -> Grid:
    """Speed, mileage, engine speed."""
    return Grid(0, start_ms, tuple(zip(*rows, strict=True)))


def body(at_ms: int, ignition: Raw = None, trunk: Raw = None, locked: Raw = None, oil: Raw = None) -> Grid:
    return Grid(1, at_ms, ((ignition,), (trunk,), (locked,), (oil,)))


def receiver(at_ms: int, longitude: Raw, latitude: Raw, fix: Raw) -> Grid:
    return Grid(2, at_ms, ((longitude,), (latitude,), (fix,)))


def said(samples: list[Sample], datum: str) -> list[tuple[int, Value]]:
    return [(sample.at_ms, sample.value) for sample in samples if sample.datum == datum]


def test_a_grid_gives_a_sample_per_row_and_absent_stays_absent(unifier: Unifier) -> None:
    samples = unifier.unify(upload(dash(2000, (1050, 676_602, None), (None, 676_603, None), (1100, None, None))))
    assert samples == [
        Sample(2000, "kinetic.speed", 10.5),
        Sample(2000, "odometer.mileage", 67660.2),
        Sample(3000, "odometer.mileage", 67660.3),
        Sample(4000, "kinetic.speed", 11.0),
    ]


def test_the_rows_of_a_thinned_grid_are_its_stride_apart(unifier: Unifier) -> None:
    rows: tuple[tuple[Raw, Raw, Raw], ...] = ((1050, None, None), (1100, None, 8 * 6001))
    samples = unifier.unify(upload(replace(dash(2000, *rows), stride=3)))
    assert said(samples, "kinetic.speed") == [(2000, 10.5), (5000, 11.0)]
    assert said(samples, "alert.EngineFault") == [(5000, True)]


def test_samples_come_by_time_then_datum_and_one_of_each(unifier: Unifier) -> None:
    samples = unifier.unify(
        upload(dash(0, (1, 2, 3), (4, 5, 6)), body(0, 2, 0, 1, 1), Change(0, IGNITION, 2), Change(500, OIL, 0))
    )
    keys = [(sample.at_ms, sample.datum) for sample in samples]
    assert keys == sorted(set(keys))


def test_changes_and_restatements_are_samples_both(unifier: Unifier) -> None:
    samples = unifier.unify(upload(body(0, ignition=0), Change(443, IGNITION, 2), Change(7001, IGNITION, 0)))
    assert said(samples, "ignition.type") == [(0, "Stop"), (443, "Start"), (7001, "Stop")]


def test_a_change_outweighs_a_grid_of_its_instant_and_a_later_change_both(unifier: Unifier) -> None:
    parts = (body(0, ignition=0), Change(0, IGNITION, 2))
    assert said(unifier.unify(upload(*parts)), "ignition.type") == [(0, "Start")]
    assert said(unifier.unify(upload(*parts, Change(0, IGNITION, 0))), "ignition.type") == [(0, "Stop")]
    assert said(unifier.unify(upload(*parts, Change(0, IGNITION, None))), "ignition.type") == []


def test_what_may_not_be_published_is_left_out_and_a_number_that_cannot_be_is_counted(unifier: Unifier) -> None:
    outside: Counter[str] = Counter()
    samples = unifier.unify(upload(body(0, ignition=1), Change(10, IGNITION, 1), dash(0, (1, -5, None))), outside)
    assert {sample.datum for sample in samples} == {"kinetic.speed", "kinetic.moving"}
    assert +outside == {"odometer.mileage": 1}


def test_an_alert_is_on_in_its_states_and_off_in_any_other(unifier: Unifier) -> None:
    samples = unifier.unify(upload(body(0, oil=0), Change(355, OIL, 1), Change(375, OIL, 0)))
    assert said(samples, "alert.EngineOilPressureFailure") == [(0, False), (355, True), (375, False)]


def test_an_alert_may_be_a_condition(unifier: Unifier) -> None:
    samples = unifier.unify(upload(dash(0, (None, None, 8 * 6000), (None, None, 8 * 6001))))
    assert said(samples, "alert.EngineFault") == [(0, False), (1000, True)]


def test_an_expression_of_one_signal_is_said_whenever_the_signal_is(unifier: Unifier) -> None:
    samples = unifier.unify(upload(dash(0, (None, None, 0), (None, None, None), (None, None, 8 * 800))))
    assert said(samples, "powertrain.status") == [(0, "NotRunning"), (2000, "Running")]


def test_an_on_change_signal_is_known_until_it_changes_or_is_absent(unifier: Unifier) -> None:
    samples = unifier.unify(
        upload(body(0, trunk=0, locked=1), Change(300, TRUNK, 1), Change(400, LOCKED, None), Change(500, TRUNK, 0))
    )
    assert said(samples, "doorsState.locked") == [(0, "TrunkLocked"), (300, "Unlocked")]


def test_nothing_is_known_from_the_upload_before(unifier: Unifier) -> None:
    unifier.unify(upload(body(0, trunk=0, locked=1)))
    assert said(unifier.unify(upload(Change(300, TRUNK, 0))), "doorsState.locked") == []


def test_a_regular_signal_is_known_at_its_own_instants_only(unifier: Unifier) -> None:
    samples = unifier.unify(upload(dash(0, (0, 1, 1), (5, 1, 1)), body(0, ignition=2), Change(1500, IGNITION, 2)))
    assert said(samples, "kinetic.moving") == [(0, False), (1000, True)]


def test_a_position_without_a_fix_is_no_position(unifier: Unifier) -> None:
    longitude, latitude = 102_345_678, 560_000_000
    there = [(0, 10.2345678)]
    assert said(unifier.unify(upload(receiver(0, longitude, latitude, 3))), "position.longitude") == there
    assert said(unifier.unify(upload(receiver(0, longitude, latitude, None))), "position.longitude") == there
    assert unifier.unify(upload(receiver(0, longitude, latitude, 0))) == []


def test_data_whose_signals_are_not_collected_are_absent_with_the_reason(profile: Profile) -> None:
    older = Unifier(Manifest("test", MANIFEST.groups[:1]), profile)
    reasons = {absent.datum: absent.reason for absent in older.absent}
    assert reasons["ignition.type"] == "the vehicle does not collect Body.Ignition"
    assert reasons["kinetic.moving"] == "the vehicle does not collect Body.Ignition"
    assert reasons["alert.EngineOilPressureFailure"] == "the vehicle does not collect Body.Oil"
    assert "kinetic.speed" not in reasons
    assert said(older.unify(upload(dash(0, (100, 0, 0)))), "kinetic.speed") == [(0, 1.0)]


def test_a_unit_that_does_not_convert_makes_the_datum_absent_and_no_other(profile: Profile) -> None:
    odd = Group(Sampling.EVERY, 1000, (Signal("Dash.Speed", unit="bar"), Signal("Dash.Mileage", unit="km")))
    unifier = Unifier(Manifest("test", (odd,)), profile)
    (speed,) = [absent for absent in unifier.absent if absent.datum == "kinetic.speed"]
    assert "'bar'" in speed.reason
    assert unifier.unify(upload(Grid(0, 0, ((1,), (2,))))) == [Sample(0, "odometer.mileage", 2.0)]


_raws = st.none() | st.integers(0, 4) | st.integers(-(2**66), 2**66)


@given(
    st.lists(st.tuples(_raws, _raws, _raws), min_size=1, max_size=4),
    st.lists(st.builds(Change, st.integers(0, 5000), st.integers(0, 9), _raws), max_size=8),
)
def test_whatever_a_vehicle_sends_is_unified_to_values_of_their_kind(
    profile: Profile, rows: list[tuple[Raw, Raw, Raw]], changes: list[Change]
) -> None:
    unifier = Unifier(MANIFEST, profile)
    changes.sort(key=lambda change: change.at_ms)
    samples = unifier.unify(upload(dash(0, *rows), *changes))
    for at_ms, datum, value in samples:
        assert 0 <= at_ms <= 5000
        assert DATA[datum].admits(value)


def test_a_ten_second_upload_of_300_samples_takes_about_a_millisecond(unifier: Unifier) -> None:
    ten_hertz = Group(Sampling.EVERY, 100, MANIFEST.groups[0].signals)
    parts = upload(Grid(0, 0, tuple(tuple(range(1000, 1100)) for _ in ten_hertz.signals)))
    unifier.unify(parts)
    fastest = min(_seconds(unifier, parts) for _ in range(20))
    assert len(unifier.unify(parts)) >= 300
    assert fastest < 0.005, f"{fastest * 1000:.2f} ms"


def _seconds(unifier: Unifier, parts: Upload) -> float:
    started = time.perf_counter()
    unifier.unify(parts)
    return time.perf_counter() - started
