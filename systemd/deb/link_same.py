"""link_same.py FOLDER OTHER…: files of the others that the first has too, the same, become hard links to them."""

from __future__ import annotations

import filecmp
import os
import sys
from pathlib import Path


def main(first: Path, others: list[Path]) -> None:
    for file in first.rglob("*"):
        for other in others:
            same = other / file.relative_to(first)
            if file.is_file() and same.is_file() and filecmp.cmp(file, same, shallow=False):
                same.unlink()
                os.link(file, same)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(other) for other in sys.argv[2:]])
