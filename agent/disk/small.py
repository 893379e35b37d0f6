"""Reading a file that somebody else writes and that should be small: a switch, an ADC's value, a password.

Whatever is there in its place, a log without end or a pipe that nobody writes to, takes neither memory nor time.
"""

from __future__ import annotations

import os
from pathlib import Path

SMALL_BYTES = 4096


def read_small(file: Path) -> bytes:
    """The file's content, of which there are at most `SMALL_BYTES`. Raises OSError, ValueError where there is more."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        content = b""
        while len(content) <= SMALL_BYTES:
            more = os.read(descriptor, SMALL_BYTES + 1 - len(content))
            if not more:
                return content
            content += more
    finally:
        os.close(descriptor)
    raise ValueError(f"it has more than {SMALL_BYTES} bytes, which cannot be what is expected there")
