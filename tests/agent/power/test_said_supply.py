"""The voltage that the vehicle says, where the box measures none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.plan.compiling import compile_plan
from agent.sampling.sampler import Sampler
from contract.configuration import ConfigurationError
from tests.agent import model

DATABASE = model.DATABASE.replace(
    "BO_ 512 Motion", 'BO_ 777 Battery: 2 Car\n SG_ Voltage : 0|16@1+ (0.01,0) [0|30] "V" Car\nBO_ 512 Motion'
)


def profile(folder: Path, supply: str) -> Path:
    (folder / "car.dbc").write_text(DATABASE)
    file = folder / "car.toml"
    file.write_text(f'{model.PROFILE}\n[power]\nsupply = "{supply}"\n')
    return file


def test_it_is_the_newest_value_as_long_as_it_counts_and_needs_no_class(tmp_path: Path) -> None:
    sampler = Sampler(compile_plan(profile(tmp_path, "Battery.Voltage")), 0)
    assert sampler.value("Battery.Voltage", 0) is None
    sampler.feed([model.state(1000), Frame(1100, "can0", 777, False, struct.pack("<H", 1234))])
    assert sampler.value("Battery.Voltage", 1200) == pytest.approx(12.34)
    assert sampler.value("Battery.Voltage", 30_000) is None


def test_a_signal_that_is_no_voltage_is_refused(tmp_path: Path) -> None:
    file = profile(tmp_path, "Motion.Speed")
    with pytest.raises(ConfigurationError, match=r"power\.supply: Motion\.Speed is in km/h, not in V"):
        compile_plan(file)
