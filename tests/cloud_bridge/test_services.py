"""Services are sets of data; what is wrong with one is said before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.services import Services, keys_of
from cloud_bridge.settings import read_settings
from contract.alert_types import ALERT_TYPES
from contract.catalog import DATA
from contract.configuration import ConfigurationError
from contract.published import STOLEN, TRIP


def services(folder: Path, text: str) -> Services:
    file = folder / "bridge.toml"
    file.write_text(text)
    return Services(read_settings(file).services)


def test_a_line_names_one_datum_or_all_that_begin_with_it() -> None:
    assert keys_of("odometer.mileage") == {"odometer.mileage"}
    assert keys_of("maintenance.*") == keys_of("maintenance")
    assert len(keys_of("alert")) == len(ALERT_TYPES)
    assert keys_of("energies.Fuel") < keys_of("energies")
    assert keys_of("odo") == frozenset()
    assert set(keys_of("trip") | keys_of("stolen")) == {TRIP, STOLEN}


def test_a_vehicle_shows_what_any_of_its_services_has(tmp_path: Path) -> None:
    found = services(
        tmp_path, '[services.care]\ndata = ["maintenance"]\n[services.log]\ndata = ["trip", "odometer.mileage"]\n'
    )
    both = found.data(("care", "log"))
    assert both == keys_of("maintenance") | {TRIP, "odometer.mileage"}
    assert found.data(("log",)) == frozenset({TRIP, "odometer.mileage"})


def test_without_services_it_shows_everything_and_of_an_unknown_one_nothing(tmp_path: Path) -> None:
    found = services(tmp_path, '[services.care]\ndata = ["maintenance"]\n')
    assert found.data(()) is None
    assert found.data(("gone",)) == frozenset()
    assert found.unknown(("care", "gone")) == ["gone"]
    assert DATA.keys() >= (found.data(("care",)) or set())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[services.care]\ndata = ["maintenence.*"]', r"services\.care.*'maintenence\.\*'.*did you mean maintenance"),
        ('[services.care]\nsata = ["trip"]', r"services\.care\.sata: unknown key; did you mean data\?"),
        ('[services."a b"]\ndata = ["trip"]', r"bridge\.toml:1: .*letters, digits"),
    ],
)
def test_what_is_wrong_with_a_service_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        services(tmp_path, text)
