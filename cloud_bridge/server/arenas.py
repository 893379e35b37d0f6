"""How much of what was freed a process keeps.

glibc gives threads arenas of their own to allocate from, up to eight for each core, and what is freed in one serves no
other. The bridge has some thirty threads that mostly wait: with arenas for all of them its memory grew by 2.4 MB with
each hour of a soak, with two by 1.1, most of which is what SQLite keeps of a growing database.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
_ARENAS = 2


def limit_arenas() -> None:
    """For the threads that are started from now on. Where there is no glibc, nothing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
