"""What a program has asked the kernel to put on the disk: nothing else survives a power cut for sure."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Seen = TypeVar("Seen")


@contextmanager
def watched(look: Callable[[], Seen]) -> Iterator[list[tuple[str, Seen]]]:
    """Each call of fsync or fdatasync in this thread, with what `look` sees at that time."""
    syncs: list[tuple[str, Seen]] = []

    def note(_frame: FrameType, event: str, function: object) -> None:
        if event == "c_return" and function in (os.fsync, os.fdatasync):
            syncs.append(("fsync" if function is os.fsync else "fdatasync", look()))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield syncs
    finally:
        sys.setprofile(before)


@contextmanager
def folders_that_cannot_be_synced() -> Iterator[None]:
    """From the first file that is synced on, no file nor folder can be opened any more: the kernel refuses it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        with watched(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
