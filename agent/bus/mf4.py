"""ASAM MDF 4 recordings (`.mf4`), read by python-can with asammdf.

asammdf reads from a file it can seek in, so a compressed one is unpacked to a temporary file first. Damage ends the
reading: what was read before is played, the rest is reported as lost.
"""

from __future__ import annotations

import importlib.util
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import can

from agent.bus.files import chunks
from agent.bus.losses import Losses

# What asammdf and numpy raise on damaged data.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def messages(path: Path, losses: Losses) -> Iterator[can.Message]:
    """The messages of an `.mf4` file; times in seconds since the Unix epoch. Raises OSError and ValueError."""
    if importlib.util.find_spec("asammdf") is None:
        raise ValueError(f"{path}: reading .mf4 needs asammdf (the extra mf4): pip install asammdf")
    from asammdf.blocks.utils import MdfException  # Only here: it costs 0.4 s and 60 MB.

    with tempfile.TemporaryDirectory(prefix="canlift-") as folder:
        plain = path
        if path.suffix == ".gz":
            plain = Path(folder) / "recording.mf4"
            with plain.open("wb") as copy:
                copy.writelines(chunks(path, losses))
        read = 0
        try:
            reader = can.MF4Reader(plain)
            try:
                for message in reader:
                    read += 1
                    yield message
            finally:
                reader.stop()
        except (*_BROKEN, MdfException) as wrong:
            reason = str(wrong) or type(wrong).__name__
            if not read:
                raise ValueError(f"{path}: not a readable MDF 4 file: {reason}") from wrong
            losses.damaged(str(path), f"frame {read + 1}", f"damaged ({reason}); the rest is lost")
