"""What beds are made of takes long to make and is kept for the next run, by a digest of what it is made of.

It is in `canlift/beds` of the user's cache folder, outside the checkout, which may be a new one each time.

    KIND-DIGEST/          whole: it was made beside it and got its name then
    KIND.unfinished.…/    being made, or left by somebody who was killed while making or removing it
    KIND.lock             held while something of the kind is made or removed: who wants the same waits

Of each kind the newest two are kept, and those that a process uses that still runs: it holds a lock on their folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canlift" / "beds"
_KEPT = 2
_USED: dict[Path, int] = {}
"""Descriptors of the folders that this process has been given."""


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
        for left in FOLDER.glob(f"{kind}.unfinished.*"):
            shutil.rmtree(left)
        if not folder.exists():
            # Never the same name twice: what a killed process has started may still write to the one that it knows.
            unfinished = Path(tempfile.mkdtemp(prefix=f"{kind}.unfinished.", dir=FOLDER))
            unfinished.chmod(0o755)
            make(unfinished)
            unfinished.rename(folder)
        if folder not in _USED:
            _USED[folder] = os.open(folder, os.O_RDONLY)
            fcntl.flock(_USED[folder], fcntl.LOCK_SH)
        os.utime(folder)
        newest_first = sorted(FOLDER.glob(f"{kind}-*"), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in newest_first[_KEPT:]:
            _remove(old, kind)
    return folder


def _remove(folder: Path, kind: str) -> None:
    """Unless somebody uses it. Who is killed meanwhile leaves nothing that looks whole."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(opened)
    shutil.rmtree(folder.rename(FOLDER / f"{kind}.unfinished.{folder.name}"))
