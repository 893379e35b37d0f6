"""Databases as a plan needs them, kept on disk: a vehicle need not read them at every start.

    CANLIFT\x00         8 bytes
    check               32 bytes: SHA-256 of what follows
    key                 32 bytes: SHA-256 of what it was made from
    content             MessagePack: by the path of each database, its layouts and findings

A file is named `<first 16 hexadecimal digits of its key>.databases`. Of messages that the plan does not look into,
name, id and form are kept, and no signals.

The key covers the profile, each database with its path, and the code that reads and compiles them, canlift's and
cantools'. So whatever changes, the file of before is not found; and a file that is damaged, or of another key, counts
as absent. It is written durably under another name first. The `KEPT` newest stay, so that going back to a profile of
lately costs nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
from pathlib import Path

import msgspec
from msgspec.structs import replace

import agent.databases
import agent.plan
import contract.profile
from agent.databases.loaded import Loaded
from agent.disk.durable import make_private, replace_durably
from agent.disk.newest import keep_newest
from contract.profile.profile import Profile

log = logging.getLogger(__name__)

MAGIC = b"CANLIFT\x00"
SUFFIX = ".databases"
KEPT = 4
DIGEST_BYTES = 32
MAXIMUM_BYTES = 64 << 20
_CODE = (agent.databases, agent.plan, contract.profile)

Databases = dict[str, Loaded]
"""By the path of each."""


def key_of(file: Path, profile: Profile) -> bytes:
    """What names the profile in `file` and its databases as they are now. Raises OSError when one cannot be read."""
    digest = hashlib.sha256(_code())
    for path in (file, *(path for bus in profile.buses.values() for path in bus.databases)):
        with path.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").digest()
        digest.update(hashlib.sha256(os.fsencode(path)).digest() + content)
    return digest.digest()


def encode(key: bytes, databases: Databases, consulted: frozenset[str]) -> bytes:
    """The content of a file; `consulted` are the messages of which signals are kept."""
    kept = {
        path: Loaded(
            tuple(layout if layout.name in consulted else replace(layout, signals=()) for layout in loaded.layouts),
            loaded.findings,
        )
        for path, loaded in databases.items()
    }
    checked = key + msgspec.msgpack.encode(kept)
    return MAGIC + hashlib.sha256(checked).digest() + checked


def decode(stored: bytes) -> tuple[bytes, Databases] | None:
    """Key and databases; None for what is damaged."""
    start = len(MAGIC) + DIGEST_BYTES
    check, checked = stored[len(MAGIC) : start], stored[start:]
    if not stored.startswith(MAGIC) or hashlib.sha256(checked).digest() != check:
        return None
    try:
        return checked[:DIGEST_BYTES], msgspec.msgpack.decode(checked[DIGEST_BYTES:], type=Databases)
    except msgspec.DecodeError:
        return None


class Shelf:
    """The files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: bytes) -> Databases | None:
        path = self._path(key)
        try:
            if path.stat().st_size > MAXIMUM_BYTES:
                return None
            found = decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s: cannot be read: %s; the databases are read anew", path, error.strerror)
            return None
        if found is None or found[0] != key:
            log.warning("%s: is damaged; the databases are read anew", path)
            return None
        return found[1]

    def put(self, key: bytes, stored: bytes) -> Path:
        """Keeps a file. Raises OSError when it cannot be written."""
        make_private(self.folder)
        path = self._path(key)
        replace_durably(path, stored)
        keep_newest(KEPT, SUFFIX, path)
        return path

    def _path(self, key: bytes) -> Path:
        return self.folder / f"{key.hex()[:16]}{SUFFIX}"


def _code() -> bytes:
    """A digest of the code that a stored file is the result of."""
    digest = hashlib.sha256()
    for package in _CODE:
        for folder in package.__path__:
            for file in sorted(Path(folder).rglob("*.py")):
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    cantools = importlib.util.find_spec("cantools")
    for folder in (cantools and cantools.submodule_search_locations) or ():
        version = Path(folder) / "version.py"
        digest.update(version.read_bytes() if version.is_file() else b"")
    return digest.digest()
