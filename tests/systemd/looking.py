"""What there is in a tree, and whose it is."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from tests.beds.box.tree import inside


def files(tree: Path) -> set[str]:
    """All paths of a tree but those of dpkg's own book-keeping."""
    return {
        str(path.relative_to(tree))
        for path in tree.rglob("*")
        if not re.match(r"(var/(lib/dpkg|log|cache)|run|tmp|dev|proc|sys)(/|$)", str(path.relative_to(tree)))
    }


def owner(path: Path) -> tuple[int, int, str]:
    status = path.stat()
    return status.st_uid, status.st_gid, stat.filemode(status.st_mode)


def number_of(tree: Path, group: str) -> int:
    return int(says(tree, "getent", "group", group).split(":")[2])


def says(tree: Path, *words: str) -> str:
    """What a command in it says that must succeed."""
    ended = inside(tree, *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
