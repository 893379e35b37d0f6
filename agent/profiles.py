"""Where vehicle profiles are found by their name."""

from __future__ import annotations

from pathlib import Path

from contract import shipped
from contract.configuration import nearest

_FOLDERS = (
    Path("config/vehicles"),
    Path("/etc/canlift/vehicles"),
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


def known_models() -> list[str]:
    return sorted({path.stem for folder in _FOLDERS for path in folder.glob("*.toml")})
