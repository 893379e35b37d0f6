"""The models that come with the project: their files compile, and the page says what they serve. How recordings and
frames read is tested for each of them in `tests.shipped`."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.databases.loading import load
from agent.plan.compiling import compile_plan
from cloud_bridge.unify.unifier import Unifier
from contract.profile.profile import load_profile
from contract.served import alerts_of, served_by
from contract.served_page import PAGE, page, shipped

ROOT = Path(__file__).resolve().parent.parent
PROFILES = sorted((ROOT / "config" / "vehicles").glob("*.toml"))
DATABASES = sorted((ROOT / "dbc").glob("*.dbc"))
MODELS = {
    *(
        "alfa-giulia",
        "demo-car",
        "hyundai-kona-electric",
        "j1939-truck",
        "nissan-leaf",
        "obd2",
        "obd2-canmod",
        "obd2-phev",
    ),
    *("peugeot-comfort-2004", "peugeot-e-208", "toyota-rav4"),
}


def test_the_models_are_those_that_are_promised() -> None:
    assert {path.stem for path in PROFILES} == MODELS


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_named_as_its_file_and_compiles_with_databases_that_need_no_healing(path: Path) -> None:
    plan = compile_plan(path)
    assert plan.profile.model == plan.manifest.model == path.stem
    assert not any(plan.findings.values())


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_datum_and_alert_of_a_profile_can_be_given(path: Path) -> None:
    plan = compile_plan(path)
    assert Unifier(plan.manifest, plan.profile).absent == []


def test_the_page_of_what_is_served_is_what_the_profiles_make_of_it() -> None:
    assert PAGE.read_text() == page(shipped()), "write it again: make served"


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_says_why_it_lacks_what_it_lacks(path: Path) -> None:
    profile = load_profile(path)
    lacking = [one for one in (*served_by(profile), *alerts_of(profile)) if not one.served]
    assert [one.name for one in lacking if "does not map" in one.why or "does not say what a trip is" in one.why] == []


def test_every_database_is_used_by_a_profile() -> None:
    used = {file for path in PROFILES for bus in load_profile(path).buses.values() for file in bus.databases}
    assert used == set(DATABASES)


@pytest.mark.parametrize("path", DATABASES, ids=lambda path: path.stem)
def test_a_database_of_ours_fits_its_frames(path: Path) -> None:
    loaded = load(path)
    assert not loaded.findings
    for message in loaded.layouts:
        assert max(signal.payload_bytes for signal in message.signals) <= message.length
        for signal in message.signals:
            widest = 2**signal.length
            low, high = (-widest // 2, widest // 2 - 1) if signal.signed else (0, widest - 1)
            assert all(low <= raw <= high for raw in signal.choices)
            assert len(set(signal.choices.values())) == len(signal.choices)
