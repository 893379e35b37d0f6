"""The manifests that uploads on their way may name, kept until the bridge asks for one.

A folder of files `<16 hexadecimal digits>.cbor`: a manifest as encoded, under its id, which is its digest
(`contract.manifest`). A file that does not have the digest it is named by is damaged and counts as absent: the compile
step makes the current one again at each start. The `KEPT` newest stay, so that uploads from before an update can still
be explained.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from agent.disk.durable import make_private, replace_durably
from agent.disk.newest import keep_newest
from contract.wire import DIGEST_BYTES, digest

log = logging.getLogger(__name__)

SUFFIX = ".cbor"
KEPT = 32


class Manifests:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unwritten: dict[bytes, bytes] = {}
        """What the disk refused: kept in memory. The compile step makes it again at the next start."""

    def put(self, encoded: bytes) -> bytes:
        """Keeps a manifest; its id. It counts as the newest from now on. A disk that refuses is logged."""
        manifest = digest(encoded)
        try:
            self._put(manifest, encoded)
        except OSError as error:
            log.error("%s: cannot be written: %s; it is kept in memory", self._path(manifest), error.strerror)
            self._unwritten[manifest] = encoded
        return manifest

    def _put(self, manifest: bytes, encoded: bytes) -> None:
        path = self._path(manifest)
        if self.get(manifest) is None:
            make_private(self.folder)
            replace_durably(path, encoded)
        else:
            os.utime(path)
        keep_newest(KEPT, SUFFIX, path)

    def get(self, manifest: bytes) -> bytes | None:
        """A manifest as encoded; None when it is absent or damaged."""
        if len(manifest) != DIGEST_BYTES:
            return None
        if manifest in self._unwritten:
            return self._unwritten[manifest]
        path = self._path(manifest)
        try:
            encoded = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s: cannot be read: %s", path, error.strerror)
            return None
        if digest(encoded) != manifest:
            log.warning("%s: is damaged: its content has another digest", path)
            return None
        return encoded

    def _path(self, manifest: bytes) -> Path:
        return self.folder / f"{manifest.hex()}{SUFFIX}"
