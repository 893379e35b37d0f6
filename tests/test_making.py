"""What `make` says of itself is so."""

from __future__ import annotations

import re
import subprocess

from tests.conftest import ROOT

BEDS = ROOT / "tests" / "beds"
BOOTS_AGAIN = BEDS / "test_beds.py"
"""It boots for folders, each of which is a boot by itself as well."""


def said(*words: str) -> str:
    return subprocess.run(["make", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_every_bed_is_among_those_that_are_run_as_beds() -> None:
    folders = {file.parent for file in BEDS.glob("*/test_*.py")}
    wanted = {*folders, *BEDS.glob("test_*.py")} - {BOOTS_AGAIN}
    assert len(wanted) > len(folders) > 1
    lines = [line for line in said("-n", "test-beds").splitlines() if "tests/beds/" in line]
    assert {ROOT / word for line in lines for word in re.findall(r"tests/beds/[\w./]+", line)} == wanted
    assert [line for line in lines if not line.startswith("CI=true ")] == [], "what is absent there is skipped"


def test_help_names_every_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "test-beds" in targets
    explained = set(re.findall(r"make ([a-z-]+)", said("help")))
    assert explained == set(targets) - {"help"}


def test_what_can_be_set_of_a_bed_is_said() -> None:
    """By its name in the environment, which `make` hands on."""
    asked = {
        name for file in BEDS.rglob("test_*.py") for name in re.findall(r'environ\.get\("(\w+)"', file.read_text())
    }
    assert asked
    assert {name for name in asked if f"{name}=" not in said("help")} == set()
