"""A folder in which the newest files of a kind stay and the others go."""

from __future__ import annotations

from pathlib import Path


def keep_newest(most: int, suffix: str, written: Path) -> None:
    """Of the files with this suffix beside the one that was just `written`, that one and the `most` - 1 newest stay.

    Raises OSError.
    """
    others = [path for path in written.parent.glob(f"*{suffix}") if path != written]
    others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in others[most - 1 :]:
        path.unlink(missing_ok=True)
