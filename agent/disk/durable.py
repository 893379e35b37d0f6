"""Writing so that a power cut takes nothing of it back."""

from __future__ import annotations

import os
from pathlib import Path


class NotDurableError(OSError):
    """The new content is in place, but the folder's name for it is not surely on the disk: a power cut may bring the
    old content back.
    """


def make_private(folder: Path) -> None:
    """Makes a folder and those above it that only their owner may look into. One that is there stays as it is.

    Raises OSError.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def append_durably(path: Path, size: int, data: bytes) -> None:
    """One write to a file that has `size` bytes, and one fdatasync. Makes the file when `size` is 0.

    Raises OSError when the disk refuses, having cut off what was written, if the disk lets us.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        _write(descriptor, data)
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
    finally:
        os.close(descriptor)
    if size == 0:
        sync_folder(path.parent)


def replace_durably(path: Path, data: bytes) -> None:
    """Another content for a file, or a new file: at any moment it is wholly the old or wholly the new one.

    Raises OSError when the disk refuses: NotDurableError when it is the new one already, else it is the old one.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    try:
        sync_folder(path.parent)
    except OSError as refused:
        raise NotDurableError(refused.errno, refused.strerror, str(path)) from refused


UNFINISHED = ".new"
"""Ends the name of what `replace_durably` had not finished when the power went. It may be deleted."""


def sync_folder(folder: Path) -> None:
    """Makes a new file's name durable, which fdatasync of the file does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])
