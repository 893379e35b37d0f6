"""A monitor that cannot be evaluated: what is raised on its behalf says which it is, so that the others go on."""

from __future__ import annotations


class BrokenError(Exception):
    """Its cause is what was raised, where anything was."""

    def __init__(self, key: str, why: str) -> None:
        """`key`: of the monitor and its version."""
        super().__init__(f"monitor {key} cannot be evaluated: {why}")
        self.key = key
        self.why = why


def broken(key: str, error: Exception) -> BrokenError:
    """What to raise from `error`."""
    return error if isinstance(error, BrokenError) else BrokenError(key, f"{type(error).__name__}: {error}")
