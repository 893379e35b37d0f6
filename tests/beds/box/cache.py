"""What beds are made of takes long to make and is kept for the next run, by a digest of what it is made of.

It is in `canlift/beds` of the user's cache folder, outside the checkout, which may be a new one each time. Whoever
makes the same at the same time waits. Of each kind the newest two are kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canlift" / "beds"
_KEPT = 2


def digest(parts: Iterable[str | Path]) -> str:
    """Of texts, and of the names and contents of files and folders, wherever these are: the same commit checked out
    elsewhere makes the same."""
    digested = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digested.update(part.encode() + b"\0")
            continue
        for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(part.parent)
                digested.update(f"{name}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digested.hexdigest()[:20]


def kept(kind: str, parts: Iterable[str | Path], make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, made of `parts`: now or before."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = FOLDER / f"{kind}-{digest(parts)}"
    with (FOLDER / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = FOLDER / f"{kind}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
        os.utime(folder)
        newest_first = sorted(FOLDER.glob(f"{kind}-*"), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in newest_first[_KEPT:]:
            shutil.rmtree(old)
    return folder
