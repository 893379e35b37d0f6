"""What downloads is tried again: a network that fails for a moment ends no run of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WAITS_S = (5, 20)
"""Between the attempts."""


def persisting(attempt: Callable[[], T], wait: Callable[[float], None] = time.sleep) -> T:
    """What an attempt comes to. One that fails raises RuntimeError; that of the last is raised, with their number."""
    for wait_s in WAITS_S:
        try:
            return attempt()
        except RuntimeError as failed:
            print(f"tried again in {wait_s} s: {failed}", flush=True)
            wait(wait_s)
    try:
        return attempt()
    except RuntimeError as failed:
        raise RuntimeError(f"{len(WAITS_S) + 1} attempts, the last: {failed}") from failed
