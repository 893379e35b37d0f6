"""What a vehicle can say follows from the profile of its model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from cloud_bridge.api.capabilities import SCOPES, capabilities, served_by
from contract import shipped
from contract.profile.profile import load_profile
from tests.cloud_bridge.vehicle import MODEL, PROFILE

ALWAYS = {"data:telemetry", "data:telemetry:privacy", "data:position"}
"""The box says of itself where it is, and what it keeps back."""
CRASH = "[crash]\nmessage = \"Lamps.Oil == 'On'\"\n"


def scopes(folder: Path, profile: str) -> set[str]:
    (folder / f"{MODEL}.toml").write_text(profile, encoding="utf-8")
    return set(capabilities(served_by(load_profile(folder / f"{MODEL}.toml")), ()).data)


def test_data_alerts_and_the_trip_rule_are_scopes_with_their_parents(tmp_path: Path) -> None:
    blocks = {f"data:telemetry:vehicle:{name}" for name in ("ignition", "doorsState", "kinetic", "odometer")}
    assert scopes(tmp_path, PROFILE) == {*ALWAYS, *blocks, "data:telemetry:vehicle", "data:trip", "data:alert"}


@pytest.mark.parametrize(
    ("added", "more"), [(CRASH, {"data:collision"}), (CRASH + "[built_in]\ncrash = false\n", set())]
)
def test_a_vehicle_that_notices_crashes_tells_collisions(tmp_path: Path, added: str, more: Iterable[str]) -> None:
    assert scopes(tmp_path, PROFILE + added) - scopes(tmp_path, PROFILE) == set(more)


def test_a_profile_that_says_nothing_leaves_what_the_box_says(tmp_path: Path) -> None:
    head = PROFILE.partition("[data]")[0]
    assert scopes(tmp_path, head) == ALWAYS


@pytest.mark.parametrize("file", sorted(shipped.PROFILES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_model_has_the_scopes_of_its_data_in_the_published_order(file: Path) -> None:
    profile = load_profile(file)
    found = capabilities(served_by(profile), ()).data
    assert found == [scope for scope in SCOPES if scope in found]
    for key in profile.data:
        block = key.partition(".")[0]
        assert any(scope.endswith(f":{block}") for scope in found) or block == "propulsion", key
