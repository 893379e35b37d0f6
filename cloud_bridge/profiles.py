"""The vehicle profiles that the bridge knows: the files `<model>.toml` of its folders, read when first needed."""

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
    def __init__(self, folder: Path, *further: Path) -> None:
        """A model that several folders describe is the first one's."""
        self._folders = (folder, *further)
        self._known: dict[str, Known] = {}

    def models(self) -> list[str]:
        return sorted(self._files())

    def of(self, model: str) -> Known:
        """Raises ConfigurationError when there is no such profile, or it is wrong."""
        known = self._known.get(model)
        if known is None:
            # A model is a file's name, not a path.
            file = self._files().get(model)
            if file is None:
                text = f"there is no vehicle profile {model!r} in this folder{nearest(model, self.models())}"
                raise ConfigurationError([Problem(self._folders[0], None, (), text)])
            known = self._known[model] = Known(load_profile(file), sha256(file.read_bytes()).digest()[:8])
        return known

    def _files(self) -> dict[str, Path]:
        return {file.stem: file for folder in reversed(self._folders) for file in folder.glob("*.toml")}
