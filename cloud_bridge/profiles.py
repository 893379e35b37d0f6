"""The vehicle profiles that the bridge knows: the files `<model>.toml` of its folders, read when first needed."""

from __future__ import annotations

import logging
import time
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from contract.configuration import ConfigurationError, Problem, nearest
from contract.profile.profile import Profile, load_profile

DERIVATION = 5
"""Raised when the same uploads under the same profile give other records than before: all are derived again then."""

log = logging.getLogger(__name__)


class Known(NamedTuple):
    profile: Profile
    digest: bytes
    """First 8 bytes of the SHA-256 of `DERIVATION` and the file: what was derived with another is derived again."""


class _Read(NamedTuple):
    file: Path
    version: tuple[int, int, int]
    known: Known


class Profiles:
    """Each file is read again when it has changed, so that every program that derives does it with the same."""

    def __init__(self, folder: Path, *further: Path, look_again_s: float = 0.0) -> None:
        """A model that several folders describe is the first one's. `look_again_s`: how long `recent` does not look
        whether a file has changed."""
        self._folders = (folder, *further)
        self._look_again_s = look_again_s
        self._read: dict[str, _Read] = {}
        self._looked_s: dict[str, float] = {}

    def models(self) -> list[str]:
        return sorted(self._files())

    def of(self, model: str) -> Known:
        """Raises ConfigurationError when there is no such profile, or it is wrong. One that was right before goes on as
        it was, and the log says so."""
        self._looked_s[model] = time.monotonic()
        read = self._read.get(model)
        if read is None:
            # A model is a file's name, not a path.
            file = self._files().get(model)
            if file is None:
                text = f"there is no vehicle profile {model!r} in this folder{nearest(model, self.models())}"
                raise ConfigurationError([Problem(self._folders[0], None, (), text)])
            read = self._read[model] = _Read(file, _version(file), _load(file))
        elif (version := _version(read.file)) != read.version:
            read = self._read[model] = _Read(read.file, version, _reload(read))
        return read.known

    def recent(self, model: str) -> Known:
        """As `of`, or as it was a moment ago: for who asks it with every request."""
        read = self._read.get(model)
        if read is not None and time.monotonic() < self._looked_s[model] + self._look_again_s:
            return read.known
        return self.of(model)

    def digests(self) -> dict[str, bytes]:
        """Of the profiles read so far, as they are now."""
        return {model: self.of(model).digest for model in list(self._read)}

    def _files(self) -> dict[str, Path]:
        return {file.stem: file for folder in reversed(self._folders) for file in folder.glob("*.toml")}


def _load(file: Path) -> Known:
    return Known(load_profile(file), sha256(b"%d\n" % DERIVATION + file.read_bytes()).digest()[:8])


def _reload(read: _Read) -> Known:
    try:
        return _load(read.file)
    except (ConfigurationError, OSError) as error:
        log.error("a vehicle profile was changed and is wrong now; what it said before still holds:\n%s", error)
        return read.known


def _version(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
