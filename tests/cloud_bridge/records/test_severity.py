from __future__ import annotations

import pytest

from cloud_bridge.records import severity as table
from cloud_bridge.records.severity import severity
from contract.alert_types import ALERT_TYPES


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        ("EngineOilPressureFailure", "Critical"),
        ("AdBlueFaultStartingImpossible", "Critical"),
        ("AdBlueFaultStartingImpossibleSoon", "Warning"),
        ("LeftFrontTirePuncture", "Warning"),
        ("FuelLevelLow", "Information"),
    ],
)
def test_severity_follows_what_is_still_safe_to_do(alert: str, expected: str) -> None:
    assert severity(alert) == expected


def test_every_type_in_the_table_is_a_published_one_and_in_one_class_only() -> None:
    assert set(ALERT_TYPES) >= table._CRITICAL | table._INFORMATION
    assert table._CRITICAL.isdisjoint(table._INFORMATION)
    assert {severity(alert) for alert in ALERT_TYPES} == {"Information", "Warning", "Critical"}
