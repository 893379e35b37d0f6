"""The folders of a side know each other in one direction only, as `docs/architecture.md` draws them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "architecture.md"
SIDES = ("agent", "cloud_bridge")

sides = pytest.mark.parametrize("side", SIDES)


def drawn(side: str) -> dict[str, int]:
    """The folders of a side and the modules beside them, each with the number of its line from the top."""
    _, _, after = PAGE.read_text().partition(f"\n```\n{side}/\n")
    lines = after.partition("\n```\n")[0].splitlines()
    return {name.strip(): number for number, line in enumerate(lines) for name in line.split(",")}


def modules(side: str) -> Iterator[tuple[str, Path]]:
    """Each module below the side's folder, by its path without the side and the suffix, and its file."""
    for path in sorted((ROOT / side).rglob("*.py")):
        if path != ROOT / side / "__init__.py":
            yield path.relative_to(ROOT / side).with_suffix("").as_posix().removesuffix("/__init__"), path


def imported(path: Path) -> Iterator[str]:
    """What is imported anywhere in a file, with dots; of `from a import b` both, as `b` may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def place_of(module: str, places: dict[str, int]) -> str | None:
    """The drawn name under which a module stands, by its path with slashes."""
    return next((name for name in places if module == name or module.startswith(f"{name}/")), None)


@sides
def test_every_module_has_a_place_and_every_place_a_module(side: str) -> None:
    places = drawn(side)
    # A folder whose parts stand apart, as those of `store`, holds nothing itself.
    apart = {name.rpartition("/")[0] for name in places if "/" in name}
    found = {module: place_of(module, places) for module, _ in modules(side) if module not in apart}
    assert [module for module, place in found.items() if place is None] == []
    assert set(places) == set(found.values())


@sides
def test_who_is_imported_stands_below_who_imports(side: str) -> None:
    places = drawn(side)
    upwards = []
    for module, path in modules(side):
        own = place_of(module, places)
        for name in imported(path):
            if name.startswith(f"{side}."):
                other = place_of(name.removeprefix(f"{side}.").replace(".", "/"), places)
                assert other is not None, f"{path} imports {name}, which has no place in {PAGE}"
                if own is None or (other != own and places[other] <= places[own]):
                    upwards.append(f"{module} imports {name}")
    assert upwards == []


@pytest.mark.parametrize(
    ("package", "foreign"),
    [("agent", {"cloud_bridge"}), ("cloud_bridge", {"agent"}), ("contract", {"agent", "cloud_bridge"})],
)
def test_the_sides_meet_in_the_contract_alone(package: str, foreign: set[str]) -> None:
    beyond = foreign | {"bench", "demo", "tests"}
    names = [f"{path}: {name}" for path in (ROOT / package).rglob("*.py") for name in imported(path)
             if name.partition(".")[0] in beyond]  # fmt: skip
    assert names == []


def test_the_top_of_a_side_holds_few_modules() -> None:
    """What belongs together has a folder."""
    for side in SIDES:
        assert len(list((ROOT / side).glob("*.py"))) <= 10, side
