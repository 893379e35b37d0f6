"""Who is in charge where several processes use one database and only one may act.

A file beside the database that is locked by whoever is: the kernel unlocks it the moment that the process ends, however
it ends, so the next one takes over at once and never too early. Nothing is written into it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from cloud_bridge.store.port.errors import StoreError


class Charge:
    def __init__(self, database: Path, of: str) -> None:
        """`of`: what only one may do, in the name of the file."""
        self._path = database.with_name(f"{database.name}-{of}")
        self._file: int | None = None

    def take(self) -> bool:
        """Whether it is this one, which stays so until `leave`. Raises StoreError where the file cannot be made."""
        if self._file is not None:
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
