"""Where vehicle profiles are found by their name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contract import shipped
from contract.configuration import nearest

_OWN = Path("vehicles")
"""Beside the settings."""
_FOLDERS = (
    Path("config/vehicles"),
    Path("/etc/canlift") / _OWN,
    shipped.PROFILES,
)


class UnknownModelError(Exception):
    """No profile has that name; the text names the nearest one."""


def find_profile(model: str) -> Path:
    """The profile of a model: a file, or a name in one of the folders. Raises UnknownModelError."""
    if Path(model).is_file():
        return Path(model)
    for folder in _FOLDERS:
        path = folder / f"{model}.toml"
        if path.is_file():
            return path
    raise UnknownModelError(f"--model: no file and no profile {model}{nearest(model, known_models())}")


def profile_of_settings(named: Path, folder: Path) -> Path:
    """What settings in `folder` name: a file, or a model that is in `vehicles` there or comes with canlift. Raises
    UnknownModelError."""
    file = folder / named
    if file.exists() or named.suffix or len(named.parts) != 1:
        return file
    folders = (folder / _OWN, shipped.PROFILES)
    for models in folders:
        path = models / f"{named}.toml"
        if path.is_file():
            return path
    raise UnknownModelError(f"no file and no profile {named}{nearest(str(named), _models(folders))}")


def known_models() -> list[str]:
    return _models(_FOLDERS)


def _models(folders: Iterable[Path]) -> list[str]:
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
