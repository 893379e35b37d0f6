"""The database is not for everybody on the machine: it holds the key that signs what vehicles are asked, the secrets of
webhooks and partners, and where vehicles were.

SQLite makes its log with the rights of the file. No file is opened here that there is already: closing it would take
the locks of this process's other connections with it.
"""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

_BESIDE = ("", "-wal", "-shm")

log = logging.getLogger(__name__)


def keep_private(path: Path) -> None:
    """Makes the file, its owner's alone, where there is none; shuts all but owner and group out of one of before. What
    cannot be done is said; whether the file can be used SQLite finds out."""
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return
    for name in _BESIDE:
        _shut_others_out(path.with_name(path.name + name))


def _shut_others_out(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode) or not mode & stat.S_IRWXO:
        return
    try:
        path.chmod(stat.S_IMODE(mode) & ~stat.S_IRWXO)
    except OSError:
        log.warning("%s: everybody may read it, and it holds secrets: chmod o= it", path)
    else:
        log.warning("%s: everybody could read it, and it holds secrets: now its owner and its group can", path)
