"""The vehicle profiles that the bridge knows: the files `<model>.toml` of one folder, read when first needed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from contract.configuration import ConfigurationError, Problem, nearest
from contract.profile import Profile, load_profile


class Known(NamedTuple):
    profile: Profile
    digest: bytes
    """First 8 bytes of the SHA-256 of the file: what was derived with another one is derived again."""


class Profiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Known] = {}

    def models(self) -> list[str]:
        return sorted(file.stem for file in self._folder.glob("*.toml"))

    def of(self, model: str) -> Known:
        """Raises ConfigurationError when there is no such profile, or it is wrong."""
        known = self._known.get(model)
        if known is None:
            # A model is a file's name, not a path.
            if model not in self.models():
                text = f"there is no vehicle profile {model!r} in this folder{nearest(model, self.models())}"
                raise ConfigurationError([Problem(self._folder, None, (), text)])
            file = self._folder / f"{model}.toml"
            known = self._known[model] = Known(load_profile(file), sha256(file.read_bytes()).digest()[:8])
        return known
